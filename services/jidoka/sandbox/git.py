"""git for our own purposes, deaf to every configuration but ours.

A project's `.git/config`, hooks, filters and attributes name programs; so do the person's and the
machine's settings. Files only ever pass through a repository of ours, whose settings name none; in
the project's own no more is done than to read names and to move a branch, hooks switched off.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from jidoka.contract.errors import ToolFailed, ToolTimeout
from jidoka.core.tooling import MIB
from jidoka.sandbox.output import Output
from jidoka.sandbox.process import Launch, run_to_end

_SILENT = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.untrackedCache": "false",
    "core.autocrlf": "false",
    "core.safecrlf": "false",
    "core.quotePath": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "submodule.recurse": "false",
}
PLAIN_FILES = "* -text -ident -filter !diff -merge !eol !working-tree-encoding\n"
"""Stands above a project's own attributes: what is stored are the bytes as they are."""
_MAX_ANSWER_BYTES = 64 * MIB
_MAX_ERROR_BYTES = MIB


@dataclass(frozen=True, slots=True)
class Git:
    """Runs git on a repository of ours, with a project's folder as its work tree."""

    repository: Path
    work_tree: str
    timeout_s: float = 60.0

    async def ensure(self, *, attributes: str = PLAIN_FILES, excluded: str = "") -> None:
        """Make the repository if it is not there, with these attributes above the project's.

        `excluded` are patterns of files that it leaves out, beside those that the project names.
        """
        if (self.repository / "info" / "attributes").exists():
            return
        self.repository.mkdir(mode=0o700, parents=True, exist_ok=True)
        await self.run(["init", "--quiet", "--template="])
        (self.repository / "info").mkdir(exist_ok=True)
        (self.repository / "info" / "exclude").write_text(excluded)
        (self.repository / "info" / "attributes").write_text(attributes)

    async def run(
        self,
        words: Sequence[str],
        *,
        given: bytes = b"",
        environment: Mapping[str, str] | None = None,
        answer: BinaryIO | None = None,
    ) -> bytes:
        """Return what git answers to `words`, having read `given`; nothing when `answer` takes it.

        Raises:
            ToolFailed: git is missing or refused, with its words.
            ToolTimeout: it took longer than `timeout_s`.
        """
        options = [
            option for name, value in _SILENT.items() for option in ("-c", f"{name}={value}")
        ]
        errors = Output(_nobody)
        with tempfile.TemporaryFile() as stdin, _file_or_new(answer) as stdout:
            stdin.write(given)
            stdin.seek(0)
            launch = Launch(
                argv=["git", *options, *words],
                env={**self._environment(), **(environment or {})},
                cwd=self.work_tree,
                stdin_fd=stdin.fileno(),
                stdout_fd=stdout.fileno(),
            )
            try:
                end = await run_to_end(
                    launch,
                    output=errors,
                    output_bytes=_MAX_ERROR_BYTES,
                    timeout_s=self.timeout_s,
                )
            except FileNotFoundError:
                raise ToolFailed(reason="git is not installed") from None
            finally:
                errors.discard()
            if end.timed_out:
                raise ToolTimeout(timeout_s=self.timeout_s)
            if end.exit_status != 0:
                reason = f"git {words[0]}: {errors.head().strip()[:1_000] or end.exit_status}"
                raise ToolFailed(reason=reason)
            stdout.seek(0)
            return stdout.read(_MAX_ANSWER_BYTES) if answer is None else b""

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin"),
            "HOME": "/nonexistent",
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_ALLOW_PROTOCOL": "none",  # above every setting: nothing is ever fetched
            "GIT_DIR": str(self.repository),
            "GIT_WORK_TREE": self.work_tree,
        }


def _file_or_new(answer: BinaryIO | None) -> AbstractContextManager[BinaryIO]:
    return tempfile.TemporaryFile() if answer is None else nullcontext(answer)


def _nobody(_text: str) -> None:
    """Errors are read when git has ended."""
