"""The files of a turn: kept before it, put back when a person wants it undone.

    take ─► tree (the folder as it is)          a shadow repository of its own, outside the project
    changed, diff (before, after)               also for folders that are no repository
    restore(wanted, last)                       what differs between the two, and nothing else

A person's work wins: a file that is not as the last turn left it is not overwritten, and then
nothing is. Ignored files, files over 10 MiB and repositories within the project are not kept;
`Snapshot.left_out` names those that are not simply ignored.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from jidoka.contract.errors import FileChanged
from jidoka.core.tooling import MIB
from jidoka.sandbox.git import Git

MAX_FILE_BYTES = 10 * MIB
MAX_DIFF_BYTES = MIB
_REFS = "refs/snapshots/"


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
        key = hashlib.sha256(project.encode()).hexdigest()[:24]
        self._project = Path(project)
        self._git = Git(Path(state_folder) / f"{key}.git", project)
        self._alone = asyncio.Lock()

    async def take(self) -> Snapshot:
        """Keep the folder as it is now."""
        async with self._alone:
            return await self._take()

    async def changed(self, before: str, after: str) -> tuple[str, ...]:
        """Return the paths that differ between two trees, sorted."""
        words = ["diff-tree", "-r", "-z", "--no-renames", "--name-only", before, after]
        return tuple(_paths(await self._git.run(words)))

    async def diff(self, before: str, after: str) -> str:
        """Return the difference of two trees as a unified diff, at most 1 MiB of it."""
        words = ["diff-tree", "-r", "-p", "--no-renames", "--no-ext-diff", "--no-textconv"]
        # attributes of ours say that all is binary; a person wants to see text as text
        said = await self._git.run([*words, "--text", "--no-color", before, after])
        if len(said) <= MAX_DIFF_BYTES:
            return said.decode(errors="replace")
        cut = said[:MAX_DIFF_BYTES].decode(errors="ignore")
        return f"{cut}\n… ({len(said) - MAX_DIFF_BYTES} bytes left out)\n"

    async def restore(self, *, wanted: str, last: str) -> tuple[str, ...]:
        """Give the files that differ between `last` and `wanted` their content of `wanted`.

        Other files stay as they are, whoever changed them since. Returns the paths.

        Raises:
            FileChanged: one of the files is no longer as in `last`; none was touched.
        """
        async with self._alone:
            now = await self._take()
            paths = await self.changed(last, wanted)
            touched = sorted(set(paths) & set(await self.changed(last, now.tree)))
            if touched:
                expected, actual = [await self._blob(tree, touched[0]) for tree in (last, now.tree)]
                raise FileChanged(path=touched[0], expected=expected, actual=actual)
            # the index is as the folder is now; git refuses too where it is not as in `last`
            await self._git.run(["read-tree", "-m", "-u", last, wanted])
            return paths

    async def keep_only(self, trees: Iterable[str]) -> None:
        """Forget all other snapshots and free their space."""
        async with self._alone:
            await self._git.ensure()
            listed = await self._git.run(["for-each-ref", "--format=%(refname)", _REFS])
            names = {f"{_REFS}{tree}" for tree in trees}
            gone = [name for name in listed.decode().split() if name not in names]
            orders = "".join(f"delete {name}\n" for name in gone)
            await self._git.run(["update-ref", "--stdin"], given=orders.encode())
            await self._git.run(["prune", "--expire=now"])

    async def _take(self) -> Snapshot:
        await self._git.ensure()
        # left by a git that was killed: whoever holds our lock is the only one here
        (self._git.repository / "index.lock").unlink(missing_ok=True)
        listing = ["ls-files", "-z", "--exclude-standard"]
        differing = _paths(await self._git.run([*listing, "--others", "--modified", "--deleted"]))
        left_out = [path for path in differing if path.endswith("/") or self._is_unfit(path)]
        kept = [path for path in differing if path not in set(left_out)]
        # what is a folder now is no file any more; its files are in the list by themselves
        gone = [path for path in left_out if not path.endswith("/")]
        gone += [path for path in kept if self._is_folder(path)]
        await self._index(["--force-remove"], gone)
        present = [path for path in kept if path not in set(gone)]
        await self._index(["--add", "--remove", "--replace"], present)
        tree = (await self._git.run(["write-tree"])).decode().strip()
        await self._git.run(["update-ref", f"{_REFS}{tree}", tree])
        return Snapshot(tree, tuple(left_out))

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

    async def _blob(self, tree: str, path: str) -> str | None:
        said = await self._git.run(["ls-tree", "-z", tree, "--", f":(literal){path}"])
        return said.split()[2].decode()[:12] if said else None


def _paths(answer: bytes) -> list[str]:
    """Return the paths of an answer with NULs between them, each once, in order."""
    names = (name.decode("utf-8", "surrogateescape") for name in answer.split(b"\0") if name)
    return list(dict.fromkeys(names))


def _listed(paths: Iterable[str]) -> bytes:
    return b"".join(path.encode("utf-8", "surrogateescape") + b"\0" for path in paths)
