"""Keys by reference: which reference may serve whom and go where, and what is behind it.

`env:NAME` is looked up at the moment of a call, here and nowhere else. The local profile has one
person, who may use all of their environment. Any other profile knows a list of rules, and what
stands in none of them is refused: an empty list allows nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

from jidoka.contract.errors import ApiKeyMissing, Forbidden, InvalidMessage
from jidoka.contract.model_choice import REFERENCE
from jidoka.llm.pieces import Route
from jidoka.llm_gateway.routing import OWN, WAYS


@dataclass(frozen=True, slots=True)
class KeyRule:
    """What one reference may be used for."""

    reference: str
    """`env:NAME`; empty: calls without a key."""
    owners: frozenset[str]
    hosts: frozenset[str]
    """Hosts of `api_base`, and names of providers whose own servers may be asked."""

    def allows(self, route: Route, owner: str) -> bool:
        """Tell whether `owner` may call `route` with this reference."""
        host = urlsplit(route.api_base).hostname if route.api_base else route.provider
        return owner in self.owners and host in self.hosts


def _ignore(_values: Iterable[str]) -> None:
    """Nobody has to know."""


class KeyRing:
    """The keys that this gateway may use."""

    def __init__(
        self,
        environment: Mapping[str, str],
        rules: Iterable[KeyRule],
        *,
        everything: bool,
        learn: Callable[[Iterable[str]], None] = _ignore,
    ) -> None:
        """`learn` is told the keys that are used, so that nobody says them."""
        self._environment = environment
        self._rules = tuple(rules)
        self._everything = everything
        self._learn = learn

    def allow(self, route: Route, owner: str) -> None:
        """Raise `Forbidden` where no rule lets `owner` use that reference for that address."""
        if route.provider in OWN or self._everything:
            return
        if not self._is_allowed(route, owner):
            where = route.api_base or route.provider
            raise Forbidden(right=f"use {_named(route.key_reference)} for {where}")

    def check(self, route: Route, owner: str) -> None:
        """Raise where a call would not get its key.

        Raises:
            Forbidden: no rule lets `owner` use it for that address.
            ApiKeyMissing: it is not set; the ways to set it are named.
            InvalidMessage: the reference is none.
        """
        self.allow(route, owner)
        if route.provider not in OWN:
            self.key(route)

    def key(self, route: Route) -> str | None:
        """Return the key of a route, None where it needs none; raises as `check`."""
        if not route.key_reference:
            return None
        match = REFERENCE.fullmatch(route.key_reference)
        if match is None:
            # the text is not repeated: it may be a key that somebody put in the wrong place
            raise InvalidMessage.of("llm.api_key_ref", "must be env:NAME, never a key itself")
        found = self._environment.get(match.group(1), "").strip()
        if found:
            self._learn((found,))
            return found
        how = f"export {match.group(1)}=… and start jidoka again"
        raise ApiKeyMissing(
            provider=route.provider, reference=route.key_reference, ways=(how, *WAYS[1:])
        )

    def _is_allowed(self, route: Route, owner: str) -> bool:
        named = (rule for rule in self._rules if rule.reference == route.key_reference)
        return any(rule.allows(route, owner) for rule in named)


def _named(reference: str) -> str:
    """Return a reference as it may be told: what is none may be a key in the wrong place."""
    if not reference:
        return "no key"
    return reference if REFERENCE.fullmatch(reference) else "what is no reference"


def read_rules(raw: Iterable[Mapping[str, Any]]) -> tuple[KeyRule, ...]:
    """Return the rules of the settings; raises `InvalidMessage` naming what is wrong."""
    problems: list[dict[str, str]] = []
    rules: list[KeyRule] = []
    for number, item in enumerate(raw):
        wrong = [key for key in item if key not in ("reference", "owners", "hosts")]
        reference, owners, hosts = item.get("reference", ""), item.get("owners"), item.get("hosts")
        if wrong or not isinstance(reference, str) or not _texts(owners) or not _texts(hosts):
            reason = "must be {reference = 'env:NAME', owners = [...], hosts = [...]}"
            problems.append({"path": f"key_rules.{number}", "reason": reason})
            continue
        rules.append(KeyRule(reference, frozenset(owners or ()), frozenset(hosts or ())))
    if problems:
        raise InvalidMessage(problems=tuple(problems))
    return tuple(rules)


def _texts(value: Any) -> bool:
    if not isinstance(value, list):
        return False
    return all(isinstance(item, str) for item in cast("list[object]", value))
