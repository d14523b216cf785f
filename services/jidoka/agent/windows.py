"""How many tokens a session's model reads, asked of the llm-gateway where it is not known yet."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from jidoka.bus.connection import Bus
from jidoka.bus.requests import ask
from jidoka.contract.errors import JidokaError
from jidoka.contract.internal import LlmModels, LlmModelsRequest
from jidoka.contract.subjects import LLM_MODELS
from jidoka.core.state import SessionState

WindowOf = Callable[[SessionState], Awaitable[int | None]]
_PATIENCE_S = 3.0
_LOCAL = "local"
"""The embedded model, which is driven by a part of the conversation that always fits."""


def asking_the_gateway(bus: Bus) -> WindowOf:
    """Return what asks for the window of a session's model; None is the answer of nobody."""

    async def window_of(state: SessionState) -> int | None:
        question = LlmModelsRequest(
            llm=state.llm, project_path=state.project_path, owner=state.owner
        )
        try:
            told = await ask(bus, LLM_MODELS, question, LlmModels, _PATIENCE_S)
        except JidokaError:
            return None  # nobody can tell: its window is assumed
        return None if told.provider == _LOCAL else told.window

    return window_of
