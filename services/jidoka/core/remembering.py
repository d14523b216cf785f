"""The rules that "always" makes of one call: exactly such calls, and nothing wider."""

from __future__ import annotations

import shlex

from jidoka.contract.content import ToolCall
from jidoka.contract.errors import InvalidMessage
from jidoka.core.command_calls import command_line
from jidoka.core.permission import arguments_of
from jidoka.core.permission_parts import Request, parts_of
from jidoka.core.rules import COMMAND_TOOLS, END, HOST_TOOLS, parse_rule
from jidoka.core.shell_syntax import Kind
from jidoka.core.tooling import EffectClass

_GLOBS = frozenset("*?[")


def rules_for(call: ToolCall, decision: str, root: str) -> tuple[str, ...]:
    """Return the rules that say of calls like this one what was decided.

    A command is remembered word by word, each command of a pipeline by itself; a file by its path;
    a page by its host; any other tool as a whole.

    Raises:
        InvalidMessage: no rule can say it; it can be answered for this once.
    """
    request = Request(call.tool, EffectClass.EFFECT, arguments_of(call.arguments), root)
    if call.tool in COMMAND_TOOLS:
        patterns = _of_command(request, is_allowed=decision == "allow")
    elif call.tool in HOST_TOOLS:
        patterns = [part.host or "" for part in parts_of(request)]
    else:
        patterns = [part.path.text if part.path else "" for part in parts_of(request)]
    rules = tuple(dict.fromkeys(f"{decision} {call.tool} {one}".strip() for one in patterns))
    for rule in rules:
        _check(rule)
    return rules


def _of_command(request: Request, *, is_allowed: bool) -> list[str]:
    text = request.args.get("command")
    line = command_line(text if isinstance(text, str) else "")
    words = [word for call in line.calls for word in call.words]
    odd = [word for word in words if word.kind is not Kind.LITERAL or _GLOBS & set(word.text)]
    plain = line.calls and not odd and not any(call.assigns or call.opaque for call in line.calls)
    if line.unread or not plain or (is_allowed and line.redirects):
        raise _cannot("the command is not plain words")
    outer = [call for call in line.calls if not call.inner]
    return [
        shlex.join([*(word.text for word in call.words), END]).replace("'$'", END) for call in outer
    ]


def _check(rule: str) -> None:
    try:
        parse_rule(rule)
    except ValueError as problem:
        raise _cannot(str(problem)) from None


def _cannot(why: str) -> InvalidMessage:
    reason = f"no rule can be made of this call: {why}; answer without it, or name the rules"
    return InvalidMessage.of("data.remember", reason)
