"""`jidoka context [ID]`: what the model would be sent now, and how much of its window that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from jidoka.cli import options, undoing

if TYPE_CHECKING:
    from jidoka.client import Client
    from jidoka.contract.replies import ContextReport


def command(
    target: undoing.Target = None,
    full: Annotated[bool, typer.Option("--full", help="The messages too, word for word.")] = False,
    as_json: options.AsJson = False,
) -> int:
    """Show what the model would be sent now, part by part; with --json all of it."""
    from jidoka.cli.door import with_client  # noqa: PLC0415
    from jidoka.cli.showing import print_json, print_table  # noqa: PLC0415

    include = ("messages", "tools") if as_json else ("messages",) if full else ()

    async def work(client: Client) -> ContextReport:
        return await client.get_context(await undoing.target_id(client, target), include)

    report = with_client(work)
    if as_json:
        print_json(report.model_dump(mode="json"))
        return 0
    print(_head(report))
    rows = [
        (part.name, part.detail, f"{part.tokens:,}", f"{part.percent:.1f}", part.left_out)
        for part in report.parts
    ]
    print_table(("PART", "", "TOKENS", "%", "LEFT OUT"), rows)
    if full:
        _print_messages(report)
    return 0


def _head(report: ContextReport) -> str:
    known = "" if report.window_known else " assumed"
    lines = [
        f"{report.tokens:,} of {report.window:,} tokens{known} ({report.percent:.1f} %), "
        f"compacted at {report.compact_at:,}"
    ]
    if report.compactions:
        times = "once" if report.compactions == 1 else f"{report.compactions} times"
        lines.append(f"compacted {times} so far")
    return "\n".join(lines)


def _print_messages(report: ContextReport) -> None:
    from jidoka.cli.transcript import harmless  # noqa: PLC0415

    for message in report.messages:
        print(f"\n── {message['role']}")
        print(harmless(str(message.get("content") or "")))
        for call in message.get("tool_calls", ()):
            function = call["function"]
            print(harmless(f"→ {function['name']} {function['arguments']}"))
