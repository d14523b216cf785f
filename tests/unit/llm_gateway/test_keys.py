"""Keys by reference: who may use which, and where it may go."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from jidoka.contract.errors import ApiKeyMissing, Forbidden, InvalidMessage
from jidoka.llm.pieces import Route
from jidoka.llm_gateway.keys import KeyRing, read_rules

ENVIRONMENT = {"OPENAI_API_KEY": "sk-canary", "EMPTY": " "}
OPENAI = Route("openai", "gpt", None, "env:OPENAI_API_KEY")
RULE = {"reference": "env:OPENAI_API_KEY", "owners": ["ann"], "hosts": ["openai", "llm.intern"]}
FREE = {"reference": "", "owners": ["ann"], "hosts": ["vllm.intern"]}


def ring(*rules: Mapping[str, object], everything: bool = False) -> KeyRing:
    return KeyRing(ENVIRONMENT, read_rules(rules), everything=everything)


def to(host: str, reference: str = "env:OPENAI_API_KEY") -> Route:
    return Route("openai", "gpt", f"https://{host}:8443/v1", reference)


def test_in_the_local_profile_every_variable_may_be_used():
    assert ring(everything=True).key(OPENAI) == "sk-canary"


@pytest.mark.parametrize("name", ["NOT_SET", "EMPTY"])
def test_a_variable_that_is_not_set_is_named_with_the_way_to_set_it(name: str):
    with pytest.raises(ApiKeyMissing, match=f"export {name}=") as refused:
        ring(everything=True).check(Route("openai", "gpt", None, f"env:{name}"), "ann")

    assert refused.value.reference == f"env:{name}"


@pytest.mark.parametrize("reference", ["sk-canary-1234567", "env:A B", "file:/etc/passwd"])
def test_what_is_no_reference_is_refused_and_not_repeated(reference: str):
    with pytest.raises(InvalidMessage) as refused:
        ring(everything=True).check(Route("openai", "gpt", None, reference), "ann")

    assert reference not in refused.value.message


def test_a_rule_lets_its_owners_go_to_its_hosts():
    keys = ring(RULE)

    keys.check(OPENAI, "ann")
    keys.check(to("llm.intern"), "ann")


@pytest.mark.parametrize(
    ("route", "owner"),
    [
        (OPENAI, "bob"),
        (OPENAI, ""),
        (to("evil.example"), "ann"),
        (to("llm.intern.evil.example"), "ann"),
        (Route("deepseek", "x", None, "env:OPENAI_API_KEY"), "ann"),
        (Route("openai", "x", None, "env:PATH"), "ann"),
        (to("llm.intern", reference=""), "ann"),
    ],
)
def test_what_no_rule_allows_is_forbidden(route: Route, owner: str):
    with pytest.raises(Forbidden):
        ring(RULE).check(route, owner)


def test_what_may_be_a_key_is_not_repeated_by_a_rule_either():
    with pytest.raises(Forbidden) as refused:
        ring(RULE).allow(Route("openai", "x", None, "sk-canary-12345"), "ann")

    assert "canary" not in refused.value.message


def test_an_empty_list_allows_nobody():
    with pytest.raises(Forbidden):
        ring().check(OPENAI, "ann")


def test_a_server_without_a_key_needs_a_rule_too():
    ring(FREE).check(to("vllm.intern", reference=""), "ann")

    with pytest.raises(Forbidden):
        ring(FREE).check(to("metadata.intern", reference=""), "ann")


def test_scripted_and_local_models_need_no_rule():
    ring().check(Route("scripted", "s.json"), "")
    ring().check(Route("local", ""), "")


def test_wrong_rules_are_all_named():
    with pytest.raises(InvalidMessage) as refused:
        read_rules([{"reference": 5}, RULE, {"owners": ["a"], "hosts": [1]}, {"host": []}])

    assert [p["path"] for p in refused.value.problems] == [f"key_rules.{n}" for n in (0, 2, 3)]
