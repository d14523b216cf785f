"""`fetch`: pages of the web, and nothing that only this machine should reach."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from jidoka.contract.errors import ToolArgsInvalid, ToolDenied, ToolFailed, ToolTimeout
from jidoka.core.tooling import INLINE_BYTES
from jidoka.tools.fetch import MAX_PAGE_BYTES, Fetch
from jidoka.tools.fetch_page import RuleError, Rules, UnreachableError, fits, is_public
from tests.support.layers import layer
from tests.support.project import ToolBench, tool_bench

PAGE = (
    "<html><head><style>p {}</style><script>x()</script></head>"
    "<body><h1>Title</h1><p>Words &amp; more</p></body></html>"
)
ANSWERS: dict[str, tuple[int, str, bytes]] = {
    "/page": (200, "text/html; charset=utf-8", PAGE.encode()),
    "/old": (200, "text/plain; charset=latin-1", "café".encode("latin-1")),
    "/odd": (200, "text/plain; charset=klingon", b"plain"),
    "/none": (404, "text/plain", b"not here"),
    "/image": (200, "image/png", b"\x89PNG"),
    "/big": (200, "text/plain", b"x" * (MAX_PAGE_BYTES + 1)),
}
REDIRECTS = {
    "/near": "/page",
    "/numbered": "http://127.0.0.1:{port}/page",
    "/elsewhere": "http://elsewhere.example/page",
    "/file": "file:///etc/passwd",
    "/loop": "/loop",
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        port = self.headers["Host"].rpartition(":")[2]
        status, kind, body = ANSWERS.get(self.path, (302, "text/plain", b""))
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if self.path in REDIRECTS:
            self.send_header("Location", REDIRECTS[self.path].replace("{port}", port))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):  # noqa: A002 - the base's name
        """Keep the tests' output quiet."""


@pytest.fixture
def site() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://localhost:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture(params=["bubblewrap", "landlock"])
def web(request, bench: ToolBench) -> ToolBench:
    """A bench whose `fetch` may ask this machine itself."""
    other = tool_bench(bench.root, layer(request.param), bench.context.files)
    other.toolbox.add(Fetch(["localhost"], private=True))
    return other


async def test_a_page_is_shown_as_its_words(web, site):
    text = await web.text("fetch", url=f"{site}/page")

    assert text == f"({site}/page: status 200, text/html)\nTitle\nWords & more"


@pytest.mark.parametrize(
    ("path", "end"),
    [
        ("/near", "/page: status 200, text/html)\nTitle\nWords & more"),
        ("/old", "/old: status 200, text/plain)\ncafé"),
        ("/odd", "/odd: status 200, text/plain)\nplain"),
        ("/none", "/none: status 404, text/plain)\nnot here"),
    ],
)
async def test_redirects_encodings_and_statuses_are_understood(web, site, path, end):
    assert (await web.text("fetch", url=f"{site}{path}")).endswith(end)


async def test_a_large_page_is_cut_while_it_comes(web, site):
    outcome = await web.call("fetch", url=f"{site}/big")

    assert f"only its first {MAX_PAGE_BYTES} bytes" in outcome.text
    assert len(outcome.text.encode()) <= INLINE_BYTES + 200
    assert outcome.spill
    Path(outcome.spill).unlink()


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/numbered", "named, not numbered"),
        ("/elsewhere", "elsewhere.example is not among"),
        ("/file", "only http and https"),
        ("/loop", "more than 5 redirects"),
        ("/image", "image/png is no text"),
    ],
)
async def test_each_hop_and_what_comes_back_is_judged(web, site, path, reason):
    with pytest.raises(ToolDenied) as denied:
        await web.text("fetch", url=f"{site}{path}")

    assert reason in denied.value.rule


async def test_a_host_that_does_not_answer_is_a_failure(web):
    with pytest.raises(ToolFailed, match="nobody listens at localhost:1"):
        await web.text("fetch", url="http://localhost:1/")


@pytest.mark.parametrize("host", ["nowhere.invalid", f"{'a' * 64}.example"])
def test_a_name_that_nobody_knows_is_told_in_words(host):
    rules = Rules(["*"], private=False, max_bytes=1, timeout_s=1)

    with pytest.raises(UnreachableError, match=f"the name {host} cannot be resolved"):
        rules.address(host, 80)


async def test_an_empty_list_of_hosts_allows_none(bench, site):
    bench.toolbox.add(Fetch([]))

    with pytest.raises(ToolDenied):
        await bench.text("fetch", url=f"{site}/page")


async def test_a_name_of_this_machine_is_refused_by_its_address(bench, site):
    bench.toolbox.add(Fetch(["*"]))

    with pytest.raises(ToolDenied) as denied:
        await bench.text("fetch", url="http://localhost/page")

    assert "no public address" in denied.value.rule


async def test_a_host_that_never_finishes_is_given_up(bench, site):
    bench.toolbox.add(Fetch(["localhost"], private=True))
    bench.context = replace(bench.context, timeout_s=0.000_1)

    with pytest.raises(ToolTimeout):
        await bench.text("fetch", url=f"{site}/page")


async def test_it_is_not_there_unless_it_was_added(bench):
    assert "fetch" not in bench.toolbox.names
    bench.toolbox.add(Fetch(["*"]))

    with pytest.raises(ToolArgsInvalid):
        await bench.text("fetch", url="")


PUBLIC = Rules(["*"], private=False, max_bytes=1, timeout_s=1)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/",
        "//example.org/",
        "example.org",
        "http:///path",
        "http://user:secret@example.org/",
        "http://127.0.0.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://[::1]/",
        "http://example.org:22/",
        "http://example.org/\r\nX: y",
        "http://example.org/ a",
        "http://exa\0mple.org/",
        "http://127.0.0.1./",
    ],
)
def test_urls_that_mean_something_else_are_refused(url):
    with pytest.raises((RuleError, ValueError)):
        PUBLIC.judge(url)


def test_an_ordinary_url_is_taken_apart():
    assert PUBLIC.judge("HTTPS://Example.org:443/a?b=c#d") == (
        *("https", "example.org", 443),
        "/a?b=c",
    )


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254"),
        "0.0.0.0",  # noqa: S104 - an address to refuse
        *("100.64.0.1", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "ff02::1"),
    ],
)
def test_addresses_that_are_not_public_are_known(address):
    assert not is_public(address)


def test_public_addresses_and_allowed_names_are_known():
    assert is_public("93.184.215.14")
    assert is_public("2606:2800:21f:cb07:6820:80da:af6b:8b2c")
    assert fits("docs.example.org", "*.example.org")
    assert fits("example.org", "*.example.org")
    assert not fits("badexample.org", "*.example.org")
    assert not fits("example.org.evil.net", "example.org")
