"""Asking a person whether a call may run, and taking no for an answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from jidoka.agent.recorder import Recorder
from jidoka.contract import events as e
from jidoka.contract.json import is_object_text
from jidoka.core.effects import AskPermission, AwaitAnswer, DenyTool
from jidoka.core.permission import risk
from jidoka.core.state import OpenCall
from jidoka.core.tooling import EffectClass

_PREVIEW_CHARACTERS = 4_000


@dataclass(slots=True)
class Questions:
    """Records questions and denials of one worker."""

    recorder: Recorder

    async def ask(self, effect: AskPermission, now: datetime) -> None:
        """Record the question whether a call may run."""
        call, state = self.recorder.open_call(effect.call_id), self.recorder.session.state
        args = arguments_of(call) or {}
        event = e.PermissionRequested(
            turn_id=self.recorder.turn_id(),
            call_id=call.call_id,
            tool=call.call.tool,
            args=dict(args),
            risk=risk(self.recorder.kinds.get(call.call.tool, EffectClass.EFFECT)),
            preview=_preview(call.call.tool, args),
            deadline=now + timedelta(seconds=state.limits.question_deadline_s),
        )
        await self.recorder.record(effect, lambda _state: event)

    async def deny(self, effect: AwaitAnswer | DenyTool, by: str, reason: str) -> None:
        """Record that a call does not run."""
        call = self.recorder.open_call(effect.call_id)
        event = e.ToolDenied(
            turn_id=self.recorder.turn_id(),
            call_id=call.call_id,
            tool=call.call.tool,
            by=by,
            reason=reason,
        )
        await self.recorder.record(effect, lambda _state: event)


def arguments_of(call: OpenCall) -> Mapping[str, Any] | None:
    """Return the arguments that the model wrote, None when they are no JSON object."""
    text = call.call.arguments.strip() or "{}"
    return json.loads(text) if is_object_text(text) else None


def _preview(tool: str, args: Mapping[str, Any]) -> str:
    """Return what a person needs to see of a call: the command, or its arguments."""
    text = str(args.get("command") or json.dumps(args, ensure_ascii=False, indent=1))
    return f"{tool}: {text}"[:_PREVIEW_CHARACTERS]
