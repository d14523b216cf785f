"""Logs of a program: one line an occurrence, for people; nothing is decided from a log.

JSON, or readable lines on a terminal. Every line has the program and what was bound (session,
correlation and causation ids). Values that look like keys or tokens are struck out. Lines of the
standard library's loggers (nats, faststream, litellm) take the same way.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Mapping, MutableMapping
from contextlib import AbstractContextManager, suppress
from typing import Any, Final, TextIO, cast

import structlog
from structlog.typing import Processor

from jidoka.contract.redaction import Redactor
from jidoka.settings import Settings

REDACTED: Final = "[redacted]"
# what keys of providers, code hosts and clouds look like, a token in a broker's address, a JWT
_SECRETS = re.compile(
    r"sk-[A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|AKIA[0-9A-Z]{16}"
    r"|xox[abprs]-[A-Za-z0-9-]{10,}|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{4,}|AIza[\w-]{30,}"
    r"|(?<=://)[^/\s@:]{8,}(?=@)|(?<=[Bb]earer )[\w.~+/=-]{8,}"
)

_REDACTOR: Final = Redactor(os.urandom(32))
"""Finds all else that a program strikes out; in a log nobody needs to know which was which."""


def configure(program: str, settings: Settings, stream: TextIO | None = None) -> None:
    """Send this process's logs to `stream`, or standard error."""
    target = cast("TextIO", _Calm(stream or sys.stderr))
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    renderer = _renderer(settings, target)
    structlog.reset_defaults()
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(target),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(program=program)
    _adopt_standard_loggers(target, level, shared, renderer)


class _Calm:
    """A stream that loses what cannot be written: a disk that is full must not end a program."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write as far as it goes."""
        with suppress(OSError):
            return self._stream.write(text)
        return 0

    def flush(self) -> None:
        """Hand over what waits, as far as it goes."""
        with suppress(OSError):
            self._stream.flush()

    def isatty(self) -> bool:
        """Tell whether a person reads it."""
        return self._stream.isatty()


def logger() -> Any:
    """Return the logger: `logger().info("what happened", field=value)`."""
    return structlog.get_logger()


def bound(**ids: str | int | None) -> AbstractContextManager[Mapping[str, Any]]:
    """Return a context in which every line of this task carries these ids."""
    return cast(
        "AbstractContextManager[Mapping[str, Any]]",
        structlog.contextvars.bound_contextvars(**{k: v for k, v in ids.items() if v is not None}),
    )


def redact(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Return a log line without what looks like a key or token."""
    return {key: _clean(value) for key, value in line.items()}


def _clean(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    return _REDACTOR.text(_SECRETS.sub(REDACTED, str(value)))[0]


def _renderer(settings: Settings, target: TextIO) -> Processor:
    wanted = settings.log_format
    if wanted == "console" or (wanted == "auto" and target.isatty()):
        return structlog.dev.ConsoleRenderer(colors=target.isatty())
    return structlog.processors.JSONRenderer(ensure_ascii=False)


def _adopt_standard_loggers(
    target: TextIO, level: int, shared: list[Processor], renderer: Processor
) -> None:
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    # libraries are heard from a warning on: their chatter may hold request headers
    logging.basicConfig(handlers=[handler], level=max(level, logging.WARNING), force=True)
