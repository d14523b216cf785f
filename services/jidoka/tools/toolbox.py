"""The tools of a session by name, and what the model is told of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from jidoka.contract.errors import ToolArgsInvalid, ToolUnknown
from jidoka.core.tooling import EffectClass, Tool, ToolSpec
from jidoka.tools.arguments import MAX_PROBLEMS, fitting, problems_of
from jidoka.tools.ask import Ask
from jidoka.tools.commit import Commit
from jidoka.tools.edit import Edit
from jidoka.tools.glob import Glob
from jidoka.tools.grep import Grep
from jidoka.tools.listing import List
from jidoka.tools.multi_edit import MultiEdit
from jidoka.tools.patch import Patch
from jidoka.tools.read import Read
from jidoka.tools.shell import Shell
from jidoka.tools.todo import Todo
from jidoka.tools.write import Write


def builtin_tools() -> tuple[Tool, ...]:
    """Return the tools that every session has unless it names others."""
    return (
        *(Read(), List(), Glob(), Grep()),
        *(Edit(), MultiEdit(), Patch(), Write()),
        *(Shell(), Commit(), Todo(), Ask()),
    )


class Toolbox:
    """Name → tool. Tools may be added and removed while the session lives."""

    def __init__(self, tools: Iterable[Tool]) -> None:
        self._tools = {tool.spec.name: tool for tool in tools}
        self._specs: list[dict[str, Any]] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in the order in which the model is told of them."""
        return tuple(self._tools)

    def add(self, tool: Tool) -> None:
        """Add a tool, or replace the one of its name."""
        self._tools[tool.spec.name] = tool
        self._specs = None

    def remove(self, name: str) -> None:
        """Remove a tool; one that is not there is gone already."""
        self._tools.pop(name, None)
        self._specs = None

    def get(self, name: str) -> Tool:
        """Return the tool of that name.

        Raises:
            ToolUnknown: with the names that there are.
        """
        if name not in self._tools:
            raise ToolUnknown(tool=name[:200], known=self.names)
        return self._tools[name]

    def checked(self, name: str, args: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of a call as its schema means them.

        Raises:
            ToolUnknown: no such tool.
            ToolArgsInvalid: with every problem, at most 20.
        """
        schema = self.get(name).spec.parameters
        meant = fitting(args, schema)
        problems = tuple(islice(problems_of(meant, schema), MAX_PROBLEMS))
        if problems:
            raise ToolArgsInvalid(tool=name, problems=problems)
        return meant

    def kinds(self) -> Mapping[str, EffectClass]:
        """Return what may be done about an unfinished call, by tool."""
        return {name: tool.spec.effect for name, tool in self._tools.items()}

    def specs_for_model(self) -> list[dict[str, Any]]:
        """Return the tools in the shape of OpenAI's function tools: to be read, never changed."""
        if self._specs is None:
            self._specs = [_for_model(tool.spec) for tool in self._tools.values()]
        return list(self._specs)


def _for_model(spec: ToolSpec) -> dict[str, Any]:
    function = {
        "name": spec.name,
        "description": spec.description,
        "parameters": dict(spec.parameters),
    }
    return {"type": "function", "function": function}
