"""Every provider there is, through litellm. The only file that imports it.

Its import takes seconds and 170 MB, so it happens when the first call needs it, or before, in a
thread, where `load` is called early. Nothing else of jidoka pays for it.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

from jidoka.llm.pieces import Route


class ProviderLibrary:
    """litellm, loaded once."""

    def __init__(self) -> None:
        self._loading: asyncio.Task[Any] | None = None
        self._litellm: Any = None

    async def load(self) -> None:
        """Return when the library is loaded; many may wait."""
        if self._litellm is not None:
            return
        if self._loading is None:
            self._loading = asyncio.create_task(asyncio.to_thread(_import), name="load litellm")
        self._litellm = await asyncio.shield(self._loading)

    def is_provider(self, name: str) -> bool:
        """Tell whether it serves a provider of that name; False before it is loaded."""
        return self._litellm is not None and name in self._litellm.provider_list

    def provider_of(self, model: str) -> str | None:
        """Return who serves a model, None if nobody does or it is not loaded."""
        known = self._litellm.model_cost.get(model) if self._litellm else None
        return known.get("litellm_provider") if known else None

    def window_of(self, route: Route) -> int | None:
        """Return how many tokens a model reads, None if that is not known."""
        table: dict[str, Any] = self._litellm.model_cost if self._litellm else {}
        known: Any = table.get(f"{route.provider}/{route.model}") or table.get(route.model)
        return known.get("max_input_tokens") if known else None


def _import() -> Any:
    # before the import: else it asks the network for prices, and leaves a thread that tries again
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    import litellm  # noqa: PLC0415 - see above

    return litellm
