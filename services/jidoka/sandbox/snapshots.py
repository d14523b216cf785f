"""The files of a turn: kept before it, put back when a person wants it undone.

    take ─► tree (the folder as it is)          a shadow repository of its own, outside the project
    step, diff (before, after)                  also for folders that are no repository
    planned ─► put_back                         what differs along a chain, and nothing else

A person's work wins: a file that is not as the chain begins is named, and it is for others to say
what becomes of it. Ignored files, files over 10 MiB, folders that tools make anew and repositories
within the project are not kept; `Snapshot.left_out` names those that are not simply ignored.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from jidoka.contract.errors import ToolFailed
from jidoka.core.putting_back import Plan, Step, Version, plan, touched
from jidoka.core.tooling import MIB
from jidoka.sandbox.git import Git
from jidoka.sandbox.putting_back import Folders, Writer, versions

MAX_FILE_BYTES = 10 * MIB
MAX_DIFF_BYTES = MIB
MAX_FILES = 50_000
"""A folder with more files, not counting ignored ones, has no snapshots."""
MAX_NEW_BYTES = 1024 * MIB
"""Nor one that would add so much at once."""
TAKE_TIMEOUT_S = 20.0
EXCLUDED = "node_modules/\n.venv/\n__pycache__/\n.tox/\n.mypy_cache/\n.jidoka-undo-*\n"
"""Left out as if the project ignored them: made anew by tools, and many."""
_REFS = "refs/snapshots/"
_NONE = "000000"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A folder as it was."""

    tree: str
    """Names it; the same files have the same name."""
    left_out: tuple[str, ...]
    """Files too large or not readable, and repositories within (with a slash behind)."""


