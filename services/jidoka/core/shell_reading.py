"""What a shell would run of a command line: a reader that is careful instead of complete.

    text ─► read_commands ─► every simple command in it, wherever it stands: in pipelines, lists,
                             subshells, substitutions, loops and conditions, here-documents

It has no rules and judges nothing. What it does not know for sure (`case`, functions, arithmetic,
`$'…'`, parameter operators) it refuses: `Unreadable` is an answer that nobody may take for "there
is nothing in it".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from jidoka.core.shell_syntax import (
    ASSIGNMENT,
    BLANK,
    BRACES,
    ENDS_WORD,
    GLOBS,
    PARAMETER,
    REDIRECT,
    REFUSED,
    SKIPPED,
    SPLIT_SIGN,
    HereDocument,
    Kind,
    OpenCommand,
    Redirect,
    SimpleCommand,
    Unreadable,
    Word,
)

MOST_COMMANDS = 64
MOST_DEPTH = 16


def read_commands(text: str) -> tuple[SimpleCommand, ...]:
    """Return every simple command of a command line, in no promised order.

    Raises:
        Unreadable: it cannot be read for sure.
    """
    if SPLIT_SIGN.search(text):
        raise Unreadable("a sign of the shell is split over two lines")
    reader = _Reader(text)
    reader.read("")
    return tuple(reader.commands)


@dataclass(slots=True)
class _Reader:
    text: str
    depth: int = 0
    at: int = 0
    commands: list[SimpleCommand] = field(default_factory=list[SimpleCommand])
    documents: list[HereDocument] = field(default_factory=list[HereDocument])

    # --- commands ---

    def read(self, stop: str) -> None:
        """Read commands up to `stop`, or to the end."""
        self.depth += 1
        if self.depth > MOST_DEPTH:
            raise Unreadable("it is nested too deep")
        command = OpenCommand()
        while True:
            self._blanks()
            here = self.text[self.at : self.at + 1]
            if not here or here == stop:
                break
            if self._is_redirect():
                self._redirect(command)
            elif here in "\n;&|":
                command = self._separator(command)
            elif here == "(":
                self._subshell(command)
            elif here == ")":
                raise Unreadable("a bracket closes that was not opened")
            else:
                command = self._word_of(command)
        if stop:
            self._expect(stop)
        self._finish(command)
        self.depth -= 1

    def _separator(self, command: OpenCommand) -> OpenCommand:
        if self.text.startswith(";;", self.at):
            raise Unreadable("';;' belongs to a case")
        newline = self.text[self.at] == "\n"
        self.at += 1
        if newline:
            self._read_documents()
        self._finish(command)
        return OpenCommand()

    def _subshell(self, command: OpenCommand) -> None:
        if not command.at_start or command.assigns or self.text.startswith("((", self.at):
            raise Unreadable("'(' is a function, a list of values or arithmetic")
        self.at += 1
        self.read(")")
        command.closed = True

    def _word_of(self, command: OpenCommand) -> OpenCommand:
        start = self.at
        word = self._word()
        raw = self.text[start : self.at]
        if command.closed and raw not in SKIPPED:
            raise Unreadable("a word behind a bracket")
        if command.looping:
            return command if raw != "do" else self._next(command)
        if not command.words and not command.closed and ASSIGNMENT.match(raw):
            command.assigns = True
        elif command.at_start and raw in REFUSED:
            raise Unreadable(f"{raw!r} is not read")
        elif command.at_start and raw == "for":
            command.looping = True
        elif not command.words and raw in SKIPPED:
            return self._next(command)
        else:
            command.words.append(word)
        return command

    def _next(self, command: OpenCommand) -> OpenCommand:
        self._finish(command)
        return OpenCommand()

    def _finish(self, command: OpenCommand) -> None:
        if command.looping or not (command.words or command.redirects or command.assigns):
            return
        made = SimpleCommand(tuple(command.words), command.assigns, tuple(command.redirects))
        self.commands.append(made)
        if len(self.commands) > MOST_COMMANDS:
            raise Unreadable(f"it has more than {MOST_COMMANDS} commands")

    # --- redirections ---

    def _is_redirect(self) -> bool:
        found = REDIRECT.match(self.text, self.at)
        is_process = self.text[self.at : self.at + 2] in ("<(", ">(")
        return found is not None and not is_process

    def _redirect(self, command: OpenCommand) -> None:
        found = REDIRECT.match(self.text, self.at)
        operator = found[2] if found else ""
        self.at += len(found[0]) if found else 0
        self._blanks()
        start = self.at
        target = self._word()
        raw = self.text[start : self.at]
        if not raw:
            raise Unreadable("a redirection without a file")
        if operator in ("<<", "<<-"):
            quoted = raw != target.text
            here = HereDocument(target.text, operator == "<<-", quoted, self.depth)
            self.documents.append(here)
        elif operator == "<<<" or (operator in ("<&", ">&") and re.fullmatch(r"\d+|-", raw)):
            return
        else:
            command.redirects.append(Redirect(operator not in ("<", "<&"), target))
            # one shell reads `a &>f b` as `a b`, another as `a &` and `b`
            command.closed = command.closed or operator.startswith("&")

    def _read_documents(self) -> None:
        for document in self.documents:
            if document.depth != self.depth:
                raise Unreadable("a here-document begins inside a substitution")
            lines: list[str] = []
            while self.at < len(self.text):
                line, _, _ = self.text[self.at :].partition("\n")
                self.at = min(self.at + len(line) + 1, len(self.text))
                if (line.lstrip("\t") if document.indented else line) == document.end:
                    break
                lines.append(line)
            if not document.quoted:
                self._inside("\n".join(lines)).quoted("")
        self.documents.clear()

    # --- words ---

    def _word(self) -> Word:
        """Read one word; its substitutions are read as commands."""
        parts: list[str] = []
        kind = Kind.LITERAL
        start = self.at
        while self.at < len(self.text):
            here = self.text[self.at]
            if here in "<>" and self.text.startswith("(", self.at + 1):
                self.at += 2
                self.read(")")
                kind = Kind.DYNAMIC
                continue
            if here in ENDS_WORD:
                break
            piece, found = self._piece(here, first=self.at == start)
            parts.append(piece)
            kind = found if found is Kind.DYNAMIC or kind is Kind.LITERAL else kind
        if BRACES.search(self.text, start, self.at):
            kind = Kind.DYNAMIC
        return Word("".join(parts), kind)

    def _piece(self, here: str, *, first: bool) -> tuple[str, Kind]:
        match here:
            case "\\":
                taken = self.text[self.at + 1 : self.at + 2]
                self.at += 2
                return ("" if taken == "\n" else taken), Kind.LITERAL
            case "'":
                end = self.text.find("'", self.at + 1)
                if end < 0:
                    raise Unreadable("a quote is not closed")
                text, self.at = self.text[self.at + 1 : end], end + 1
                return text, Kind.LITERAL
            case '"':
                self.at += 1
                text, kind = self.quoted('"')
                self._expect('"')
                return text, kind
            case "$" | "`":
                return self._expansion()
            case _:
                self.at += 1
                is_glob = here in GLOBS or (first and here == "~")
                return here, Kind.GLOB if is_glob else Kind.LITERAL

    def quoted(self, end: str) -> tuple[str, Kind]:
        """Read up to `end` as between double quotes; to the end of all where it is empty."""
        parts: list[str] = []
        kind = Kind.LITERAL
        while self.at < len(self.text) and (here := self.text[self.at]) != end:
            if here == "\\" and self.text[self.at + 1 : self.at + 2] in ("$", "`", '"', "\\", "\n"):
                parts.append(self.text[self.at + 1].strip("\n"))
                self.at += 2
            elif here in "$`":
                text, found = self._expansion(in_quotes=True)
                parts.append(text)
                kind = found if found is Kind.DYNAMIC else kind
            else:
                parts.append(here)
                self.at += 1
        return "".join(parts), kind

    def _expansion(self, *, in_quotes: bool = False) -> tuple[str, Kind]:
        if self.text[self.at] == "`":
            return self._backticks()
        if self.text.startswith("$((", self.at):
            raise Unreadable("arithmetic is not read")
        if self.text.startswith("$(", self.at):
            self.at += 2
            self.read(")")
            return "", Kind.DYNAMIC
        if found := PARAMETER.match(self.text, self.at):
            self.at = found.end()
            return "", Kind.DYNAMIC
        follows = self.text[self.at + 1 : self.at + 2]
        if follows in ("{", "[") or (follows in ("'", '"') and follows and not in_quotes):
            raise Unreadable(f"'${follows}' is not read")
        self.at += 1
        return "$", Kind.LITERAL

    def _backticks(self) -> tuple[str, Kind]:
        end = self.at + 1
        while end < len(self.text) and self.text[end] != "`":
            end += 2 if self.text[end] == "\\" else 1
        if end >= len(self.text):
            raise Unreadable("a backtick is not closed")
        raw = self.text[self.at + 1 : end]
        if '\\"' in raw:
            raise Unreadable("an escaped quote between backticks")
        inner = re.sub(r"\\([`\\$])", r"\1", raw)
        self.at = end + 1
        self._inside(inner).read("")
        return "", Kind.DYNAMIC

    # --- small helps ---

    def _inside(self, text: str) -> _Reader:
        """Return a reader of a text within this one; what it finds counts here."""
        if self.depth >= MOST_DEPTH:
            raise Unreadable("it is nested too deep")
        return _Reader(text, self.depth, commands=self.commands)

    def _expect(self, character: str) -> None:
        if self.text[self.at : self.at + 1] != character:
            raise Unreadable(f"{character!r} is missing at the end")
        self.at += 1

    def _blanks(self) -> None:
        while self.at < len(self.text):
            if self.text[self.at] in BLANK:
                self.at += 1
            elif self.text.startswith("\\\n", self.at):
                self.at += 2
            elif self.text[self.at] == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            else:
                return
