"""The demo: copy, fail, let the agent work, pass; each step shown, the outcome checked by us."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from jidoka.cli.running import Wish, run_once

HERE: Final = Path(__file__).parent / "demo"
TEST: Final = [sys.executable, "-m", "unittest"]
TEST_S: Final = 60.0
TURN_FAILED: Final = 1


def demonstrate(model: str | None, *, scripted: bool, sandbox: str, keep: bool) -> int:
    """Run the demo; return 0 when the test fails before and passes after."""
    folder = Path(tempfile.mkdtemp(prefix="jidoka-demo-"))
    project = folder / "cart"
    try:
        shutil.copytree(HERE / "project", project)
        return _shown(project, _model(model, scripted=scripted), sandbox=sandbox)
    finally:
        if keep:
            print(f"The project is in {project}.")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _shown(project: Path, model: str, *, sandbox: str) -> int:
    if model.startswith("scripted:"):
        print("The answers of this demo are scripted: no model speaks. All else is real.")
    print(f"A copy of a small project: {project}")
    if _passes(project):
        print("error: its test passes before anything was done", file=sys.stderr)
        return TURN_FAILED
    print("Its test fails. The agent gets to work:\n", flush=True)
    prompt = (HERE / "prompt.txt").read_text("utf-8").strip()
    wish = Wish(prompt=prompt, project_path=str(project), llm={"model": model}, sandbox=sandbox)
    code = run_once(wish, "text")
    passed = _passes(project)
    print(f"\n{_diff(project)}")
    print("The test passes now." if passed else "The test still fails.")
    return code or (0 if passed else TURN_FAILED)


def _model(model: str | None, *, scripted: bool) -> str:
    return f"scripted:{HERE / 'script.json'}" if scripted else model or "local"


def _passes(project: Path) -> bool:
    """Run the project's tests ourselves: the agent's word is not taken for it."""
    answer = subprocess.run(TEST, cwd=project, capture_output=True, timeout=TEST_S, check=False)
    shutil.rmtree(project / "__pycache__", ignore_errors=True)
    return answer.returncode == 0


def _diff(project: Path) -> str:
    """Return what the agent changed, as a unified diff."""
    import difflib  # noqa: PLC0415

    lines: list[str] = []
    for before in sorted((HERE / "project").glob("*.py")):
        after = project / before.name
        old = before.read_text("utf-8").splitlines(keepends=True)
        new = after.read_text("utf-8").splitlines(keepends=True) if after.exists() else []
        lines.extend(difflib.unified_diff(old, new, f"a/{before.name}", f"b/{before.name}"))
    return "".join(lines)
