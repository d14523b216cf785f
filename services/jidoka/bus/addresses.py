"""What a broker's URL says: its servers, and the secret that they want to know."""

from __future__ import annotations

from typing import TypedDict
from urllib.parse import SplitResult, urlsplit

from jidoka.contract.errors import InvalidMessage

_SCHEMES = frozenset({"nats", "tls", "ws", "wss"})


def address_of(url: str) -> str:
    """Return `host:port` of a broker's URL: without token or password, fit for a log.

    Of several with commas between them it is the first.
    """
    parts = _parts(url.partition(",")[0])
    return f"{parts.hostname}:{parts.port or 4222}"


def _parts(url: str) -> SplitResult:
    return urlsplit(url if "://" in url else f"nats://{url}")


def servers_of(url: str) -> list[str]:
    """Return the servers that a broker's URL names, with commas between them, without secrets.

    Raises:
        InvalidMessage: it names none, or one of them is no address.
    """
    servers = [_server(each.strip()) for each in url.split(",") if each.strip()]
    if not servers or None in servers:
        raise InvalidMessage.of("nats_url", "must be nats://[TOKEN@]HOST[:PORT], or several")
    return [server for server in servers if server is not None]


def _server(url: str) -> str | None:
    try:
        parts = _parts(url)
        _port = parts.port  # a wrong one is noticed when it is asked for
    except ValueError:
        return None
    known = parts.hostname and parts.scheme in _SCHEMES
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if known else None


class Secret(TypedDict, total=False):
    """What a broker wants to know, as nats-py names it."""

    token: str
    user: str
    password: str


def secret_of(url: str) -> Secret:
    """Return token, or user and password, of a broker's URL, as nats-py names them.

    Given apart they hold for the servers too that a cluster names by itself: without them those
    refuse us, which ends nats-py's reconnecting for good.
    """
    parts = _parts(url.partition(",")[0])
    if parts.username is None:
        return {}
    if parts.password is None:
        return {"token": parts.username}
    return {"user": parts.username, "password": parts.password}
