"""What any model's stream consists of, whoever the provider is."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from jidoka.contract.content import Usage
from jidoka.contract.internal import LlmCall


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of the visible answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Reasoning:
    """A piece of what the model thinks aloud."""

    text: str


@dataclass(frozen=True, slots=True)
class CallPart:
    """A piece of a tool call; providers leave out whatever they like."""

    index: int | None = None
    call_id: str | None = None
    tool: str | None = None
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class Declined:
    """The model's own words for not answering."""

    reason: str


@dataclass(frozen=True, slots=True)
class Spent:
    """What the call has cost; None is unknown, never zero."""

    usage: Usage | None
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Finish:
    """The model is done: `stop`, `tool_calls`, `length` or `content_filter`."""

    reason: str


Piece = Text | Reasoning | CallPart | Declined | Spent | Finish


@dataclass(frozen=True, slots=True)
class Route:
    """Where one call goes."""

    provider: str
    """litellm's name of the provider, `scripted` or `local`."""
    model: str
    """The provider's name of the model, the script's or the weights' path."""
    api_base: str | None = None
    key_reference: str = ""
    """Where the key is (`env:NAME`), empty where none is needed. Never the key."""
    first_byte_s: float = 60.0
    """How long the first piece may take; the embedded model reads slowly."""

    @property
    def name(self) -> str:
        """The model as a person writes it."""
        joint = ":" if self.provider in ("scripted", "local") else "/"
        return f"{self.provider}{joint}{self.model}" if self.model else self.provider

    @property
    def lane(self) -> str:
        """What shares rate limits and outages: a provider's server under one key."""
        return f"{self.provider}|{self.api_base or ''}|{self.key_reference}"


class Model(Protocol):
    """A provider of answers."""

    def stream(self, call: LlmCall, route: Route) -> AsyncGenerator[Piece]:
        """Yield the answer to `call` in pieces; a stream that ends without `Finish` was cut.

        Raises:
            JidokaError: one of the model errors of `contract.errors`.
        """
        ...
