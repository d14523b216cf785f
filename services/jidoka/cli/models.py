"""Which model a run would use, asked before anything is begun; the embedded one made ready."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jidoka.contract.content import LlmConfig
from jidoka.contract.internal import LlmModels, LlmModelsRequest

if TYPE_CHECKING:
    from jidoka.client import Client


async def check_model(client: Client, llm: dict[str, Any], project_path: str) -> LlmModels:
    """Return the model that would speak.

    Raises:
        ApiKeyMissing: there is none at all, with the ways to get one; or its key is missing.
        ProviderUnknown, ModelUnknown: nobody serves that name.
    """
    from jidoka.client.asking import valid  # noqa: PLC0415

    request = LlmModelsRequest(llm=valid(LlmConfig, llm), project_path=project_path)
    models = await client.models(request)
    if models.needs_weights:
        from jidoka.cli.weights import join_weights  # noqa: PLC0415

        await join_weights()
    return models
