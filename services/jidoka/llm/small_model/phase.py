"""Which tools the small model may use next.

Left to itself it answers before it looked, edits files that nobody asked about, and forgets to
check. So each stage of the work offers what makes sense there.
"""

from __future__ import annotations

from collections.abc import Collection

from jidoka.llm.small_model.request import Purpose, commands_in
from jidoka.llm.small_model.view import (
    EDIT,
    GLOB,
    GREP,
    LIST,
    READ,
    SHELL,
    WRITE,
    Stage,
    View,
)

FINISH = "finish"
PATIENCE = 16  # steps of a turn after which it has to come to an end
LOOKING = frozenset({LIST, READ, GLOB, GREP, SHELL})


def may(view: View, offered: Collection[str]) -> frozenset[str]:
    """Return the names of the tools that make sense now, `finish` among them."""
    have = (frozenset(offered) - view.repeated) | {FINISH}
    if not view.asked and LIST in have:
        return frozenset({LIST})  # it knows no file before
    if view.steps >= PATIENCE:
        return frozenset({FINISH})
    if view.purpose is Purpose.ANSWER:
        return have & (LOOKING | {FINISH})
    wanted = have & _working(view)
    if view.purpose is Purpose.OPEN:
        wanted |= {FINISH}
    return wanted or have & (LOOKING | {FINISH})


def _working(view: View) -> frozenset[str]:
    match view.stage:
        case Stage.START if commands_in(view.wanted) and view.steps <= 1:
            return LOOKING
        case Stage.START:
            return LOOKING | {EDIT, WRITE}
        case Stage.BROKEN | Stage.FAILED:
            return frozenset({READ, EDIT, WRITE})
        case Stage.CHANGED:
            return frozenset({SHELL})
        case Stage.PASSED:
            return frozenset({FINISH})
