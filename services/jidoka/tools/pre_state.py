"""What a tool may change, looked at before it does: two answers fit most tools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jidoka.core.tooling import FileState, ToolContext
from jidoka.tools.content import state_of


class ChangesNoKnownFile:
    """For tools that only read, and for those of which nobody knows what they will change."""

    async def pre_state(
        self,
        args: Mapping[str, Any],  # noqa: ARG002 - the port's
        context: ToolContext,  # noqa: ARG002 - the port's
    ) -> tuple[FileState, ...]:
        """Return nothing."""
        return ()


class ChangesItsPath:
    """For tools that write the one file of their argument `path`."""

    async def pre_state(
        self, args: Mapping[str, Any], context: ToolContext
    ) -> tuple[FileState, ...]:
        """Return the file as it is now."""
        return (state_of(context.files, args["path"]),)
