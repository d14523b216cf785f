"""What the agent may do without asking."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from jidoka.contract.content import PermissionMode
from jidoka.core.state import SessionState
from jidoka.core.tooling import EffectClass


class Verdict(StrEnum):
    """The answer of mode and rules."""

    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


_BY_MODE: Mapping[PermissionMode, Mapping[EffectClass, Verdict]] = {
    PermissionMode.PLAN: {
        EffectClass.PURE: Verdict.ALLOW,
        EffectClass.IDEMPOTENT: Verdict.DENY,
        EffectClass.EFFECT: Verdict.DENY,
    },
    PermissionMode.ASK: {
        EffectClass.PURE: Verdict.ALLOW,
        EffectClass.IDEMPOTENT: Verdict.ASK,
        EffectClass.EFFECT: Verdict.ASK,
    },
    PermissionMode.AUTO_EDIT: {
        EffectClass.PURE: Verdict.ALLOW,
        EffectClass.IDEMPOTENT: Verdict.ALLOW,
        EffectClass.EFFECT: Verdict.ASK,
    },
    PermissionMode.FULL_AUTO: {
        EffectClass.PURE: Verdict.ALLOW,
        EffectClass.IDEMPOTENT: Verdict.ALLOW,
        EffectClass.EFFECT: Verdict.ALLOW,
    },
}

_RISK = {
    EffectClass.PURE: "read",
    EffectClass.IDEMPOTENT: "write",
    EffectClass.EFFECT: "execute",
}


def verdict(state: SessionState, tool: str, kinds: Mapping[str, EffectClass]) -> Verdict:
    """Return whether a call of `tool` runs, is asked about or refused. Deny wins.

    A tool that the session does not have is let through: its performer tells the model so.
    """
    if tool in state.denied:
        return Verdict.DENY
    kind = kinds.get(tool)
    by_mode = Verdict.ALLOW if kind is None else _BY_MODE[state.permission_mode][kind]
    if by_mode is Verdict.ASK and tool in state.allowed:
        return Verdict.ALLOW
    return by_mode


def risk(kind: EffectClass) -> str:
    """Return the risk of a call as a person reads it: `read`, `write` or `execute`."""
    return _RISK[kind]
