"""`commit`: what changed, into the project's repository."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jidoka.contract.errors import ToolFailed
from jidoka.core.tooling import EffectClass, ToolContext, ToolOutcome, ToolSpec
from jidoka.tools import schemas
from jidoka.tools.pre_state import ChangesNoKnownFile

MAX_MESSAGE_CHARACTERS = 10_000
MAX_PATHS = 1_000


class Commit(ChangesNoKnownFile):
    """Commits."""

    spec = ToolSpec(
        name="commit",
        description=(
            "Commit the changed files to git. The shell cannot: .git is read-only there. "
            "Hooks and filters are not run."
        ),
        parameters=schemas.arguments(
            {"message": schemas.text("The message.", least=1, most=MAX_MESSAGE_CHARACTERS)},
            {
                "paths": {
                    "type": "array",
                    "items": schemas.path("File or folder, relative to the project folder."),
                    "maxItems": MAX_PATHS,
                    "description": "Only these; default: all that changed.",
                }
            },
        ),
        effect=EffectClass.EFFECT,
        timeout_s=60,
    )

    async def run(self, args: Mapping[str, Any], context: ToolContext) -> ToolOutcome:
        """Return which commit it is."""
        if context.commits is None:
            raise ToolFailed(reason="this session does not commit")
        if not args["message"].strip():
            raise ToolFailed(reason="the message is empty")
        paths = tuple(context.files.place(path) for path in args.get("paths", ()))
        return ToolOutcome(await context.commits.commit(args["message"], paths))
