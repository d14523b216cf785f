"""The suite of the bus on a server that another took care of: NATS from testcontainers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator

import pytest
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from tests.support.containers import ROOT

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

NATS_IMAGE = os.environ.get("NATS_IMAGE", "nats:2.15-scratch")


@pytest.fixture
def nats_in_a_container(engine: None, monkeypatch) -> Generator[str]:
    # the reaper's image would have to come from an image registry; the test ends what it starts
    monkeypatch.setattr("testcontainers.core.config.testcontainers_config.ryuk_disabled", True)
    container = DockerContainer(NATS_IMAGE).with_command("-js -sd /data").with_exposed_ports(4222)
    with container.waiting_for(LogMessageWaitStrategy("Server is ready")) as nats:
        yield f"nats://{nats.get_container_host_ip()}:{nats.get_exposed_port(4222)}"


def test_the_suite_of_the_bus_passes_on_nats_in_a_container(nats_in_a_container: str):
    command = [sys.executable, "-m", "pytest", "-q", "-k", "nats", "-p", "no:randomly"]

    suite = subprocess.run(
        [*command, "tests/twins"],
        cwd=ROOT,
        env=os.environ | {"JIDOKA_TEST_NATS_URL": nats_in_a_container},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )

    assert suite.returncode == 0, suite.stdout
