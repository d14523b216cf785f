"""The table of modes that people read is the one that holds."""

from __future__ import annotations

from pathlib import Path

from jidoka.contract.content import PermissionMode
from jidoka.core.permission import BY_MODE
from jidoka.core.tooling import EffectClass
from jidoka.tools.background import BackgroundShells
from jidoka.tools.fetch import Fetch
from jidoka.tools.toolbox import builtin_tools

PAGE = Path(__file__).parents[2] / "docs/permissions.md"
WORDS = {
    EffectClass.PURE: "only reads",
    EffectClass.IDEMPOTENT: "writes files",
    EffectClass.EFFECT: "does anything",
    EffectClass.UNKNOWN: "nobody says",
}


def test_the_documented_modes_are_those_of_the_code():
    modes = " | ".join(f"`{mode}`" for mode in PermissionMode)
    head = [f"| class of the tool | {modes} |", "|---" * (len(PermissionMode) + 1) + "|"]
    rows = [
        f"| `{kind}` ({WORDS[kind]}) | "
        + " | ".join(BY_MODE[mode][kind].value for mode in PermissionMode)
        + " |"
        for kind in EffectClass
    ]

    shown = PAGE.read_text().partition("<!-- modes -->")[2].partition("<!-- end of modes -->")[0]

    assert shown.strip().splitlines() == [*head, *rows]


def test_every_tool_is_named_for_who_writes_rules():
    text = " ".join(PAGE.read_text().split())
    tools = (*builtin_tools(), *BackgroundShells().tools(), Fetch(["example.org"]))

    assert [tool.spec.name for tool in tools if f" {tool.spec.name}" not in text] == []
