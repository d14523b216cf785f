"""Which layer is taken, and that nothing runs where none holds."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

from jidoka.contract.errors import SandboxUnavailable
from jidoka.core.tooling import Limits, Sandbox
from jidoka.sandbox.bubblewrap import Bubblewrap
from jidoka.sandbox.launched import Landlocked, Unconfined
from jidoka.sandbox.probe import ProbedSandbox, candidates, probe
from jidoka.sandbox.surroundings import find_surroundings
from tests.support.layers import layers, run

SURROUNDINGS = find_surroundings()


async def try_only(*found: tuple[str, Sandbox]):
    return await probe(SURROUNDINGS, layers=found)


async def test_the_first_layer_that_holds_is_taken_and_named():
    first = next((s for _, s in candidates(SURROUNDINGS) if s.layer in layers()), None)
    if first is None:
        pytest.skip("no layer holds on this machine")
    sandbox = ProbedSandbox()

    choice = await sandbox.choice()

    assert choice.layer == sandbox.layer == first.layer
    assert "could not reach" in choice.why


async def test_a_layer_that_a_command_gets_out_of_is_not_taken():
    choice = await try_only(("leaky", Unconfined(SURROUNDINGS)))

    assert (choice.layer, choice.sandbox) == ("none", None)
    assert choice.why == "leaky: a command got out of it"


async def test_a_layer_that_does_not_start_is_passed_over(tmp_path):
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho no permission to make namespaces\nexit 1\n")
    broken.chmod(0o755)
    last = ("last", layers().get("landlock") or Unconfined(SURROUNDINGS))

    choice = await try_only(
        ("missing", Bubblewrap(str(tmp_path / "none"), SURROUNDINGS)),
        ("broken", Bubblewrap(str(broken), SURROUNDINGS)),
        last,
    )

    assert [attempt.works for attempt in choice.tried[:2]] == [False, False]
    assert "does not start" in choice.tried[0].why
    assert "no permission to make namespaces" in choice.tried[1].why


async def test_without_a_layer_a_command_is_refused_with_what_was_tried(tmp_path, monkeypatch):
    leaky = [("leaky", Unconfined(SURROUNDINGS))]
    monkeypatch.setattr("jidoka.sandbox.probe.candidates", lambda *_anything: leaky)
    sandbox = ProbedSandbox()

    with pytest.raises(SandboxUnavailable) as refused:
        await run(sandbox, "touch ran", tmp_path)

    assert refused.value.tried == ("leaky",)
    assert "leaky: a command got out of it" in refused.value.why
    assert not (tmp_path / "ran").exists()


async def test_off_runs_because_the_owner_said_so(tmp_path):
    sandbox = ProbedSandbox(mode="off")

    result = await run(sandbox, "echo ran", tmp_path)

    assert (result.head, sandbox.layer) == ("ran\n", "off")
    assert (await sandbox.choice()).why == "the owner opted out"


async def test_the_probe_runs_once_however_many_ask_at_the_same_time():
    sandbox = ProbedSandbox()

    choices = await asyncio.gather(*(sandbox.choice() for _ in range(5)))

    assert all(choice is choices[0] for choice in choices)


async def test_what_a_layer_leaves_open_is_said():
    if "landlock" not in layers():
        pytest.skip("landlock does not hold on this machine")

    choice = await try_only(("landlock", Landlocked(SURROUNDINGS)))

    assert any(".git" in gap for gap in choice.gaps)


async def test_the_network_is_off_unless_the_session_allows_it(tmp_path):
    count = "ls /sys/class/net 2>/dev/null; python -c 'import socket; print(socket.if_nameindex())'"
    for name in ("bubblewrap",):
        if name not in layers():
            pytest.skip(f"{name} does not hold on this machine")
        off, on = [
            await layers()[name].run(
                count,
                root=str(tmp_path),
                timeout_s=20,
                on_output=lambda _text: None,
                limits=Limits(),
                network=network,
            )
            for network in (False, True)
        ]

        assert off.head == "[(1, 'lo')]\n"
        assert len(on.head) >= len(off.head)


def test_a_whole_home_folder_is_never_shown():
    shown = find_surroundings([str(Path.home()), "/", "/opt/does-not-exist"]).read_only

    assert str(Path.home()) not in shown
    assert "/" not in shown
    assert "/opt/does-not-exist" not in shown


def test_what_every_java_reads_at_its_start_is_shown():
    settings = {str(folder) for folder in Path("/etc").glob("java-*-openjdk")}

    assert settings <= set(find_surroundings().read_only)


async def test_configured_tool_folders_are_readable_and_on_the_path(tmp_path):
    tools, project = tmp_path / "tools", tmp_path / "project"
    (tools / "bin").mkdir(parents=True)
    project.mkdir()
    (tools / "bin" / "hello").write_text("#!/bin/sh\necho hello\n")
    (tools / "bin" / "hello").chmod(0o755)

    result = await run(ProbedSandbox(tool_folders=[str(tools)]), f"hello; touch {tools}/x", project)

    assert result.head.startswith("hello\n")
    assert not (tools / "x").exists()


async def test_doctor_is_told_all_of_it_as_json():
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "jidoka.sandbox.report"), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()

    report = json.loads(said)
    assert report["layer"] in {"bubblewrap", "landlock", "none"}
    assert report["why"]
    assert report["limits"]
    assert {"name", "works", "why"} == set(report["tried"][0])
