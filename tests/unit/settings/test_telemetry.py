"""What reaches a log, and what never does."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from jidoka import telemetry
from jidoka.settings import Settings


@pytest.fixture(autouse=True)
def _fresh_logging() -> Iterator[None]:
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def test_ids_are_bound_once_and_stand_on_every_line(tmp_path: Path):
    stream = io.StringIO()
    telemetry.configure("agent", Settings(home=tmp_path), stream)

    with telemetry.bound(session_id="s1", correlation_id=None):
        telemetry.logger().info("first")
        telemetry.logger().warning("second")

    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line["program"], line["session_id"]) for line in lines] == [("agent", "s1")] * 2
    assert "correlation_id" not in lines[0]


@pytest.mark.parametrize(
    "secret",
    ["sk-" + "a1" * 20, "ghp_" + "a1" * 18, "AKIA" + "A1" * 8, "nats://" + "t0ken" * 4 + "@h:4222"],
)
def test_what_looks_like_a_key_is_struck_out_also_in_libraries_lines(tmp_path: Path, secret: str):
    stream = io.StringIO()
    telemetry.configure("agent", Settings(home=tmp_path), stream)

    telemetry.logger().error("failed", why=f"got {secret}", inner={"key": secret})
    logging.getLogger("nats").error("lost %s", secret)

    assert len(stream.getvalue().splitlines()) == 2
    assert secret.removeprefix("nats://").partition("@")[0] not in stream.getvalue()


def test_lines_below_the_level_are_left_out(tmp_path: Path):
    stream = io.StringIO()
    telemetry.configure("agent", Settings(home=tmp_path, log_level="warning"), stream)

    telemetry.logger().info("chatter")

    assert stream.getvalue() == ""
