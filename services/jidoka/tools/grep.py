"""`grep`: lines that match a regular expression."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jidoka.core.tooling import EffectClass, ToolContext, ToolOutcome, ToolSpec
from jidoka.tools import schemas
from jidoka.tools.content import readable
from jidoka.tools.pre_state import ChangesNoKnownFile
from jidoka.tools.ripgrep import refuse_pattern, search

MAX_HITS = 100
_MAX_COLUMNS = 400
_OPTIONS = (
    *("--line-number", "--with-filename", "--no-heading", "--sort=path"),
    *(f"--max-columns={_MAX_COLUMNS}", "--max-columns-preview"),
)


class Grep(ChangesNoKnownFile):
    """Searches the text of files."""

    spec = ToolSpec(
        name="grep",
        description=(
            "Search files for a regular expression. Each hit comes as path:line:text, at most "
            f"{MAX_HITS}. Ignored files (.gitignore) are left out."
        ),
        parameters=schemas.arguments(
            {"pattern": schemas.text("Regular expression.", least=1, most=10_000)},
            {
                "path": schemas.path("File or folder to search; default: the project folder."),
                "glob": schemas.text("Only files like this, e.g. *.py", least=1, most=1_000),
                "ignore_case": schemas.flag("Upper and lower case are the same."),
            },
        ),
        effect=EffectClass.PURE,
        timeout_s=30,
    )

    async def run(self, args: Mapping[str, Any], context: ToolContext) -> ToolOutcome:
        """Return the hits, sorted by path."""
        place = context.files.place(args.get("path", "."))
        options = [*_OPTIONS, f"--regexp={args['pattern']}"]
        if "glob" in args:
            refuse_pattern(args["glob"])
            options.append(f"--glob={args['glob']}")
        if args.get("ignore_case"):
            options.append("--ignore-case")
        lines, cut = await search(options, place, context, timeout_s=self.spec.timeout_s)
        if not lines:
            return ToolOutcome("(no hits)")
        shown = [readable(line) for line in lines[:MAX_HITS]]
        if cut or len(lines) > MAX_HITS:
            shown.append(f"(only the first {len(shown)} hits; narrow the search)")
        return ToolOutcome("\n".join(shown))
