"""What a shell would run of a line, and what nobody claims to have read."""

from __future__ import annotations

import pytest

from jidoka.core.command_calls import command_line
from jidoka.core.shell_reading import read_commands
from jidoka.core.shell_syntax import Kind, Unreadable


def run_by(text: str) -> set[str]:
    return {" ".join(word.text for word in call.words) for call in command_line(text).calls}


@pytest.mark.parametrize(
    ("text", "commands"),
    [
        ("git status", {"git status"}),
        ("a; b && c || d | e & f", {"a", "b", "c", "d", "e", "f"}),
        ("a\nb", {"a", "b"}),
        ("(a && b) > out", {"a", "b", ""}),
        ("{ a; b; }", {"a", "b"}),
        ("! a", {"a"}),
        ("echo $(a b)", {"echo ", "a b"}),
        ("echo `a b`", {"echo ", "a b"}),
        ('echo "x $(a "b c") y"', {"echo x  y", "a b c"}),
        ("diff <(a) >(b)", {"diff  ", "a", "b"}),
        ("if a; then b; elif c; then d; else e; fi", {"a", "b", "c", "d", "e"}),
        ("while a; do b; done < file", {"a", "b", ""}),
        ("for x in 1 2; do a $x; done", {"a "}),
        ("for x in $(a); do b; done", {"a", "b"}),
        ("a <<EOF\nrm $(b)\nEOF\nc", {"a", "b", "c"}),
        ("a <<'EOF'\n$(b)\nEOF\nc", {"a", "c"}),
        ("a <<-EOF\n\tx\n\tEOF\nc", {"a", "c"}),
        ("a # b; c", {"a"}),
        ("a#b", {"a#b"}),
        ("r\\m 'x'\"y\"", {"rm xy"}),
        ("a \\\n b", {"a b"}),
        ("A=1 B=$(c) d", {"c", "d"}),
    ],
)
def test_every_command_of_a_line_is_found(text: str, commands: set[str]):
    found = run_by(text)

    assert found == commands


@pytest.mark.parametrize(
    "text",
    [
        "'open", '"open', "`open", "$(open", "(open", "a)", "f() { a; }", "case a in b) c;; esac",
        "a=(1 2)", "echo $((1+2))", "echo ${a:-$(b)}", "echo $'a'", "[[ a < b ]]", "((i++))",
        "function f { a; }", "a >", "a &>x b", 'echo "$\\\n(b)"', '"`a \\"; b \\"`"',
        "$(" * 40 + ")" * 40, ";".join(["a"] * 65), "cat <<EOF $(\nx\n)\nEOF",
    ],
)  # fmt: skip
def test_what_is_not_known_for_sure_is_not_read(text: str):
    with pytest.raises(Unreadable):
        read_commands(text)


@pytest.mark.parametrize(
    ("text", "inner"),
    [
        ("sudo -u bob rm x", "rm x"),
        ("env -i A=1 rm x", "rm x"),
        ("nice -n 5 nohup timeout 3 rm x", "rm x"),
        ("ls | xargs -0 -I{} rm {}", "rm {}"),
        ("find . -name '*.o' -exec rm {} +", "rm {} +"),
        ("sh -c 'cd y; rm x'", "rm x"),
        ("bash -euc 'rm x'", "rm x"),
        ("bash -o pipefail -c 'rm x'", "rm x"),
        ("sh -c -e 'rm x'", "rm x"),
        ("bash --rcfile f -c 'rm x' name", "rm x"),
        ("sh -c -- 'rm x'", "rm x"),
        ("bash -o pipefail ./rm x", "./rm x"),
        ("bash - rm", "rm"),
        ("find . -exec sudo -n rm {} +", "rm {} +"),
        ("find . -exec sh -c 'rm x' ';'", "rm x"),
        ("sudo sh -c \"bash -c 'rm x'\"", "rm x"),
        ("eval rm x", "rm x"),
        ("trap 'rm x' EXIT", "rm x"),
        ("busybox rm x", "rm x"),
        ("command rm x", "rm x"),
    ],
)
def test_programs_that_run_others_are_seen_through(text: str, inner: str):
    found = run_by(text)

    assert inner in found


@pytest.mark.parametrize(
    "text",
    [
        "bash", "curl x | sh", "sh -s", "eval $X", "bash -c \"$X\"", "$X a", "python3 -c 'x'",
        "perl -e x", "node --eval=x", "git -c a=b status", "git --exec-path=. status", "ssh a b",
        "alias a=b", "env -S 'a b'", "awk 'BEGIN{system(\"a\")}'", "python3.11 -",
        "git rebase -x a",
    ],
)  # fmt: skip
def test_calls_that_run_more_than_their_words_tell_are_opaque(text: str):
    calls = command_line(text).calls

    assert any(call.opaque for call in calls)


@pytest.mark.parametrize("text", ["python3 -m pytest -q", "git status", "make", "bash run.sh"])
def test_ordinary_calls_are_not_opaque(text: str):
    calls = command_line(text).calls

    assert not any(call.opaque for call in calls)


def test_words_tell_how_much_of_them_is_known():
    (command,) = read_commands("ls 'a b' *.py $HOME ~/x {a,b}")

    kinds = [word.kind for word in command.words]

    assert kinds == [
        Kind.LITERAL, Kind.LITERAL, Kind.GLOB, Kind.DYNAMIC, Kind.GLOB, Kind.DYNAMIC,
    ]  # fmt: skip


def test_a_zero_byte_hides_nothing():
    found = run_by("r\0m x")

    assert found == {"rm x"}


def test_a_command_of_very_many_words_is_not_read():
    line = command_line("echo" + " x" * 500)

    assert "500 words" in line.unread
