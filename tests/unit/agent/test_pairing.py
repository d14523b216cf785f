"""The tools of a session follow from what its host allows."""

from __future__ import annotations

from jidoka.agent.pairing import kinds_of_tools, toolbox_of
from jidoka.core.tooling import EffectClass
from jidoka.tools.background import BackgroundShells


def test_pages_are_fetched_only_where_the_host_names_whose():
    without = toolbox_of(BackgroundShells(), ())
    with_some = toolbox_of(BackgroundShells(), ("docs.example.org",))

    assert "fetch" not in without.names
    assert "fetch" in with_some.names


def test_what_an_interrupted_call_means_is_known_of_every_tool():
    kinds = kinds_of_tools(("*",))

    assert set(kinds) == set(toolbox_of(BackgroundShells(), ("*",)).names)
    assert kinds["shell_start"] is EffectClass.EFFECT
    assert kinds["shell_read"] is EffectClass.PURE
