"""What has to be known of a provider before its library is loaded: where its key usually is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

SCRIPTED: Final = "scripted"
LOCAL: Final = "local"
COMPATIBLE: Final = "openai"
"""The provider of every OpenAI-compatible server that is named by its address."""


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider with a key of its own."""

    name: str
    variable: str
    """The environment variable that usually holds its key."""
    model: str = ""
    """What is used when a person has a key and names no model; empty: none."""


_KEYED: Final = (
    Provider("anthropic", "ANTHROPIC_API_KEY", "claude-sonnet-5-5"),
    Provider("openai", "OPENAI_API_KEY", "gpt-5.6"),
    Provider("gemini", "GEMINI_API_KEY", "gemini-3.5-flash"),
    Provider("deepseek", "DEEPSEEK_API_KEY", "deepseek-v4-pro"),
    Provider("mistral", "MISTRAL_API_KEY", "mistral-medium-latest"),
    Provider("xai", "XAI_API_KEY", "grok-4.7"),
    Provider("openrouter", "OPENROUTER_API_KEY"),
    Provider("groq", "GROQ_API_KEY"),
    Provider("azure", "AZURE_API_KEY"),
    Provider("cohere", "COHERE_API_KEY"),
    Provider("together_ai", "TOGETHERAI_API_KEY"),
    Provider("fireworks_ai", "FIREWORKS_AI_API_KEY"),
    Provider("cerebras", "CEREBRAS_API_KEY"),
    Provider("perplexity", "PERPLEXITYAI_API_KEY"),
    Provider("huggingface", "HF_TOKEN"),
)
PROVIDERS: Final[Mapping[str, Provider]] = {provider.name: provider for provider in _KEYED}
"""In the order in which a key decides which one is the default."""

KEYLESS: Final = frozenset(
    {"ollama", "ollama_chat", "lm_studio", "hosted_vllm", "llamafile", "vertex_ai", "bedrock"}
)
"""Servers of one's own, and clouds whose credentials are no single key."""


_FAMILIES: Final = (
    (re.compile(r"(gpt|chatgpt|codex)-|o[134](-|$)"), "openai"),
    (re.compile(r"claude-"), "anthropic"),
    (re.compile(r"gemini-"), "gemini"),
    (re.compile(r"grok-"), "xai"),
    (re.compile(r"deepseek-"), "deepseek"),
    (re.compile(r"(mistral|codestral|devstral|magistral)-"), "mistral"),
)


def maker_of(model: str) -> str | None:
    """Return the provider whose models have such names, None where the name tells nothing."""
    return next((provider for names, provider in _FAMILIES if names.match(model)), None)


def variable_of(provider: str) -> str:
    """Return the environment variable where the key of `provider` is looked for."""
    known = PROVIDERS.get(provider)
    return known.variable if known else f"{provider.upper().replace('-', '_')}_API_KEY"
