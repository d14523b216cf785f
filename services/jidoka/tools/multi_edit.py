"""`multi_edit`: several exact replacements, in one file or in many; all of them or none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jidoka.core.tooling import MIB, EffectClass, FileState, ToolContext, ToolOutcome, ToolSpec
from jidoka.tools import schemas
from jidoka.tools.changes import Changes
from jidoka.tools.content import state_of
from jidoka.tools.edit import replaced, surroundings

MAX_EDITS = 100
_MAX_SHOWN = 10
_EDIT = schemas.arguments(
    {
        "path": schemas.path("File, relative to the project folder."),
        "old": schemas.text("The piece as it is when its turn comes.", least=1, most=MIB),
        "new": schemas.text("What shall stand there instead.", most=MIB),
    },
    {"replace_all": schemas.flag("Replace every place where `old` stands.")},
)


class MultiEdit:
    """Replaces several pieces."""

    spec = ToolSpec(
        name="multi_edit",
        description=(
            "Make several edits, one after the other, each as by the tool edit. "
            "If one does not fit, no file is changed."
        ),
        parameters=schemas.arguments(
            {"edits": {"type": "array", "items": _EDIT, "minItems": 1, "maxItems": MAX_EDITS}}
        ),
        effect=EffectClass.IDEMPOTENT,
        timeout_s=30,
    )

    async def pre_state(
        self, args: Mapping[str, Any], context: ToolContext
    ) -> tuple[FileState, ...]:
        """Return the files as they are."""
        places = dict.fromkeys(context.files.place(edit["path"]) for edit in args["edits"])
        return tuple(state_of(context.files, place) for place in places)

    async def run(self, args: Mapping[str, Any], context: ToolContext) -> ToolOutcome:
        """Make all edits, and show the lines around the first ten."""
        changes = Changes(context)
        shown: list[str] = []
        for edit in args["edits"]:
            path: str = edit["path"]
            text, at = replaced(
                changes.text(path),
                edit["old"],
                edit["new"],
                path=path,
                everywhere=edit.get("replace_all", False),
            )
            changes.put(path, text)
            shown.append(f"Edited {path}:\n{surroundings(text, at, edit['new'])}")
        changed = changes.save()
        more = len(shown) - _MAX_SHOWN
        rest = [f"(and {more} more edits)"] if more > 0 else []
        return ToolOutcome("\n".join([*shown[:_MAX_SHOWN], *rest]), changed=changed)
