"""`poe agent-eval --model M`: the repair tasks, once each, with any model, and what came of it.

The runtime is one of its own, in a temporary home. A task that the model's change solves is one
whose test, put back as it was, passes in the sandbox afterwards. `embedded` is the model that
comes with the extra `local`; `scripted` plays each task's own solution.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jidoka.cli.options import llm_of
from jidoka.client import Client
from jidoka.contract.errors import JidokaError
from jidoka.sandbox.probe import ProbedSandbox
from tests.evaluation import scores, tasks, toolchains
from tests.evaluation.attempts import Attempt, attempt
from tests.evaluation.scores import Score
from tests.evaluation.tasks import Task
from tests.support.home import Home, running_home

ACTING = ("ask", "auto-edit", "full-auto")
WARM_S = 150.0


def main(words: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; return 0 when every task is solved."""
    wish = _parser().parse_args(words)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the runtime ends with us
    chosen = [tasks.load(name) for name in wish.task or tasks.names()]
    able = [task for task in chosen if not toolchains.missing(task.needs)]
    for task in chosen:
        if task not in able:
            absent = ", ".join(toolchains.missing(task.needs))
            print(f"{task.name} is left out: {absent} not installed", file=sys.stderr)
    try:
        with tempfile.TemporaryDirectory(prefix="jidoka-eval-") as folder:
            found = _all(wish, able, Path(folder))
    except JidokaError as error:  # such as a model that nobody serves, or has no key
        print(f"error: {error.message}", file=sys.stderr)
        return error.exit_code
    if wish.json:
        print(scores.as_json(wish.model, wish.mode, found))
    else:
        print(scores.total(found))
    return 0 if all(score.solved for score in found) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="poe agent-eval", description=__doc__)
    parser.add_argument("--model", default="scripted", help="scripted, embedded, provider/name")
    parser.add_argument("--api-base", help="URL of an OpenAI-compatible server")
    parser.add_argument("--api-key-ref", help="where the key is: env:NAME, never the key")
    parser.add_argument("--task", action="append", choices=tasks.names(), metavar="NAME")
    parser.add_argument("--mode", choices=ACTING, default="full-auto", help="all is allowed")
    parser.add_argument("--limit-s", type=float, default=600.0, help="seconds for one task")
    parser.add_argument("--keep", type=Path, help="folder for the logs of the attempts")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    return parser


def _all(wish: argparse.Namespace, chosen: Sequence[Task], folder: Path) -> list[Score]:
    chains = toolchains.find({need for task in chosen for need in task.needs}, folder)
    for task in chosen:
        if "go" in task.needs:
            warming = toolchains.warm_go(chains, task.copy_to(folder / f"warm-{task.name}"))
            if warming is not None:
                warming.wait(timeout=WARM_S)
    settings = {"JIDOKA_SESSION_LIMIT": "1000", "JIDOKA_TOOL_FOLDERS": chains.setting}
    sandbox = ProbedSandbox(tool_folders=map(str, chains.folders))
    with running_home(folder / "home", **settings) as home:
        if not wish.json:
            print(scores.head(), flush=True)
        return asyncio.run(_each(wish, chosen, home, sandbox))


async def _each(
    wish: argparse.Namespace, chosen: Sequence[Task], home: Home, sandbox: ProbedSandbox
) -> list[Score]:
    found: list[Score] = []
    for task in chosen:
        project = task.copy_to(home.folder.parent / "projects" / task.name)
        async with await Client.connect(home.state["nats_url"], source="agent-eval") as client:
            llm = _llm(wish, task, home.folder.parent)
            mode, limit_s = wish.mode, wish.limit_s
            done = await attempt(client, task, project, llm=llm, mode=mode, limit_s=limit_s)
        _keep(wish.keep, done)
        task.restore_tests(project)
        solved, _ = await tasks.passes(task, project, sandbox)
        found.append(scores.score_of(done, solved=solved))
        if not wish.json:
            print(scores.row(found[-1]), flush=True)
    return found


def _llm(wish: argparse.Namespace, task: Task, folder: Path) -> dict[str, Any]:
    if wish.model == "scripted":
        script = folder / f"{task.name}.json"
        script.write_text(json.dumps(task.script()))
        return {"provider": "scripted", "model": str(script)}
    model = "local" if wish.model == "embedded" else wish.model
    return llm_of(model, wish.api_base, wish.api_key_ref)


def _keep(folder: Path | None, done: Attempt) -> None:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        lines = b"\n".join(item.body for item in done.log)
        (folder / f"{done.task.name}.jsonl").write_bytes(lines + b"\n")


if __name__ == "__main__":
    sys.exit(main())