class Snapshots:
    """Snapshots of one project folder."""

    def __init__(self, project: str, state_folder: str) -> None:
        """Have the snapshots of `project` below `state_folder`, which is one session's own."""
        key = hashlib.sha256(os.fsencode(project)).hexdigest()[:24]
        self._project = Path(project)
        self._git = Git(Path(state_folder) / f"{key}.git", project, TAKE_TIMEOUT_S)
        self._alone = asyncio.Lock()
        self._last_tree: str | None = None

    async def take(self) -> Snapshot:
        """Keep the folder as it is now.

        Raises:
            ToolFailed: there is too much in it, or git is missing. ToolTimeout: it took too long.
        """
        async with self._alone:
            return await self._take()

    async def step(self, before: str, after: str) -> Step:
        """Return the files that differ between two trees, with their versions.

        Raises:
            ToolFailed: one of the trees is not kept here any more.
        """
        words = ["diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", before, after]
        return _step(_paths(await self._git.run(words)))

    async def versions_in(self, tree: str) -> dict[str, Version]:
        """Return all files of a tree."""
        listed = _paths(await self._git.run(["ls-tree", "-r", "-z", "--full-tree", tree]))
        lines = (line.split("\t", 1) for line in listed)
        return {path: Version(*about.split()[::2]) for about, path in lines}

    async def diff(self, before: str, after: str, paths: Sequence[str] = ()) -> str:
        """Return the difference of two trees as a unified diff, at most 1 MiB of it."""
        words = ["diff-tree", "-r", "-p", "--no-renames", "--no-ext-diff", "--no-textconv"]
        only = [f":(literal){path}" for path in paths]
        said = await self._git.run([*words, "--no-color", before, after, "--", *only])
        if len(said) <= MAX_DIFF_BYTES:
            return said.decode(errors="replace")
        cut = said[:MAX_DIFF_BYTES].decode(errors="ignore")
        return f"{cut}\n… ({len(said) - MAX_DIFF_BYTES} bytes left out)\n"

    async def lines(self, before: str, after: str) -> dict[str, tuple[int, int] | None]:
        """Return how many lines each file gained and lost, None for one that is no text."""
        words = ["diff-tree", "-r", "-z", "--numstat", "--no-renames", before, after]
        rows = (row.split("\t", 2) for row in _paths(await self._git.run(words)))
        return {
            path: None if gained == "-" else (int(gained), int(lost)) for gained, lost, path in rows
        }

    async def planned(
        self, steps: Sequence[Step], ends: Mapping[str, Version | None] | None = None
    ) -> Plan:
        """Return what leads from the folder as it is now to the end of a chain of steps."""
        paths = touched(steps)
        now = await asyncio.to_thread(versions, str(self._project), paths, MAX_FILE_BYTES)
        return plan(steps, now, ends or {})

    async def put_back(self, write: Mapping[str, Version | None]) -> dict[str, str]:
        """Give files the versions they had; return the paths that could not be written, and why.

        Raises:
            ToolFailed: a version is not kept any more; nothing was touched.
        """
        async with self._alone:
            with tempfile.TemporaryFile() as answer:
                blobs = dict.fromkeys(version.blob for version in write.values() if version)
                asked = "".join(f"{blob}\n" for blob in blobs).encode()
                if blobs:
                    await self._git.run(["cat-file", "--batch"], given=asked, answer=answer)
                return await asyncio.to_thread(_put_back, str(self._project), write, answer)

    async def clear_away(self, paths: Iterable[str]) -> None:
        """Remove what a writer that was killed may have left beside these paths."""
        await asyncio.to_thread(_clear_away, str(self._project), sorted(paths))

    async def fill_from(self, other: Snapshots, tree: str) -> tuple[str, ...]:
        """Make the folder what a snapshot of another one was; return the paths that could not be.

        Files that no snapshot keeps stay. Done again after a crash it finishes.

        Raises:
            ToolFailed: the snapshot is not kept there any more. What `take` raises.
        """
        now = await self.take()
        borrowed = self._git.repository / "objects" / "info" / "alternates"
        borrowed.write_bytes(os.fsencode(other.objects) + b"\n")
        try:
            plan = await self.planned([await self.step(now.tree, tree)])
            return tuple(await self.put_back(plan.write))
        finally:
            borrowed.unlink(missing_ok=True)

    @property
    def objects(self) -> Path:
        """Where the contents are kept."""
        return self._git.repository / "objects"

    async def keep_only(self, trees: Iterable[str]) -> None:
        """Forget all other snapshots and free their space."""
        async with self._alone:
            await self._git.ensure(excluded=EXCLUDED)
            listed = await self._git.run(["for-each-ref", "--format=%(refname)", _REFS])
            names = {f"{_REFS}{tree}" for tree in trees}
            gone = [name for name in listed.decode().split() if name not in names]
            orders = "".join(f"delete {name}\n" for name in gone)
            await self._git.run(["update-ref", "--stdin"], given=orders.encode())
            await self._git.run(["prune", "--expire=now"])
            self._last_tree = None

    async def _take(self) -> Snapshot:
        await self._git.ensure(excluded=EXCLUDED)
        # left by a git that was killed: whoever holds our lock is the only one here
        (self._git.repository / "index.lock").unlink(missing_ok=True)
        listing = ["ls-files", "-z", "--exclude-standard"]
        said = await self._git.run([*listing, "--others", "--modified", "--deleted"])
        differing = list(dict.fromkeys(_paths(said)))  # one that is gone is named twice
        left_out = [path for path in differing if path.endswith("/") or self._is_unfit(path)]
        kept = [path for path in differing if path not in set(left_out)]
        self._check(kept)
        # what is a folder now is no file any more; its files are in the list by themselves
        gone = [path for path in left_out if not path.endswith("/")]
        gone += [path for path in kept if self._is_folder(path)]
        await self._index(["--force-remove"], gone)
        present = [path for path in kept if path not in set(gone)]
        await self._index(["--add", "--remove", "--replace"], present)
        if self._last_tree is None or gone or present:
            tree = (await self._git.run(["write-tree"])).decode().strip()
            await self._git.run(["update-ref", f"{_REFS}{tree}", tree])
            self._last_tree = tree
        return Snapshot(self._last_tree, tuple(left_out))

    def _check(self, paths: Sequence[str]) -> None:
        if len(paths) > MAX_FILES:
            raise ToolFailed(reason=f"the folder has more than {MAX_FILES} files")
        size = sum(_size(self._project / path) for path in paths)
        if size > MAX_NEW_BYTES:
            raise ToolFailed(reason=f"more than {MAX_NEW_BYTES // MIB} MiB are new in the folder")

    async def _index(self, how: Sequence[str], paths: Sequence[str]) -> None:
        if paths:
            await self._git.run(["update-index", *how, "-z", "--stdin"], given=_listed(paths))

    def _is_unfit(self, path: str) -> bool:
        file = self._project / path
        try:
            found = file.lstat()
        except OSError:
            return False  # gone: that is a change like any other
        if not stat.S_ISREG(found.st_mode):
            return False
        return found.st_size > MAX_FILE_BYTES or not os.access(file, os.R_OK)

    def _is_folder(self, path: str) -> bool:
        file = self._project / path
        return file.is_dir() and not file.is_symlink()


