"""The embedded runtime as real processes: one a home, its door, its restarts, its end."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from nats.js.errors import APIError

from jidoka.client import Client
from jidoka.contract import subjects
from jidoka.contract.errors import JidokaError
from jidoka.runtime.home import LOG_BYTES, bound_logs, log_file, prepare
from jidoka.settings import RuntimeSettings, load
from tests.support.home import Home, processes_with, running_home, until
from tests.support.ports import port_for_later

pytestmark = [pytest.mark.timeout(120)]
BROKER_ALONE = {"JIDOKA_PROGRAMS": ","}


@pytest.fixture
def broker_alone(tmp_path: Path) -> Iterator[Home]:
    """A runtime that starts its broker and nothing else: quick, for what is the broker's."""
    with running_home(tmp_path / "home", **BROKER_ALONE) as home:
        yield home


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A runtime with all programs, for all tests of this file that leave it as it was."""
    with running_home(tmp_path_factory.mktemp("whole") / "home") as home:
        yield home


def test_a_second_start_in_the_same_home_says_who_holds_it_and_exits_9(broker_alone: Home):
    refused = broker_alone.jidoka("up", "--detach")

    assert refused.returncode == 9
    assert str(broker_alone.state["pid"]) in refused.stderr


def test_the_foreground_start_is_refused_the_same_way_in_one_form(broker_alone: Home):
    refused = broker_alone.jidoka("up")

    assert refused.returncode == 9
    assert not refused.stderr
    assert json.loads(refused.stdout)["error"]["code"] == "runtime_exists"


def test_home_token_and_state_are_the_owners_alone(broker_alone: Home):
    private = ["runtime.json", "broker/token", "broker/nats.conf"]

    modes = {name: stat.S_IMODE((broker_alone.folder / name).stat().st_mode) for name in private}

    assert stat.S_IMODE(broker_alone.folder.stat().st_mode) == 0o700
    assert modes == dict.fromkeys(private, 0o600)


def test_the_token_is_no_argument_of_any_process_and_in_no_log(whole: Home):
    token = (whole.folder / "broker/token").read_text()

    shown = [command for command in processes_with(token).values() if token in command]

    assert shown == []
    assert token not in whole.logs()


def test_the_broker_listens_on_loopback_and_asks_for_the_token(broker_alone: Home):
    url = broker_alone.state["nats_url"]
    stranger = broker_alone.jidoka(
        "session", "list", "--json", JIDOKA_NATS_URL=f"nats://{url.rpartition('@')[2]}"
    )

    assert "@127.0.0.1:" in url
    assert stranger.returncode == 6
    assert json.loads(stranger.stdout)["error"]["code"] == "unauthenticated"


def test_the_broker_syncs_before_it_acknowledges(broker_alone: Home):
    with urllib.request.urlopen(broker_alone.state["monitor_url"] + "/jsz", timeout=5) as answer:  # noqa: S310
        said = json.load(answer)

    assert said["config"]["sync_always"] is True
    assert said["streams"] > 0


def test_a_broker_that_is_killed_comes_back_on_the_same_port_with_all_streams(broker_alone: Home):
    before = broker_alone.state
    pid = broker_alone.kill("nats-server")

    after = until(lambda: (s := broker_alone.state)["programs"][0]["pid"] != pid and s)

    assert after["nats_url"] == before["nats_url"]
    until(lambda: streams(after["monitor_url"]) == STREAMS)


@pytest.mark.slow
def test_a_broker_that_hangs_is_ended_and_comes_back(broker_alone: Home):
    pid = broker_alone.pids["nats-server"]
    os.kill(pid, signal.SIGSTOP)

    until(lambda: broker_alone.pids["nats-server"] != pid, timeout_s=60)

    until(lambda: streams(broker_alone.state["monitor_url"]) == STREAMS)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_full_disk_that_has_space_again_takes_events_again(tmp_path: Path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", disk], check=False)
    if mounted.returncode != 0:
        pytest.skip("mounting is not allowed here")
    try:
        with running_home(disk / "home", **BROKER_ALONE) as home:
            pid = home.pids["nats-server"]
            filler = disk / "filler"
            with suppress(OSError):
                filler.write_bytes(b"x" * 100_000_000)
            until(lambda: publish(home) == "refused")
            filler.unlink()
            until(lambda: home.pids["nats-server"] != pid, timeout_s=60)

            until(lambda: publish(home) == "stored")
    finally:
        subprocess.run(["umount", "-l", disk], check=False)


def publish(home: Home) -> str:
    async def work(client: Client) -> str:
        subject = subjects.dlq("test")
        try:
            await client.bus.store(subject, b"x" * 100_000, {}, 2.0)
        except (JidokaError, APIError):
            return "refused"
        return "stored"

    try:
        return home.ask(work)
    except JidokaError:
        return "away"


STREAMS = {"JIDO_EVENTS", "JIDO_COMMANDS", "JIDO_LIVE", "JIDO_PROJECTS", "JIDO_DLQ"}


def streams(monitor_url: str) -> set[str]:
    try:
        with urllib.request.urlopen(f"{monitor_url}/jsz?streams=1", timeout=5) as answer:  # noqa: S310
            account = json.load(answer).get("account_details", [{}])[0]
    except OSError:
        return set()
    return {each["name"] for each in account.get("stream_detail", []) if "JIDO_" in each["name"]}


def test_a_configured_port_is_used_and_a_taken_one_is_named(tmp_path: Path):
    port = port_for_later()
    with socket.create_server(("127.0.0.1", port)):
        refused = Home(tmp_path / "home", JIDOKA_PORT=str(port), **BROKER_ALONE).jidoka("up", "-d")
    with running_home(tmp_path / "home", JIDOKA_PORT=str(port), **BROKER_ALONE) as home:
        url = home.state["nats_url"]

    assert refused.returncode == 5
    assert f"Port {port} is taken" in refused.stderr
    assert url.endswith(f":{port}")


def test_the_next_runtime_listens_where_the_last_one_did_unless_another_took_the_port(
    tmp_path: Path,
):
    with running_home(tmp_path / "home", JIDOKA_PORT=f"{port_for_later()}", **BROKER_ALONE) as home:
        first = home.state["nats_url"]
        os.kill(home.state["pid"], signal.SIGKILL)
        until(lambda: not processes_with(str(home.folder)))
        again = Home(home.folder, **BROKER_ALONE)
        again.jidoka("up", "--detach")
        second = again.state["nats_url"]
    port = int(first.rpartition(":")[2])
    taken = socket.create_server(("127.0.0.1", port))
    with taken, running_home(tmp_path / "home", **BROKER_ALONE) as home:
        third = home.state["nats_url"]

    assert second == first
    assert third != first


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("no folder")

    refused = Home(tmp_path / "file" / "home").jidoka("up", "--detach")

    assert refused.returncode == 5
    assert str(tmp_path / "file" / "home") in refused.stderr


def test_wrong_settings_are_all_named_and_nothing_is_started(tmp_path: Path):
    wrong = {
        "JIDOKA_PORT": "many",
        "JIDOKA_LOG_LEVEL": "loud",
        "JIDOKA_SESSION_LIMIT": "few",  # of a program that the runtime would start
    }
    home = Home(tmp_path / "home", **wrong)

    refused = home.jidoka("up", "--detach")

    assert refused.returncode == 2
    assert [name for name in wrong if refused.stderr.count(name) != 1] == []


def test_a_permission_rule_that_is_none_is_named_and_nothing_is_started(tmp_path: Path):
    home = Home(tmp_path / "home", JIDOKA_PERMISSION_RULES="allow shell ls, permit all")

    refused = home.jidoka("up", "--detach")

    assert refused.returncode == 2
    assert "permission_rules:2" in refused.stderr


def test_every_program_runs_in_a_process_group_of_its_own(whole: Home):
    groups = {name: os.getpgid(pid) for name, pid in whole.pids.items()}

    assert groups == whole.pids
    assert set(groups) == {
        "nats-server",
        "llm-gateway",
        "coordinator",
        "session-manager",
        "agent-host",
    }


def test_only_the_llm_gateway_is_given_a_key(tmp_path: Path):
    canary = "canary-of-a-key-4711"
    with running_home(tmp_path / "home", OPENAI_API_KEY=canary) as home:
        pids = home.pids
        runtime = home.state["pid"]
        holders = set(processes_with(canary))

    assert holders == {runtime, pids["llm-gateway"]}


@pytest.mark.parametrize("name", ["coordinator", "session-manager", "agent-host", "llm-gateway"])
def test_a_program_that_is_killed_is_started_again(whole: Home, name: str):
    pid = whole.kill(name)

    until(lambda: whole.pids[name] != pid)
    answered = until(lambda: answers(whole, "session", "list", "--json"))

    assert json.loads(answered) == []


def answers(home: Home, *words: str) -> str:
    """Return what a command line printed, nothing where it did not succeed."""
    answer = home.jidoka(*words)
    return answer.stdout if answer.returncode == 0 else ""


def test_sigterm_leaves_no_process_behind(tmp_path: Path):
    with running_home(tmp_path / "home") as home:
        before = set(processes_with(str(home.folder)))
        os.kill(home.state["pid"], signal.SIGTERM)
        until(lambda: not processes_with(str(home.folder)))

    assert len(before) >= 6
    assert not (home.folder / "runtime.json").exists()


def test_a_runtime_that_is_killed_takes_everything_with_it(tmp_path: Path):
    with running_home(tmp_path / "home") as home:
        os.kill(home.state["pid"], signal.SIGKILL)

        until(lambda: not processes_with(str(home.folder)))
        again = home.jidoka("up", "--detach")

    assert again.returncode == 0, again.stderr


def test_a_log_that_has_grown_large_is_put_aside_while_it_is_written(tmp_path: Path):
    settings = load(RuntimeSettings, {"JIDOKA_HOME": str(tmp_path)})
    prepare(settings)
    path = log_file(settings, "coordinator")
    with path.open("ab", buffering=0) as writer:
        writer.write(b"x" * (LOG_BYTES + 1))

        bound_logs(settings)
        writer.write(b"new\n")

    assert path.read_bytes() == b"new\n"
    assert path.with_suffix(".log.1").stat().st_size == LOG_BYTES + 1


def test_ctrl_c_ends_a_runtime_in_the_foreground(tmp_path: Path):
    home = Home(tmp_path / "home", **BROKER_ALONE)
    command = [sys.executable, "-m", "jidoka.cli", "up"]
    with subprocess.Popen(command, env=home.environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        code = process.wait(20)

    assert said["ready"] == "runtime"
    assert code == 0
    assert not processes_with(str(home.folder))


def test_status_without_a_runtime_exits_5_and_starts_nothing(tmp_path: Path):
    home = Home(tmp_path / "home")

    answer = home.jidoka("status", "--json")

    assert answer.returncode == 5
    assert json.loads(answer.stdout)["programs"] == []
    assert not home.folder.exists()
