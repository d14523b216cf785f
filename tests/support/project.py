"""A project folder and what a tool is given in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from jidoka.core.tooling import (
    Commits,
    Limits,
    ProjectFiles,
    Sandbox,
    Tool,
    ToolContext,
    ToolOutcome,
    within,
)
from jidoka.tools.toolbox import Toolbox, builtin_tools


@dataclass(slots=True)
class ToolBench:
    """Calls tools as a session would, arguments checked."""

    root: Path
    context: ToolContext
    shown: list[str]
    """What was shown while a tool ran."""
    toolbox: Toolbox = field(default_factory=lambda: Toolbox(builtin_tools()))

    def tool(self, name: str) -> Tool:
        return self.toolbox.get(name)

    async def call(self, name: str, **args: Any) -> ToolOutcome:
        checked = self.toolbox.checked(name, args)
        tool = self.tool(name)
        outcome = await tool.run(checked, self.context)
        return replace(outcome, text=within(outcome.text, tool.spec.output_bytes))

    async def text(self, name: str, **args: Any) -> str:
        return (await self.call(name, **args)).text


def tool_bench(
    root: Path, sandbox: Sandbox, files: ProjectFiles, commits: Commits | None = None
) -> ToolBench:
    """Return a bench on `root`; `files` is closed by who made it."""
    shown: list[str] = []
    watch: Callable[[str], None] = shown.append
    context = ToolContext(
        root=str(root),
        files=files,
        sandbox=sandbox,
        on_output=watch,
        limits=Limits(),
        commits=commits,
    )
    return ToolBench(root, context, shown)
