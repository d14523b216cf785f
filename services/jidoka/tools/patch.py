"""`patch`: a unified diff over one or many files; all of it or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jidoka.contract.errors import PathNotFound, ToolFailed
from jidoka.core.tooling import MIB, EffectClass, FileState, ToolContext, ToolOutcome, ToolSpec
from jidoka.tools import schemas
from jidoka.tools.changes import Changes
from jidoka.tools.content import state_of
from jidoka.tools.unified_diff import FilePatch, apply, made_by, parse

MAX_PATCH_CHARACTERS = 4 * MIB


class Patch:
    """Applies a diff."""

    spec = ToolSpec(
        name="patch",
        description=(
            "Apply a unified diff (--- a/FILE, +++ b/FILE, @@ hunks); /dev/null makes or removes "
            "a file. If one hunk does not fit, no file is changed."
        ),
        parameters=schemas.arguments(
            {"patch": schemas.text("The diff.", least=1, most=MAX_PATCH_CHARACTERS)}
        ),
        effect=EffectClass.IDEMPOTENT,
        timeout_s=30,
    )

    async def pre_state(
        self, args: Mapping[str, Any], context: ToolContext
    ) -> tuple[FileState, ...]:
        """Return the files as they are."""
        names = (n for one in parse(args["patch"]) for n in (one.source, one.target) if n)
        places = dict.fromkeys(map(context.files.place, names))
        return tuple(state_of(context.files, place) for place in places)

    async def run(self, args: Mapping[str, Any], context: ToolContext) -> ToolOutcome:
        """Apply the diff, and say what became of each file."""
        changes = Changes(context)
        said = [_apply_one(changes, one) for one in parse(args["patch"])]
        changed = changes.save()
        return ToolOutcome("\n".join(said), changed=changed)


def _apply_one(changes: Changes, patch: FilePatch) -> str:
    source, target = patch.source, patch.target
    if source is None and target is None:
        raise ToolFailed(reason="a file of the patch has no name on either side")
    if source is None and target is not None:
        if changes.exists(target):
            raise ToolFailed(reason=f"{target} is there already, the patch would make it")
        changes.put(target, made_by(patch.hunks))
        return f"Made {target}"
    name = source or ""
    if not changes.exists(name):
        raise PathNotFound(path=name)
    text = apply(changes.text(name), patch.hunks, path=name)
    if target is None:
        return _remove(changes, name, text)
    if target != name:
        changes.drop(name)
    changes.put(target, text)
    return f"Patched {target} ({_count(patch.hunks)})"


def _remove(changes: Changes, name: str, text: str) -> str:
    if text:
        raise ToolFailed(reason=f"{name} would be removed, but the patch leaves lines in it")
    changes.drop(name)
    return f"Removed {name}"


def _count(hunks: Sequence[object]) -> str:
    return "1 hunk" if len(hunks) == 1 else f"{len(hunks)} hunks"
