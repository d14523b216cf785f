"""A file as blocks that an edit may replace: functions, classes, paragraphs.

A small model writes a function anew far better than it copies a line to be replaced. So it names
a block by its first line and writes it whole; what stood there is looked up, not copied.
"""

from __future__ import annotations

import re

BLOCK_LINES = 30  # longer ones are cut at their blank lines
_START = re.compile(r"\n(?:[ \t]*\n)+(?=\S)")
_BLANK = re.compile(r"\n(?:[ \t]*\n)+")


def blocks_of(content: str) -> dict[str, str]:
    """Return the blocks of a file by their first lines, in their order.

    A block whose text or first line is not unique cannot be named, and is left out.
    """
    parts = (part.strip("\n") for part in _START.split(content))
    blocks = [block for part in parts for block in _pieces(part) if block.strip()]
    heads = [head_of(block) for block in blocks]
    return {
        head: block
        for head, block in zip(heads, blocks, strict=True)
        if heads.count(head) == 1 and content.count(block) == 1
    }


def _pieces(part: str) -> list[str]:
    return _BLANK.split(part) if part.count("\n") >= BLOCK_LINES else [part]


def head_of(block: str) -> str:
    """Return the first line of a block, which names it."""
    return block.partition("\n")[0].strip()
