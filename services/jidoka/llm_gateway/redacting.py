"""No secret in an answer that is kept; `Coalescer` strikes them out of what is shown of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from jidoka.contract.internal import LlmAnswer
from jidoka.contract.redacted_data import clean
from jidoka.contract.redaction import Redactor
from jidoka.contract.secret_values import SHORTEST_TOKEN, looks_random, names_a_secret

_SPOKEN: Final = frozenset({"content", "reasoning", "tool_calls"})


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
