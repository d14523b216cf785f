"""Which model a call would use, told before anybody pays for it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from jidoka.contract.content import LlmConfig
from jidoka.contract.errors import ApiKeyMissing, JidokaError, ModelUnknown
from jidoka.contract.internal import LlmModels, LlmModelsRequest
from jidoka.llm import weights
from jidoka.llm.embedded import WINDOW
from jidoka.llm.listing import first_model
from jidoka.llm.pieces import Route
from jidoka.llm.provider_names import PROVIDER_NAMES
from jidoka.llm.providers import COMPATIBLE, KEYLESS, LOCAL, PROVIDERS, SCRIPTED, maker_of
from jidoka.llm.scripted import ScriptedModel
from jidoka.llm_gateway.routing import WAYS, Surroundings, routes
from jidoka.settings import GatewaySettings


class Library(Protocol):
    """The provider library, which is loaded when it is needed first."""

    async def load(self) -> None:
        """Return when it is loaded."""
        ...

    def provider_of(self, model: str) -> str | None:
        """Return who serves a model, None if nobody does or it is not loaded."""
        ...

    def window_of(self, route: Route) -> int | None:
        """Return how many tokens a model reads, None if that is not known."""
        ...


class Keys(Protocol):
    """Who knows which keys may be used, and are there."""

    def allow(self, route: Route, owner: str) -> None:
        """Raise `Forbidden` where no rule lets an owner go there with that key."""
        ...

    def key(self, route: Route) -> str | None:
        """Return the key of a route, None where it needs none; raises `ApiKeyMissing`."""
        ...

    def check(self, route: Route, owner: str) -> None:
        """Raise `ApiKeyMissing` or `Forbidden` where a call would not get its key."""
        ...


class LocalFiles:
    """The embedded model's files on this machine."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._installed: bool | None = None

    @property
    def is_installed(self) -> bool:
        """Whether the extra is there, as it was when first looked at."""
        if self._installed is None:
            self._installed = weights.is_installed()
        return self._installed

    @property
    def is_ready(self) -> bool:
        """Whether the model's file is joined."""
        return weights.is_joined(self._cache)

    def check(self, name: str) -> None:
        """Raise `ModelUnknown` or `ApiKeyMissing` where there is no such model."""
        if name:
            weights.checked_gguf(name)
        elif not self.is_installed:
            raise ApiKeyMissing(provider="the embedded model", ways=WAYS)


class ModelDirectory:
    """Routes calls, and tells beforehand how."""

    def __init__(  # noqa: PLR0917 - each is another part, by its type
        self,
        settings: GatewaySettings,
        environment: Mapping[str, str],
        library: Library,
        keys: Keys,
        scripted: ScriptedModel,
        local: LocalFiles,
    ) -> None:
        self._environment = environment
        self._settings = settings
        self._library = library
        self._keys = keys
        self._scripted = scripted
        self._local = local

    async def routes(self, config: LlmConfig, owner: str) -> tuple[Route, ...]:
        """Return where a call goes, then where it goes if that fails.

        Raises:
            Forbidden: one of them is not this owner's to use.
            ApiKeyMissing: the first of them would not get a key.
            ProviderUnknown, ModelUnknown: nobody serves that name.
        """
        around = self._surroundings(await self._server_model(config))
        try:
            found = routes(config, around)
        except ModelUnknown as unknown:
            if not unknown.name:
                raise
            await self._library.load()  # it may know whose model it is
            found = routes(config, around)
        for route in found:
            self._keys.allow(route, owner)
        self._keys.check(found[0], owner)
        return found

    async def window_of(self, route: Route, project_path: str) -> int | None:
        """Return how many tokens a model reads at most, None where that is not known.

        The embedded model is driven by a part of the conversation that always fits.
        """
        if route.provider == SCRIPTED:
            with suppress(JidokaError):  # the file is gone by now; the answer is there
                return (await self._scripted.script(route.model, project_path)).window
            return None
        return None if route.provider == LOCAL else self._library.window_of(route)

    async def models(self, request: LlmModelsRequest) -> LlmModels:
        """Return the model that a call would use; raises the refusal that a call would meet."""
        first, *_ = await self.routes(request.llm, request.owner)
        if first.provider == SCRIPTED:
            await self._scripted.script(first.model, request.project_path)
        if first.provider == LOCAL:
            self._local.check(first.model)
        return LlmModels(
            provider=first.provider,
            model=first.model,
            full_name=first.name,
            api_base=first.api_base,
            api_key_ref=first.key_reference or None,
            window=WINDOW if first.provider == LOCAL else self._library.window_of(first),
            needs_weights=(first.provider, first.model) == (LOCAL, "") and not self._local.is_ready,
            known=self._known(),
        )

    def expects_provider(self) -> bool:
        """Tell whether a provider is likely to be asked, so that its library is worth loading."""
        settings = self._settings
        named = settings.api_base is not None or settings.api_key_ref is not None
        keyed = any(self._environment.get(p.variable) for p in PROVIDERS.values())
        return named or keyed

    def _known(self) -> tuple[str, ...]:
        keyed = (p.name for p in PROVIDERS.values() if self._environment.get(p.variable))
        own = (LOCAL,) if self._local.is_installed else ()
        return (*keyed, *own, *sorted(KEYLESS))

    async def _server_model(self, config: LlmConfig) -> str | None:
        """Return the first model of the configured server where nobody names one."""
        settings = self._settings
        named = config.model or config.provider or settings.model
        keyed = any(p.model and self._environment.get(p.variable) for p in PROVIDERS.values())
        if named or keyed or not settings.api_base:
            return None
        reference = settings.api_key_ref or ""
        key = self._keys.key(Route(COMPATIBLE, "", settings.api_base, reference))
        return await first_model(settings.api_base, key)

    def _surroundings(self, server_model: str | None) -> Surroundings:
        return Surroundings(
            server_model=server_model,
            settings=self._settings,
            environment=self._environment,
            has_local=lambda: self._local.is_installed,
            is_provider=PROVIDER_NAMES.__contains__,
            provider_of=lambda model: maker_of(model) or self._library.provider_of(model),
        )
