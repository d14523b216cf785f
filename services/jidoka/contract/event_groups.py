"""Events that belong together: whoever folds one of a group has to know all of it."""

from __future__ import annotations

from jidoka.contract import events as e

InboxEvent = e.MessageAccepted | e.MessageEdited | e.MessageWithdrawn
"""What becomes of messages that no turn has taken up."""

TurnEvent = (
    e.TurnStarted
    | e.LlmRequested
    | e.LlmResponded
    | e.LlmFailed
    | e.ToolStarted
    | e.ToolCompleted
    | e.ToolFailed
    | e.ToolInterrupted
    | e.ToolDenied
    | e.TurnLimitReached
    | e.TurnEnded
)
"""The course of a turn."""

CallEnd = e.ToolCompleted | e.ToolFailed | e.ToolInterrupted | e.ToolDenied
"""How a call of a tool ends: by exactly one of these."""

AskingEvent = (
    e.PermissionRequested
    | e.PermissionAnswered
    | e.PermissionRevoked
    | e.QuestionAsked
    | e.QuestionAnswered
    | e.QuestionExpired
)
"""Questions to a person, and their answers."""

UndoEvent = (
    e.TurnUndoRequested
    | e.TurnRedoRequested
    | e.TurnRetryRequested
    | e.TurnUndoStarted
    | e.TurnUndone
    | e.TurnRedone
    | e.TurnUndoRefused
)
"""Requests about turns that are over, their beginnings and ends."""

UndoEnd = e.TurnUndone | e.TurnRedone | e.TurnUndoRefused
"""How an undo or redo ends: by exactly one of these."""

ContextEvent = (
    e.FileAdded | e.FileRemoved | e.ContextCompactionRequested | e.ContextCompacted | e.TodoUpdated
)
"""What the model has before it beside the conversation, and what of that became a summary."""

McpEvent = e.McpAdded | e.McpRemoved | e.McpDelayed | e.McpConnected | e.McpFailed
"""The MCP servers of a session."""
