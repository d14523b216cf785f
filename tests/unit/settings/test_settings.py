"""Defaults, then the file, then the environment; every problem at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from jidoka.contract.errors import InvalidMessage
from jidoka.settings import (
    AgentSettings,
    CoordinatorSettings,
    RuntimeSettings,
    SessionManagerSettings,
    load,
    required_nats_url,
    token_of,
)


def in_home(home: Path, **environment: str) -> dict[str, str]:
    return {"JIDOKA_HOME": str(home)} | environment


def test_without_file_and_environment_there_are_the_defaults(tmp_path: Path):
    settings = load(SessionManagerSettings, in_home(tmp_path))

    assert (settings.session_limit, settings.idle_s, settings.max_age_s) == (10, 300.0, None)
    assert settings.registry == tmp_path / "registry.db"


def test_the_environment_wins_over_the_file_and_the_file_over_the_default(tmp_path: Path):
    (tmp_path / "config.toml").write_text("session_limit = 20\nidle_s = 5\n")

    settings = load(SessionManagerSettings, in_home(tmp_path, JIDOKA_SESSION_LIMIT="30"))

    assert (settings.session_limit, settings.idle_s) == (30, 5.0)


def test_a_file_elsewhere_is_named_by_the_environment(tmp_path: Path):
    (tmp_path / "mine.toml").write_text('programs = ["agent"]')

    settings = load(RuntimeSettings, in_home(tmp_path, JIDOKA_CONFIG=str(tmp_path / "mine.toml")))

    assert settings.programs == ("agent",)


def test_every_problem_is_named_at_once(tmp_path: Path):
    (tmp_path / "config.toml").write_text('log_level = "loud"\nsession_limt = 3\n')

    with pytest.raises(InvalidMessage) as refusal:
        load(RuntimeSettings, in_home(tmp_path, JIDOKA_PORT="70000", JIDOKA_STOP_S="soon"))

    named = {problem["path"].rpartition(": ")[2] for problem in refusal.value.problems}
    assert named == {"session_limt", "log_level", "JIDOKA_PORT", "JIDOKA_STOP_S"}
    assert refusal.value.exit_code == 2


def test_a_file_that_is_no_toml_is_a_problem_with_its_path(tmp_path: Path):
    (tmp_path / "config.toml").write_text("port = = 3")

    with pytest.raises(InvalidMessage, match=r"config.toml: is not TOML"):
        load(RuntimeSettings, in_home(tmp_path))


@pytest.mark.parametrize("value", ["true", "1.5", "NaN", "inf", "", "0x10"])
def test_what_is_no_whole_number_does_not_become_one(tmp_path: Path, value: str):
    (tmp_path / "config.toml").write_text("port = 1.5" if value == "" else f"port = {value!r}")

    with pytest.raises(InvalidMessage, match="whole number"):
        load(RuntimeSettings, in_home(tmp_path))


def test_an_optional_setting_is_turned_off_by_the_word(tmp_path: Path):
    settings = load(SessionManagerSettings, in_home(tmp_path, JIDOKA_IDLE_S="off"))

    assert settings.idle_s is None


@pytest.mark.parametrize("where", ["environment", "file"])
def test_folders_are_a_list_of_absolute_paths(tmp_path: Path, where: str):
    if where == "file":
        (tmp_path / "config.toml").write_text('tool_folders = ["/opt/go", "~/tools"]\n')
    given = {"JIDOKA_TOOL_FOLDERS": "/opt/go, ~/tools"} if where == "environment" else {}

    settings = load(AgentSettings, in_home(tmp_path, **given))

    assert settings.tool_folders == (Path("/opt/go"), Path.home() / "tools")


def test_a_list_of_folders_that_is_none_is_refused(tmp_path: Path):
    (tmp_path / "config.toml").write_text("tool_folders = [7]\n")

    with pytest.raises(InvalidMessage, match="list of texts"):
        load(AgentSettings, in_home(tmp_path))


def test_a_cluster_has_no_session_limit_unless_it_is_set(tmp_path: Path):
    cluster = in_home(tmp_path, JIDOKA_PROFILE="cluster")

    unset = load(SessionManagerSettings, cluster)
    limited = load(SessionManagerSettings, cluster | {"JIDOKA_SESSION_LIMIT": "7"})

    assert (unset.session_limit, limited.session_limit) == (None, 7)


def test_a_program_that_needs_a_broker_says_so_when_none_is_named(tmp_path: Path):
    settings = load(CoordinatorSettings, in_home(tmp_path))

    with pytest.raises(InvalidMessage, match="JIDOKA_NATS_URL"):
        required_nats_url(settings)


def test_the_broker_address_with_its_token_is_in_no_repr(tmp_path: Path):
    settings = load(AgentSettings, in_home(tmp_path, JIDOKA_NATS_URL="nats://hidden@127.0.0.1:1"))

    assert "hidden" not in repr(settings)


def test_a_machine_name_becomes_one_token():
    assert token_of("big.machine:7") == "big-machine-7"
