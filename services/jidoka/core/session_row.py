"""The row that the registry keeps of a session: every field is a column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from jidoka.contract.content import Sharing, Status
from jidoka.contract.envelope import GENESIS
from jidoka.core.phases import AWAITED
from jidoka.core.ports import Head


@dataclass(frozen=True)
class SessionRow:
    """A session as the registry knows it; every field is a column."""

    session_id: str
    name: str = ""
    title: str | None = None
    owner: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    project_path: str = ""
    requested_path: str = ""
    sharing: str = Sharing.EXCLUSIVE.value
    worktree_of: str | None = None
    sandbox: str = "auto"
    model: str = ""
    fallbacks: tuple[str, ...] = ()
    """Models that are asked when that one fails."""
    limits: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Those that are not what they are by default."""
    permission_mode: str = "ask"
    network: bool = False
    status: str = Status.INITIALIZING.value
    reason: str = ""
    """Why the status is what it is."""
    asked: str = ""
    """What is still to be done for a person: `close`, `terminate`, or nothing."""
    ended: bool = False
    """Whether `session.terminated` or `session.deleted`, the last event, is recorded."""
    error: Mapping[str, Any] | None = None
    phase: str = "ready"
    """`ready` `thinking` `acting` `waiting`, between turns also `undoing` `retrying`
    `compacting`."""
    turn_id: str | None = None
    inbox: tuple[str, ...] = ()
    """Messages that no turn has taken up."""
    calls: tuple[str, ...] = ()
    """Tool calls without an end."""
    waiting: tuple[str, ...] = ()
    """Call ids of open questions."""
    messages: int = 0
    turns: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    host: str | None = None
    machine: str = ""
    lease_s: float | None = None
    """How long the host has to be silent before one on another machine may take over."""
    epoch: int = 0
    gone_epoch: int = 0
    """The newest epoch that has no say any more: its worker was lost, or sent to rest."""
    losses: tuple[str, ...] = ()
    """When workers were lost, the last ones, RFC 3339."""
    created_at: str | None = None
    updated_at: str | None = None
    first_cursor: int = 0
    """Stream sequence of the first event: where a replay starts."""
    cursor: int = 0
    sequence: int = 0
    digest: str = GENESIS

    @property
    def head(self) -> Head:
        """Where the session's log stands: what the next append expects."""
        return Head(self.cursor, self.sequence, self.digest)

    @property
    def is_open(self) -> bool:
        """Whether the session counts: neither closed nor terminated."""
        return self.status not in (Status.CLOSED, Status.TERMINATED)

    @property
    def is_assigned(self) -> bool:
        """Whether a worker has the session: the newest epoch has its say."""
        return self.epoch > self.gone_epoch

    @property
    def is_busy(self) -> bool:
        """Whether there is something for a worker to do, or an answer to wait for."""
        return bool(self.turn_id or self.inbox or self.phase in AWAITED)

    @property
    def tokens(self) -> dict[str, int] | None:
        """The JSON of the `Usage` of the session, None where no provider said."""
        if self.input_tokens is None or self.output_tokens is None:
            return None
        return {"input_tokens": self.input_tokens, "output_tokens": self.output_tokens}

    @property
    def totals(self) -> dict[str, Any]:
        """What the session has used."""
        return {
            "messages": self.messages,
            "turns": self.turns,
            "usage": self.tokens,
            "cost_usd": self.cost_usd,
        }


def moment_of(text: str) -> datetime:
    """Return the time that a row holds as RFC 3339."""
    return datetime.fromisoformat(text).astimezone(UTC)
