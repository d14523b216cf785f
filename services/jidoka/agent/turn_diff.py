"""What a turn changed: two snapshots compared, for a person to read."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from jidoka.agent.turn_files import printable
from jidoka.contract.content import FileDiff
from jidoka.contract.errors import SnapshotMissing, ToolFailed
from jidoka.contract.internal import DiffAnswer, DiffAsked
from jidoka.core.putting_back import Step, Version
from jidoka.sandbox.snapshots import Snapshots

MOST_FILES: Final = 2_000
MOST_DIFF_BYTES: Final = 512 * 1024
CUT: Final = "\n… (the rest is left out)\n"
Lines = dict[str, tuple[int, int] | None]


async def difference(asked: DiffAsked, home: str) -> DiffAnswer:
    """Return the files that a turn changed, and how.

    Raises:
        SnapshotMissing: the snapshots are not on this machine, or too old.
    """
    folder = Path(home) / "snapshots" / asked.session_id
    snapshots = Snapshots(asked.project_path, str(folder))
    files: list[FileDiff] = []
    diff = ""
    try:
        for before, after in _joined(asked.spans):
            step = await snapshots.step(before, after)
            files += _files(step, await snapshots.lines(before, after))
            diff += await snapshots.diff(before, after)
    except (ToolFailed, FileNotFoundError):
        why = "they are not on this machine, or too old"
        raise SnapshotMissing(turn_id="", why=why) from None
    if len(diff.encode()) > MOST_DIFF_BYTES:
        diff = diff.encode()[:MOST_DIFF_BYTES].decode(errors="ignore") + CUT
    return DiffAnswer(files=tuple(files[:MOST_FILES]), files_total=len(files), diff=diff)


def _joined(spans: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    """Return the spans, those that follow on each other made one."""
    joined: list[tuple[str, str]] = []
    for before, after in spans:
        if joined and joined[-1][1] == before:
            joined[-1] = (joined[-1][0], after)
        else:
            joined.append((before, after))
    return joined


def _files(step: Step, lines: Lines) -> list[FileDiff]:
    return [_file(path, versions, lines) for path, versions in sorted(step.items())]


def _file(path: str, versions: tuple[Version | None, Version | None], lines: Lines) -> FileDiff:
    before, after = versions
    counted = lines.get(path)
    return FileDiff(
        path=printable(path),
        change=_change(before, after),
        added=counted[0] if counted else None,
        removed=counted[1] if counted else None,
        old_mode=before.mode if before else None,
        new_mode=after.mode if after else None,
    )


def _change(before: Version | None, after: Version | None) -> str:
    if before is None:
        return "added"
    if after is None:
        return "deleted"
    return "mode" if before.blob == after.blob else "modified"
