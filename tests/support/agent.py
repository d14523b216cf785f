"""A worker in the test's own process: real fold, loop and tools, a scripted model, no broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from jidoka.agent.after_tools import AfterTools
from jidoka.agent.aftermath import Aftermath
from jidoka.agent.clock import new_id, now
from jidoka.agent.gate import project_rules
from jidoka.agent.pairing import model_calls
from jidoka.agent.perform import Performer
from jidoka.agent.project import Project
from jidoka.agent.questions import Questions
from jidoka.agent.reading import Reading
from jidoka.agent.recorder import Recorder
from jidoka.agent.servers import Servers, SessionTools
from jidoka.agent.session import LiveSession
from jidoka.agent.snapshots import SnapshotKeeper
from jidoka.agent.tool_calls import ToolCalls
from jidoka.agent.turn_files import TurnFiles
from jidoka.agent.undoing import Undoer
from jidoka.agent.worker import work
from jidoka.bus.memory import MemoryEventLog
from jidoka.contract import events as e
from jidoka.contract.content import BlobRef, Limits, LlmConfig, PermissionMode, Status, ToolCall
from jidoka.contract.errors import JidokaError
from jidoka.contract.internal import LlmAnswer, LlmCall
from jidoka.core.permission import Rules
from jidoka.core.ports import Draft, Entry, EventLog, Head
from jidoka.core.state import OpenCall, SessionState
from jidoka.sandbox.probe import ProbedSandbox
from jidoka.tools.toolbox import Toolbox, builtin_tools

SESSION = "s1"


@dataclass
class ScriptedAnswers:
    """Answers by step; an error is raised. Remembers the calls that it got."""

    answers: list[LlmAnswer | JidokaError | str]
    calls: list[LlmCall] = field(default_factory=list)
    attached: list[bool] = field(default_factory=list)

    async def complete(self, call: LlmCall, *, attach: bool = False) -> LlmAnswer:
        """Return the answer of this call."""
        self.calls.append(call)
        self.attached.append(attach)
        answer = self.answers[min(len(self.calls), len(self.answers)) - 1]
        if isinstance(answer, JidokaError):
            raise answer
        if answer == "hang":
            await asyncio.Event().wait()
        return answer if isinstance(answer, LlmAnswer) else LlmAnswer(call_id="", content=answer)


def asks(*calls: tuple[str, str]) -> LlmAnswer:
    """Return an answer that asks for tools, each with its arguments as JSON text."""
    tool_calls = tuple(
        ToolCall(call_id=f"x{n}", tool=tool, arguments=arguments)
        for n, (tool, arguments) in enumerate(calls)
    )
    return LlmAnswer(call_id="", tool_calls=tool_calls)


@dataclass
class Output:
    """What was shown of a tool's output."""

    text: str = ""

    def write(self, text: str) -> None:
        """Take the next piece."""
        self.text += text

    async def close(self) -> None:
        """Nothing is left."""

    async def output_of(self, session_id: str, call_id: str) -> str:
        """Return what was shown, whoever asks for which call."""
        assert (session_id, bool(call_id)) == (SESSION, True)
        return self.text


class NoSpill:
    """Long outputs are kept by name only."""

    async def keep(self, session_id: str, path: str) -> BlobRef:
        """Return a reference, and remove the file."""
        size = Path(path).stat().st_size
        Path(path).unlink()
        sha256 = "0" * 64
        return BlobRef(ref=f"blob:{session_id}/{sha256}", size_bytes=size, sha256=sha256)


@dataclass
class KeptSnapshots:
    """Snapshots in a dictionary."""

    kept: dict[str, bytes] = field(default_factory=dict)

    async def get(self, key: str) -> bytes | None:
        """Return a snapshot."""
        return self.kept.get(key)

    async def put(self, key: str, body: bytes) -> None:
        """Keep a snapshot."""
        self.kept[key] = body


