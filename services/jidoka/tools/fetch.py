"""`fetch`: a page of the web as text. Not among the tools of a session unless it names it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jidoka.contract.errors import ToolDenied, ToolFailed, ToolTimeout
from jidoka.core.tooling import (
    MIB,
    CommandResult,
    EffectClass,
    ToolContext,
    ToolOutcome,
    ToolSpec,
)
from jidoka.tools import fetch_page, schemas
from jidoka.tools.pre_state import ChangesNoKnownFile
from jidoka.tools.shell import text_of

MAX_PAGE_BYTES = MIB
_HOP_S = 10
_WHOLE_S = 30


class Fetch(ChangesNoKnownFile):
    """Fetches a page in the sandbox, the network open to it alone."""

    spec = ToolSpec(
        name="fetch",
        description="Fetch a page by http or https and show its text.",
        parameters=schemas.arguments({"url": schemas.text("The URL.", least=8, most=4_096)}),
        effect=EffectClass.PURE,
        timeout_s=_WHOLE_S,
    )

    def __init__(self, hosts: Sequence[str], *, private: bool = False) -> None:
        """Allow `hosts` (names, `*.name`, or `*`), and addresses that are not public if `private`.

        No hosts allow nothing.
        """
        self._hosts, self._private = list(hosts), private
        self._source = Path(fetch_page.__file__).read_text()

    async def run(self, args: Mapping[str, Any], context: ToolContext) -> ToolOutcome:
        """Return the text.

        Raises:
            ToolDenied: a rule forbids the URL, a redirect of it, or what came back.
            ToolFailed: it could not be fetched.
        """
        order = {
            "url": args["url"],
            "hosts": self._hosts,
            "private": self._private,
            "max_bytes": MAX_PAGE_BYTES,
            "timeout_s": _HOP_S,
        }
        command = shlex.join(["python3", "-I", "-S", "-c", self._source, json.dumps(order)])
        result = await context.sandbox.run(
            command,
            root=context.root,
            timeout_s=context.timeout_s or self.spec.timeout_s,
            on_output=_nobody,
            limits=context.limits,
            network=True,
        )
        if result.timed_out:
            raise ToolTimeout(timeout_s=context.timeout_s or self.spec.timeout_s)
        return _outcome(result)


def _outcome(result: CommandResult) -> ToolOutcome:
    line, _, text = text_of(result).partition("\n")
    try:
        said: dict[str, Any] = json.loads(line)
    except ValueError:
        raise ToolFailed(reason=f"the page could not be fetched: {line[:500]}") from None
    if "refused" in said:
        raise ToolDenied(by="rule", rule=said["refused"])
    if "failed" in said:
        raise ToolFailed(reason=said["failed"])
    cut = f", only its first {MAX_PAGE_BYTES} bytes" if said["cut"] else ""
    return ToolOutcome(
        f"({said['url']}: status {said['status']}, {said['type']}{cut})\n{text}",
        spill=result.spill,
        output_bytes=result.output_bytes,
    )


def _nobody(_text: str) -> None:
    """A page is shown when it is there."""
