"""What may be said to a session: command and state in, events or a refusal out."""

from __future__ import annotations

from typing import assert_never

from jidoka.contract import commands as c
from jidoka.contract import events as e
from jidoka.contract.content import Policy, Status
from jidoka.contract.context_commands import AddFile, CompactContext, RemoveFile
from jidoka.contract.errors import (
    CallNotFound,
    InboxFull,
    InvalidTransition,
    NoTurn,
    SessionBusy,
    SessionNotFound,
    SessionTerminated,
)
from jidoka.contract.ids import command_key
from jidoka.contract.mcp_commands import AddMcpServer, RemoveMcpServer
from jidoka.contract.permission_commands import AnswerPermission, AnswerQuestion, RevokePermission
from jidoka.contract.undo_commands import RedoTurn, RetryTurn, UndoTurn
from jidoka.core.answers import checked_rules, decide_answer
from jidoka.core.attending import decide_context
from jidoka.core.newer import unsupported
from jidoka.core.servers import decide_mcp
from jidoka.core.state import SessionState
from jidoka.core.undo import decide_undo

MAX_WAITING = 64
"""Messages of a session that wait for a turn."""

SessionDecision = (
    c.SubmitMessage
    | c.EditMessage
    | c.WithdrawMessage
    | c.CancelTurn
    | UndoTurn
    | RedoTurn
    | RetryTurn
    | AnswerPermission
    | AnswerQuestion
    | RevokePermission
    | c.RenameSession
    | c.ConfigureSession
    | c.ClearConversation
    | AddFile
    | RemoveFile
    | CompactContext
    | AddMcpServer
    | RemoveMcpServer
    | c.CloseSession
    | c.TerminateSession
)
"""The commands that the log of one session alone decides."""


def decide(
    state: SessionState,
    command: SessionDecision,
    *,
    origin: str,
    command_id: str,
    inbox_limit: int = MAX_WAITING,
) -> e.Event | None:
    """Return the event that `command` makes true; None when it is recorded or true already.

    `origin` and `command_id` are the command's CloudEvent `source` and `id`; `inbox_limit` is how
    many messages may wait for a turn.

    Raises:
        Refused: the command is not possible in this state; the error says why.
    """
    if state.status is None:
        raise SessionNotFound(asked=command.session_id)
    if state.newer:
        raise unsupported(state.newer)
    if state.recorded.get(command_key(origin, command_id)) is not None:
        return None  # asked twice, recorded once: the caller answers with the first number
    if isinstance(command, c.TerminateSession):
        return _terminate(state, command, origin)
    _must_be_open(state, command)
    match command:
        case c.SubmitMessage():
            return _submit(state, command, origin, command_id, inbox_limit)
        case c.EditMessage(message_id=message_id, content=content):
            _must_wait(state, message_id)
            return e.MessageEdited(origin=origin, message_id=message_id, content=content)
        case c.WithdrawMessage(message_id=message_id):
            _must_wait(state, message_id)
            return e.MessageWithdrawn(origin=origin, message_id=message_id)
        case c.CancelTurn(reason=reason):
            if state.turn is None:
                raise NoTurn(session_id=state.session_id)
            return e.TurnCancelRequested(origin=origin, turn_id=state.turn.turn_id, reason=reason)
        case UndoTurn() | RedoTurn() | RetryTurn():
            return decide_undo(state, command, origin)
        case AnswerPermission() | AnswerQuestion() | RevokePermission():
            return decide_answer(state, command, origin)
        case c.RenameSession(session_name=name):
            return e.SessionRenamed(origin=origin, session_name=name)
        case c.ConfigureSession():
            return _configured(state, command, origin)
        case c.ClearConversation():
            return e.ConversationCleared(origin=origin)
        case AddFile() | RemoveFile() | CompactContext():
            return decide_context(state, command, origin)
        case AddMcpServer() | RemoveMcpServer():
            return decide_mcp(state.servers, command, origin)
        case c.CloseSession():
            return _close(state, command, origin)
        case _:
            assert_never(command)


def _close(
    state: SessionState, command: c.CloseSession, origin: str
) -> e.SessionCloseRequested | None:
    if state.status is Status.CLOSED or state.closing:
        return None
    return e.SessionCloseRequested(origin=origin, reason=command.reason)


def _must_be_open(state: SessionState, command: SessionDecision) -> None:
    if state.status is Status.TERMINATED or state.closing == "terminate":
        at = e.iso(state.updated_at) if state.updated_at else None
        raise SessionTerminated(session_id=state.session_id, reason=state.end_reason, at=at)
    closed = state.status is Status.CLOSED or state.closing == "close"
    if closed and not isinstance(command, c.CloseSession | c.RenameSession | c.ConfigureSession):
        raise InvalidTransition(status="closed", asked=f"{command.name}: resume it first")


def _terminate(
    state: SessionState, command: c.TerminateSession, origin: str
) -> e.SessionTerminationRequested | None:
    if state.status is Status.TERMINATED or state.closing == "terminate":
        return None  # asked twice, it answers the same
    return e.SessionTerminationRequested(origin=origin, reason=command.reason)


def _submit(
    state: SessionState, command: c.SubmitMessage, origin: str, command_id: str, inbox_limit: int
) -> e.MessageAccepted:
    if command.policy is Policy.REJECT and (state.turn or state.inbox):
        turn_id = state.turn.turn_id if state.turn else None
        raise SessionBusy(session_id=state.session_id, turn_id=turn_id)
    if len(state.inbox) >= inbox_limit:
        raise InboxFull(waiting=len(state.inbox), maximum=inbox_limit)
    return e.MessageAccepted(
        origin=origin,
        message_id=command_id,
        content=command.content,
        policy=command.policy,
        author=command.author or origin,
        unattended=command.unattended,
    )


def _configured(
    state: SessionState, command: c.ConfigureSession, origin: str
) -> e.SessionConfigured:
    checked_rules(command.permissions or (), "data.permissions")
    limits = command.limits
    if limits is not None:  # what is not named stays
        named = {name: getattr(limits, name) for name in limits.model_fields_set}
        limits = state.limits.model_copy(update=named)
    return e.SessionConfigured(
        origin=origin,
        llm=command.llm,
        permission_mode=command.permission_mode,
        limits=limits,
        system_prompt=command.system_prompt,
        permissions=command.permissions,
        network=command.network,
    )


def _must_wait(state: SessionState, message_id: str) -> None:
    if all(message.message_id != message_id for message in state.inbox):
        raise CallNotFound(call_id=message_id)
