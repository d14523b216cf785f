"""What a session's decisions need to know of its context: active files, what was asked of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from jidoka.contract import events as e
from jidoka.contract.content import PastEvent
from jidoka.core.changing import changed
from jidoka.core.history import events_of
from jidoka.core.titles import title_of


@dataclass(frozen=True)
class Attention:
    """What the model is to look at, beside what is said."""

    files: tuple[str, ...] = ()
    """Active files, the one added last at the end."""
    compaction: int | None = None
    """The number of the event that asks for a compaction which is not done."""
    instructions: str = ""
    """What its summary should keep."""
    overflow: str = ""
    """The model's call that was too long and was given another try."""
    title: str = ""
    """What the session may be titled by: the first line that was said in it."""


def heard_first(seen: Attention, message: e.MessageAccepted) -> Attention:
    """Return it with what the session may be titled by, which the first message says."""
    return seen if seen.title else changed(seen, title=title_of(message.content))


def inherited(history: Iterable[PastEvent], most: int) -> Attention:
    """Return what a session that goes on with another's conversation looks at from its birth."""
    seen = Attention()
    for event in events_of(history):
        match event:
            case e.FileAdded(path=path):
                seen = with_file(seen, path, most)
            case e.FileRemoved(path=path):
                seen = without_file(seen, path)
            case e.MessageAccepted():
                seen = heard_first(seen, event)
            case _:
                pass
    return seen


def with_file(seen: Attention, path: str, most: int) -> Attention:
    """Return it with one more active file; beyond `most` the oldest leaves."""
    files = (*(file for file in seen.files if file != path), path)
    return changed(seen, files=files[-most:] if most else ())


def without_file(seen: Attention, path: str) -> Attention:
    """Return it with a file that is active no longer."""
    return changed(seen, files=tuple(file for file in seen.files if file != path))
