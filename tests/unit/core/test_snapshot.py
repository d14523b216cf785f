"""A snapshot is the fold, as bytes."""

from __future__ import annotations

import hashlib
import json

from hypothesis import given
from hypothesis import strategies as st

from jidoka.core.session import fold
from jidoka.core.snapshot import SNAPSHOT, VERSION, Snapshot, dump, load
from jidoka.core.transcript import Transcript
from tests.unit.core.test_session import LOG

SHAPE_OF_VERSION = {3: "0e86f8d84e197852"}


def folded(cut: int) -> Snapshot:
    transcript = Transcript()
    for entry in LOG[:cut]:
        transcript.add(entry)
    return Snapshot(fold(LOG[:cut]), transcript)


@given(st.integers(0, len(LOG)))
def test_going_on_from_a_snapshot_is_going_on_from_the_log(cut):
    kept = load(dump(folded(cut)))

    assert kept
    state = fold(LOG[cut:], kept.state)
    for entry in LOG[cut:]:
        kept.transcript.add(entry)
    assert state == fold(LOG)
    assert kept.transcript.messages() == folded(len(LOG)).transcript.messages()


def test_damaged_bytes_and_other_versions_are_no_snapshot():
    body = dump(folded(len(LOG)))
    other = json.loads(body) | {"version": VERSION + 1}

    unread = [load(body[:-2]), load(b""), load(b"[]"), load(json.dumps(other).encode())]

    assert unread == [None] * 4


def test_the_version_grows_when_the_shape_changes():
    shape = json.dumps(SNAPSHOT.json_schema(), sort_keys=True)

    digest = hashlib.sha256(shape.encode()).hexdigest()[:16]

    assert SHAPE_OF_VERSION[VERSION] == digest, "raise VERSION and note the new shape"
