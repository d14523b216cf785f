"""Every subject, stream, bucket and queue group of the system: the only file that spells them.

The order of the tokens is the contract's. A session id is one lower-case token, other tokens are
`[A-Za-z0-9_-]`; nothing that a client says enters a subject without that check.
"""

from __future__ import annotations

from typing import Final

from jidoka.contract.ids import is_session_id, is_token

# --- streams and buckets ----------------------------------------------------------------------

EVENTS_STREAM: Final = "JIDO_EVENTS"
COMMANDS_STREAM: Final = "JIDO_COMMANDS"
LIVE_STREAM: Final = "JIDO_LIVE"
PROJECTS_STREAM: Final = "JIDO_PROJECTS"
DLQ_STREAM: Final = "JIDO_DLQ"

SNAPSHOTS_BUCKET: Final = "jido_snapshots"
HOSTS_BUCKET: Final = "jido_hosts"
ANSWERS_BUCKET: Final = "jido_answers"
LEASES_BUCKET: Final = "jido_leases"
BLOBS_STORE: Final = "jido_blobs"

COMMANDS_DURABLE: Final = "coordinator"
COORDINATOR_QUEUE: Final = "coordinator"
GATEWAY_QUEUE: Final = "llm-gateway"

# --- wildcards: what the streams hold and what services listen to --------------------------------

ALL_EVENTS: Final = "jido.session.*.event.>"
ALL_COMMANDS: Final = "jido.session.*.command.>"
ALL_LIVE: Final = "jido.session.*.live.>"
ALL_PROJECTS: Final = "jido.project.*.event.>"
ALL_DLQ: Final = "jido.dlq.*"
COMMAND_REQUESTS: Final = "jido.command.*.*"
LIFECYCLE: Final = "jido.session.*.event.session.status_changed"
"""All sessions' births, changes and ends, without content."""


def events_named(name: str, session_id: str | None = None) -> str:
    """Return the filter for the events `name` of a session, or of all sessions."""
    whose = _session(session_id) if session_id is not None else "*"
    return f"jido.session.{whose}.event.{_name(name)}"


# --- internal requests ----------------------------------------------------------------------------

LLM_COMPLETE: Final = "jido.llm.complete"
LLM_MODELS: Final = "jido.llm.models"
LLM_CANCELS: Final = "jido.llm.cancel.*"
LLM_LIMITS: Final = "jido.llm.limits"
LLM_SPENT: Final = "jido.llm.spent"
WORKER_READY: Final = "jido.manager.worker.ready"
WORKER_EXITED: Final = "jido.manager.worker.exited"
LOG_DAMAGED: Final = "jido.manager.log.damaged"
"""Names a session, in so many bytes: nothing may be added to it any more."""


def _session(session_id: str) -> str:
    if not is_session_id(session_id):
        raise ValueError(f"not a session id: {session_id!r}")
    return session_id


def _token(token: str) -> str:
    if not is_token(token):
        raise ValueError(f"not a subject token: {token!r}")
    return token


def _name(name: str) -> str:
    noun, _, verb = name.partition(".")
    return f"{_token(noun)}.{_token(verb)}"


def session_event(session_id: str, name: str) -> str:
    """Return the subject of the event `name` (`<noun>.<verb>`) of a session."""
    return f"jido.session.{_session(session_id)}.event.{_name(name)}"


def session_events(session_id: str) -> str:
    """Return the filter for all events of a session: its log."""
    return f"jido.session.{_session(session_id)}.event.>"


def session_live(session_id: str, kind: str) -> str:
    """Return the subject of the deltas of one kind (text, reasoning, tool_output)."""
    return f"jido.session.{_session(session_id)}.live.{_token(kind)}"


def session_lives(session_id: str) -> str:
    """Return the filter for all deltas of a session."""
    return f"jido.session.{_session(session_id)}.live.>"


def session_command(session_id: str, name: str) -> str:
    """Return the subject of a durable command to a session."""
    return f"jido.session.{_session(session_id)}.command.{_name(name)}"


def session_commands(session_id: str) -> str:
    """Return the filter for all durable commands to a session."""
    return f"jido.session.{_session(session_id)}.command.>"


def command_request(name: str) -> str:
    """Return the subject on which the command `name` is answered at once."""
    return f"jido.command.{_name(name)}"


def manager_request(name: str) -> str:
    """Return the subject on which the leading session-manager answers the command `name`."""
    return f"jido.manager.{_name(name)}"


def host_request(host: str, name: str) -> str:
    """Return the subject on which one agent host answers `name` (`worker.start`, ...)."""
    return f"jido.host.{_token(host)}.{_name(name)}"


def host_requests(host: str) -> str:
    """Return the filter for all requests to one agent host."""
    return f"jido.host.{_token(host)}.>"


def llm_call(call_id: str) -> str:
    """Return the subject that the llm-gateway answers while the call is in flight there."""
    return f"jido.llm.call.{_token(call_id)}"


def llm_cancel(call_id: str) -> str:
    """Return the subject that ends a model call in flight."""
    return f"jido.llm.cancel.{_token(call_id)}"


def project_event(key: str, name: str) -> str:
    """Return the subject of an event of a project."""
    return f"jido.project.{_token(key)}.event.{_name(name)}"


def tool_request(plugin: str, tool: str) -> str:
    """Return the subject of a plug-in's tool."""
    return f"jido.tool.{_token(plugin)}.{_token(tool)}"


def dlq(program: str) -> str:
    """Return the subject of what `program` has put into quarantine."""
    return f"jido.dlq.{_token(program)}"


def session_of(subject: str) -> str | None:
    """Return the session id in a subject `jido.session.<id>.…`, or None."""
    tokens = subject.split(".", 3)
    if tokens[:2] != ["jido", "session"] or len(tokens) < 3:  # noqa: PLR2004
        return None
    return tokens[2]


def name_of(subject: str) -> str:
    """Return the last two tokens of a subject: `<noun>.<verb>`."""
    return ".".join(subject.rsplit(".", 2)[-2:])
