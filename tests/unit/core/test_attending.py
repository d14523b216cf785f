"""Active files and what is asked of the context: what may be said, and what it changes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jidoka.contract import events as e
from jidoka.contract.content import Limits, Status
from jidoka.contract.context_commands import AddFile, CompactContext, RemoveFile
from jidoka.contract.errors import PathNotFound, PathOutsideProject
from jidoka.core.attention import Attention
from jidoka.core.context_events import after_context_event
from jidoka.core.decide import decide
from jidoka.core.projection import project
from jidoka.core.state import SessionState
from tests.support.entries import LogWriter

STATE = SessionState(session_id="s1", status=Status.ACTIVE, project_path="/p")


def said(command: AddFile | RemoveFile | CompactContext, state: SessionState = STATE) -> object:
    return decide(state, command, origin="/me", command_id="c1")


@pytest.mark.parametrize("path", ["src/a.py", "./src//a.py", "/p/src/a.py"])
def test_a_file_is_known_by_its_place_in_the_project(path: str):
    event = said(AddFile(session_id="s1", path=path))

    assert event == e.FileAdded(origin="/me", path="src/a.py")


@pytest.mark.parametrize("path", ["../a.py", "/p2/a.py", "/etc/passwd", "src/../../a", ".", "/p"])
def test_a_path_that_leads_out_or_names_no_file_is_refused(path: str):
    with pytest.raises(PathOutsideProject):
        said(AddFile(session_id="s1", path=path))


def test_a_file_is_active_once_and_beyond_the_limit_the_oldest_leaves():
    state = replace(STATE, limits=Limits(active_files=2))

    for path in ("a", "b", "a", "c"):
        state = after_context_event(state, e.FileAdded(path=path), 1)

    assert state.attention.files == ("a", "c")
    assert after_context_event(state, e.FileRemoved(path="a"), 2).attention.files == ("c",)


def test_what_is_true_already_is_not_recorded_again_and_what_is_not_active_is_refused():
    state = replace(STATE, attention=Attention(files=("a", "b"), compaction=7))

    again = said(AddFile(session_id="s1", path="b"), state)
    asked = said(CompactContext(session_id="s1"), state)

    assert (again, asked) == (None, None)
    with pytest.raises(PathNotFound):
        said(RemoveFile(session_id="s1", path="c"), state)


def test_a_compaction_that_is_asked_for_between_turns_wakes_a_worker():
    log = LogWriter()
    born = log.create("s1")
    asked = log.write("s1", e.ContextCompactionRequested())
    done = log.write("s1", e.ContextCompacted(reason="asked", method="none"))

    rows = []
    row = None
    for entry in (*born, *asked, *done):
        row = project(row, entry)
        rows.append((row.phase, row.is_busy))

    assert rows[-2:] == [("compacting", True), ("ready", False)]
