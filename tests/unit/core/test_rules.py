"""Rules as people write them, and what is said about lines that are none."""

from __future__ import annotations

import pytest

from jidoka.contract.errors import InvalidMessage
from jidoka.core.path_globs import fits, normalised
from jidoka.core.rules import Verdict, parse_rule, parse_rules, tightening

TEXT = """
# what the machine says
allow shell git status
deny  * .env

ask @write docs/**
"""


def test_rules_are_read_line_by_line_and_know_where_they_stand():
    rules = parse_rules(TEXT.splitlines(), "rules")

    assert [(rule.text, rule.source) for rule in rules] == [
        ("allow shell git status", "rules:3"),
        ("deny * .env", "rules:4"),
        ("ask @write docs/**", "rules:6"),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("permit shell ls", "no verdict"),
        ("allow", "no tool"),
        ("allow @all", "no tool"),
        ("allow shell ls; rm x", "one plain command"),
        ("allow shell ls > x", "one plain command"),
        ("allow shell A=1 ls", "one plain command"),
        ("allow shell $X", "words that are known"),
        ("allow shell $(ls)", "one plain command"),
        ("allow shell 'ls", "cannot be read"),
        ("deny read ../x", "'..'"),
        (f"allow read {'x' * 1000}", "at most 1000 characters"),
    ],
)
def test_a_line_that_is_no_rule_is_named_with_its_number(line: str, reason: str):
    with pytest.raises(InvalidMessage) as refusal:
        parse_rules(["allow read", line], "rules")

    (problem,) = refusal.value.problems
    assert problem["path"] == "rules:2"
    assert reason in problem["reason"]


def test_every_bad_line_is_named_at_once():
    with pytest.raises(InvalidMessage) as refusal:
        parse_rules(["x", "allow read", "y z"], "rules")

    assert [problem["path"] for problem in refusal.value.problems] == ["rules:1", "rules:3"]


def test_a_project_only_tightens():
    rules = tightening(["allow shell", "deny shell rm", "ask fetch"], "project")

    assert [rule.verdict for rule in rules] == [Verdict.DENY, Verdict.ASK]


def test_a_line_of_a_project_that_cannot_be_read_asks_about_everything():
    (rule,) = tightening(["dney shell rm"], "project")

    assert (rule.verdict, rule.tool, rule.pattern) == (Verdict.ASK, "*", "")
    assert "project:1" in rule.source


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("./a/../secret", "secret"),
        ("a//b/./c", "a/b/c"),
        ("/p/a", "a"),
        ("/p", "."),
        ("/p/../q/x", "/q/x"),
        ("/p2/a", "/p2/a"),
        ("../x", "../x"),
        ("a/../../x", "../x"),
        (".", "."),
        ("/../etc", "/etc"),
    ],
)
def test_a_path_has_one_spelling(path: str, name: str):
    assert normalised(path, "/p") == name


@pytest.mark.parametrize(
    ("path", "glob", "is_meant"),
    [
        (".env", ".env", True),
        ("a/b/.env", ".env", True),
        ("a/.env/x", ".env", True),
        (".environment", ".env", False),
        ("docs/a/b.md", "docs/**", True),
        ("docs", "docs/**", True),
        ("docs2/a", "docs/**", False),
        ("a/docs/x", "docs/**", False),
        ("src/a.py", "src/*.py", True),
        ("src/a/b.py", "src/*.py", False),
        ("src/a/b.py", "src/**/*.py", True),
        ("src/b.py", "src/**/*.py", True),
        ("a.py", "*.py", True),
        ("x/a.py", "*.py", True),
        ("secret", "s[ae]cret", True),
        ("s/cret", "s[!a]cret", False),
        ("secret/key", "secret", True),
        ("/etc/passwd", "/etc/**", True),
        ("a+b", "a+b", True),
        ("aab", "a+b", False),
    ],
)
def test_globs_are_those_of_gitignore(path: str, glob: str, is_meant: bool):
    assert fits(path, glob) is is_meant


def test_the_more_exact_rule_is_the_more_specific_one():
    order = ["deny *", "deny @run", "deny shell git", "deny shell git push"]

    rules = sorted(map(parse_rule, reversed(order)), key=lambda rule: rule.specificity)

    assert [rule.text for rule in rules][-2:] == order[-2:]
