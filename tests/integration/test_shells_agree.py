"""Whatever a real shell runs of a line, the reader of rules has found, or says that it has not."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jidoka.core.command_calls import command_line

PROGRAMS = ("a", "b", "rm")
PIECES = [
    *PROGRAMS, " ", "\n", ";", "&&", "||", "|", "&", "(", ")", "{ ", "}", "$(", "`", "'", '"', "\\",
    "\\\n", "<", ">", "<<", "<<<", "<<-", ">&", "&>", "<(", ">(", "$", "$x", "${x}", "#", "! ", "*",
    "if ", "then ", "fi", "while ", "do ", "done", "for ", "in ", "x=1 ", "~", "EOF", "\nEOF\n",
    "eval ", "exec ", "command ", "env ", "sh -c ", "time ", "-", "1", "2>", "\t", "case ", "esac",
    "$'", "[[ ", "]]", "xargs ", "trap ", "EXIT", "alias ", "a()", "\r", "$((", "))", "{a,rm}",
]  # fmt: skip
LINES = st.lists(st.sampled_from(PIECES), min_size=2, max_size=14).map("".join)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of programs that do nothing but note that they ran."""
    folder = tmp_path_factory.mktemp("shells")
    programs = folder / "bin"
    programs.mkdir()
    for name in PROGRAMS:
        program = programs / name
        program.write_text('#!/bin/sh\necho "${0##*/}" >> "$RAN"\n')
        program.chmod(0o755)
    for name in ("env", "sh", "xargs"):
        (programs / name).symlink_to(str(shutil.which(name)))
    return folder


def ran(shell: str, line: str, place: Path) -> set[str]:
    """Return the programs that a shell runs for a line."""
    cwd = Path(tempfile.mkdtemp(dir=place))  # what runs in the background may be late
    note = cwd / "ran"
    note.write_text("")
    environment = {"PATH": str(place / "bin"), "RAN": str(note), "LANG": "C.UTF-8"}
    with Path(os.devnull).open("r+b") as nothing:
        subprocess.run(
            [str(shutil.which(shell)), "-c", line],
            env=environment, cwd=cwd, stdin=nothing, stdout=nothing, stderr=nothing,
            timeout=10, check=False,
        )  # fmt: skip
    return set(note.read_text().split())


@pytest.mark.parametrize("shell", ["bash", "dash"])
def test_no_shell_runs_a_program_that_was_not_found(shell: str, place: Path):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not here")
    judged: list[str] = []

    @settings(
        max_examples=120,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(LINES, st.sampled_from(["", "rm", ";rm", "\nrm", " b"]))
    def agree(middle: str, end: str):
        line = f"a {middle}{end}"
        known = command_line(line)
        if known.unread or any(call.opaque for call in known.calls):
            return  # then nobody counts on it
        judged.append(line)

        missed = ran(shell, line, place) - {call.program for call in known.calls}

        assert missed == set(), line

    agree()

    assert judged
