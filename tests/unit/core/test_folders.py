"""Which folders may be projects, and who is in whose way."""

from __future__ import annotations

import pytest

from jidoka.contract.content import Sharing
from jidoka.contract.errors import AmbiguousName, SessionNotFound
from jidoka.core.folders import in_the_way, is_beneath, why_forbidden
from jidoka.core.naming import named
from jidoka.core.session_row import SessionRow

HOME = "/home/user/.local/state/jidoka"


@pytest.mark.parametrize(
    ("path", "forbidden"),
    [
        ("/", True),
        ("/home", True),
        ("/etc", True),
        ("/etc/nginx/sites", True),
        ("/usr/lib/python3", True),
        ("/proc/1", True),
        (HOME, True),
        (f"{HOME}/worktrees/x", True),
        ("/home/user", True),
        ("/home/user/project", False),
        ("/home/user/.local/state/jidoka-plugin", False),
        ("/usr/src/app", False),
        ("/usr/src", True),
        ("/var/www/site", False),
        ("/etcetera", False),
        ("/srv/project", False),
    ],
)
def test_system_folders_and_our_own_are_no_projects(path: str, forbidden: bool):
    why = why_forbidden(path, HOME)

    assert (why is not None) is forbidden


@pytest.mark.parametrize(
    ("path", "folder", "beneath"),
    [("/a/b", "/a", True), ("/a", "/a", True), ("/ab", "/a", False), ("/a", "/", True)],
)
def test_a_name_that_begins_alike_is_not_beneath(path: str, folder: str, beneath: bool):
    assert is_beneath(path, folder) is beneath


def row(path: str, sharing: str = "exclusive", status: str = "active") -> SessionRow:
    return SessionRow(
        f"s{path.replace('/', '-')}", project_path=path, sharing=sharing, status=status
    )


@pytest.mark.parametrize(
    ("other", "sharing", "blocked"),
    [
        (row("/a"), Sharing.EXCLUSIVE, True),
        (row("/a/b/c"), Sharing.EXCLUSIVE, True),
        (row("/a/b2"), Sharing.EXCLUSIVE, False),
        (row("/a/b", status="closed"), Sharing.EXCLUSIVE, False),
        (row("/a/b", status="terminated"), Sharing.EXCLUSIVE, False),
        (row("/a/b", status="idle"), Sharing.EXCLUSIVE, True),
        (row("/a/b", sharing="shared"), Sharing.EXCLUSIVE, True),
        (row("/a/b"), Sharing.SHARED, True),
        (row("/a/b", sharing="shared"), Sharing.SHARED, False),
    ],
)
def test_a_folder_belongs_to_one_open_session_unless_all_share(
    other: SessionRow, sharing: Sharing, blocked: bool
):
    found = in_the_way("/a/b", sharing, [other])

    assert found == (other if blocked else None)


ROWS = (
    SessionRow("s1abc", name="Refactor"),
    SessionRow("s2def", name="refine"),
    SessionRow("s3fff", name="s1"),
    SessionRow("s4aaa", name="Ref"),
)


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("s2def", "s2def"),
        ("refactor", "s1abc"),
        ("Refi", "s2def"),
        ("ref", "s4aaa"),
        ("s1", "s3fff"),
    ],
)
def test_an_exact_name_wins_over_beginnings(target: str, found: str):
    assert named(target, ROWS).session_id == found


def test_several_or_none_are_refused():
    with pytest.raises(AmbiguousName):
        named("refa", (*ROWS, SessionRow("s5", name="refab"), SessionRow("s6", name="refac")))
    with pytest.raises(SessionNotFound):
        named("nothing", ROWS)
    with pytest.raises(SessionNotFound):
        named("", ROWS)
