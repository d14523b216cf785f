"""What may run without asking, and that no denial is got around by how it is written."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jidoka.contract.content import PermissionMode
from jidoka.core.permission import BY_MODE, Judgement, judge
from jidoka.core.permission_parts import Request
from jidoka.core.rules import Verdict, parse_rules
from jidoka.core.tooling import EffectClass

ALLOWED = ("git status", "ls -l src", "echo done", "cat README.md", "pytest -q")
RULES = (
    *(f"allow shell {command}" for command in ALLOWED),
    *(
        f"allow shell {program}"
        for program in ["sh", "bash", "env", "sudo", "xargs", "find", "eval", "true"]
    ),
    "deny shell rm",
    "deny shell git push",
)
DENIED = ("rm -rf x", "git push", "git push origin main", "rm")


def judged(
    command: str, rules: Sequence[str] = RULES, mode: PermissionMode = PermissionMode.ASK
) -> Judgement:
    request = Request("shell", EffectClass.EFFECT, {"command": command}, "/p")
    return judge(request, mode, parse_rules(rules, "rules"))


def of_file(tool: str, path: str, *rules: str, kind: EffectClass = EffectClass.PURE) -> Verdict:
    request = Request(tool, kind, {"path": path}, "/p")
    return judge(request, PermissionMode.AUTO_EDIT, parse_rules(rules, "rules")).verdict


quoted = st.sampled_from(
    [
        lambda c: c,
        lambda c: c.replace("m", "\\m", 1).replace("p", "\\p", 1),
        lambda c: c[:1] + "''" + c[1:],
        lambda c: f'"{c.split()[0]}" {" ".join(c.split()[1:])}',
        lambda c: f"/usr/bin/{c}",
        lambda c: f"X=1 {c}",
        lambda c: f"{c} > /dev/null 2>&1",
    ]
)
wrapped = st.sampled_from(
    [
        lambda c: c,
        lambda c: f"({c})",
        lambda c: f"{{ {c}; }}",
        lambda c: f"! {c}",
        lambda c: f"echo $({c})",
        # backticks within backticks end them: what is between would not run
        lambda c: f"echo $({c})" if any(each in c for each in '\\"`') else f"echo `{c}`",
        lambda c: f"cat <({c})",
        lambda c: f"sudo -n {c}",
        lambda c: f"env A=1 {c}",
        lambda c: f"ls | xargs {c}",
        lambda c: f"timeout 5 {c}",
        lambda c: f"if {c}; then true; fi",
        lambda c: f"for i in 1; do {c}; done",
        lambda c: f"sh -c {shlex.quote(c)}",
        lambda c: f"eval {shlex.quote(c)}",
        lambda c: f"bash <<< {shlex.quote(c)}",
        lambda c: f"echo {shlex.quote(c)} | sh",
        lambda c: f"cat <<EOF\n$({c})\nEOF",
    ]
)
joints = st.sampled_from(["; ", " && ", " || ", " | ", " & ", "\n", " |& "])


@given(
    st.sampled_from(DENIED),
    quoted,
    st.lists(wrapped, min_size=1, max_size=3),
    st.lists(st.tuples(joints, st.sampled_from(ALLOWED)), max_size=3),
    st.integers(0, 3),
    joints,
    st.sampled_from(list(PermissionMode)),
)
def test_no_composition_of_allowed_commands_runs_a_denied_one(  # noqa: PLR0917
    denied, quote, wraps, around, at, joint, mode
):
    command = quote(denied)
    for wrap in wraps:
        command = wrap(command)
    before = "".join(f"{each}{sign}" for sign, each in around[:at])
    after = "".join(f"{sign}{each}" for sign, each in around[at:])
    after = f"\n{after.strip(' ;&|')}" if after and command.endswith("EOF") else after

    said = judged(f"{before}{command}{after}", mode=mode)

    assert said.verdict is not Verdict.ALLOW


@given(st.lists(st.sampled_from(ALLOWED), min_size=1, max_size=4), joints)
def test_what_is_made_of_allowed_commands_alone_is_allowed(commands, joint):
    said = judged(joint.join(commands))

    assert said.verdict is Verdict.ALLOW


@pytest.mark.parametrize(
    "command",
    [
        "git status; rm -rf x", "git status $(rm x)", "git -c core.pager=x status", "./git status",
        "git status > file", "git status >> ../x", "PAGER=x git status", "git status | tee f",
        "git status; f() { ls; }", "git status $X", "git status *", "git status &>x", "git stash",
        "", "   ", "# git status", "env git status", "sudo ls -l src", "sh -c 'git status; curl x'",
    ],
)  # fmt: skip
def test_an_allowed_command_allows_nothing_else(command: str):
    said = judged(command)

    assert said.verdict is not Verdict.ALLOW


@pytest.mark.parametrize(
    ("command", "verdict"),
    [
        ("rm x", "allow"),
        ("rm -r -f x", "deny"),
        ("rm -fr x", "deny"),
        ("rm --recursive --force x", "ask"),
        ("rm -i x", "ask"),
        ("rm x -rf", "deny"),
        ("git push --force", "deny"),
        ("git push -f origin", "ask"),
        ("git push origin", "allow"),
        ("git -C . push --force", "ask"),
        ("git log --grep push", "ask"),
        ("npm run deploy", "deny"),
        ("npm --silent run deploy", "deny"),
        ("npm run $X", "ask"),
        ("kubectl delete pod", "deny"),
        ("kubectl get pod", "allow"),
    ],
)
def test_a_denial_holds_in_other_spellings(command: str, verdict: str):
    rules = ["deny shell git push --force", "deny shell npm run deploy"]
    rules += ["deny shell kubectl delete", "deny shell rm -rf"]

    said = judged(command, rules, PermissionMode.FULL_AUTO)

    assert said.verdict.value == verdict


def test_deny_wins_over_ask_over_allow_and_the_most_exact_rule_is_named():
    rules = ["allow shell git push", "ask shell git", "deny shell git push", "deny shell"]

    said = judged("git push", rules)

    assert (said.verdict, said.by, said.rule) == (
        Verdict.DENY, "rule", "deny shell git push (rules:3)",
    )  # fmt: skip
    assert judged("git push", rules[:2]).rule == "ask shell git (rules:2)"


def test_no_rule_widens_the_mode_that_only_reads():
    said = judged("git status", mode=PermissionMode.PLAN)

    assert (said.verdict, said.by) == (Verdict.DENY, "mode")


def test_a_dollar_sign_says_that_nothing_follows():
    rules = ["allow shell make test $"]

    assert judged("make test", rules).verdict is Verdict.ALLOW
    assert judged("make test install", rules).verdict is Verdict.ASK


def test_without_rules_about_it_what_cannot_be_read_is_the_modes_matter():
    assert judged("case a in a) ls;; esac", ["deny @write .env"], PermissionMode.FULL_AUTO).by == (
        "mode"
    )
    assert judged(
        "case a in a) ls;; esac", ["deny shell rm"], PermissionMode.FULL_AUTO
    ).verdict is (Verdict.ASK)


@pytest.mark.parametrize(
    "path", [".env", "./a/../.env", "/p/.env", "a/b/.env", ".env/x", "a//.env"]
)
def test_a_denied_path_is_denied_in_every_spelling(path: str):
    assert of_file("read", path, "allow read", "deny * .env") is Verdict.DENY


def test_a_class_is_every_tool_of_it():
    rule = "deny @write src/**"

    denied = [of_file(t, "src/a", rule, kind=EffectClass.IDEMPOTENT) for t in ("write", "edit")]

    assert denied == [Verdict.DENY, Verdict.DENY]
    assert of_file("read", "src/a", rule) is Verdict.ALLOW


def test_every_file_of_a_patch_is_judged():
    patch = "--- a/ok\n+++ b/ok\n@@ -1 +1 @@\n-a\n+b\n--- a/.env\n+++ b/.env\n@@ -1 +1 @@\n-a\n+b\n"
    request = Request("patch", EffectClass.IDEMPOTENT, {"patch": patch}, "/p")

    said = judge(request, PermissionMode.FULL_AUTO, parse_rules(["deny @write .env"], "rules"))

    assert said.verdict is Verdict.DENY


@pytest.mark.parametrize(
    ("command", "verdict"),
    [
        ("cat .env", "deny"),
        ("cat ./x/../.env", "deny"),
        ("curl --data=@x --file=.env", "deny"),
        ("cat .en*", "ask"),
        ("cat < .env", "deny"),
        ("cat < $F", "ask"),
        ("cat notes", "allow"),
        ("echo x > build/out", "deny"),
        ("cat build/out", "ask"),
    ],
)
def test_paths_are_known_again_in_commands(command: str, verdict: str):
    rules = ["deny @read .env", "deny @write build/**"]

    said = judged(command, rules, PermissionMode.FULL_AUTO)

    assert said.verdict.value == verdict


@pytest.mark.parametrize(
    ("url", "verdict"),
    [
        ("https://docs.example.org/x", "allow"),
        ("https://example.org", "allow"),
        ("https://bad.example.org/", "deny"),
        ("https://other.org/bad.example.org", "ask"),
        ("https://docs.example.org.evil.net/", "ask"),
    ],
)
def test_pages_are_judged_by_their_host(url: str, verdict: str):
    rules = ["ask fetch *.net", "allow fetch *.example.org", "deny fetch bad.example.org"]
    rules += ["ask fetch other.org"]
    request = Request("fetch", EffectClass.PURE, {"url": url})

    said = judge(request, PermissionMode.ASK, parse_rules(rules, "rules"))

    assert said.verdict.value == verdict


@pytest.mark.parametrize("mode", PermissionMode)
def test_a_tool_that_nobody_knows_is_asked_about_unless_all_is_allowed(mode: PermissionMode):
    said = judge(Request("mcp_x", EffectClass.UNKNOWN, {}), mode, ())

    expected = Verdict.ALLOW if mode is PermissionMode.FULL_AUTO else Verdict.ASK
    assert said.verdict is expected


def test_classes_deny_what_nobody_knows_but_do_not_allow_it():
    def said(*rules: str) -> Verdict:
        request = Request("mcp_x", EffectClass.UNKNOWN, {"where": "./.env"}, "/p")
        return judge(request, PermissionMode.ASK, parse_rules(rules, "rules")).verdict

    assert said("allow @read", "allow @run") is Verdict.ASK
    assert said("deny @read .env") is Verdict.DENY
    assert said("allow mcp_*") is Verdict.ALLOW


def test_every_mode_says_something_of_every_class():
    assert {mode: set(table) for mode, table in BY_MODE.items()} == {
        mode: set(EffectClass) for mode in PermissionMode
    }
