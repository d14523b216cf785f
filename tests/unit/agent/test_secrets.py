"""A placeholder becomes its secret where that was, and is refused everywhere else."""

from __future__ import annotations

import asyncio
import json
import os
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import pytest

from jidoka.agent.live_output import LiveOutput
from jidoka.agent.secrets import GuardedTools, SessionSecrets
from jidoka.agent.spill import BlobSpill
from jidoka.bus.memory import MemoryBlobs
from jidoka.contract.errors import SecretWithheld
from jidoka.contract.live import Delta, LiveKind
from jidoka.contract.private_keys import without_edges
from jidoka.contract.redaction import Redactor, Redactors
from jidoka.core.tooling import ToolContext, ToolOutcome
from jidoka.sandbox.beneath import Beneath
from jidoka.sandbox.probe import ProbedSandbox
from jidoka.tools.toolbox import Toolbox, builtin_tools
from tests.support.secrets import canaries, private_key

SECRETS = canaries("agent")
KEY, OTHER = SECRETS["github-token"], SECRETS["openai-key"]


class Hands:
    """The tools of a session, used as its worker uses them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.secrets = SessionSecrets(Redactors(b"a key"), "s1", str(root))
        self.tools = GuardedTools(Toolbox(builtin_tools()), self.secrets)
        files = Beneath(str(root))
        self.context = ToolContext(root=str(root), files=files, sandbox=ProbedSandbox(mode="off"))

    def redacted(self, text: str) -> str:
        """Return what the model reads of `text`."""
        return self.secrets.redactor().text(text)[0]

    async def use(self, tool: str, **args: Any) -> ToolOutcome:
        """Run a tool."""
        found = self.tools.get(tool)
        if "path" in args and (self.root / args["path"]).exists():
            await self.tools.get("read").run({"path": args["path"]}, self.context)
        return await found.run(self.tools.checked(tool, args), self.context)


@pytest.fixture
def hands(tmp_path: Path) -> Hands:
    (tmp_path / "conf.py").write_text(f'KEY = "{KEY}"\nOTHER = "{OTHER}"\nname = "old"\n')
    (tmp_path / "plain.txt").write_text("nothing\n")
    return Hands(tmp_path)


async def test_an_edit_in_a_file_with_secrets_keeps_them(hands: Hands):
    await hands.use("edit", path="conf.py", old='name = "old"', new='name = "new"')

    assert f'KEY = "{KEY}"' in (hands.root / "conf.py").read_text()


async def test_a_placeholder_becomes_the_secret_of_the_file_that_is_written(hands: Hands):
    line = hands.redacted(f'KEY = "{KEY}"')

    await hands.use("edit", path="conf.py", old=line, new=f"{line}  # mine")

    assert f'KEY = "{KEY}"  # mine\n' in (hands.root / "conf.py").read_text()


async def test_it_does_so_in_every_tool_that_writes(hands: Hands):
    text = hands.redacted((hands.root / "conf.py").read_text())
    first = text.splitlines()[0]

    await hands.use("edit", path="conf.py", old=first, new=f"{first} # 1")
    edits = [{"path": "conf.py", "old": f"{first} # 1", "new": f"{first} # 2"}]
    await hands.use("multi_edit", edits=edits)
    edited = (hands.root / "conf.py").read_text()
    await hands.use("write", path="conf.py", content=f"{text}more\n")

    assert edited == f'KEY = "{KEY}" # 2\nOTHER = "{OTHER}"\nname = "old"\n'
    written = (hands.root / "conf.py").read_text()
    assert written == f'KEY = "{KEY}"\nOTHER = "{OTHER}"\nname = "old"\nmore\n'


async def test_a_private_key_of_many_lines_comes_back_whole(hands: Hands):
    file = hands.root / "key.pem"
    file.write_text(f"# mine\n{private_key()}\n")
    shown = await hands.use("read", path="key.pem")
    placeholder = hands.redacted(shown.text).splitlines()[1].partition("\t")[2]

    await hands.use("edit", path="key.pem", old=f"# mine\n{placeholder}", new=f"#\n{placeholder}")

    assert file.read_text() == f"#\n{private_key()}\n"


@pytest.mark.parametrize(
    ("tool", "args"),
    [
        ("write", {"path": "new.txt", "content": "x = {}"}),
        ("write", {"path": "plain.txt", "content": "x = {}"}),
        ("edit", {"path": "plain.txt", "old": "nothing", "new": "{}"}),
        ("shell", {"command": "echo {} > told.txt"}),
        ("commit", {"message": "use {}"}),
    ],
)
async def test_a_placeholder_is_refused_where_its_secret_was_not(
    hands: Hands, tool: str, args: dict[str, str]
):
    before = {path.name: path.read_bytes() for path in hands.root.iterdir()}
    filled = {name: text.format(hands.redacted(KEY)) for name, text in args.items()}

    with pytest.raises(SecretWithheld):
        await hands.use(tool, **filled)

    assert {path.name: path.read_bytes() for path in hands.root.iterdir()} == before


async def test_a_file_about_placeholders_can_be_edited(hands: Hands):
    words = "[redacted:github-token:abcdef]"
    (hands.root / "doc.md").write_text(f"It shows {words}.\n")

    await hands.use("edit", path="doc.md", old=f"shows {words}", new=f"says {words}")

    assert (hands.root / "doc.md").read_text() == f"It says {words}.\n"


async def test_what_only_reads_may_look_for_a_placeholder(hands: Hands):
    outcome = await hands.use("read", path="plain.txt")

    assert "nothing" in outcome.text


async def test_the_values_of_the_projects_own_file_of_secrets_are_known(hands: Hands):
    (hands.root / ".env").write_text("URL=http://example.org/x1y2z3\nSECRET=lilac-umbrella\n")

    assert hands.redacted("lilac-umbrella").startswith("[redacted:known:")
    assert hands.redacted("http://example.org/x1y2z3") == "http://example.org/x1y2z3"


def test_the_password_of_an_address_in_that_file_is_known_in_every_form(hands: Hands):
    line = "DB_URL=postgres://shop:s3cr3tPw9Kq@db/shop\n"
    (hands.root / ".env").write_text(line)

    told = hands.redacted(b64encode(line.encode()).decode()) + hands.redacted("s3cr3tPw9Kq")

    assert told.count("[redacted:known:") == 2
    assert b"s3cr3t" not in b64decode(told.partition("[")[0] + "==")


class Shown:
    """Deltas, joined."""

    text = ""

    async def publish(self, session_id: str, kind: LiveKind, delta: Delta, epoch: int) -> None:
        """Take one."""
        assert (session_id, kind, epoch) == ("s1", "tool_output", 1)
        self.text += delta.text


def live(shown: Shown) -> LiveOutput:
    return LiveOutput(shown, "s1", 1, "t1", "c1", 1, Redactor(b"a key", "s1"))


async def test_live_output_shows_no_secret_however_it_comes():
    shown, text = Shown(), f"a {KEY} b\n"
    output = live(shown)

    for letter in text:
        output.write(letter)
    await output.close()

    assert shown.text == Redactor(b"a key", "s1").text(text)[0]


@pytest.mark.parametrize(
    ("secret", "part"),
    [(KEY, KEY[-20:]), (private_key(), private_key()[-60:-40])],
    ids=["a word", "a block"],
)
async def test_live_output_shows_no_rest_of_a_secret_that_was_left_out(secret: str, part: str):
    shown = Shown()
    output = live(shown)

    for start in range(0, len(secret), 7):
        output.write("x" * 70_000)  # more than is shown at once: what follows is left out
        output.write(secret[:start])
        output._waiting = 0  # as when it was sent meanwhile
        output.write(secret[start:] + " end\n")
    await output.close()

    assert part not in shown.text


async def test_a_spilled_output_is_kept_without_secrets(tmp_path: Path):
    blobs, spilled = MemoryBlobs(), tmp_path / "spill"
    spilled.write_text(f"{'x' * 65_530} {KEY}\n" * 3)

    ref = await BlobSpill(blobs, Redactors(b"a key")).keep("s1", str(spilled))

    kept = (await blobs.get(ref.ref)).decode()
    assert KEY not in kept
    assert kept.count("[redacted:github-token:") == 3
    assert not await asyncio.to_thread(spilled.exists)


def test_where_an_output_is_cut_no_half_of_a_secret_is_left():
    text = f"first line\nsecond {KEY} rest\n"

    for at in range(len(text)):
        head, tail = without_edges(text[:at], text[at:])
        assert KEY[8:] not in head + tail or KEY in tail or KEY in head, at


def test_the_rest_of_a_private_key_is_left_out():
    lines = private_key().splitlines()

    _, tail = without_edges("", "\n".join([*lines[2:], "after", json.dumps({})]))

    assert tail == "after\n{}"


def test_a_pipe_in_the_place_of_a_file_of_secrets_holds_nobody(tmp_path: Path):
    os.mkfifo(tmp_path / ".env")
    (tmp_path / ".env.local").write_text(f"API_KEY={KEY}\n")
    secrets = SessionSecrets(Redactors(b"a key"), "s1", str(tmp_path))

    text, _ = secrets.redactor().text(f"it is {KEY}")

    assert KEY not in text
