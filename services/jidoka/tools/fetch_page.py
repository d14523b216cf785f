"""Fetches one page under rules; a program of its own, run in the sandbox with the network.

    python -c SOURCE '{"url": …, "hosts": […], "private": false, "max_bytes": …, "timeout_s": …}'

Its first line is JSON, `{"url", "status", "type", "cut"}` or `{"refused"}` or `{"failed"}`; the
text follows. Every hop of a redirect is judged anew, and the address that was judged is the one
connected to: a name that answers differently the second time gains nothing.

It imports the standard library alone, so that its source is all that the sandbox needs of us.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import socket
import ssl
import sys
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

MAX_HOPS = 5
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_PORTS = {"http": 80, "https": 443}
_REDIRECTS = (301, 302, 303, 307, 308)
_TEXT_TYPES = ("text/", "application/json", "application/xml", "application/xhtml+xml")
_CHUNK = 64 * 1024


class RuleError(Exception):
    """A rule says no."""


class UnreachableError(Exception):
    """A page cannot be had; says why, in words."""


class Rules:
    """What may be fetched."""

    def __init__(self, hosts: list[str], private: bool, max_bytes: int, timeout_s: float) -> None:
        self.hosts, self.private = [host.lower() for host in hosts], private
        self.max_bytes, self.timeout_s = max_bytes, timeout_s

    def judge(self, url: str) -> tuple[str, str, int, str]:
        """Return scheme, host, port and target of a URL that may be fetched, or refuse it."""
        if " " in url or not url.isprintable():
            raise RuleError("a URL has no blanks and no control characters")
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".").lower()
        if parts.scheme not in _PORTS:
            raise RuleError(f"only http and https, not {parts.scheme or 'a URL without scheme'}")
        if parts.username is not None or parts.password is not None:
            raise RuleError("no name or password in a URL")
        if not host or is_address(host):
            raise RuleError("a host is named, not numbered")
        if not any(fits(host, allowed) for allowed in self.hosts):
            raise RuleError(f"{host} is not among the allowed hosts")
        port = parts.port or _PORTS[parts.scheme]
        if port not in _PORTS.values() and not self.private:
            raise RuleError(f"port {port} is not one of the web")
        target = parts.path or "/"
        return parts.scheme, host, port, f"{target}?{parts.query}" if parts.query else target

    def address(self, host: str, port: int) -> str:
        """Return an address of `host`; refuse the host when any of them is not public."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError):
            raise UnreachableError(f"the name {host} cannot be resolved") from None
        addresses = [str(one[4][0]) for one in found]
        for address in addresses:
            if not self.private and not is_public(address):
                raise RuleError(f"{host} is {address}, which is no public address")
        return addresses[0]


def is_address(host: str) -> bool:
    """Tell whether a host is a number in any of the forms that resolvers read as one."""
    last = host.rpartition(".")[2]
    return ":" in host or last.isdigit() or last.startswith("0x")


def is_public(address: str) -> bool:
    """Tell whether an address is one of the open internet, also when it is wrapped in IPv6."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if found in _NAT64:
        return False
    inner = getattr(found, "ipv4_mapped", None) or getattr(found, "sixtofour", None) or found
    return bool(found.is_global and inner.is_global and not inner.is_multicast)


def fits(host: str, allowed: str) -> bool:
    """Tell whether a host is allowed by name, by `*.name` with all below it, or by `*`."""
    if allowed.startswith("*."):
        return host == allowed[2:] or host.endswith(allowed[1:])
    return allowed in ("*", host)


class _Text(HTMLParser):
    """The words of a page, without what is not for readers."""

    _SILENT = ("script", "style", "noscript", "template", "svg")
    _BLOCKS = ("p", "div", "br", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "section")

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self._silent += tag in self._SILENT
        if tag in self._BLOCKS:
            self.words.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in self._SILENT and self._silent > 0

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.words.append(data)


def readable(text: str) -> str:
    """Return the words of an HTML page, a line a block."""
    parser = _Text()
    parser.feed(text)
    lines = (" ".join(line.split()) for line in "".join(parser.words).split("\n"))
    return "\n".join(line for line in lines if line)


def fetch(url: str, rules: Rules) -> tuple[dict[str, object], str]:
    """Return what there is to say about the page, and its text."""
    for _ in range(MAX_HOPS + 1):
        scheme, host, port, target = rules.judge(url)
        connection = _connected(scheme, host, port, rules)
        try:
            connection.request("GET", target, headers={"Accept-Encoding": "identity"})
            answer = connection.getresponse()
            place = answer.getheader("location")
            if answer.status in _REDIRECTS and place:
                url = urljoin(url, place)
                continue
            return _read(url, answer, rules)
        finally:
            connection.close()
    raise RuleError(f"more than {MAX_HOPS} redirects")


def _connected(scheme: str, host: str, port: int, rules: Rules) -> http.client.HTTPConnection:
    sock = socket.create_connection((rules.address(host, port), port), rules.timeout_s)
    connection = http.client.HTTPConnection(host, port, timeout=rules.timeout_s)
    if scheme == "https":
        sock = ssl.create_default_context().wrap_socket(sock, server_hostname=host)
    connection.sock = sock
    return connection


def _read(
    url: str, answer: http.client.HTTPResponse, rules: Rules
) -> tuple[dict[str, object], str]:
    kind = (answer.getheader("content-type") or "text/plain").partition(";")[0].strip().lower()
    if not kind.startswith(_TEXT_TYPES):
        raise RuleError(f"{kind} is no text")
    body = b""
    while len(body) <= rules.max_bytes and (piece := answer.read(_CHUNK)):
        body += piece
    cut = len(body) > rules.max_bytes
    charset = answer.headers.get_content_charset("utf-8")
    try:
        text = body[: rules.max_bytes].decode(charset, "replace")
    except LookupError:
        text = body[: rules.max_bytes].decode("utf-8", "replace")
    said: dict[str, object] = {"url": url, "status": answer.status, "type": kind, "cut": cut}
    return said, readable(text) if "html" in kind else text


def main() -> None:
    """Fetch what the argument orders and print it."""
    order = json.loads(sys.argv[1])
    url = order.pop("url")
    try:
        said, text = fetch(url, Rules(**order))
    except RuleError as refused:
        said, text = {"refused": str(refused)}, ""
    except UnreachableError as error:
        said, text = {"failed": str(error)}, ""
    except ConnectionRefusedError:
        said, text = {"failed": f"nobody listens at {urlsplit(url).netloc}"}, ""
    except TimeoutError:
        said, text = {"failed": f"no answer within {order['timeout_s']:g} s"}, ""
    except (OSError, http.client.HTTPException, ValueError) as error:
        said, text = {"failed": f"{type(error).__name__}: {error}"}, ""
    sys.stdout.buffer.write(f"{json.dumps(said)}\n{text}".encode("utf-8", "replace"))


if __name__ == "__main__":
    main()
