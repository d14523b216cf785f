"""Undoing and redoing turns: the intent is stored first, then files are put back, then the end.

check      compares the folder with what the turns left; a person's change refuses it, unless
           it was said what becomes of it → `turn.undo_started`
put back   writes what differs; done again after a crash it writes what is still to do
           → `turn.undone` or `turn.redone`
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from jidoka.agent.recorder import Recorder, Unwanted
from jidoka.agent.turn_files import TurnFiles, printable
from jidoka.contract import events as e
from jidoka.contract.content import SnapshotRef
from jidoka.contract.errors import FileChanged, JidokaError, SnapshotMissing, ToolFailed
from jidoka.core.budget import error_info
from jidoka.core.effects import CheckUndo, PutFilesBack
from jidoka.core.past_turns import PastTurn, Undoing
from jidoka.core.putting_back import Plan, Step, Version, backwards, touched

MOST_PATHS = 100
MOST_DIFF = 32 * 1024


@dataclass(frozen=True, slots=True)
class Result:
    """What became of the files."""

    files: int = 0
    paths: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict[str, str])
    """Those of them that could not be written, with the reason."""


@dataclass(slots=True)
class Undoer:
    """Performs the undos and redos of one worker."""

    recorder: Recorder
    files: TurnFiles
    forget: Callable[[Iterable[str]], None]
    """Takes the files that were put back: nobody has read them as they are now."""
    checked: int = 0
    """The request that this worker has found possible."""

    async def check(self, effect: CheckUndo) -> None:
        """See whether files can be put back → `turn.undo_started`, `turn.undo_refused`.

        Where no file is concerned that is the end of it.
        """
        undoing = self._undoing()
        if undoing.files == "leave" or not any(turn.spans for turn in undoing.turns):
            await self._ended(effect, undoing, Result())
            return
        try:
            plan = await self._planned(undoing)
            if plan.changed and undoing.files == "restore":
                await self._changed(effect, undoing, plan)
                return
            kept = (await self.files.snapshots.take()).tree if plan.changed else None
        except JidokaError as problem:
            await self._refused(effect, undoing, problem)
            return
        started = e.TurnUndoStarted(asked=undoing.asked, turn_ids=undoing.turn_ids, kept=kept)
        self.checked = effect.request
        await self.recorder.record(effect, lambda _state: started)

    async def put_back(self, effect: PutFilesBack) -> None:
        """Put back what differs → `turn.undone` or `turn.redone`."""
        undoing = self._undoing()
        try:
            plan = await self._planned(undoing)
            if effect.request != self.checked:  # a worker was lost over it
                await self.files.snapshots.clear_away(plan.paths)
            spared = set[str]() if undoing.files == "force" else set(plan.changed)
            write = {path: to for path, to in plan.write.items() if path not in spared}
            self.forget(write)
            failed = await self.files.snapshots.put_back(write)
        except JidokaError as problem:
            await self._refused(effect, undoing, problem)
            return
        left = sorted({*spared, *failed})
        done = [path for path in plan.paths if path not in set(left)]
        why = {printable(path): failed[path] for path in list(failed)[:MOST_PATHS]}
        await self._ended(effect, undoing, Result(len(done), _named(done), _named(left), why))

    def _undoing(self) -> Undoing:
        undoing = self.recorder.session.state.undoing
        if undoing is None:
            raise Unwanted
        return undoing

    async def _planned(self, undoing: Undoing) -> Plan:
        steps = [step for turn in undoing.turns for step in await self._steps(turn)]
        if undoing.asked == "undo":
            return await self.files.snapshots.planned(backwards(steps))
        ends: Mapping[str, Version | None] = {}
        if undoing.of is not None and undoing.of.kept is not None:
            was = await self.files.snapshots.versions_in(undoing.of.kept)
            ends = {path: was.get(path) for path in touched(steps)}
        return await self.files.snapshots.planned(steps, ends)

    async def _steps(self, turn: PastTurn) -> list[Step]:
        steps: list[Step] = []
        for span in turn.spans:
            before, after = (_tree(turn, ref) for ref in (span.before, span.after))
            try:
                steps.append(await self.files.snapshots.step(before, after))
            except ToolFailed:
                why = "they are not on this machine, or too old"
                raise SnapshotMissing(turn_id=turn.turn_id, why=why) from None
        return steps

    async def _changed(self, effect: CheckUndo, undoing: Undoing, plan: Plan) -> None:
        """Refuse, and show what a person changed."""
        newest = undoing.turns[-1] if undoing.asked == "undo" else undoing.turns[0]
        span = newest.spans[-1] if undoing.asked == "undo" else newest.spans[0]
        last = span.after if undoing.asked == "undo" else span.before
        now = (await self.files.snapshots.take()).tree
        diff = await self.files.snapshots.diff(_tree(newest, last), now, plan.changed[:MOST_PATHS])
        path = printable(plan.changed[0])
        problem = FileChanged(path=path, expected="as the turn left it", actual="changed since")
        await self._refused(effect, undoing, problem, plan.changed, diff[:MOST_DIFF])

    async def _refused(
        self,
        effect: CheckUndo | PutFilesBack,
        undoing: Undoing,
        problem: JidokaError,
        changed: tuple[str, ...] = (),
        diff: str = "",
    ) -> None:
        refused = e.TurnUndoRefused(
            asked=undoing.asked,
            turn_ids=undoing.turn_ids,
            error=error_info(problem),
            changed=_named(changed),
            diff=diff,
            begun=undoing.started,
        )
        await self.recorder.record(effect, lambda _state: refused)

    async def _ended(
        self, effect: CheckUndo | PutFilesBack, undoing: Undoing, result: Result
    ) -> None:
        about = {
            "turn_ids": undoing.turn_ids,
            "files": result.files,
            "paths": result.paths,
            "left": result.left,
            "failed": result.failed,
            "kept": undoing.kept,
            "files_left": undoing.files == "leave",
        }
        if undoing.asked == "redo":
            event = e.TurnRedone.model_validate(about)
        else:
            event = e.TurnUndone.model_validate({**about, "again": undoing.again})
        await self.recorder.record(effect, lambda _state: event)


def _tree(turn: PastTurn, ref: SnapshotRef) -> str:
    if ref.tree is None:
        raise SnapshotMissing(turn_id=turn.turn_id, why=ref.why)
    return ref.tree


def _named(paths: list[str] | tuple[str, ...]) -> tuple[str, ...]:
    return tuple(printable(path) for path in paths[:MOST_PATHS])