def _clear_away(root: str, paths: Iterable[str]) -> None:
    with Folders(root) as folders:
        writer = Writer(folders)
        for path in paths:
            writer.clean(path)


def _put_back(root: str, write: Mapping[str, Version | None], answer: BinaryIO) -> dict[str, str]:
    places = _places(answer)
    wanted = {version.blob for version in write.values() if version}
    if missing := wanted - places.keys():
        raise ToolFailed(reason=f"{len(missing)} versions of files are not kept any more")
    with Folders(root) as folders:
        writer = Writer(folders)
        gone = [path for path, version in write.items() if version is None]
        failed = {path: _removed(writer, path) for path in sorted(gone, reverse=True)}
        folders.forget()  # some of them may be gone
        for path, version in sorted(write.items()):
            if version is not None:
                start, size = places[version.blob]
                answer.seek(start)
                failed[path] = _written(writer, path, version, answer.read(size))
    return {path: why for path, why in sorted(failed.items()) if why is not None}


def _removed(writer: Writer, path: str) -> str | None:
    try:
        writer.remove(path)
    except OSError as problem:
        return _why(problem)
    return None


def _written(writer: Writer, path: str, version: Version, content: bytes) -> str | None:
    try:
        writer.write(path, version, content)
    except OSError as problem:
        return _why(problem)
    return None


def _why(problem: OSError) -> str:
    return problem.strerror or type(problem).__name__


def _places(answer: BinaryIO) -> dict[str, tuple[int, int]]:
    """Return where each content stands in what `cat-file --batch` answered: start and size."""
    places: dict[str, tuple[int, int]] = {}
    answer.seek(0)
    while head := answer.readline():
        words = head.decode().split()
        if words[1] == "missing":
            continue
        start, size = answer.tell(), int(words[2])
        places[words[0]] = (start, size)
        answer.seek(start + size + 1)
    return places


def _step(words: Sequence[str]) -> Step:
    """Return the step of what `diff-tree --raw -z` answered: facts and path in turn."""
    found: dict[str, tuple[Version | None, Version | None]] = {}
    facts = iter(words)
    for about, path in zip(facts, facts, strict=True):
        was_mode, is_mode, was, now, _ = about.removeprefix(":").split()
        found[path] = _version(was_mode, was), _version(is_mode, now)
    return found


def _version(mode: str, blob: str) -> Version | None:
    return None if mode == _NONE else Version(mode, blob)


def _size(file: Path) -> int:
    try:
        return file.lstat().st_size
    except OSError:
        return 0


def _paths(answer: bytes) -> list[str]:
    """Return the words of an answer with NULs between them, in order."""
    return [name.decode("utf-8", "surrogateescape") for name in answer.split(b"\0") if name]


def _listed(paths: Iterable[str]) -> bytes:
    return b"".join(path.encode("utf-8", "surrogateescape") + b"\0" for path in paths)
