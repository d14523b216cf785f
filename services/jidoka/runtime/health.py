"""`python -m jidoka.runtime.health PROGRAM`: exit 0 when that program answers, for containers.

It is asked something that it refuses without doing anything: who refuses is there and works.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Final

from jidoka.bus.connection import connect
from jidoka.contract import subjects
from jidoka.contract.errors import JidokaError
from jidoka.settings import AgentSettings, Settings, load, required_nats_url

ANSWER_S: Final = 2.0
CONNECT_S: Final = 2.0
_UNKNOWN: Final = "health.check"
"""A command that nobody knows."""


def question(program: str) -> str | None:
    """Return the subject on which `program` answers; None for what serves nothing on the bus."""
    match program:
        case "coordinator":
            return subjects.command_request(_UNKNOWN)
        case "session-manager":
            return subjects.manager_request("session.get")
        case "llm-gateway":
            return subjects.LLM_MODELS
        case "agent-host":
            name = load(AgentSettings, os.environ).host_name
            return subjects.host_request(name, _UNKNOWN)
        case _:
            return None


async def ask(subject: str) -> None:
    """Return when somebody answered on `subject`.

    Raises:
        Unavailable: no broker, or nobody listens. TimedOut: no answer in time.
    """
    url = required_nats_url(load(Settings, os.environ))
    async with await connect(url, name="health", patience_s=CONNECT_S) as bus:
        await bus.request(subject, b"{}", ANSWER_S)


def main() -> int:
    """Ask; return 0 for an answer, else the exit code of the error."""
    try:
        subject = question(sys.argv[-1])
        if subject is not None:
            asyncio.run(ask(subject))
    except JidokaError as problem:
        sys.stderr.write(f"{problem.message}\n")
        return problem.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
