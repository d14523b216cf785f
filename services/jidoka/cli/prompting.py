"""Answering on the terminal while a session is watched: a line answers the oldest open question."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from jidoka.client.shapes import Question, SessionView
from jidoka.contract.errors import JidokaError

if TYPE_CHECKING:
    from jidoka.client import Client

_ALLOW: Final = frozenset({"y", "yes", "allow"})
_DENY: Final = frozenset({"n", "no", "deny"})
_ALWAYS: Final = frozenset({"a", "always"})


def somebody_is_here() -> bool:
    """Tell whether a person can read what is shown, and type."""
    return sys.stdin.isatty() and sys.stdout.isatty()


@dataclass(slots=True)
class Prompter:
    """Says how to answer, and sends what is typed."""

    client: Client
    session_id: str
    view: SessionView = field(default_factory=SessionView)
    _told: set[str] = field(default_factory=set[str])
    _sending: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])

    def hint(self, view: SessionView) -> str:
        """Return how to answer a question that is new in the view, nothing where none is."""
        self.view = view
        new = [q for q in view.questions if q.call_id not in self._told and not q.is_moot]
        self._told.update(one.call_id for one in new)
        return "".join(f"  {_ways(one)}\n" for one in new)

    def take(self, line: str) -> None:
        """Answer the oldest open question with a line, if there is one."""
        text, open_questions = line.strip(), self.view.questions
        if text and open_questions:
            work = self._send(open_questions[0], text)
            task = asyncio.get_running_loop().create_task(work, name="answer")
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _send(self, question: Question, text: str) -> None:
        try:
            await self._answered(question, text)
        except JidokaError as problem:
            print(f"  {problem.message}", file=sys.stderr)

    async def _answered(self, question: Question, text: str) -> None:
        word = text.lower()
        if question.kind == "question":
            answer = _chosen(question, text)
            await self.client.answer_question(self.session_id, question.call_id, answer)
        elif word in _ALLOW | _ALWAYS:
            remember = word in _ALWAYS
            await self.client.answer(self.session_id, question.call_id, "allow", remember=remember)
        elif word in _DENY:
            await self.client.answer(self.session_id, question.call_id, "deny")
        else:
            print(f"  {_ways(question)}", file=sys.stderr)


def _ways(question: Question) -> str:
    if question.kind == "permission":
        return "y: allow · n: deny · a: always allow such calls"
    numbered = [f"{number}: {option}" for number, option in enumerate(question.options, 1)]
    return " · ".join([*numbered, "or type an answer"])


def _chosen(question: Question, text: str) -> str:
    """Return the option of that number, else the text itself."""
    at = int(text) - 1 if text.isdecimal() and len(text) <= len("10") else -1
    return question.options[at] if 0 <= at < len(question.options) else text


@asynccontextmanager
async def typed_lines(take: Callable[[str], None]) -> AsyncGenerator[None]:
    """Hand each line that is typed to `take` for the time of the context."""
    loop, source = asyncio.get_running_loop(), sys.stdin.fileno()

    def read() -> None:
        line = sys.stdin.readline()
        if line:
            take(line)
        else:
            loop.remove_reader(source)

    loop.add_reader(source, read)
    try:
        yield
    finally:
        loop.remove_reader(source)
