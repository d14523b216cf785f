"""What may be asked about what the model reads: active files, a compaction."""

from __future__ import annotations

from typing import assert_never

from jidoka.contract import events as e
from jidoka.contract.context_commands import AddFile, CompactContext, RemoveFile
from jidoka.contract.errors import PathNotFound, PathOutsideProject
from jidoka.core.state import SessionState

ContextCommand = AddFile | RemoveFile | CompactContext


def decide_context(
    state: SessionState, command: ContextCommand, origin: str
) -> e.FileAdded | e.FileRemoved | e.ContextCompactionRequested | None:
    """Return the event that `command` makes true; None where it is true already.

    Whether there is such a file is not known here; where it goes later, the model is told.

    Raises:
        PathOutsideProject: the path does not lead into the project.
        PathNotFound: that file is not active.
    """
    match command:
        case AddFile(path=path):
            path = place_in(state.project_path, path)
            is_last = state.attention.files[-1:] == (path,)
            return None if is_last else e.FileAdded(origin=origin, path=path)
        case RemoveFile(path=path):
            path = place_in(state.project_path, path)
            if path not in state.attention.files:
                raise PathNotFound(path=path)
            return e.FileRemoved(origin=origin, path=path)
        case CompactContext(instructions=instructions):
            if state.attention.compaction is not None:
                return None
            return e.ContextCompactionRequested(origin=origin, instructions=instructions)
        case _:
            assert_never(command)


def place_in(root: str, path: str) -> str:
    """Return `path` relative to the project folder `root`, by its words alone.

    Raises:
        PathOutsideProject: it climbs, is the folder itself, or is absolute and elsewhere.
    """
    relative = path
    if path.startswith("/"):
        if not path.startswith(root.rstrip("/") + "/"):
            raise PathOutsideProject(path=path, rule="absolute and not below the project")
        relative = path[len(root.rstrip("/")) :]
    parts = [part for part in relative.split("/") if part not in ("", ".")]
    if ".." in parts or not parts:
        raise PathOutsideProject(path=path, rule="not a file beneath the project")
    return "/".join(parts)
