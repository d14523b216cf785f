"""Whether a rule speaks of a part of a call: yes, no, or perhaps.

A rule that allows has to fit for sure, word by word. One that asks or denies is about a command
in whatever form it comes: with a folder before the program, options in between, behind a wrapper.
Where that cannot be told (a word that the shell makes, an option in another spelling, code that
is not read) the answer is perhaps.
"""

from __future__ import annotations

from enum import IntEnum
from fnmatch import fnmatchcase

from jidoka.core.command_calls import WRAPPERS, Call
from jidoka.core.path_globs import fits
from jidoka.core.permission_parts import Part
from jidoka.core.rules import END, Rule, Verdict
from jidoka.core.shell_syntax import Kind, Word
from jidoka.core.tooling import EffectClass


class Match(IntEnum):
    """How surely a rule is about a part."""

    NO = 0
    PERHAPS = 1
    YES = 2


def matching(rule: Rule, part: Part) -> Match:
    """Return whether `rule` is about `part`."""
    covered = rule.covers(part.tool, part.kind)
    if part.mentioned:
        return _mentioned(rule, part, covered=covered)
    if not covered:
        return Match.NO
    if not rule.pattern:
        return Match.YES
    if part.unread:
        return Match.NO if rule.verdict is Verdict.ALLOW else Match.PERHAPS
    if rule.words:
        return _of_command(rule, part.call) if part.call else Match.NO
    if part.host is not None:
        return _if(_is_host(part.host, rule.pattern))
    return _of_path(rule, part.path) if part.path else Match.NO


def _if(fits_it: bool, otherwise: Match = Match.NO) -> Match:
    return Match.YES if fits_it else otherwise


def _mentioned(rule: Rule, part: Part, *, covered: bool) -> Match:
    if rule.verdict is Verdict.ALLOW or not rule.pattern or rule.words or part.path is None:
        return Match.NO
    if part.path.kind is Kind.DYNAMIC:
        return Match.NO  # any word may be any file; what a command opens is the sandbox's matter
    if covered:
        return _of_path(rule, part.path)
    if rule.covers("write", EffectClass.IDEMPOTENT) and _of_path(rule, part.path):
        return Match.PERHAPS  # whether it is read or written is not known
    return Match.NO


def _of_path(rule: Rule, path: Word) -> Match:
    if path.kind is Kind.LITERAL:
        return _if(fits(path.text, rule.pattern))
    if rule.verdict is Verdict.ALLOW:
        return Match.NO
    if path.kind is Kind.DYNAMIC:
        return Match.PERHAPS
    plain = rule.pattern.removesuffix("/**").removeprefix("**/").strip("/")
    could = fnmatchcase(plain, path.text) or fnmatchcase(plain, f"{path.text}/*")
    return Match.PERHAPS if could or fits(path.text, rule.pattern) else Match.NO


def _is_host(host: str, pattern: str) -> bool:
    wanted = pattern.lower()
    return fnmatchcase(host, wanted) or (wanted.startswith("*.") and host == wanted[2:])


# --- commands -----------------------------------------------------------------------------------


def _of_command(rule: Rule, call: Call) -> Match:
    if rule.verdict is Verdict.ALLOW:
        return _if(_is_allowed(rule.words, call))
    return _is_about(rule.words, call)


def _is_allowed(wanted: tuple[str, ...], call: Call) -> bool:
    """Tell whether a call is surely one that the rule means."""
    exact = wanted[-1] == END
    wanted = wanted[:-1] if exact else wanted
    if call.assigns or len(call.words) < len(wanted) or (exact and len(call.words) > len(wanted)):
        return False
    if any(not _is_plain(word) for word in call.words):
        return False
    if (call.opaque or call.program in WRAPPERS) and len(wanted) == 1:
        return False  # "may run env" is not "may run everything"
    return all(fnmatchcase(word.text, one) for word, one in zip(call.words, wanted, strict=False))


def _is_plain(word: Word) -> bool:
    """Tell whether a word stays one that is no option, whatever files there are."""
    return word.kind is Kind.LITERAL or (
        word.kind is Kind.GLOB and word.text[:1] not in ("*", "?", "[", "-")
    )


def _is_about(wanted: tuple[str, ...], call: Call) -> Match:
    """Return whether a call is one that the rule means, however it is written."""
    unsure = Match.PERHAPS if call.opaque else Match.NO
    if not call.words:
        return unsure
    exact = wanted[-1] == END
    wanted = wanted[:-1] if exact else wanted
    program, arguments = call.words[0], call.words[1:]
    if program.kind is not Kind.LITERAL:
        return Match.PERHAPS
    if not any(fnmatchcase(name, wanted[0]) for name in (program.text, call.program)):
        return unsure
    if exact and len(arguments) > len(wanted) - 1 and _all_literal(arguments):
        return unsure
    return max(unsure, _of_arguments(wanted[1:], arguments))


def _of_arguments(wanted: tuple[str, ...], arguments: tuple[Word, ...]) -> Match:
    plain = [word for word in wanted if not word.startswith("-")]
    options = [word for word in wanted if word.startswith("-")]
    found = _in_order(plain, arguments)
    if found is Match.NO:
        return Match.NO if _all_literal(arguments) else Match.PERHAPS
    if not options:
        return found
    given = [word for word in arguments if word.text.startswith("-")]
    if not given and _all_literal(arguments):
        return Match.NO
    return found if _has_options(options, given) else Match.PERHAPS


def _in_order(wanted: list[str], arguments: tuple[Word, ...]) -> Match:
    """Return YES when the words come first but for options, PERHAPS when they come in order."""
    found = Match.YES
    rest = iter(arguments)
    for one in wanted:
        for word in rest:
            if word.kind is Kind.LITERAL and fnmatchcase(word.text, one):
                break
            if word.kind is not Kind.LITERAL:
                return Match.PERHAPS
            if not word.text.startswith("-"):
                found = Match.PERHAPS
        else:
            return Match.NO
    return found


def _has_options(wanted: list[str], given: list[Word]) -> bool:
    """Tell whether all options are given; short ones may be together or apart."""
    long = {word.text.partition("=")[0] for word in given if word.text.startswith("--")}
    short = {letter for word in given if not word.text.startswith("--") for letter in word.text}
    return all(
        one in long if one.startswith("--") else set(one) <= short
        for one in (option.partition("=")[0] for option in wanted)
    )


def _all_literal(words: tuple[Word, ...]) -> bool:
    return all(word.kind is Kind.LITERAL for word in words)
