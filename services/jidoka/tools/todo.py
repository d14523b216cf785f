"""`todo`: the model's own list of what is to be done, whole each time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jidoka.contract.briefing import TodoItem
from jidoka.contract.errors import ToolArgsInvalid
from jidoka.core.tooling import EffectClass, ToolContext, ToolOutcome, ToolSpec
from jidoka.tools import schemas
from jidoka.tools.pre_state import ChangesNoKnownFile

MAX_ITEMS = 50
STATES = {"pending": "[ ]", "in_progress": "[>]", "completed": "[x]"}
_ITEM = schemas.arguments(
    {
        "text": schemas.text("What is to be done.", least=1, most=500),
        "status": {"type": "string", "enum": list(STATES)},
    }
)


class Todo(ChangesNoKnownFile):
    """Keeps the list; `todo.updated` has it for whoever folds the log."""

    spec = ToolSpec(
        name="todo",
        description=(
            "Keep the list of what is to be done: give the whole list each time. "
            "At most one item is in_progress."
        ),
        parameters=schemas.arguments(
            {"items": {"type": "array", "items": _ITEM, "maxItems": MAX_ITEMS}}
        ),
        effect=EffectClass.PURE,
        timeout_s=5,
    )

    async def run(self, args: Mapping[str, Any], context: ToolContext) -> ToolOutcome:  # noqa: ARG002 - the port's
        """Return the list as the model and a person read it."""
        items: list[Mapping[str, str]] = args["items"]
        if sum(item["status"] == "in_progress" for item in items) > 1:
            problem = "items: more than one is in_progress"
            raise ToolArgsInvalid(tool="todo", problems=(problem,))
        lines = [f"{STATES[item['status']]} {' '.join(item['text'].split())}" for item in items]
        kept = tuple(TodoItem(text=item["text"], status=item["status"]) for item in items)
        return ToolOutcome("\n".join(lines) or "(nothing to do)", todo=kept)
