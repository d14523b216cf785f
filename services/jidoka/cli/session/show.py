"""`jidoka session show`: all that is known of one session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jidoka.cli import options

if TYPE_CHECKING:
    from jidoka.client import Client
    from jidoka.contract.replies import ContextReport, PermissionList, SessionInfo

MARKS = {"pending": "[ ]", "in_progress": "[>]", "completed": "[x]"}


def command(target: options.Target, as_json: options.AsJson = False) -> int:
    """Show a session, also one that has ended."""
    from jidoka.cli.door import session_id_of, with_client  # noqa: PLC0415
    from jidoka.cli.showing import on_one_line, print_json  # noqa: PLC0415
    from jidoka.contract.errors import JidokaError, LogDamaged, SessionNotFound  # noqa: PLC0415

    async def work(
        client: Client,
    ) -> tuple[SessionInfo, PermissionList | None, ContextReport | None]:
        info = await client.get_session_info(await session_id_of(client, target))
        try:
            permissions = await client.list_permissions(info.session_id)
        except (SessionNotFound, LogDamaged):  # what is listed is all that is left, or can be read
            return info, None, None
        try:
            return info, permissions, await client.get_context(info.session_id, ())
        except JidokaError:  # its machine is away, or what is there does not fit
            return info, permissions, None

    found, permissions, context = with_client(work)
    info = found.model_dump(mode="json")
    if permissions is not None:
        info |= permissions.model_dump(mode="json", include={"network", "rules", "questions"})
    if context is not None:
        sizes = {"tokens": context.tokens, "window": context.window, "percent": context.percent}
        info |= context.model_dump(mode="json", include={"todo", "files"}) | {"context": sizes}
    if as_json:
        print_json(info)
        return 0
    todo = info.pop("todo", ())
    for name, value in {"todo": todo, **info}.items():
        for line in _told(name, value) if value not in (None, "", [], (), {}) else ():
            print(f"{name.replace('_', ' '):16} {on_one_line(line)}")
    return 0


def _told(name: str, value: Any) -> list[str]:
    """Return a field in the words of a person, a line for each thing in it."""
    match name:
        case "todo":
            return [f"{MARKS.get(each['status'], '[ ]')} {each['text']}" for each in value]
        case "usage":
            return [f"{value['input_tokens']:,} + {value['output_tokens']:,} tokens"]
        case "context":
            return [f"{value['tokens']:,} of {value['window']:,} tokens ({value['percent']:.1f} %)"]
        case "rules":
            return [f"{each['rule']} ({each['source']})" for each in value]
        case "questions":
            return [f"{each['call_id']} {each['tool']} {each['arguments']}" for each in value]
        case "error":
            return [value["message"]]
        case "network":
            return ["on" if value else "off"]
        case "degraded":
            return ["yes" if value else "no"]
        case "metadata" | "limits":
            return [f"{key}={each}" for key, each in value.items()]
        case _:
            return [str(each) for each in value] if isinstance(value, list) else [str(value)]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
