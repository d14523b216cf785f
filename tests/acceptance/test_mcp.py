"""An MCP server of a session, by the command line, in the real sandbox: added, used, taken away."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.acceptance.conftest import Write, call
from tests.support.home import Home, until

pytestmark = [pytest.mark.timeout(120)]

SOURCE = Path(__file__).parents[1] / "support" / "mcp_server.py"


def create(home: Home, project: Path, model: Path, *more: str) -> str:
    made = home.json(
        *("session", "create", "--project", str(project), "--model", f"scripted:{model}"),
        *more,
        "--json",
    )
    return made["session_id"]


def test_a_server_is_used_by_the_next_turn_and_cannot_write_outside(
    home: Home, project: Path, script: Write, tmp_path: Path
):
    (project / "sums.py").write_text(SOURCE.read_text())
    outside = tmp_path / "outside.txt"
    model = script(
        {"tool_calls": [call("sums__add", a=2, b=40)]},
        {"tool_calls": [call("sums__reach", path=str(outside))]},
        {"text": "It is 42."},
    )
    session_id = create(home, project, model, "--permission-mode", "full-auto")

    home.jidoka("mcp", "add", session_id, "sums", "--", sys.executable, "sums.py")
    told = home.jidoka("send", session_id, "Add.", "--wait")
    (server,) = home.json("mcp", "list", session_id, "--json")
    home.jidoka("mcp", "remove", session_id, "sums")
    none = home.json("mcp", "list", session_id, "--json")

    log = home.jidoka("follow", session_id, "--json", "--no-wait").stdout
    assert "It is 42." in told.stdout
    assert (server["state"], none) == ("ready", [])
    assert "sums__add" in server["tools"]
    assert '"output":"42"' in log
    assert not outside.exists()
    until(lambda: not _running("sums.py"))
    home.jidoka("session", "terminate", session_id)


def test_the_context_counts_a_server_s_tools_while_no_worker_runs(
    home: Home, project: Path, script: Write
):
    (project / "sums.py").write_text(SOURCE.read_text())
    session_id = create(home, project, script({"text": "Done."}))
    home.jidoka("mcp", "add", session_id, "sums", "--", sys.executable, "sums.py")

    before = home.jidoka("context", session_id).stdout
    home.jidoka("send", session_id, "Go on.", "--wait")
    home.jidoka("session", "close", session_id)
    after = home.json("context", session_id, "--json")

    names = [tool["function"]["name"] for tool in after["tools"]]
    (sums,) = [part for part in after["parts"] if part["detail"].startswith("sums: ")]
    assert "not known before its first start" in before
    assert "sums__add" in names
    assert (sums["name"], sums["left_out"]) == ("tools", "")
    assert sums["tokens"] > 100


def test_a_server_that_cannot_be_is_refused_with_what_to_do(
    home: Home, project: Path, script: Write
):
    session_id = create(home, project, script({"text": "Here."}))

    both = home.jidoka("mcp", "add", session_id, "x", "--url", "http://a/", "--", "y")
    secret = home.jidoka(*("mcp", "add", session_id, "x", "--env", "TOKEN=sk-live-1", "--", "y"))
    name = home.jidoka("mcp", "add", session_id, "No Name", "--", "y")

    assert [both.returncode, secret.returncode, name.returncode] == [2, 2, 2]
    assert "--url" in both.stderr
    assert "JIDOKA_MCP_" in secret.stderr
    assert "sk-live-1" not in secret.stderr
    assert "name" in name.stderr
    home.jidoka("session", "terminate", session_id)


def _running(word: str) -> list[int]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().decode("utf-8", "replace")
        except OSError:
            continue
        if command.rstrip("\0").endswith(word):
            found.append(int(process.name))
    return found
