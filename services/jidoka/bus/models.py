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
        try:
            found = await ask(self._bus, LLM_MODELS, question, LlmModels, PATIENCE_S)
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
