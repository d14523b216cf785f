"""A session as text that grows: answers as they stream, one line a tool call, a closing line.

It draws a view, never an event: each time it tells what the view has and was not told yet.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from shlex import quote
from typing import Any, Final

from jidoka.cli.showing import money, on_one_line, seconds, tokens
from jidoka.client.shapes import Answer, Call, Question, SessionView, TurnView
from jidoka.contract.briefing import TodoItem

KEY_ARGUMENTS: Final = ("command", "path", "file", "pattern", "query", "url", "name")
TODO_MARKS: Final = {"pending": "[ ]", "in_progress": "[>]", "completed": "[x]"}
MARKS: Final = {"completed": "✓", "failed": "✗", "interrupted": "?", "denied": "⊘"}
MOST_OF_AN_ARGUMENT: Final = 80
_COMMANDING: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_STYLING: Final = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_DIM, _BOLD, _PLAIN = "\x1b[2m", "\x1b[1m", "\x1b[0m"


@dataclass(slots=True)
class Transcript:
    """What has been told of a session so far."""

    styled: bool = False
    """With colours, for a terminal."""
    show_messages: bool = False
    """Tell what was said to the agent too."""
    at_line_start: bool = True
    """Whether what comes next begins a line."""
    _from_turn: int = 0
    _todo: tuple[TodoItem, ...] = ()
    _compactions: int = 0
    _is_away: bool = False
    _texts: dict[str, str] = field(default_factory=dict[str, str])
    _done: set[str] = field(default_factory=set[str])
    _news: list[str] = field(default_factory=list[str])

    def news(self, view: SessionView) -> str:
        """Return the text of all that is new in the view, nothing if nothing is."""
        for turn in view.turns[self._from_turn :]:
            self._turn(view, turn)
            if turn.outcome is not None:
                self._from_turn += 1
                self._texts.clear()
        self._context(view)
        for server in view.servers:
            if server.state == "failed" and self._first_time(f"mcp {server.problem}"):
                self._line(f"- {server.problem}", _DIM)
        for question in view.questions:
            line = asking(view.session_id, question)
            if line and self._first_time(f"? {question.call_id}"):
                self._line(line)
        for number, notice in enumerate(view.notices):
            if self._first_time(f"notice {number}"):
                self._line(f"- {notice}", _DIM)
        if self._has_ended(view):
            deleted = view.status_reason == "deleted"
            self._line(f"- the session is {'deleted' if deleted else view.status}", _DIM)
        if self._is_back(view):
            self._line("- the session is open again", _DIM)
        text = "".join(self._news)
        self._news.clear()
        return text

    def _context(self, view: SessionView) -> None:
        if view.todo != self._todo:
            self._todo = view.todo
            for item in view.todo:
                self._line(f"  {TODO_MARKS.get(item.status, '[ ]')} {item.text}", _DIM)
        for done in view.compactions[self._compactions :]:
            if done.method != "none":
                sizes = f"{done.tokens_before:,} → {done.tokens_after:,} tokens"
                self._line(f"- the conversation was compacted ({done.method}), {sizes}", _DIM)
        self._compactions = len(view.compactions)

    def _turn(self, view: SessionView, turn: TurnView) -> None:
        if self.show_messages:
            for message in turn.messages:
                if self._first_time(f"> {message.message_id}"):
                    self._line(f"> {message.text}", _BOLD)
        for entry in turn.entries:
            if isinstance(entry, Answer):
                self._answer(entry)
            elif entry.ended and self._first_time(entry.call_id):
                self._line(outcome(entry))
        if turn.retry_at is not None and self._first_time(f"{turn.turn_id} {turn.failures}"):
            why = turn.error.message if turn.error else "the model's call failed"
            self._line(f"- {why} Trying again.", _DIM)
        if turn.outcome is not None and self._first_time(turn.turn_id):
            if turn.error is not None:
                self._line(f"✗ {turn.error.message}")
            self._line(f"{how_to_allow(turn)}{closing(view, turn)}", _DIM)

    def _answer(self, answer: Answer) -> None:
        told = self._texts.get(answer.call_id, "")
        if not answer.text or answer.text == told:
            return
        if not answer.text.startswith(told):
            self._end_line()  # another attempt, or deltas that were missed: say it whole
            told = ""
        new = answer.text[len(told) :]
        self._news.append(harmless(new))
        self.at_line_start = new.endswith("\n")
        self._texts[answer.call_id] = answer.text

    def _line(self, text: str, style: str = "") -> None:
        self._end_line()
        text = harmless(text)
        self._news.append(f"{style}{text}{_PLAIN}\n" if style and self.styled else f"{text}\n")

    def _end_line(self) -> None:
        if not self.at_line_start:
            self._news.append("\n")
        self.at_line_start = True

    def _first_time(self, what: str) -> bool:
        if what in self._done:
            return False
        self._done.add(what)
        return True

    def _has_ended(self, view: SessionView) -> bool:
        if not self.show_messages or view.status not in ("closed", "terminated"):
            return False
        return self._first_time(f"{view.status} {view.epoch} {len(view.turns)}")

    def _is_back(self, view: SessionView) -> bool:
        was_away, self._is_away = self._is_away, view.status in ("closed", "terminated")
        return self.show_messages and was_away and not self._is_away


def harmless(text: str) -> str:
    """Return a text of a model or tool without what would command the terminal."""
    return _COMMANDING.sub("", text)


def outcome(call: Call) -> str:
    """Return the one line of a tool call that has ended."""
    parts = [MARKS[call.phase], call.tool, key_argument(call.args)]
    if call.phase == "failed" and call.error is not None:
        parts.append(f"- {call.error.message}")
    elif call.phase == "denied":
        by = f"denied by {call.denied_by}"
        parts.append("- denied: nobody answered" if call.denied_by == "default" else f"- {by}")
    elif call.phase == "interrupted":
        known = call.output.partition("\n")[0] or "it may have happened"
        parts.append(f"- {on_one_line(known)}")
    elif call.exit_status:
        parts[0] = MARKS["failed"]
        parts.append(f"- exit status {call.exit_status}")
    if call.duration_s is not None:
        parts.append(f"({seconds(call.duration_s)})")
    return " ".join(part for part in parts if part)


def at_work(call: Call) -> str:
    """Return what a call that runs does, with the last line that it printed."""
    lines = [line for line in _STYLING.sub("", call.output).splitlines() if line.strip()]
    told = [f"{call.tool} {key_argument(call.args)}".strip(), *lines[-1:]]
    return on_one_line(" · ".join(told))


def key_argument(args: dict[str, Any]) -> str:
    """Return the argument by which a person knows a call again, on one line."""
    known = next((args[key] for key in KEY_ARGUMENTS if key in args), None)
    value = known if known is not None else next(iter(args.values()), "")
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    line = " ".join(text.split())
    return line if len(line) <= MOST_OF_AN_ARGUMENT else line[: MOST_OF_AN_ARGUMENT - 1] + "…"


def asking(session_id: str, question: Question) -> str:
    """Return the line of a question, with the command that answers it; nothing where nobody can."""
    how = f"jidoka answer {session_id} {question.call_id}"
    if question.is_moot:
        return f"? {question.preview}" if question.kind == "question" else ""
    if question.kind == "question":
        ways = question.options or ("ANSWER",)
        return "\n".join([f"? {question.preview}", *(f"  {how} {quote(way)}" for way in ways)])
    what = f"{question.tool} {key_argument(question.args)}"
    how = f"{how} allow"
    preview = f"\n{question.preview}" if question.preview else ""
    return f"? May it run {what}? {how}{preview}"


def how_to_allow(turn: TurnView) -> str:
    """Return the line that says how calls may run that nobody allowed; nothing where none were."""
    calls = (entry for entry in turn.entries if isinstance(entry, Call))
    tools = sorted({call.tool for call in calls if call.denied_by == "default"})
    if not tools:
        return ""
    return (
        "- to allow such calls beforehand: --permission-mode auto-edit or full-auto, "
        f"or --rule 'allow {tools[0]} …'\n"
    )


def closing(view: SessionView, turn: TurnView) -> str:
    """Return the last line of a turn: outcome, steps, tokens, cost, time, session."""
    steps = f"{turn.steps} step{'' if turn.steps == 1 else 's'}"
    parts = (turn.outcome or "", steps, tokens(turn.usage), money(turn.cost_usd))
    whole = (*parts, seconds(turn.duration_s), view.session_id)
    return " · ".join(part for part in whole if part)
