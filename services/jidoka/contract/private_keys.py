"""What private keys look like, which go over many lines: whole, encoded, and the rest of one.

A block says at its beginning what it is. Where only the rest of it is there, its end says so.
"""

from __future__ import annotations

import re
from typing import Final

from jidoka.contract.secret_formats import HEX_RUN, RUN, from_base64, from_hex

BLOCK_CHARACTERS: Final = 16 * 1024
"""A private key is at most so long; what follows is not taken for a part of it."""
BLOCK_AHEAD: Final = 96
"""So many characters after a beginning, or after an end, decide whether it is one."""
_GAP = r"(?: |%20|\+)"
_END_OF_HEADER = rf"(?:[A-Z0-9]{{1,16}}{_GAP}){{0,3}}PRIVATE{_GAP}KEY(?:{_GAP}BLOCK)?-----"
_PEM: Final = re.compile(
    rf"-----BEGIN{_GAP}{_END_OF_HEADER}"
    rf"(?P<body>(?:(?!-----(?:END|BEGIN))[\w+/=\s\\|:,.>%()-]){{0,{BLOCK_CHARACTERS}}})"
    rf"(?P<end>-----END{_GAP}{_END_OF_HEADER})?",
    re.ASCII,
)
_CUT_SHORT: Final = re.compile(
    r"(?:\\[rn]|%0[ADad]|[\s|])*(?:\d+[\t:])?\s*(?:[\w-]+: [^\n]{0,80}\s+)*[\w+/=]{32}", re.ASCII
)
_PEM_BASE64: Final = re.compile(
    rf"LS0tLS1CRUdJTi[A-Za-z0-9+/_-]{{16,{BLOCK_CHARACTERS}}}"
    r"(?:\r?\n[A-Za-z0-9+/]{16,256}){0,250}(?:\r?\n[A-Za-z0-9+/]{1,15}(?![A-Za-z]))?={0,2}"
)
_PEM_HEX: Final = re.compile(
    rf"2[dD]2[dD]2[dD]2[dD]2[dD]424547494[eE][0-9a-fA-F]{{16,{BLOCK_CHARACTERS}}}"
    r"(?:\r?\n[0-9a-fA-F]{16,256}){0,250}(?:\r?\n[0-9a-fA-F]{2,15}(?![A-Za-z]))?"
)
_NUMBER: Final = r"(?:\x20{0,6}\d{1,7}\t)?"
"""Before the lines of a listing."""
_LINE: Final = r"[A-Za-z0-9+/]{64,76}\r?\n"
"""A line of a key's body, as wide as any program writes it."""
_REST: Final = re.compile(
    rf"{_LINE}(?:{_NUMBER}{_LINE}){{0,230}}(?:{_NUMBER}[A-Za-z0-9+/=]{{1,76}}\r?\n){{0,2}}"
    rf"(?P<end>{_NUMBER}-----END{_GAP}{_END_OF_HEADER})?",
    re.ASCII,
)
"""The rest of a private key, of which the beginning is elsewhere: its end says what it was."""
_FIRST_LINE: Final = re.compile(r"[A-Za-z0-9+/]{64,76}(?:\r?\n|\r\Z)")
"""Its end of line may have come by half."""
_BEFORE_LINE: Final = re.compile(rf"[\n\t](?={_FIRST_LINE.pattern})")
_BLOCKS: Final = re.compile(r"-----BEGIN|LS0tLS1CRUdJTi|2[dD]2[dD]2[dD]2[dD]2[dD]424547494[eE]")
_SAYS_PRIVATE: Final = "PRIVATE KEY"


def next_block(text: str, start: int, *, of_line: bool = True) -> int:
    """Return where something begins that may be a private key or its rest, -1 for nowhere.

    `of_line` tells that a line begins at `start`.
    """
    if of_line and _FIRST_LINE.match(text, start):
        return start
    block, line = _BLOCKS.search(text, start), _BEFORE_LINE.search(text, start)
    places = [*([block.start()] if block else []), *([line.end()] if line else [])]
    return min(places, default=-1)


def block_at(text: str, start: int) -> tuple[int, bool, int]:
    """Return how far what begins at `start` goes, whether it is a private key, and what is next.

    Where it is none, that is the place from which to look on.
    """
    if _BLOCKS.match(text, start) is None:
        rest = _REST.match(text, start)
        end = rest.end() if rest else start + 1
        return end, bool(rest and rest["end"]), max(end - 1, start + 1)
    match text[start]:
        case "-":
            return *_pem_at(text, start), start + 1
        case "L":
            head, pattern = from_base64(_part(RUN, text, start, 56)), _PEM_BASE64
        case _:
            head, pattern = from_hex(_part(HEX_RUN, text, start, 80)), _PEM_HEX
    found = pattern.match(text, start) if _SAYS_PRIVATE in head else None
    return found.end() if found else start, found is not None, start + 1


def _part(run: re.Pattern[str], text: str, start: int, most: int) -> str:
    match = run.match(text, start, start + most)
    return match[0] if match else ""


def _pem_at(text: str, start: int) -> tuple[int, bool]:
    match = _PEM.match(text, start)
    if match is None:
        return start, False
    return match.end(), bool(match["end"] or _CUT_SHORT.match(match["body"]))


def ends_in_key(text: str, *, before: bool) -> bool:
    """Tell whether `text` ends within a private key; `before` says whether it begins in one."""
    begins, ends = text.rfind("-----BEGIN"), text.rfind("-----END")
    return before if begins == ends else begins > ends


def after_key(text: str) -> str:
    """Return what follows the end of a private key that `text` begins in; empty: it goes on."""
    return text.partition("-----END")[2].partition("\n")[2]


def without_edges(head: str, tail: str) -> tuple[str, str]:
    """Return the parts of a text around what was cut out of it, without halves of secrets.

    Of a word that was cut in two nobody could say what it is, nor of the rest of a private key.
    """
    last = max(head.rfind(edge, -_MOST_EDGE) for edge in _EDGES)
    head = head[: last + 1] if last >= 0 else head
    starts = [tail.find(edge, 0, _MOST_EDGE) for edge in _EDGES]
    tail = tail[min((at for at in starts if at >= 0), default=0) :]
    end = tail.find("-----END")
    if end >= 0 and _SAYS_PRIVATE in tail[end : end + 64] and "-----BEGIN" not in tail[:end]:
        tail = after_key(tail)
    return head, tail


_EDGES: Final = ("\n", " ", "\t", '"', "'", ",", ";")
_MOST_EDGE: Final = 4_096
