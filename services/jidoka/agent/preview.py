"""What a person is shown of a call that waits: the diff of an edit, the command of a shell."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from jidoka.agent.plan import PlannedFiles
from jidoka.contract.errors import JidokaError
from jidoka.core.rules import COMMAND_TOOLS
from jidoka.core.tooling import ProjectFiles

MOST_CHARACTERS = 16_000
_MOST_FILE_BYTES = 1024 * 1024


def preview_of(tool: str, args: Mapping[str, Any], planned: PlannedFiles) -> str:
    """Return the unified diff of what a call would write, else its command or its arguments."""
    if planned.contents:
        return _cut("".join(_diffs(planned)))
    if tool in COMMAND_TOOLS:
        return _cut(str(args.get("command", "")))
    return _cut(f"{tool}: {json.dumps(args, ensure_ascii=False, indent=1)}")


def _diffs(planned: PlannedFiles) -> Iterator[str]:
    for path, after in planned.contents.items():
        before = _content(planned.real, path)
        if before is None and after is not None:
            yield from _diff("/dev/null", f"b/{path}", b"", after)
        elif before is not None and after is None:
            yield from _diff(f"a/{path}", "/dev/null", before, b"")
        else:
            yield from _diff(f"a/{path}", f"b/{path}", before or b"", after or b"")


def _diff(old_name: str, new_name: str, old: bytes, new: bytes) -> Iterator[str]:
    if len(old) > _MOST_FILE_BYTES or len(new) > _MOST_FILE_BYTES or b"\0" in old + new:
        yield f"--- {old_name}\n+++ {new_name}\n({len(old)} bytes become {len(new)} bytes)\n"
        return
    before, after = (
        data.decode("utf-8", "replace").splitlines(keepends=True) for data in (old, new)
    )
    for line in difflib.unified_diff(before, after, old_name, new_name):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _content(files: ProjectFiles, path: str) -> bytes | None:
    """Return a file as it is, None where there is none."""
    try:
        descriptor = files.open_file(path)
    except JidokaError:
        return None
    with open(descriptor, "rb") as file:  # noqa: PTH123 - it is open already
        return file.read(_MOST_FILE_BYTES + 1)


def _cut(text: str) -> str:
    if len(text) <= MOST_CHARACTERS:
        return text
    shown = text[:MOST_CHARACTERS].rpartition("\n")[0] or text[:MOST_CHARACTERS]
    return f"{shown}\n… ({len(text) - len(shown)} more characters)"
