"""No secret in what a model says: not while it is shown, not in the answer that is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from jidoka.bus.live import Coalescer
from jidoka.contract.internal import LlmAnswer
from jidoka.contract.live import LiveKind
from jidoka.contract.redacted_data import clean
from jidoka.contract.redaction import RedactedStream, Redactor
from jidoka.contract.secret_values import SHORTEST_TOKEN, looks_random, names_a_secret

_SPOKEN: Final = frozenset({"content", "reasoning", "tool_calls"})


class RedactedSpeech:
    """What is shown of an answer while it comes: whole words, without secrets."""

    def __init__(self, deltas: Coalescer, redactor: Redactor) -> None:
        self._deltas = deltas
        self._redactor = redactor
        self._streams: dict[LiveKind, RedactedStream] = {}

    async def add(self, kind: LiveKind, text: str) -> None:
        """Show what is ready of all that was said so far."""
        stream = self._streams.setdefault(kind, self._redactor.stream())
        if ready := stream.feed(text):
            await self._deltas.add(kind, ready)

    async def finish(self) -> None:
        """Show the rest: no more comes."""
        for kind, stream in self._streams.items():
            if rest := stream.close():
                await self._deltas.add(kind, rest)


def without_secrets(answer: LlmAnswer, redactor: Redactor) -> LlmAnswer:
    """Return an answer without the secrets that the model wrote."""
    data = answer.model_dump(mode="json", include=set(_SPOKEN))
    changed = clean(data, redactor)
    if changed is data:
        return answer
    return LlmAnswer.model_validate(answer.model_dump(mode="json") | changed)


def secrets_of(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield the values of an environment that are secret by their names."""
    for name, value in environment.items():
        if names_a_secret(name) and len(value) >= SHORTEST_TOKEN and looks_random(value):
            yield value
