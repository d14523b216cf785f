"""Rules tried on the past: the recorded tool calls of sessions, judged anew. Nothing is run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterable, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from jidoka.client.items import Item, Recorded
from jidoka.contract import events as e
from jidoka.contract.content import PermissionMode, ToolCall
from jidoka.contract.errors import JidokaError
from jidoka.contract.json import is_object_text
from jidoka.core.permission import judge
from jidoka.core.permission_parts import Request
from jidoka.core.rules import Rule, parse_rules
from jidoka.core.tooling import EffectClass

if TYPE_CHECKING:
    from jidoka.client.session import Client

_EFFECTS: Final = {
    "read": EffectClass.PURE,
    "write": EffectClass.IDEMPOTENT,
    "execute": EffectClass.EFFECT,
}
_AS_IT_WAS: Final = {
    "ran": "allow",
    "asked, allowed": "ask",
    "asked, denied": "ask",
    "asked, nobody answered": "ask",
    "blocked by a rule": "deny",
    "blocked by the mode": "deny",
}
RAN: Final = "ran"


@dataclass(slots=True)
class Tried:
    """A recorded call: what became of it then, and what the rules say of it."""

    session_id: str
    call_id: str
    tool: str
    args: dict[str, Any]
    mode: PermissionMode
    effect: EffectClass | None = None
    happened: str = "did not run"
    asked: bool = False
    verdict: str = ""
    rule: str = ""

    @property
    def differs(self) -> bool:
        """Whether the rules would have treated it otherwise."""
        return _AS_IT_WAS.get(self.happened, self.verdict) != self.verdict


@dataclass(slots=True)
class Trial:
    """What rules would have done."""

    sessions: int = 0
    calls: list[Tried] = field(default_factory=list[Tried])
    unread: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """Sessions whose log cannot be read, and why."""

    def counts(self) -> Counter[str]:
        """Return how many calls would be `allow`, `ask`, `deny`, and how many `differs`."""
        counts = Counter(one.verdict for one in self.calls)
        counts["differs"] = sum(one.differs for one in self.calls)
        return counts

    def as_dict(self, *, all_calls: bool) -> dict[str, Any]:
        """Return it for programs; without `all_calls` only the calls that differ."""
        counts = self.counts()
        return {
            "sessions": self.sessions,
            "calls": len(self.calls),
            "allowed": counts["allow"],
            "asked": counts["ask"],
            "blocked": counts["deny"],
            "changed": counts["differs"],
            "unread": [{"session_id": name, "reason": why} for name, why in self.unread],
            "details": [_shown(one) for one in self.calls if all_calls or one.differs],
        }


def _shown(one: Tried) -> dict[str, Any]:
    return {
        "session_id": one.session_id,
        "call_id": one.call_id,
        "tool": one.tool,
        "args": one.args,
        "happened": one.happened,
        "verdict": one.verdict,
        "rule": one.rule,
    }


def rules_of(text: str, source: str) -> tuple[Rule, ...]:
    """Return the rules of a file.

    Raises:
        InvalidMessage: every line that is no rule, with its number.
    """
    return parse_rules(text.splitlines(), source)


async def try_rules(
    client: Client, session_ids: Iterable[str], rules: tuple[Rule, ...], mode: str | None = None
) -> Trial:
    """Return what `rules` say of all calls of sessions, in the mode of then or in `mode`."""
    trial = Trial()
    for session_id in session_ids:
        events = client.subscribe_to_session(session_id, live=False, to_the_end=True)
        try:
            async with aclosing(events) as items:
                trial.calls += await _calls_of(session_id, items, rules, mode)
        except JidokaError as problem:
            trial.unread.append((session_id, problem.message))
        else:
            trial.sessions += 1
    return trial


async def _calls_of(
    session_id: str, items: AsyncIterable[Item], rules: tuple[Rule, ...], mode: str | None
) -> list[Tried]:
    calls: dict[str, Tried] = {}
    held, root = PermissionMode.ASK, ""
    async for item in items:
        event = item.event if isinstance(item, Recorded) else None
        match event:
            case e.SessionCreated(permission_mode=held, project_path=root):
                pass
            case e.SessionConfigured(permission_mode=PermissionMode() as held):
                pass
            case e.LlmResponded(tool_calls=asked):
                calls |= {call.call_id: _tried(session_id, call, held) for call in asked}
            case _:
                _happened(calls, event)
    for one in calls.values():
        effect = one.effect or EffectClass.UNKNOWN
        request = Request(one.tool, effect, one.args, root)
        said = judge(request, PermissionMode(mode) if mode else one.mode, rules)
        one.verdict, one.rule = said.verdict.value, said.rule
    return list(calls.values())


def _tried(session_id: str, call: ToolCall, mode: PermissionMode) -> Tried:
    known: dict[str, Any] = json.loads(call.arguments) if is_object_text(call.arguments) else {}
    return Tried(session_id, call.call_id, call.tool, known, mode)


def _happened(calls: dict[str, Tried], event: object) -> None:
    """Note what an event says of a call."""
    one = calls.get(getattr(event, "call_id", ""))
    if one is None:
        return
    match event:
        case e.PermissionRequested(risk=risk, args=args):
            one.asked, one.args = True, args
            one.effect = _EFFECTS.get(risk, EffectClass.UNKNOWN)
        case e.ToolStarted(effect=effect, args=args):
            one.happened = "asked, allowed" if one.asked else RAN
            one.effect, one.args = EffectClass(effect), args
        case e.ToolDenied(by=by, effect=effect):
            one.effect = EffectClass(effect) if effect else one.effect
            one.happened = {
                "person": "asked, denied",
                "default": "asked, nobody answered",
                "rule": "blocked by a rule",
            }.get(by, "blocked by the mode")
        case _:
            return
