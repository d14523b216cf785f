"""Eight planted secrets in every form and place, and nowhere but in the project's own files."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.js.errors import NotFoundError

from jidoka.client import Client
from jidoka.contract import subjects
from tests.acceptance.conftest import Write, call
from tests.support.home import Home, running_home
from tests.support.secrets import canaries, encodings

pytestmark = [pytest.mark.timeout(120)]

PLACES = ("file", "env", "output", "model", "message", "error", "garbage", "own")
"""Where canaries are planted, other ones in each place."""
PLANTED: Mapping[str, Mapping[str, str]] = {place: canaries(place) for place in PLACES}
OWN = "kV9x2mQ81LwPz3Tq"
"""A secret without a format, known from the project's `.env`."""


def forms_of(place: str) -> list[str]:
    return [form for secret in PLANTED[place].values() for form in encodings(secret).values()]


def needles() -> Iterator[tuple[str, bytes]]:
    """Yield what must be nowhere: parts that tell each form, since what is stored may be cut."""
    for place, planted in PLANTED.items():
        for kind, secret in planted.items():
            for name, form in encodings(secret).items():
                middle = form[len(form) // 2 :][:24]
                yield f"{place} {kind} {name}", middle.encode()
    for name, form in encodings(OWN).items():
        yield f"own {name}", form.rstrip("=").encode()[:-1]


def hits(where: str, data: bytes) -> list[str]:
    return [f"{what} in {where}" for what, needle in needles() if needle in data]


def garbage() -> bytes:
    return f'{{"not": "an event", "says": "{" ".join(forms_of("garbage"))}"}}'.encode()


def plant(project: Path) -> None:
    (project / ".env").write_text(f"DEBUG=1\nAPP_PASSWORD={OWN}\n")
    (project / "keys.txt").write_text("\n".join(f"{form}\n" for form in forms_of("file")))
    for number, form in enumerate(forms_of("output")):
        (project / f"print-{number}").write_text(f"{form}\n")
    (project / "conf.py").write_text(f'KEY = "{PLANTED["own"]["github-token"]}"\nname = "old"\n')


def answers(project: Path) -> list[dict[str, Any]]:
    told = " ".join(forms_of("model"))
    key = PLANTED["model"]["github-token"]
    missing = PLANTED["error"]["openai-key"]
    return [
        {"reasoning": f"I think of {told}", "text": f"I say {told}", "tool_calls": [
            call("read", path="keys.txt"),
            call("grep", pattern="."),
            call("shell", command="cat print-* .env && base64 .env && xxd -p .env; printenv"),
            call("shell", command='. ./.env; printf %s "$APP_PASSWORD" | base64; cat conf.py >&2'),
            call("read", path=missing),
            call("write", path="new.txt", content=f"key = {key}\n"),
            call("shell", command=f"echo {missing} > told.txt"),
            call("edit", path="conf.py", old='name = "old"', new='name = "new"'),
            call("shell_start", command="cat print-* keys.txt"),
        ]},
        {"tool_calls": [call("shell_read", id="bg1", wait_s=5), call("read", path="conf.py")]},
        {"text": f"Done with {told}"},
    ]  # fmt: skip


async def heard(url: str, enough: asyncio.Event, ready: asyncio.Event) -> list[tuple[str, bytes]]:
    """Return all that goes over the bus until it is `enough`, as one with all rights hears it."""
    found: list[tuple[str, bytes]] = []

    async def take(message: Any) -> None:
        if message.data != garbage():  # a stranger's own words, on their way in
            headers = json.dumps(message.headers or {}).encode()
            found.append((message.subject, headers + message.data))

    connection = await nats.connect(url)
    await connection.subscribe(">", cb=take)
    await connection.flush()
    ready.set()
    await enough.wait()
    await connection.drain()
    return found


async def converse(client: Client, project: Path, script: Path) -> str:
    """Have a session say and do all of it; return its id."""
    told = " ".join(forms_of("message"))
    session_id = await client.create_session(
        project,
        name="canaries",
        llm={"model": f"scripted:{script}"},
        permission_mode="full-auto",
        metadata={"note": told},
    )
    await client.send_message(session_id, f"Look at {told}")
    async for item in client.subscribe_to_session(session_id):
        if getattr(getattr(item, "envelope", None), "name", "") == "turn.ended":
            break
    await client.bus.publish(subjects.command_request("message.submit"), garbage())
    return session_id


async def quarantined(client: Client) -> int:
    return (await client.bus.api("STREAM.INFO.JIDO_DLQ"))["state"]["messages"]


async def everything(url: str, project: Path, script: Path) -> tuple[str, list[tuple[str, bytes]]]:
    enough, ready = asyncio.Event(), asyncio.Event()
    recorder = asyncio.create_task(heard(url, enough, ready))
    await ready.wait()
    async with await Client.connect(url, source="test") as client:
        session_id = await converse(client, project, script)
        while not await quarantined(client):  # noqa: ASYNC110 - the stream tells nobody
            await asyncio.sleep(0.05)
    enough.set()
    return session_id, await recorder


async def stored(url: str) -> list[tuple[str, bytes]]:
    """Return every message of every stream."""
    connection = await nats.connect(url)
    context = connection.jetstream()
    found: list[tuple[str, bytes]] = []
    for stream in await context.streams_info():
        name = str(stream.config.name)
        for number in range(max(1, stream.state.first_seq), stream.state.last_seq + 1):
            try:
                message = await context.get_msg(name, number)
            except NotFoundError:
                continue
            found.append((f"{name} {message.subject}", message.data or b""))
    await connection.close()
    return found


@pytest.fixture(scope="module")
def haunted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home whose environment has secrets."""
    names = {f"CANARY_{n}_TOKEN": form for n, form in enumerate(forms_of("env"))}
    folder = tmp_path_factory.mktemp("canaries") / "home"
    with running_home(folder, **names) as home:
        yield home


def test_no_planted_secret_is_anywhere_but_in_the_projects_files(
    haunted: Home, project: Path, script: Write, capsys: pytest.CaptureFixture[str]
):
    plant(project)
    before = {path.name: path.read_bytes() for path in project.iterdir()}
    url = haunted.state["nats_url"]

    session_id, told = asyncio.run(everything(url, project, script(*answers(project))))

    log = haunted.log_of(session_id)
    exported = project.parent / "export.json"
    assert haunted.jidoka("session", "export", session_id, str(exported)).returncode == 0
    places = {
        "live subjects": [hit for subject, data in told for hit in hits(subject, data)],
        "streams": [hit for name, data in asyncio.run(stored(url)) for hit in hits(name, data)],
        "files of the home": [
            hit
            for path in haunted.folder.rglob("*")
            if path.is_file()
            for hit in hits(str(path.relative_to(haunted.folder)), _read(path))
        ],
        "command lines": [
            hit
            for path in Path("/proc").glob("[0-9]*/cmdline")
            for hit in hits(str(path), _read(path))
        ],
        "the export": hits("export", exported.read_bytes()),
        "the list": hits("list", haunted.jidoka("session", "list", "--json").stdout.encode()),
        "quarantine": hits("dlq", haunted.jidoka("dlq", "list", "--json").stdout.encode()),
    }
    counts = {place: len(found) for place, found in places.items()}
    with capsys.disabled():
        sys.stdout.write(f"\n{len(list(needles()))} canaries, {len(told)} messages: {counts}\n")
    assert [hit for found in places.values() for hit in found][:20] == []
    assert _outcomes(log)[:9] == [
        *("tool.completed", "tool.completed", "tool.completed", "tool.completed"),
        *("tool.failed", "tool.failed", "tool.failed", "tool.completed", "tool.completed"),
    ]
    completed = next(each.envelope.data for each in log if each.envelope.name == "tool.completed")
    assert completed["redactions"] == len(forms_of("file"))
    after = {path.name: path.read_bytes() for path in project.iterdir()}
    assert after == before | {"conf.py": before["conf.py"].replace(b"old", b"new")}


def _outcomes(log: list[Any]) -> list[str]:
    ends = ("tool.completed", "tool.failed", "tool.denied", "tool.interrupted")
    return [each.envelope.name for each in log if each.envelope.name in ends]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
