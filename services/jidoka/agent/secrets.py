"""What a worker does about secrets: it learns the project's, and puts none where it was not.

What the model reads has placeholders instead of secrets, so placeholders come back in the arguments
of its calls. A tool that writes files gets the secret again, when the file that it writes to has it
already; that is found by looking, so it holds after a restart too. Any other call is refused: a
placeholder must not end up in a file or a command.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, cast

from jidoka.agent.resolving import Tools
from jidoka.contract.errors import JidokaError, SecretWithheld
from jidoka.contract.redacted_data import texts_of
from jidoka.contract.redaction import PLACEHOLDER, Redactor, Redactors
from jidoka.core.tooling import (
    EffectClass,
    FileState,
    Tool,
    ToolContext,
    ToolOutcome,
    ToolSpec,
)
from jidoka.tools.content import as_text, load

PLACES: Final = (
    *(".env", ".env.local", ".env.development", ".env.production", ".env.test", ".envrc"),
    *(".npmrc", ".pypirc", ".netrc"),
)
"""Files of a project whose secrets are known before anything prints them."""
_MOST_BYTES: Final = 64 * 1024
_LINE: Final = re.compile(
    r"(?im)^[^\n#]*?(?:key|token|secret|pass|passwd|password|pwd|credentials?|auth|salt)"
    r"\s*[=:\s]\s*[\"']?([^\s\"'#]{8,512})"
)
_ADDRESS: Final = re.compile(r"://[^/\s:@\"']{0,64}:([^/\s@\"']{8,512})@")
"""The password of `postgres://user:password@host`, under whatever name it stands."""


@dataclass(slots=True)
class SessionSecrets:
    """The secrets of one session, as its worker knows them; none of them is kept anywhere."""

    redactors: Redactors
    session_id: str
    root: str
    _stamps: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])

    def redactor(self) -> Redactor:
        """Return what strikes out the secrets that are known now."""
        self.learn()
        return self.redactors.of(self.session_id)

    def learn(self) -> None:
        """Learn what stands in the project's own files of secrets, those that changed."""
        for name in PLACES:
            path = Path(self.root, name)
            try:
                found = path.stat()
                stamp = (found.st_mtime_ns, found.st_size)
                if self._stamps.get(name) == stamp or not stat.S_ISREG(found.st_mode):
                    continue
                self._stamps[name] = stamp
                text = _start_of(path)
            except OSError:
                continue
            values = [value for value in _LINE.findall(text) if "://" not in value]
            self.redactors.learn([*values, *_ADDRESS.findall(text)])


@dataclass(frozen=True, slots=True)
class GuardedTools:
    """The tools of a session, none of which takes a placeholder for a value."""

    tools: Tools
    secrets: SessionSecrets

    def get(self, name: str) -> Tool:
        """Return a tool; raises `ToolUnknown`."""
        return GuardedTool(self.tools.get(name), self.secrets)

    def checked(self, name: str, args: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return arguments that fit the tool's schema; raises `ToolArgsInvalid`."""
        return self.tools.checked(name, args)

    def specs_for_model(self) -> list[dict[str, Any]]:
        """Return the tools in the shape of OpenAI's function tools."""
        return self.tools.specs_for_model()


@dataclass(frozen=True, slots=True)
class GuardedTool:
    """A tool that gets secrets instead of placeholders where they belong."""

    tool: Tool
    secrets: SessionSecrets

    @property
    def spec(self) -> ToolSpec:
        """Those of the tool."""
        return self.tool.spec

    async def pre_state(
        self, args: Mapping[str, Any], context: ToolContext
    ) -> tuple[FileState, ...]:
        """Return the files that the call may change, as they are now; none if it changes none."""
        return await self.tool.pre_state(args, context)

    async def run(self, args: Mapping[str, Any], context: ToolContext) -> ToolOutcome:
        """Do the work with the secrets in their places.

        Raises:
            SecretWithheld: a placeholder stands where its secret was not.
        """
        redactor = self.secrets.redactor()
        args = await self._restored(args, context, redactor)
        return await self.tool.run(args, replace(context, redactor=redactor))

    async def _restored(
        self, args: Mapping[str, Any], context: ToolContext, redactor: Redactor
    ) -> Mapping[str, Any]:
        asked = {match[0] for text in texts_of(args) for match in PLACEHOLDER.finditer(text)}
        if not asked or self.spec.effect is EffectClass.PURE:
            return args  # what only reads finds nothing by it, and stores nothing
        places: tuple[FileState, ...] = ()
        if self.spec.effect is EffectClass.IDEMPOTENT:
            places = await self.tool.pre_state(args, context)
        texts = [text for place in places if (text := _text_of(context, place.path)) is not None]
        known: dict[str, set[str]] = {}
        for text in texts:
            for placeholder, values in redactor.secrets_of(text).items():
                known.setdefault(_tag(placeholder), set()).update(values)
        values = {each: self._value(each, known, texts) for each in asked}
        return _replaced(args, values)

    def _value(self, placeholder: str, known: Mapping[str, set[str]], texts: list[str]) -> str:
        """Return what stands for a placeholder in the files that are written to.

        Raises:
            SecretWithheld: it does not stand there, or nobody can say which of two it is.
        """
        found = known.get(_tag(placeholder), set())
        if len(found) == 1:
            return next(iter(found))
        if not found and any(placeholder in text for text in texts):
            return placeholder  # the file is about placeholders
        raise SecretWithheld(placeholder=placeholder, tool=self.spec.name)


def _start_of(path: Path) -> str:
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK  # a pipe there holds nobody
    with os.fdopen(os.open(path, flags), "rb") as file:
        return file.read(_MOST_BYTES).decode("utf-8", "replace")


def _tag(placeholder: str) -> str:
    return placeholder.rpartition(":")[2]


def _text_of(context: ToolContext, path: str) -> str | None:
    """Return the text of a file, None where there is none."""
    try:
        return as_text(load(context.files, path))
    except (OSError, JidokaError):
        return None


def _replaced(value: Any, values: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return PLACEHOLDER.sub(lambda match: values[match[0]], value)
    if isinstance(value, Mapping):
        fields = cast("Mapping[str, Any]", value)
        return {key: _replaced(item, values) for key, item in fields.items()}
    if isinstance(value, list | tuple):
        return [_replaced(item, values) for item in cast("list[Any]", value)]
    return value
