"""What the agent may do without asking: the mode, and the rules that people made.

    deny by a rule  >  denied by the mode  >  ask by a rule  >  allow by a rule  >  the mode

A call of several parts (commands of a pipeline, files of a patch) is as much allowed as its least
allowed part. Of several rules that say the same, the one that says it most exactly is named. A
rule cannot widen the mode `plan`. A rule that may be about a part, as far as can be told, counts
as one that asks; a rule that allows has to fit for sure.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from jidoka.contract.content import PermissionMode
from jidoka.contract.json import is_object_text
from jidoka.core.permission_parts import Part, Request, parts_of
from jidoka.core.rule_matching import Match, matching
from jidoka.core.rules import HOST_TOOLS, STRENGTH, Rule, Verdict, parse_rule
from jidoka.core.state import OpenCall, SessionState
from jidoka.core.tooling import EffectClass

Kinds = Mapping[str, EffectClass]
Rules = tuple[Rule, ...]

_READS = {EffectClass.PURE: Verdict.ALLOW}
BY_MODE: Mapping[PermissionMode, Mapping[EffectClass, Verdict]] = {
    PermissionMode.PLAN: _READS
    | {
        EffectClass.IDEMPOTENT: Verdict.DENY,
        EffectClass.EFFECT: Verdict.DENY,
        EffectClass.UNKNOWN: Verdict.ASK,
    },
    PermissionMode.ASK: _READS
    | {
        EffectClass.IDEMPOTENT: Verdict.ASK,
        EffectClass.EFFECT: Verdict.ASK,
        EffectClass.UNKNOWN: Verdict.ASK,
    },
    PermissionMode.AUTO_EDIT: _READS
    | {
        EffectClass.IDEMPOTENT: Verdict.ALLOW,
        EffectClass.EFFECT: Verdict.ASK,
        EffectClass.UNKNOWN: Verdict.ASK,
    },
    PermissionMode.FULL_AUTO: dict.fromkeys(EffectClass, Verdict.ALLOW),
}
"""What holds where no rule says anything."""

_RISK = {
    EffectClass.PURE: "read",
    EffectClass.IDEMPOTENT: "write",
    EffectClass.EFFECT: "execute",
    EffectClass.UNKNOWN: "unknown",
}


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether a call runs, is asked about or refused, and by what."""

    verdict: Verdict
    by: str = "mode"
    """`mode` or `rule`."""
    rule: str = ""
    """The rule, as it is written and where."""


def judge(request: Request, mode: PermissionMode, rules: Sequence[Rule]) -> Judgement:
    """Return what mode and rules say of a call."""
    by_mode = Judgement(BY_MODE[mode][request.kind])
    if not rules:
        return by_mode
    judged = [_of_part(part, mode, rules) for part in parts_of(request)]
    return max(judged, key=lambda one: (STRENGTH[one.verdict], one.by == "rule"), default=by_mode)


def _of_part(part: Part, mode: PermissionMode, rules: Sequence[Rule]) -> Judgement:
    matches = [(rule, match) for rule in rules if (match := matching(rule, part))]
    denying = [r for r, match in matches if r.verdict is Verdict.DENY and match is Match.YES]
    if denying:
        return _by_rule(Verdict.DENY, denying)
    said = Judgement(Verdict.ALLOW if _is_neutral(part) else BY_MODE[mode][part.kind])
    if said.verdict is Verdict.DENY:
        return said
    asking = [rule for rule, _ in matches if rule.verdict is not Verdict.ALLOW]
    if asking:
        return _by_rule(Verdict.ASK, asking)
    allowing = [rule for rule, _ in matches if rule.verdict is Verdict.ALLOW]
    return _by_rule(Verdict.ALLOW, allowing) if allowing else said


def _is_neutral(part: Part) -> bool:
    """Tell whether a part only matters where a rule is about it: another one stands for it."""
    return part.mentioned or (part.call is not None and part.call.inner)


def _by_rule(verdict: Verdict, rules: Sequence[Rule]) -> Judgement:
    strongest = max(STRENGTH[rule.verdict] for rule in rules)
    said = [rule for rule in rules if STRENGTH[rule.verdict] == strongest]
    return Judgement(verdict, "rule", max(said, key=lambda rule: rule.specificity).named)


def verdict(state: SessionState, call: OpenCall, kinds: Kinds, rules: Rules = ()) -> Judgement:
    """Return whether a call of the session's turn runs, is asked about or refused.

    `rules` are those of the machine and the project; the session has its own. Its paths are
    taken by their names: who runs it judges again, knowing where links lead.
    """
    tool = call.call.tool
    kind = kinds.get(tool, EffectClass.UNKNOWN)
    in_force = rules_of(state, rules)
    if not in_force:
        return Judgement(BY_MODE[state.permission_mode][kind])
    named = (tool, kind, call.call.arguments, state.project_path)
    return _judged(named, state.permission_mode, in_force)


@lru_cache(maxsize=64)
def _judged(
    named: tuple[str, EffectClass, str, str], mode: PermissionMode, rules: Rules
) -> Judgement:
    """Return what `judge` says; a worker asks the same again after every event."""
    tool, kind, arguments, root = named
    return judge(Request(tool, kind, arguments_of(arguments), root), mode, rules)


def rules_of(state: SessionState, outer: Rules = ()) -> Rules:
    """Return all rules that hold in a session: those of outside, its own, and what was answered."""
    if not state.permissions and not state.remembered:
        return outer
    return (*outer, *_own(state.permissions, tuple(one.rule for one in state.remembered)))


def hidden_from(tool: str, kind: EffectClass, rules: Rules) -> tuple[str, ...]:
    """Return the globs of files that a tool must not even find something in."""
    return tuple(
        rule.pattern
        for rule in rules
        if rule.verdict is Verdict.DENY
        and rule.pattern
        and not rule.words
        and rule.tool not in HOST_TOOLS
        and (rule.covers(tool, kind) or rule.covers("read", EffectClass.PURE))
    )


@lru_cache(maxsize=8)
def _own(session: tuple[str, ...], answered: tuple[str, ...]) -> Rules:
    sourced = ((session, "session"), (answered, "answer"))
    return tuple(_recorded(line, source) for lines, source in sourced for line in lines)


def _recorded(line: str, source: str) -> Rule:
    """Return a rule of the log; what a newer build wrote there may have been a denial."""
    try:
        return replace(parse_rule(line), source=source)
    except ValueError:
        return Rule(Verdict.ASK, "*", source=f"{source}, {line!r} is no rule")


@lru_cache(maxsize=16)
def arguments_of(text: str) -> Mapping[str, object]:
    """Return a call's arguments as the model wrote them; none where they are no JSON object."""
    return json.loads(text) if is_object_text(text) else {}


def risk(kind: EffectClass) -> str:
    """Return the risk of a call as a person reads it: `read`, `write`, `execute`, `unknown`."""
    return _RISK[kind]
