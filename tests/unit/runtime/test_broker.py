"""The command that starts the broker."""

from __future__ import annotations

from pathlib import Path

import pytest

from jidoka.contract.errors import Unavailable
from jidoka.runtime import broker
from jidoka.settings import RuntimeSettings


def test_an_installation_without_the_brokers_program_is_told_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(broker, "binary", lambda: tmp_path / "nats-server")
    address = broker.Address(port=1, monitor_port=2)

    with pytest.raises(Unavailable, match="nats-server is missing; install jidoka anew"):
        broker.configure(RuntimeSettings(home=tmp_path), address)
