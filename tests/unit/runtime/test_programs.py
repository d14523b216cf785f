"""What each program is given to know."""

from __future__ import annotations

import pytest

from jidoka.contract.errors import InvalidMessage
from jidoka.runtime.programs import MODULES, environment_of, named

OWNER = {
    "PATH": "/bin",
    "HOME": "/h",
    "LC_ALL": "C.UTF-8",
    "OPENAI_API_KEY": "canary",
    "AWS_SECRET_ACCESS_KEY": "canary",
    "MY_PASSWORD": "canary",
    "XDG_RUNTIME_DIR": "/run",
    "JIDOKA_IDLE_S": "5",
    "JIDOKA_NATS_URL": "nats://another",
    "JIDOKA_HOME": "/another",
}


def given(name: str, profile: str = "local") -> dict[str, str]:
    return environment_of(name, OWNER, home="/home", nats_url="nats://mine", profile=profile)


@pytest.mark.parametrize("name", [*MODULES, "prepare"])
def test_each_program_gets_its_home_its_broker_and_the_settings(name: str):
    environment = given(name)

    assert environment["JIDOKA_HOME"] == "/home"
    assert environment["JIDOKA_NATS_URL"] == "nats://mine"
    assert (environment["PATH"], environment["JIDOKA_IDLE_S"]) == ("/bin", "5")


@pytest.mark.parametrize("name", [*set(MODULES) - {"llm-gateway"}, "prepare"])
def test_no_program_but_the_gateway_gets_what_may_be_a_key(name: str):
    assert "canary" not in given(name).values()


def test_the_gateway_gets_the_owners_environment_in_the_local_profile_alone():
    assert given("llm-gateway")["OPENAI_API_KEY"] == "canary"
    assert "canary" not in given("llm-gateway", "cluster").values()


def test_programs_are_named_by_module_or_by_name():
    assert named(("agent", "session-manager", "")) == ("agent-host", "session-manager")


def test_an_unknown_program_is_refused_with_the_known_ones():
    with pytest.raises(InvalidMessage, match=r"no such program: nothing; known: coordinator"):
        named(("nothing",))
