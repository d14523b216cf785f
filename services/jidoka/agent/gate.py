"""The last look before a call runs: rules judge where its paths really lead.

What a call may do is decided by its names (`core.permission`), without the folder at hand. A link
may lead from an allowed name to a denied file, so the worker judges once more with the arguments
as the tool takes them and the files as they lie there. A command that swaps a link in between is
no matter of rules: what it can reach at all is the sandbox's.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jidoka.agent.recorder import Recorder
from jidoka.core.path_globs import normalised
from jidoka.core.permission import Judgement, Rules, judge, rules_of
from jidoka.core.permission_parts import Request, parts_of
from jidoka.core.rules import Verdict, tightening
from jidoka.core.state import OpenCall
from jidoka.core.tooling import FileState, ToolSpec

PROJECT_RULES = ".jidoka/permissions"
"""Rules that a project brings along. No tool writes there."""
_MOST_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Gate:
    """Judges the calls of one worker."""

    recorder: Recorder

    def held(
        self, call: OpenCall, spec: ToolSpec, args: Mapping[str, Any], files: Iterable[FileState]
    ) -> Judgement | None:
        """Return why a call must not run now; None: it may.

        `files` are those that the tool says it reaches.
        """
        state = self.recorder.session.state
        rules = rules_of(state, self.recorder.rules)
        if not rules:
            return None  # the mode looked at the tool alone, and so it stays
        root = state.project_path
        named = Request(spec.name, spec.effect, args, root, tuple(file.path for file in files))
        paths = (part.path.text for part in parts_of(named) if part.path is not None)
        places = (*named.places, *_real(root, paths))
        asked = Request(spec.name, spec.effect, args, root, places)
        said = judge(asked, state.permission_mode, rules)
        answered = call.question is not None and call.question.answer is not None
        if said.verdict is Verdict.ALLOW or (said.verdict is Verdict.ASK and answered):
            return None
        return said


def _real(root: str, paths: Iterable[str]) -> tuple[str, ...]:
    """Return where paths lead when every link is followed, as names in the project."""
    base = os.path.realpath(root)
    found = (os.path.realpath(Path(base, path)) for path in dict.fromkeys(paths) if path)
    return tuple(normalised(place, base) for place in found)


def project_rules(root: str) -> Rules:
    """Return the rules that a project brings along: they ask and deny, they allow nothing."""
    try:
        text = _start_of(f"{root}/{PROJECT_RULES}")
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except OSError:
        return tightening(("unreadable",), PROJECT_RULES)
    if len(text) > _MOST_BYTES:
        return tightening(("too long",), PROJECT_RULES)
    return tightening(text.decode("utf-8", "replace").splitlines(), PROJECT_RULES)


def _start_of(path: str) -> bytes:
    """Return a file's first bytes; every worker does it, and pathlib would cost each 0.1 MiB."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe there holds nobody
    try:
        return os.read(file, _MOST_BYTES + 1)
    finally:
        os.close(file)
