"""Commits without `git commit`: nothing that the project configured for git is run.

    project's objects ─ alternates ─► a repository of ours, for this one commit
        read-tree HEAD, the files as they are, write-tree, commit-tree
    project ◄─ pack-objects, update-ref HEAD (only if it still is what we saw), read-tree

In the sandbox `.git` is read-only, so this is how a session commits. A person's staged changes, a
merge under way and files that need a filter (LFS) are refused: they are the person's to commit.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from jidoka.contract.errors import ToolFailed
from jidoka.sandbox.git import Git

_UNDER_WAY = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply")
_NO_FILTER = {b"unspecified", b"unset"}
_ZERO = "0" * 40


@dataclass(frozen=True, slots=True)
class RepositoryCommits:
    """Commits in one project; the port `Commits`."""

    project: str

    async def commit(self, message: str, paths: tuple[str, ...]) -> str:
        """Commit what changed, all of it or beneath `paths`; return a sentence about it.

        Raises:
            ToolFailed: no repository, nothing to commit, or something that is the person's to do.
        """
        folder, common = _repository(Path(self.project))
        theirs = Git(folder, self.project)
        head = await _head(theirs)
        await _refuse_unfinished(theirs, folder, head)
        person = await _person(theirs)
        with tempfile.TemporaryDirectory(prefix="jidoka-commit-") as temporary:
            ours = Git(Path(temporary) / "git", self.project)
            await _prepare(ours, theirs, common, head)
            files = await _stage(ours, paths)
            tree = (await ours.run(["write-tree"])).decode().strip()
            if not files or (head and tree == await _tree_of(ours, head)):
                raise ToolFailed(reason="there is nothing to commit")
            parents = ["-p", head] if head else []
            made = await ours.run(
                ["commit-tree", *parents, "-F", "-", tree],
                given=message.encode(),
                environment=person,
            )
            commit = made.decode().strip()
            wanted = f"{commit}\n^{head}\n" if head else f"{commit}\n"
            await ours.run(
                ["pack-objects", "--revs", "--quiet", str(common / "objects/pack/pack")],
                given=wanted.encode(),
            )
        subject = message.strip().partition("\n")[0]
        await theirs.run(
            ["update-ref", "-m", f"commit: {subject}", "HEAD", commit, head or _ZERO],
            environment=person,
        )
        await theirs.run(["read-tree", commit])
        return f"Committed {commit[:10]} ({_count(files)}): {subject}"


def _repository(project: Path) -> tuple[Path, Path]:
    """Return a project's repository and the one that it shares with other work trees."""
    git = project / ".git"
    if git.is_symlink() or not git.exists():
        raise ToolFailed(reason="the project folder is no git repository")
    if git.is_dir():
        return git, git
    if not git.is_file():  # who reads a pipe may wait for ever
        raise ToolFailed(reason="the project's .git is no file and no folder")
    folder = Path(project / git.read_text().removeprefix("gitdir:").strip())
    shared = folder / "commondir"
    common = (folder / shared.read_text().strip()).resolve() if shared.is_file() else folder
    return folder, common


async def _head(theirs: Git) -> str:
    """Return the commit that HEAD names, "" for none yet."""
    try:
        found = await theirs.run(["rev-parse", "--verify", "--quiet", "HEAD^{commit}"])
    except ToolFailed:
        return ""
    return found.decode().strip()


async def _refuse_unfinished(theirs: Git, folder: Path, head: str) -> None:
    for name in _UNDER_WAY:
        if (folder / name).exists():
            raise ToolFailed(reason=f"the person has something under way in git ({name})")
    if head:
        words = ["diff-index", "--cached", "--name-only", "--no-ext-diff", "-z", head]
    else:
        words = ["ls-files", "--cached", "-z"]
    if staged := await theirs.run(words):
        first = staged.split(b"\0")[0].decode(errors="replace")
        raise ToolFailed(reason=f"the person has staged changes ({first}); they commit those")


async def _person(theirs: Git) -> dict[str, str]:
    """Return who commits: whom the person's own settings name."""
    said: list[str] = []
    for name in ("user.name", "user.email"):
        try:
            found = await theirs.run(["config", "--get", name], environment=_own_settings())
        except ToolFailed:
            reason = f"git does not know who commits: git config --global {name} …"
            raise ToolFailed(reason=reason) from None
        said.append(found.decode(errors="replace").strip())
    keys = ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL")
    return dict(zip(keys, said * 2, strict=True))


def _own_settings() -> dict[str, str]:
    """Return where the person's settings are; they are read, not obeyed."""
    places = [Path.home() / ".gitconfig", Path.home() / ".config/git/config"]
    found = next((place for place in places if place.is_file()), places[0])
    return {"HOME": str(Path.home()), "GIT_CONFIG_GLOBAL": str(found)}


async def _prepare(ours: Git, theirs: Git, common: Path, head: str) -> None:
    """Have a repository that sees the project's objects, at HEAD, ignoring what it ignores."""
    await ours.ensure(attributes="")
    (ours.repository / "objects" / "info").mkdir(exist_ok=True)
    (ours.repository / "objects/info/alternates").write_text(f"{common / 'objects'}\n")
    ignored = [common / "info/exclude", Path.home() / ".config/git/ignore"]
    try:
        named = await theirs.run(
            ["config", "--type=path", "--get", "core.excludesFile"], environment=_own_settings()
        )
        ignored.append(Path(named.decode().strip()))
    except ToolFailed:
        pass  # none is named
    patterns = b"\n".join(path.read_bytes() for path in ignored if path.is_file())
    (ours.repository / "info/exclude").write_bytes(patterns)
    await ours.run(["read-tree", head] if head else ["read-tree", "--empty"])


async def _stage(ours: Git, paths: Iterable[str]) -> list[bytes]:
    """Have the files as they are in our index; return those that may differ."""
    chosen = [f":(literal){path}" for path in paths]
    listing = ["ls-files", "-z", "--exclude-standard", "--others", "--modified", "--deleted"]
    listed = await ours.run([*listing, "--", *chosen])
    files = [name for name in dict.fromkeys(listed.split(b"\0")) if name and name[-1:] != b"/"]
    given = b"".join(name + b"\0" for name in files)
    await _refuse_filtered(ours, given)
    if files:
        words = ["update-index", "--add", "--remove", "--replace", "-z", "--stdin"]
        await ours.run(words, given=given)
    return files


async def _refuse_filtered(ours: Git, given: bytes) -> None:
    said = (await ours.run(["check-attr", "-z", "--stdin", "filter"], given=given)).split(b"\0")
    for name, _, value in zip(said[0::3], said[1::3], said[2::3], strict=False):
        if value not in _NO_FILTER:
            text = name.decode(errors="replace")
            raise ToolFailed(
                reason=f"{text} needs the filter {value.decode()!r}; commit it by hand"
            )


async def _tree_of(ours: Git, commit: str) -> str:
    return (await ours.run(["rev-parse", f"{commit}^{{tree}}"])).decode().strip()


def _count(files: Sequence[bytes]) -> str:
    return "1 file" if len(files) == 1 else f"{len(files)} files"
