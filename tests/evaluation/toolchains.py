"""What the tasks' languages need besides the system: found once, shown to the sandbox read-only.

A sandbox has a fresh home each time, so Go would compile its library anew with every command. A
cache that is filled beforehand saves that: inside, each command has one of its own that is made of
links to it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = {
    "cc": "cc",
    "make": "make",
    "node": "node",
    "go": "go",
    "rust": "rustc",
    "java": "javac",
    "git": "git",
}
"""Need → the program that shows whether it is met."""
ASK_S = 60.0
SYSTEM = ("/usr/bin", "/usr/lib", "/usr/share", "/bin")
"""What every command sees; other folders below /usr are seen too, but are not on PATH."""
OUR_GO = "go-with-a-cache"
WRAPPER = """#!/bin/sh
: "${{GOCACHE:=${{TMPDIR:-/tmp}}/go-cache}}"
[ -d "$GOCACHE" ] || cp -rs {cache} "$GOCACHE"
export GOCACHE GOTOOLCHAIN=local GOFLAGS=-mod=mod GOPROXY=off
exec {root}/bin/go "$@"
"""


@dataclass(frozen=True)
class Toolchains:
    """Folders that a command may read and run programs from."""

    folders: tuple[Path, ...]

    @property
    def setting(self) -> str:
        """The folders as `JIDOKA_TOOL_FOLDERS` takes them."""
        return ",".join(map(str, self.folders))


def missing(needs: Iterable[str]) -> list[str]:
    """Return the programs of `needs` that are not installed."""
    return [PROGRAMS[need] for need in needs if shutil.which(PROGRAMS[need]) is None]


def find(needs: Iterable[str], work: Path) -> Toolchains:
    """Return the tool chains of `needs` that the system's folders do not hold; `work` is ours."""
    wanted = set(needs) - {need for need in needs if missing([need])}
    folders: list[Path] = []
    if "node" in wanted:
        folders.append(_home_of(shutil.which("node") or ""))
    if "rust" in wanted:
        folders.append(Path(_said("rustc", "--print", "sysroot")))
    if "java" in wanted:
        folders.append(_home_of(shutil.which("javac") or ""))
    if "go" in wanted:
        folders += _go(work)
    outside = (folder for folder in folders if not str(folder).startswith(SYSTEM))
    return Toolchains(tuple(dict.fromkeys(outside)))


def _go(work: Path) -> list[Path]:
    """Return Go behind a program of that name that knows where its cache is."""
    root, ours = Path(_said("go", "env", "GOROOT")), work / OUR_GO
    wrapper, cache = ours / "bin" / "go", ours / "cache"
    wrapper.parent.mkdir(parents=True)
    cache.mkdir()
    wrapper.write_text(WRAPPER.format(cache=cache, root=root))
    wrapper.chmod(0o755)
    return [ours, root]  # ours is found first


def warm_go(toolchains: Toolchains, project: Path) -> subprocess.Popen[bytes] | None:
    """Start filling Go's cache by building `project`; return the process, None without Go."""
    wrapper = next((f / "bin" / "go" for f in toolchains.folders if f.name == OUR_GO), None)
    if wrapper is None:
        return None
    words = [str(wrapper), "build", "-o", str(project / "program"), "."]
    cache = os.environ | {"GOCACHE": str(wrapper.parent.parent / "cache")}
    return subprocess.Popen(words, cwd=project, env=cache, stdout=subprocess.DEVNULL)


def _home_of(program: str) -> Path:
    """Return the folder above the `bin` that a program really stands in."""
    return Path(program).resolve().parent.parent


def _said(*words: str) -> str:
    answer = subprocess.run(words, capture_output=True, text=True, timeout=ASK_S, check=True)
    return answer.stdout.strip()
