"""`python -m jidoka.llm.prepare_local [--cache DIR]`: join the embedded model's file.

Prints JSON lines: `{"done_bytes", "total_bytes"}` while it works, then `{"path"}`, or at the end
`{"error": {code, message, retryable, details}}` with the exit code of that error.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Final

from jidoka.contract.errors import JidokaError
from jidoka.llm.weights import default_cache, prepare

STEPS: Final = 200


def main(argv: list[str] | None = None) -> int:
    """Run the program; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m jidoka.llm.prepare_local")
    parser.add_argument("--cache", type=Path, default=default_cache())
    options = parser.parse_args(argv)
    drawn = -1

    def report(done: int, total: int) -> None:
        nonlocal drawn
        step = done * STEPS // total
        if step != drawn:
            drawn = step
            _say({"done_bytes": done, "total_bytes": total})

    try:
        _say({"path": str(prepare(options.cache, report))})
    except JidokaError as problem:
        _say({"error": problem.as_dict()})
        return problem.exit_code
    return 0


def _say(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
