"""The tools of an MCP server as the model calls them. Nobody here knows what they do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from jidoka.core.tooling import EffectClass, ToolContext, ToolOutcome, ToolSpec
from jidoka.tools import schemas
from jidoka.tools.pre_state import ChangesNoKnownFile

if TYPE_CHECKING:
    from jidoka.tools.mcp_link import McpLink
    from jidoka.tools.mcp_offer import Offer

CALL_S = 120.0


class McpTool(ChangesNoKnownFile):
    """One tool of a server."""

    def __init__(self, link: McpLink, offer: Offer) -> None:
        self._link, self._theirs = link, offer.theirs
        self.spec = ToolSpec(
            name=offer.name,
            description=f"(of the MCP server {link.server}) {offer.description}".strip(),
            parameters=offer.schema,
            effect=EffectClass.UNKNOWN,
            timeout_s=CALL_S,
            streams=True,
        )

    async def run(self, args: Mapping[str, Any], context: ToolContext) -> ToolOutcome:
        """Return what the server answered."""
        text = await self._link.call(self._theirs, args, context)
        return ToolOutcome(text, output_bytes=len(text.encode("utf-8", "replace")))


class McpResource(ChangesNoKnownFile):
    """Reads a resource of a server."""

    def __init__(self, link: McpLink, listed: list[str]) -> None:
        self._link = link
        known = "\n".join(listed)
        self.spec = ToolSpec(
            name=f"{link.server}__read_resource",
            description=f"Read a resource of the MCP server {link.server}. Its resources:\n{known}",
            parameters=schemas.arguments(
                {"uri": schemas.text("The address.", least=1, most=4_096)}
            ),
            effect=EffectClass.UNKNOWN,
            timeout_s=CALL_S,
        )

    async def run(self, args: Mapping[str, Any], context: ToolContext) -> ToolOutcome:
        """Return the resource as text."""
        text = await self._link.read(args["uri"], context)
        return ToolOutcome(text, output_bytes=len(text.encode("utf-8", "replace")))
