"""Fixtures that more than one room needs; the rest live beside their tests."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from jidoka.bus.connection import connect
from tests.support.nats import NatsServer, running_nats

# a busy machine lets a broker wait for seconds, and a test that does not say so minds none of them
connect.__kwdefaults__ = {**(connect.__kwdefaults__ or {}), "patience_s": 20.0}

# a shell ignores Ctrl+C for what it starts with `&`, and so would all that the tests start
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# a deadline would time the machine, not the code; so would a check how slow the examples are
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("dev", _PATIENT, max_examples=50)
settings.register_profile("ci", _PATIENT, derandomize=True)
settings.register_profile("thorough", _PATIENT, max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))


@pytest.fixture
def nats_server(tmp_path: Path) -> Iterator[NatsServer]:
    """A server of this test alone; it starts in 20 ms, so nothing is shared between tests."""
    with running_nats(tmp_path / "nats") as server:
        yield server


@pytest.fixture
def nats_url(nats_server: NatsServer) -> str:
    """The address of this test's own server."""
    return nats_server.url


@pytest.fixture
def durable_nats(tmp_path: Path) -> Iterator[NatsServer]:
    """A server that syncs to the disk before it acknowledges, as the embedded broker does."""
    with running_nats(tmp_path / "nats", sync_always=True) as server:
        yield server
