"""The calls that a command line makes, programs that run other programs included.

    sudo sh -c 'git status; rm x' ─► [sudo sh -c …] [sh -c …] [git status] [rm x]

Whether a call is allowed or denied is judged for each. `opaque` says that more may be behind a
call than its words tell: what it reads as code, or has been told to run in a way not known here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

from jidoka.core.shell_reading import MOST_COMMANDS, MOST_DEPTH, read_commands
from jidoka.core.shell_syntax import Kind, Redirect, SimpleCommand, Unreadable, Word

MOST_WORDS = 500
SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh", "mksh", "ash", "fish"})
WRAPPERS = frozenset(
    {
        *("env", "sudo", "doas", "nohup", "setsid", "time", "command", "exec", "builtin", "nice"),
        *("ionice", "stdbuf", "timeout", "xargs", "chroot", "unshare", "nsenter", "flock"),
        *("strace", "ltrace", "taskset", "chrt", "setpriv", "runuser", "busybox", "toybox"),
        *("caffeinate", "unbuffer", "chronic", "systemd-run", "firejail", "bwrap", "entr"),
    }
)
"""The program that they run stands behind their own options."""
_OPAQUE = frozenset(
    ["alias", "ssh", "parallel", "script", "su", "source", ".", "at", "batch", "crontab", "watch"]
)
_CODE_FLAGS = {
    "python": ("-c", "-"),
    "perl": ("-e", "-E", "-"),
    "ruby": ("-e", "-"),
    "node": ("-e", "-p", "--eval", "--print", "-"),
    "deno": ("eval",),
    "php": ("-r",),
    "lua": ("-e", "-"),
    "env": ("-S", "--split-string"),
    "flock": ("-c", "--command"),
    "runuser": ("-c", "--command"),
    "git": (
        *("-c", "--config-env", "--exec-path", "-x", "--exec", "foreach", "run", "filter-branch"),
        *("--upload-pack", "--receive-pack", "difftool", "mergetool", "--extcmd"),
        "--open-files-in-pager",
    ),
}
"""Arguments that are code, or name a program to run."""
_WITH_FILE = frozenset({"--rcfile", "--init-file"})
"""Long options of shells behind which a file is named."""
_FIND_RUNS = frozenset({"-exec", "-execdir", "-ok", "-okdir"})


@dataclass(frozen=True, slots=True)
class Call:
    """One program with its arguments, as far as a command line tells."""

    words: tuple[Word, ...]
    assigns: bool = False
    opaque: bool = False
    inner: bool = False
    """Run by another call, which says where its words end."""

    @property
    def program(self) -> str:
        """The name of the program without its folder."""
        return self.words[0].text.rpartition("/")[2] if self.words else ""


@dataclass(frozen=True, slots=True)
class CommandLine:
    """What is known of a command line."""

    calls: tuple[Call, ...] = ()
    redirects: tuple[Redirect, ...] = ()
    unread: str = ""
    """Why it could not be read; then nothing else is known."""


@lru_cache(maxsize=32)
def command_line(text: str) -> CommandLine:
    """Return the calls and files of a command; what cannot be read is said, never raised."""
    calls: list[Call] = []
    redirects: list[Redirect] = []
    words = 0
    try:
        for call, files in _of_text(text.replace("\0", ""), 0):
            words += len(call.words)
            if words > MOST_WORDS:
                raise Unreadable(f"it has more than {MOST_WORDS} words")
            calls.append(call)
            redirects.extend(files)
            if len(calls) > MOST_COMMANDS:
                raise Unreadable(f"it makes more than {MOST_COMMANDS} calls")
    except Unreadable as problem:
        return CommandLine(unread=str(problem))
    return CommandLine(tuple(calls), tuple(redirects))


Found = tuple[Call, tuple[Redirect, ...]]


def _of_text(text: str, depth: int) -> Iterator[Found]:
    if depth > MOST_DEPTH:
        raise Unreadable("it is nested too deep")
    for command in read_commands(text):
        yield from _of_command(command, depth)


def _of_command(command: SimpleCommand, depth: int) -> Iterator[Found]:
    call = Call(command.words, command.assigns, _is_opaque(command.words))
    yield call, command.redirects
    yield from _inner_of(call, depth)


def _inner_of(call: Call, depth: int) -> Iterator[Found]:
    """Yield the calls that a call makes by its arguments."""
    if not call.words or depth > MOST_DEPTH:
        return
    arguments = call.words[1:]
    if call.program in SHELLS:
        with suppress(LookupError):  # then it is opaque
            has_code, rest = _of_a_shell(arguments)
            if has_code:
                yield from _of_code(rest[0], depth)
            else:  # a file of commands, which is looked for as a program too
                yield from _within(rest, depth)
    elif call.program == "eval":
        yield from _of_code(_joined(arguments), depth)
    elif call.program == "trap" and arguments:
        yield from _of_code(arguments[0], depth)
    elif call.program in WRAPPERS:
        for at, word in enumerate(arguments):
            if not word.text.startswith("-"):
                yield from _within(arguments[at:], depth, looked_at=True)
    elif call.program == "find":
        for at, word in enumerate(arguments):
            if word.text in _FIND_RUNS:
                yield from _within(arguments[at + 1 :], depth)


def _within(words: tuple[Word, ...], depth: int, *, looked_at: bool = False) -> Iterator[Found]:
    """Yield the call of words that another call may run, and what that one runs in turn.

    `looked_at`: whoever asks goes through every word behind these too.
    """
    if not words:
        return
    call = Call(words, opaque=_is_opaque(words), inner=True)
    yield call, ()
    if not looked_at or call.program not in WRAPPERS:
        yield from _inner_of(call, depth + 1)


def _of_code(code: Word, depth: int) -> Iterator[Found]:
    if code.kind is Kind.LITERAL:
        yield from _of_text(code.text, depth + 1)


def _joined(words: tuple[Word, ...]) -> Word:
    known = all(word.kind is Kind.LITERAL for word in words)
    return Word(" ".join(word.text for word in words), Kind.LITERAL if known else Kind.DYNAMIC)


def _of_a_shell(arguments: tuple[Word, ...]) -> tuple[bool, tuple[Word, ...]]:
    """Return whether a shell is given code by `-c`, and the words behind its options.

    Raises:
        LookupError: it runs what is not in its arguments, or nobody can tell.
    """
    rest = list(arguments)
    has_code = False
    while rest and rest[0].text[:1] in ("-", "+"):
        option = rest.pop(0)
        if option.kind is not Kind.LITERAL or "s" in option.text[1:2]:
            raise LookupError(option.text)
        if option.text in ("-", "--"):
            break
        is_long = option.text.startswith("--")
        has_code |= option.text.startswith("-") and not is_long and "c" in option.text
        takes_another = option.text in _WITH_FILE if is_long else {"o", "O"} & set(option.text)
        del rest[: 1 if takes_another else 0]
    if not rest or rest[0].kind is not Kind.LITERAL:
        raise LookupError("its input, or what is not known")
    return has_code, tuple(rest)


def _is_opaque(words: tuple[Word, ...]) -> bool:
    if not words:
        return False
    if words[0].kind is not Kind.LITERAL:
        return True
    name = words[0].text.rpartition("/")[2]
    arguments = words[1:]
    if name in SHELLS:
        return _runs_unseen_code(arguments)
    if name in ("eval", "trap"):
        return _joined(arguments).kind is not Kind.LITERAL
    if name in ("awk", "gawk", "mawk", "nawk"):
        return any(sign in word.text for word in arguments for sign in ("system", "|", "-f", "@"))
    flags = _CODE_FLAGS.get(name.rstrip("0123456789."), ())
    return name in _OPAQUE or any(_is_flag(word.text, flags) for word in arguments)


def _runs_unseen_code(arguments: tuple[Word, ...]) -> bool:
    try:
        _of_a_shell(arguments)
    except LookupError:
        return True
    return False


def _is_flag(text: str, flags: tuple[str, ...]) -> bool:
    """Tell whether an argument is one of the options, alone or with its value behind it."""
    for flag in flags:
        if text == flag or (flag.startswith("--") and text.startswith(f"{flag}=")):
            return True
        is_short = len(flag) == len("-c") and flag[0] == "-"
        if is_short and text.startswith("-") and not text.startswith("--") and flag[1] in text:
            return True
    return False
