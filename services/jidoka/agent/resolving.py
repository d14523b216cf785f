"""From a call as the model wrote it to a tool and arguments that fit it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

from jidoka.contract.errors import ToolArgsInvalid, ToolUnknown
from jidoka.contract.json import is_object_text
from jidoka.core.servers import is_of_a_server
from jidoka.core.state import OpenCall, SessionState
from jidoka.core.tooling import Tool


class Tools(Protocol):
    """The tools of a session."""

    def get(self, name: str) -> Tool:
        """Return a tool; raises `ToolUnknown`."""
        ...

    def checked(self, name: str, args: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return arguments that fit the tool's schema; raises `ToolArgsInvalid`."""
        ...

    def specs_for_model(self) -> list[dict[str, Any]]:
        """Return the tools in the shape of OpenAI's function tools."""
        ...


def resolved(tools: Tools, state: SessionState, call: OpenCall) -> tuple[Tool, Mapping[str, Any]]:
    """Return the tool of a call and its arguments as the tool's schema means them.

    Raises:
        ToolUnknown: the session has no such tool. ToolArgsInvalid: they do not fit.
    """
    name, allowed = call.call.tool, state.tools
    ours = not is_of_a_server(state.servers, name)  # a server was given to this session by name
    if allowed is not None and ours and name not in allowed:
        raise ToolUnknown(tool=name, known=allowed)
    tool = tools.get(name)
    text = call.call.arguments.strip() or "{}"
    if not is_object_text(text):
        raise ToolArgsInvalid(tool=name, problems=("the arguments are not a JSON object",))
    return tool, tools.checked(name, json.loads(text))
