"""No command gets out of a layer; what layer 2 leaves open is named in `launched.GAPS`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jidoka.core.tooling import Sandbox
from tests.support.attacks import CANARY, KINDS, Scene, gets_out, standing_scene
from tests.support.layers import CONFINED, layer, run


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with standing_scene(tmp_path) as scene:
        yield scene


@pytest.fixture(params=CONFINED)
def sandbox(request) -> Sandbox:
    return layer(request.param)


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, attacks in KINDS.items() for name in attacks]
)
async def test_it_does_not_get_out(sandbox, scene, kind, name):
    assert not await gets_out(sandbox, scene, kind, name)


async def test_a_project_without_a_repository_is_not_given_one(sandbox, scene):
    bare = scene.project.parent / "bare"
    bare.mkdir()

    result = await run(sandbox, "git init -q . && echo made", bare)

    assert not (bare / ".git").exists()
    assert "made" not in result.head or result.notes


async def test_the_projects_own_settings_for_jidoka_are_not_written(scene):
    sandbox = layer("bubblewrap")
    (scene.project / ".jidoka").mkdir()

    await run(sandbox, "echo evil > .jidoka/settings.toml; mv .jidoka x", scene.project)

    assert list((scene.project / ".jidoka").iterdir()) == []


async def test_two_commands_do_not_see_each_others_processes_or_temporary_files(scene):
    sandbox = layer("bubblewrap")

    first = await run(sandbox, f"echo {CANARY} > /tmp/note; echo $$", scene.project)
    second = await run(sandbox, "cat /tmp/note; ls /proc | grep -c '^[0-9]'", scene.project)

    assert first.exit_status == 0
    assert CANARY not in second.head
    assert int(second.head.split()[-1]) < 10


def test_there_are_at_least_forty_attacks():
    assert sum(map(len, KINDS.values())) >= 40


async def test_the_attacks_are_real_where_nothing_confines_them(scene):
    """An attack that cannot succeed anywhere would prove nothing; these harm nobody."""
    harmless = [
        *(("reads", name) for name in ("a file beside the project", "through a link to a folder")),
        *(("reads", name) for name in ("through ..", "a neighbour's environment")),
        *(("acts", name) for name in ("TCP to this machine", "a signal to a neighbour")),
        *(("git", name) for name in ("a hook", "a link to other settings")),
        ("writes", "a file beside the project"),
    ]

    free = [await gets_out(layer("off"), scene, kind, name) for kind, name in harmless]

    assert all(free)
