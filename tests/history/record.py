"""Record what a release leaves behind: its schemas, and a log that later code has to fold.

    python -m tests.history.record 0.1.0

Run once, on the commit that is released; the files it writes are never changed again.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
from pathlib import Path

from jidoka.contract import events as e
from tests.history.folding import summary
from tests.support.system import Stack, running_stack

HERE = Path(__file__).parent
SCRIPT = {
    "answers": [
        {
            "when": "first",
            "reasoning": "Let me see.",
            "text": "I look.",
            "tool_calls": [
                {"tool": "list", "arguments": {"path": "."}},
                {"tool": "write", "arguments": {"path": "a.txt", "content": "one\n"}},
                {"tool": "shell", "arguments": {"command": "cat a.txt; exit 3"}},
                {"tool": "fly", "arguments": {}},
                {"tool": "read", "arguments": "{broken"},
            ],
        },
        {"when": "first", "text": "Done.", "cost_usd": 0.01},
        {"when": "fails", "error": {"kind": "auth"}},
        {"when": "retries", "error": {"kind": "server", "attempts": 1}, "text": "Better."},
        {"when": "hangs", "text": "one two", "error": {"kind": "hang"}},
        {"when": "asks", "tool_calls": [{"tool": "shell", "arguments": {"command": "true"}}]},
        {"when": "asks", "text": "As you like."},
    ]
}


async def _live(stack: Stack) -> str:
    """Have a session go through most of what a session can go through; return its id."""
    folder = stack.folder()
    script = folder.with_suffix(".json")
    script.write_text(json.dumps(SCRIPT))
    llm = {"provider": "scripted", "model": str(script)}
    client = stack.client
    session_id = await client.create_session(
        folder, name="history", llm=llm, permission_mode="full-auto"
    )
    for nth, text in enumerate(("first", "fails", "retries"), 1):
        await client.send_message(session_id, text)
        await stack.until(session_id, e.TurnEnded, nth)
    await client.send_message(session_id, "hangs")
    await asyncio.sleep(1.0)
    await client.cancel_turn(session_id)
    await stack.until(session_id, e.TurnEnded, 4)
    await client.rename_session(session_id, "renamed")
    await client.configure_session(
        session_id, permission_mode="ask", limits={"question_deadline_s": 0}
    )
    await client.send_message(session_id, "asks")
    await stack.until(session_id, e.TurnEnded, 5)
    for worker in stack.workers():
        worker.kill()
    await asyncio.sleep(2.0)
    await client.close_session(session_id)
    await client.resume_session(session_id)
    await client.send_message(session_id, "first once more")
    await stack.until(session_id, e.TurnEnded, 6)
    await client.terminate_session(session_id, "recorded")
    return session_id


async def _recorded(home: Path) -> list[bytes]:
    async with running_stack(home) as stack:
        session_id = await _live(stack)
        return [body async for body in stack.stored(session_id)]


def main() -> None:
    """Write the files of the version in the arguments."""
    version = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        bodies = asyncio.run(_recorded(Path(folder) / "home"))
    log = HERE / "logs" / version
    log.mkdir(parents=True)
    (log / "events.jsonl").write_bytes(b"".join(body + b"\n" for body in bodies))
    (log / "folded.json").write_text(json.dumps(summary(bodies), indent=1, sort_keys=True) + "\n")
    schemas = HERE / "schemas" / version
    shutil.copytree(
        HERE.parents[1] / "schemas", schemas, ignore=shutil.ignore_patterns("examples", "*.md")
    )


if __name__ == "__main__":
    main()
