"""The project folder as the tools of one worker reach it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from jidoka.contract.errors import ProjectNotFound
from jidoka.core.state import SessionState
from jidoka.core.tooling import EffectClass, Sandbox, ToolContext
from jidoka.sandbox.beneath import Beneath
from jidoka.sandbox.commits import RepositoryCommits


class Project:
    """Opened when a tool first needs it, so that a folder that is gone fails tools, not workers."""

    def __init__(self, root: str, sandbox: Sandbox) -> None:
        self.root = root
        self._sandbox = sandbox
        self._files: Beneath | None = None
        self._read_marks: dict[str, str] = {}

    def context(
        self, state: SessionState, kind: EffectClass, on_output: Callable[[str], None]
    ) -> ToolContext:
        """Return the context of one call of a tool of that kind.

        Raises:
            ProjectNotFound: the folder is not there any more.
        """
        if self._files is None:
            try:
                self._files = Beneath(self.root)
            except OSError:
                raise ProjectNotFound(path=self.root) from None
        limits, commands = state.limits, kind is EffectClass.EFFECT
        return ToolContext(
            root=self.root,
            files=self._files,
            sandbox=self._sandbox,
            on_output=on_output,
            timeout_s=limits.shell_timeout_s if commands else limits.tool_timeout_s,
            read_marks=self._read_marks,
            network=state.network,
            commits=RepositoryCommits(self.root),
        )

    def saw(self, path: str, sha256: str) -> None:
        """Note that the model has a file before it as it is now, as if it had read it."""
        self._read_marks[path] = sha256

    def forget(self, paths: Iterable[str]) -> None:
        """Forget what was read of files that are not as the conversation knows them any more."""
        for path in paths:
            self._read_marks.pop(path, None)

    def close(self) -> None:
        """Let go of the folder."""
        if self._files is not None:
            self._files.close()
            self._files = None
