"""One command as it came to the door: opened, checked, and of one mind about its session."""

from __future__ import annotations

from dataclasses import dataclass

from jidoka.contract.command_data import SessionCommand
from jidoka.contract.commands import (
    Command,
    CreateSession,
    ImportSession,
    open_command,
)
from jidoka.contract.envelope import Envelope
from jidoka.contract.errors import InvalidMessage
from jidoka.contract.ids import session_id_of
from jidoka.contract.subjects import name_of, session_of


@dataclass(frozen=True, slots=True)
class Request:
    """A command and who asked."""

    envelope: Envelope
    command: Command
    session_id: str | None
    """The session that it is about; a create names the one that it will make."""

    @property
    def origin(self) -> str:
        """Who asked."""
        return self.envelope.source

    @property
    def command_id(self) -> str:
        """With `origin`: the command is recorded once."""
        return self.envelope.id


def request_of(envelope: Envelope, subject: str) -> Request:
    """Return the command in an envelope on `jido.command.…` or `jido.session.<id>.command.…`.

    Raises:
        InvalidMessage: data that does not fit, or two names for the command or its session.
        UnknownCommand, UnsupportedVersion, TooLarge: as they say.
    """
    addressed = session_of(subject)
    if addressed is not None and envelope.subject not in (None, addressed):
        raise InvalidMessage.of("subject", "names another session than the NATS subject")
    named = addressed or envelope.subject
    command = open_command(envelope.name, envelope.version, envelope.data, named)
    if name_of(subject) != command.name:
        raise InvalidMessage.of("type", "names another command than the NATS subject")
    return Request(envelope, command, _session_of(command, envelope, named))


def _session_of(command: Command, envelope: Envelope, named: str | None) -> str | None:
    if isinstance(command, SessionCommand):
        return command.session_id
    if not isinstance(command, CreateSession) or isinstance(command, ImportSession):
        return None
    made = session_id_of(envelope.source, envelope.id)
    if named not in (None, made):
        reason = "a create's session is s + 24 hex digits of sha-256(source, newline, id)"
        raise InvalidMessage.of("subject", reason)
    return made
