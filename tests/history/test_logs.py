"""A log of each released version means today what it meant then."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jidoka.contract.envelope import type_of
from jidoka.contract.events import UnknownEvent
from tests.history.folding import entries, summary

LOGS = sorted(path for path in (Path(__file__).parent / "logs").iterdir() if path.is_dir())


def bodies(folder: Path) -> list[bytes]:
    return (folder / "events.jsonl").read_bytes().splitlines()


@pytest.mark.parametrize("folder", LOGS, ids=lambda folder: folder.name)
def test_the_log_of_a_release_folds_to_what_it_was(folder):
    expected = json.loads((folder / "folded.json").read_text(encoding="utf-8"))

    folded = json.loads(json.dumps(summary(bodies(folder))))

    assert folded == expected


@pytest.mark.parametrize("folder", LOGS, ids=lambda folder: folder.name)
def test_every_event_of_a_release_is_known(folder):
    unknown = [
        x.envelope.type for x in entries(bodies(folder)) if isinstance(x.event, UnknownEvent)
    ]

    assert unknown == []


def test_an_event_of_a_newer_version_passes_by():
    log = bodies(LOGS[-1])
    newer = json.loads(log[-1])
    newer["type"] = type_of("session.terminated", 2)

    last = entries([*log[:-1], json.dumps(newer).encode()])[-1]

    assert isinstance(last.event, UnknownEvent)
