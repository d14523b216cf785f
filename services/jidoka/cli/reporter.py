"""A turn as it is told: text for a person, one object, or one CloudEvent a line."""

from __future__ import annotations

import sys
from contextlib import AbstractAsyncContextManager

from jidoka.cli import results
from jidoka.cli.failing import print_error
from jidoka.cli.pulse import Pulse
from jidoka.cli.showing import colored
from jidoka.cli.transcript import Transcript, at_work
from jidoka.client.items import Item
from jidoka.client.shapes import Call, SessionView
from jidoka.contract.replies import RunResult


class Reporter:
    """Prints a turn in one of the three forms: `text`, `json`, `stream-json`."""

    def __init__(self, form: str) -> None:
        self._form = form
        self._paper = Transcript(styled=colored(sys.stdout))
        self._view = SessionView()
        self._pulse = Pulse(sys.stderr, self._waiting_for)

    def show(self, item: Item, view: SessionView) -> None:
        """Print what one more item brings."""
        self._view = view
        if self._form == "stream-json":
            print(results.line_of(item), flush=True)
        elif self._form == "text" and (news := self._paper.news(view)):
            self._pulse.hide()
            print(news, end="", flush=True)

    def end(self, result: RunResult) -> None:
        """Print the result, for programs; a person has seen it."""
        if self._form == "json":
            print(result.model_dump_json(indent=2), flush=True)
        elif self._form == "stream-json":
            print(results.as_event(result).decode(), flush=True)
        elif result.error is not None and result.outcome is None:
            print_error(result.error.message, result.error.details)

    def beating(self) -> AbstractAsyncContextManager[None]:
        """Say on a terminal what is waited for while nothing else is printed."""
        return self._pulse.beating()

    def _waiting_for(self) -> str:
        if self._form != "text" or not self._paper.at_line_start:
            return ""
        turn = self._view.turn
        if turn is None:
            return "beginning"
        calls = [
            each for each in turn.entries if isinstance(each, Call) and each.phase == "running"
        ]
        if not calls and self._view.starting:
            return f"starting MCP server {', '.join(self._view.starting)}"
        return at_work(calls[-1]) if calls else self._view.phase
