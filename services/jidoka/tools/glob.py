"""`glob`: files by the look of their path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jidoka.core.tooling import EffectClass, ToolContext, ToolOutcome, ToolSpec
from jidoka.tools import schemas
from jidoka.tools.content import readable
from jidoka.tools.pre_state import ChangesNoKnownFile
from jidoka.tools.ripgrep import refuse_pattern, search

MAX_FILES = 500


class Glob(ChangesNoKnownFile):
    """Finds files."""

    spec = ToolSpec(
        name="glob",
        description=(
            "Find files by a pattern: *.py (in any folder), src/**/*.ts, docs/*.md. "
            "Ignored files (.gitignore) are left out."
        ),
        parameters=schemas.arguments(
            {"pattern": schemas.text("The pattern.", least=1, most=1_000)},
        ),
        effect=EffectClass.PURE,
        timeout_s=30,
    )

    async def run(self, args: Mapping[str, Any], context: ToolContext) -> ToolOutcome:
        """Return the paths, sorted."""
        pattern: str = args["pattern"]
        refuse_pattern(pattern)
        # a pattern with a slash is meant from the project folder, as a shell would read it
        anchored = f"/{pattern.removeprefix('./')}" if "/" in pattern else pattern
        options = ["--files", "--sort=path", f"--glob={anchored}"]
        paths, cut = await search(options, ".", context, timeout_s=self.spec.timeout_s)
        if not paths:
            return ToolOutcome("(no file matches)")
        shown = [readable(path) for path in paths[:MAX_FILES]]
        if cut or len(paths) > MAX_FILES:
            shown.append(f"(only the first {len(shown)} files; narrow the pattern)")
        return ToolOutcome("\n".join(shown))
