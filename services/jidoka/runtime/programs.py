"""The programs that a runtime starts, and the environment that each of them gets.

Only the llm-gateway gets variables that may hold keys: in the local profile the owner's whole
environment. What a process once had in its environment stays readable in `/proc`, and what it
starts inherits it; so the others are started with a list of what they need.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from jidoka.contract.errors import InvalidMessage

MODULES: Final = {
    "coordinator": "jidoka.coordinator",
    "session-manager": "jidoka.session_manager",
    "agent-host": "jidoka.agent",
    "llm-gateway": "jidoka.llm_gateway",
}
_NEEDED: Final = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_\w+|TZ|TERM|TMPDIR|XDG_\w+"
    r"|VIRTUAL_ENV|PYTHON(PATH|HOME|DONTWRITEBYTECODE|UTF8|WARNINGS)|SSL_CERT_(FILE|DIR)"
    r"|COVERAGE_\w+|JIDOKA_\w+"
)
_NOT_INHERITED: Final = {"JIDOKA_NATS_URL", "JIDOKA_HOME", "JIDOKA_PORT", "PYTHONUNBUFFERED"}


def named(settings_names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the programs' names, however they were spelled.

    Raises:
        InvalidMessage: there is no such program.
    """
    by_module = {module.rpartition(".")[2]: name for name, module in MODULES.items()}
    names = tuple(by_module.get(name, name) for name in settings_names if name)
    if unknown := set(names) - set(MODULES):
        reason = f"no such program: {', '.join(sorted(unknown))}; known: {', '.join(MODULES)}"
        raise InvalidMessage.of("JIDOKA_PROGRAMS", reason)
    return names


def environment_of(
    name: str, owner: Mapping[str, str], *, home: str, nats_url: str, profile: str
) -> dict[str, str]:
    """Return the environment of one program."""
    whole = name == "llm-gateway" and profile == "local"
    chosen = {
        key: value
        for key, value in owner.items()
        if key not in _NOT_INHERITED and (whole or _NEEDED.fullmatch(key))
    }
    return chosen | {
        "JIDOKA_HOME": home,
        "JIDOKA_NATS_URL": nats_url,
        "JIDOKA_BROKER_DURABILITY": "trusted",  # the runtime has asked it
        "JIDOKA_STORE_FOLDER": f"{home}/broker",
        "JIDOKA_LOG_FORMAT": owner.get("JIDOKA_LOG_FORMAT", "json"),
    }