@dataclass
class Bench:
    """A session on a log, and what its worker needs."""

    log: EventLog
    root: Path
    model: ScriptedAnswers
    mode: PermissionMode = PermissionMode.FULL_AUTO
    limits: Limits = field(default_factory=Limits)
    output: Output = field(default_factory=Output)
    snapshots: KeptSnapshots = field(default_factory=KeptSnapshots)
    rules: Rules = ()
    """Permission rules of the machine."""
    learned: list[str] = field(default_factory=list)
    """Values that are secret."""
    home: Path | None = None
    """Where the files of turns are kept; None: they are not."""

    async def write(self, *events: e.Event) -> None:
        """Record events as the other programs would."""
        for event in events:
            while True:
                draft = Draft(event, new_id(), "/test", causation_id=new_id())
                last = await self.log.last(SESSION)
                try:
                    await self.log.append(SESSION, draft, last.head if last else Head())
                except JidokaError:
                    continue
                break

    async def open(self, message: str = "do it") -> None:
        """Create the session with a message waiting."""
        await self.write(
            e.SessionCreated(
                session_name="demo",
                project_path=str(self.root),
                llm=LlmConfig(provider="scripted", model="x.json"),
                permission_mode=self.mode,
                limits=self.limits,
            ),
            e.SessionStatusChanged(status=Status.INITIALIZING, reason="created"),
            e.MessageAccepted(message_id="m1", content=message),
        )

    def start(self, tasks: asyncio.TaskGroup, epoch: int = 1) -> asyncio.Task[str]:
        """Start a worker as a task."""
        session = LiveSession(SESSION)
        toolbox = Toolbox(builtin_tools())
        source = f"/worker/{epoch}"
        rules = (*self.rules, *project_rules(str(self.root)))
        recorder = Recorder(self.log, session, epoch, source, toolbox.kinds(), new_id, rules)
        project = Project(str(self.root), ProbedSandbox(mode="off"))
        aftermath = Aftermath(self.output, SESSION, str(self.root))
        files = TurnFiles(str(self.root), str(self.home) if self.home else "", SESSION)
        servers = Servers(recorder, project.context, self.learned.extend)
        box = SessionTools(toolbox, servers)
        questions = Questions(recorder, box, project.context, now)
        tools = ToolCalls(
            *(recorder, box, project.context, self._output, NoSpill(), aftermath, files),
            *(questions, AfterTools(recorder)),
        )
        undoer = Undoer(recorder, files, project.forget)
        models = model_calls(
            recorder,
            self.model,
            tools,
            Reading(str(self.root), now, saw=project.saw),
            self._window_of,
        )
        performer = Performer(recorder, models, tools, questions, undoer, servers, now, new_id)
        keeper = SnapshotKeeper(self.snapshots, session)
        return tasks.create_task(work(recorder, performer, keeper, _nothing))

    @asynccontextmanager
    async def worker(self, epoch: int = 1) -> AsyncGenerator[asyncio.Task[str]]:
        """Assign a worker and run it for the time of the context."""
        await self.write(e.WorkerAssigned(host="a", epoch=epoch))
        async with asyncio.TaskGroup() as tasks:
            task = self.start(tasks, epoch)
            try:
                yield task
            finally:
                task.cancel()

    async def until(self, kind: type[e.Event], nth: int = 1) -> Entry:
        """Return the nth recorded event of a kind, waiting for it."""
        async with asyncio.timeout(20):
            async for entry in self.log.follow(SESSION):
                if isinstance(entry.event, kind):
                    nth -= 1
                    if nth == 0:
                        return entry
        raise AssertionError("the log ended")

    async def events(self) -> list[e.Event | e.UnknownEvent]:
        """Return all that is recorded."""
        return [entry.event async for entry in self.log.read(SESSION)]

    async def _window_of(self, _state: SessionState) -> int | None:
        return None

    def _output(self, _call: OpenCall, _turn_id: str) -> Output:
        return self.output


async def _nothing() -> None:
    """Nothing to do when the worker is live."""


def memory_bench(root: Path, *answers: LlmAnswer | JidokaError | str, **options: object) -> Bench:
    """Return a session on a log in memory with a model that gives these answers."""
    return Bench(MemoryEventLog(), root, ScriptedAnswers(list(answers)), **options)  # pyright: ignore[reportArgumentType]
