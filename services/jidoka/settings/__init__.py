"""Settings: `load(AgentSettings, os.environ)`."""

from jidoka.settings.programs import (
    AgentSettings,
    ClientSettings,
    CoordinatorSettings,
    GatewaySettings,
    ModelSettings,
    RuntimeSettings,
    SessionManagerSettings,
    Settings,
    token_of,
)
from jidoka.settings.reading import check_all, load, required_nats_url

__all__ = [
    "AgentSettings",
    "ClientSettings",
    "CoordinatorSettings",
    "GatewaySettings",
    "ModelSettings",
    "RuntimeSettings",
    "SessionManagerSettings",
    "Settings",
    "check_all",
    "load",
    "required_nats_url",
    "token_of",
]
