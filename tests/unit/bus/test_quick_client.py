from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from nats.aio.client import Client

from jidoka.bus.quick_client import QuickClient

line = st.one_of(
    st.binary(max_size=20),
    st.tuples(st.text(max_size=8), st.text(max_size=8)).map(": ".join).map(str.encode),
)


@given(st.lists(line, max_size=6).map(b"\r\n".join))
@example(b"Nats-Msg-Id: 1\r\ncontent-type:application/json\r\nbad name: x\r\n\xc3\xa5: y\r\nz\r\n")
@example(b"a\x1cb: x\r\n\x1c: y")
def test_headers_are_read_as_nats_py_reads_them(raw):
    quick = QuickClient._parse_header_lines(raw)

    assert quick == {key: value for key, value in Client._parse_header_lines(raw).items() if key}
