"""What the coordinator asks others before it answers: which model would speak, what changed."""

from __future__ import annotations

from dataclasses import dataclass

from jidoka.bus.models import GatewayModels
from jidoka.coordinator.contexts import HostContexts
from jidoka.coordinator.turn_diff import HostDiffs


@dataclass(frozen=True, slots=True)
class Asking:
    """Whom the coordinator asks."""

    models: GatewayModels
    diffs: HostDiffs
    contexts: HostContexts
