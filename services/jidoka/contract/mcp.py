"""An MCP server of a session, as it is asked for and recorded: nothing secret is in it."""

from __future__ import annotations

import re
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from jidoka.contract.content import Value

MOST_SERVERS: Final = 16
"""Of one session."""
SEPARATOR: Final = "__"
"""Between a server's name and its tool's."""
_VARIABLE: Final = r"^[A-Za-z_][A-Za-z0-9_]{0,127}$"
_OURS: Final = r"^JIDOKA_MCP_[A-Z0-9_]{1,100}$"
_HEADER: Final = r"^[A-Za-z0-9-]{1,128}$"

ServerName = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$")]
Word = Annotated[str, Field(max_length=4096, pattern=r"^[^\x00\r\n]*$")]
Reference = Annotated[str, Field(pattern=_OURS)]
"""The name of a variable of the agent host: only those that were named for this are given away."""


class McpServer(Value):
    """A server that is started in the session's sandbox, or reached by HTTP."""

    name: ServerName
    """Its tools are called `NAME__TOOL`."""
    command: Annotated[tuple[Word, ...], Field(max_length=64)] = ()
    """The program and its arguments; it speaks MCP on its standard input and output."""
    url: Annotated[str, Field(max_length=4096)] | None = None
    """Of a server that speaks streamable HTTP."""
    variables: Annotated[
        dict[Annotated[str, Field(pattern=_VARIABLE)], Reference], Field(max_length=32)
    ] = Field(default_factory=dict)
    """The program's environment: each variable, and the agent host's from which its value comes."""
    headers: Annotated[
        dict[Annotated[str, Field(pattern=_HEADER)], Reference], Field(max_length=32)
    ] = Field(default_factory=dict)
    """Sent with each request: each header, and the agent host's variable with its value."""

    @model_validator(mode="after")
    def _is_one_or_the_other(self) -> McpServer:
        if bool(self.command) == bool(self.url):
            raise ValueError("has either a command or a url")
        if self.url and not _is_address(self.url):
            raise ValueError("url is http or https, without a user, password or fragment")
        if self.command and not self.command[0]:
            raise ValueError("the command names no program")
        if (self.headers and self.command) or (self.variables and self.url):
            raise ValueError("a command has variables, a url has headers")
        return self


def tool_name(server: str, tool: str) -> str:
    """Return the name under which the model knows a server's tool."""
    return f"{server}{SEPARATOR}{re.sub(r'[^A-Za-z0-9_-]', '_', tool)}"[:64]


def server_of(tool: str) -> str | None:
    """Return the server in a tool's name, None where there is none."""
    name, separator, _ = tool.partition(SEPARATOR)
    return name if separator and name else None


def _is_address(text: str) -> bool:
    try:
        url = urlsplit(text)
        usable = url.port != 0
    except ValueError:
        return False
    plain = not (url.username or url.password or url.fragment)
    return usable and plain and url.scheme in ("http", "https") and bool(url.hostname)
