"""`jidoka mcp add`: give a session a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from jidoka.cli import options
from jidoka.cli.session.acting import act

if TYPE_CHECKING:
    from jidoka.client import Client

_REFERENCE = "NAME=JIDOKA_MCP_... of the agent host, never a value; repeat it for more."


def command(
    target: options.Target,
    name: Annotated[str, typer.Argument(help="Its tools are called NAME__TOOL.")],
    program: Annotated[
        list[str] | None,
        typer.Argument(metavar="[-- COMMAND...]", help="Speaks MCP on its standard streams."),
    ] = None,
    *,
    url: Annotated[str | None, typer.Option("--url", help="Of a streamable HTTP server.")] = None,
    env: Annotated[
        list[str] | None, typer.Option("--env", help=f"A variable: {_REFERENCE}")
    ] = None,
    header: Annotated[
        list[str] | None, typer.Option("--header", help=f"A header: {_REFERENCE}")
    ] = None,
    as_json: options.AsJson = False,
) -> int:
    """Give a session an MCP server, or put another in its place.

    A command runs in the session's sandbox, without network unless the session has it, and ends
    with the session. Its tools are asked about in every mode but full-auto.
    """
    if bool(program) == bool(url):
        raise typer.BadParameter("name a command behind --, or --url")
    variables, headers = _pairs(env or [], "--env"), _pairs(header or [], "--header")

    async def work(client: Client, session_id: str) -> int:
        return await client.add_mcp_server(
            session_id,
            name,
            command=program or (),
            url=url,
            variables=variables,
            headers=headers,
        )

    return act(target, work, said=f"has the MCP server {name}", as_json=as_json)


def _pairs(words: list[str], option: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for word in words:
        name, separator, reference = word.partition("=")
        if not separator:
            raise typer.BadParameter(f"{option} is NAME=JIDOKA_MCP_...")
        pairs[name] = reference
    return pairs
