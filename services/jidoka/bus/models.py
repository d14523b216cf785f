"""Which model would speak, asked of the llm-gateway by whoever records a choice of one."""

from __future__ import annotations

from typing import Final

from jidoka.bus.connection import Bus
from jidoka.bus.requests import ask
from jidoka.contract.content import LlmConfig
from jidoka.contract.errors import TimedOut, Unavailable
from jidoka.contract.internal import LlmModels, LlmModelsRequest
from jidoka.contract.subjects import LLM_MODELS

PATIENCE_S: Final = 2.0
LOOKING_UP_S: Final = 15.0
"""For a name that tells no provider: the gateway may have to load its library, seconds of work."""


class GatewayModels:
    """Asks the llm-gateway."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def resolved(self, llm: LlmConfig, project_path: str, owner: str) -> LlmConfig:
        """Return `llm` with the model that would speak; as it is when nobody can tell now.

        Raises:
            Refused: no model can speak: an unknown provider or model, or no key.
        """
        question = LlmModelsRequest(llm=llm, project_path=project_path, owner=owner)
        named = llm.model if not llm.provider and not llm.api_base else None
        is_bare = any(_is_bare(name) for name in (named, *llm.fallbacks))
        patience_s = LOOKING_UP_S if is_bare else PATIENCE_S
        try:
            found = await ask(self._bus, LLM_MODELS, question, LlmModels, patience_s)
        except (Unavailable, TimedOut):
            return llm  # the first call finds out
        return llm.model_copy(
            update={
                "provider": found.provider or llm.provider,
                "model": found.model or (None if found.provider else llm.model),
                "api_base": llm.api_base or found.api_base,
                "api_key_ref": llm.api_key_ref or found.api_key_ref,
            }
        )


def _is_bare(name: str | None) -> bool:
    """Tell whether a model is named without who serves it."""
    return bool(name) and not {"/", ":"} & set(name)
