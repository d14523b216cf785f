"""`ask`: a question to the person, whose answer the call waits for before it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jidoka.core.tooling import ASK_TOOL, EffectClass, ToolContext, ToolOutcome, ToolSpec
from jidoka.tools import schemas
from jidoka.tools.pre_state import ChangesNoKnownFile

MAX_QUESTION_CHARACTERS = 4_000
MAX_OPTIONS = 10
_ANSWER = schemas.text("An answer to choose.", least=1, most=500)


class Ask(ChangesNoKnownFile):
    """Hands over what a person answered."""

    spec = ToolSpec(
        name=ASK_TOOL,
        description=(
            "Ask the person something that only they can know, such as which of two ways they "
            "want. The call waits for the answer. Where nobody is there it says so: then go on "
            "with what is most sensible."
        ),
        parameters=schemas.arguments(
            {"question": schemas.text("The question.", least=1, most=MAX_QUESTION_CHARACTERS)},
            {
                "options": {
                    "type": "array",
                    "items": _ANSWER,
                    "maxItems": MAX_OPTIONS,
                    "description": "Answers to choose from; the person may say something else.",
                },
                "default": schemas.text("What holds when nobody answers.", most=500),
            },
        ),
        effect=EffectClass.PURE,
        timeout_s=5,
    )

    async def run(self, args: Mapping[str, Any], context: ToolContext) -> ToolOutcome:
        """Return the answer, or that there is none."""
        if context.answer is not None:
            return ToolOutcome(context.answer)
        default = args.get("default")
        what = f"Take your default: {default}" if default else "Decide yourself, and say how."
        return ToolOutcome(f"(Nobody answered. {what})")
