"""The ports of one worker and their adapters, paired when there is something to do.

Most workers wait most of the time. What only a turn needs is made with its first effect, so that
a worker that waits shares more of its memory with the zygote.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jidoka.agent.after_tools import AfterTools
from jidoka.agent.aftermath import Aftermath
from jidoka.agent.clock import new_id, now
from jidoka.agent.compacting import Compacting, Model
from jidoka.agent.live_output import LiveOutput
from jidoka.agent.model_calls import ModelCalls
from jidoka.agent.perform import Performer
from jidoka.agent.project import Project
from jidoka.agent.questions import Questions
from jidoka.agent.reading import Reading
from jidoka.agent.recorder import Recorder
from jidoka.agent.secrets import GuardedTools, SessionSecrets
from jidoka.agent.servers import Servers, SessionTools
from jidoka.agent.spill import BlobSpill
from jidoka.agent.tool_calls import ToolCalls
from jidoka.agent.turn_files import TurnFiles
from jidoka.agent.undoing import Undoer
from jidoka.agent.windows import WindowOf, asking_the_gateway
from jidoka.bus.blobs import NatsBlobs
from jidoka.bus.connection import Bus
from jidoka.bus.live import NatsLive
from jidoka.core.effects import Effect
from jidoka.core.permission import Kinds
from jidoka.core.state import OpenCall
from jidoka.llm.gateway_client import GatewayClient
from jidoka.tools.background import BackgroundShells
from jidoka.tools.fetch import Fetch
from jidoka.tools.toolbox import Toolbox, builtin_tools


def toolbox_of(shells: BackgroundShells, fetch_hosts: Sequence[str]) -> Toolbox:
    """Return the tools of a session; `fetch` is among them where some host may be fetched from."""
    toolbox = Toolbox((*builtin_tools(), *shells.tools()))
    if fetch_hosts:
        toolbox.add(Fetch(fetch_hosts))
    return toolbox


def kinds_of_tools(fetch_hosts: Sequence[str]) -> Kinds:
    """Return what may be done about an interrupted call of each tool."""
    return toolbox_of(BackgroundShells(), fetch_hosts).kinds()


@dataclass(slots=True)
class LazyPerformer:
    """Performs effects with parts that are made for the first one."""

    make: Callable[[], Performer]
    _made: Performer | None = None

    async def __call__(self, effect: Effect) -> None:
        """Perform `effect`."""
        self._made = self._made or self.make()
        await self._made(effect)


def paired(
    bus: Bus, recorder: Recorder, project: Project, toolbox: Toolbox, home: str, *, checks: bool
) -> Performer:
    """Return what performs the effects of a worker; `home` is jidoka's folder."""
    session_id = recorder.session.state.session_id
    live, blobs = NatsLive(bus, source=recorder.source), NatsBlobs(bus)
    secrets = SessionSecrets(bus.redactors, session_id, project.root)
    servers = Servers(recorder, project.context, bus.redactors.learn)
    guarded = GuardedTools(SessionTools(toolbox, servers), secrets)

    def output(call: OpenCall, turn_id: str) -> LiveOutput:
        attempt = call.attempt + 1
        return LiveOutput(
            *(live, session_id, recorder.epoch, turn_id, call.call_id, attempt), secrets.redactor()
        )

    aftermath = Aftermath(live, session_id, project.root)
    files = TurnFiles(project.root, home, session_id)
    questions = Questions(recorder, guarded, project.context, now)
    spill = BlobSpill(blobs, bus.redactors)
    after = AfterTools(recorder, checks)
    tools = ToolCalls(
        recorder, guarded, project.context, output, spill, aftermath, files, questions, after
    )
    model = GatewayClient(bus, blobs)
    reading = Reading(project.root, now, lambda text: secrets.redactor().text(text)[0], project.saw)
    models = model_calls(recorder, model, tools, reading, asking_the_gateway(bus))
    undoer = Undoer(recorder, files, project.forget)
    return Performer(recorder, models, tools, questions, undoer, servers, now, new_id)


def model_calls(
    recorder: Recorder, model: Model, tools: ToolCalls, reading: Reading, window_of: WindowOf
) -> ModelCalls:
    """Return what asks the model for one worker."""
    compacting = Compacting(recorder, model, tools.specs, window_of)
    return ModelCalls(recorder, model, tools, reading, compacting, now)
