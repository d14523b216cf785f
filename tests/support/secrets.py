"""Made-up secrets of every known shape, and the forms in which they get about.

They are put together here, so that no file of the repository holds one.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from urllib.parse import quote


def _random(letters: int, seed: str, alphabet: str) -> str:
    state = sum(ord(letter) * 7919**i for i, letter in enumerate(seed, 1))
    found: list[str] = []
    while len(found) < letters:
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        found.append(alphabet[(state >> 33) % len(alphabet)])
    return "".join(found)


LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def _key(beginning: str, letters: int, alphabet: str = LETTERS, seed: str = "") -> str:
    return beginning + _random(letters, f"{beginning}{seed}", alphabet)


def private_key(seed: str = "") -> str:
    """Return what a private key in a file looks like."""
    body = _key("MII", 61, LETTERS, seed)
    lines = "\n".join(_key("", 64, LETTERS, f"{seed}{n}") for n in range(4))
    dashes = "-" * 5
    begin, end = (f"{dashes}{word} RSA PRIVATE KEY{dashes}" for word in ("BEGIN", "END"))
    return f"{begin}\n{body}\n{lines}\n{end}"


def jwt(seed: str = "") -> str:
    """Return what a signed token looks like."""
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("=")
    data = base64.urlsafe_b64encode(json.dumps({"sub": seed or "me"}).encode()).decode()
    return f"{head}.{data.rstrip('=')}.{_key('', 43, LETTERS, seed)}"


def canaries(seed: str = "canary") -> Mapping[str, str]:
    """Return eight secrets by their kind, other ones for every seed."""
    return {
        "aws-key": _key("AK" + "IA", 16, CAPITALS, seed),
        "github-token": _key("gh" + "p_", 36, LETTERS, seed),
        "openai-key": _key("sk-" + "proj-", 48, LETTERS, seed),
        "anthropic-key": _key("sk-" + "ant-api03-", 64, LETTERS, seed),
        "slack-token": _key("xo" + "xb-123456789012-", 24, LETTERS, seed),
        "google-key": _key("AI" + "za", 35, LETTERS, seed),
        "jwt": jwt(seed),
        "private-key": private_key(seed),
    }


def others() -> Mapping[str, str]:
    """Return secrets of the other shapes."""
    return {
        "gitlab-token": _key("gl" + "pat-", 20),
        "api-key": _key("sk" + "-", 48),
        "stripe-key": _key("sk" + "_live_", 24),
        "npm-token": _key("np" + "m_", 36),
        "pypi-token": _key("py" + "pi-AgEIcHlwaS5vcmc", 60),
        "sendgrid-key": f"{_key('S' + 'G.', 22)}.{_key('', 43)}",
        "huggingface-token": _key("h" + "f_", 34),
        "nats-seed": _key("SU" + "A", 55, _BASE32),
        "google-token": _key("ya" + "29.", 60),
    }


def encodings(secret: str) -> Mapping[str, str]:
    """Return the forms in which a secret gets about."""
    escaped = json.dumps(secret)[1:-1]
    return {
        "plain": secret,
        "base64": base64.b64encode(secret.encode()).decode(),
        "hex": secret.encode().hex(),
        "json": escaped,
        "url": quote(secret, safe=""),
    }
