"""`schemas/` is what the models say, and its examples hold three times over."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from cloudevents.core.formats.json import JSONFormat
from pydantic import BaseModel

from jidoka.cli import schema_files
from jidoka.contract.commands import COMMANDS, open_command
from jidoka.contract.envelope import SCHEMA_URI, Envelope, receive
from jidoka.contract.errors import ERRORS
from jidoka.contract.events import EVENTS
from jidoka.contract.live import LIVE_KINDS, Delta
from jidoka.contract.page import contract_page
from jidoka.contract.replies import REPLIES
from jidoka.contract.script import Script

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "schemas"
EXAMPLES = SCHEMAS / "examples"
MODELS: dict[str, type[BaseModel]] = {
    "envelope.v1.json": Envelope,
    "script.v1.json": Script,
    **{f"commands/{name}.v1.json": kind for name, kind in COMMANDS.items()},
    **{f"events/{name}.v1.json": kind for name, kind in EVENTS.items()},
    **{f"live/{kind}.v1.json": Delta for kind in LIVE_KINDS},
    **{f"replies/{name}.v1.json": kind for name, kind in REPLIES.items()},
}
TYPES_OF_SHAPES: dict[str, str] = dict.fromkeys(
    ("session.info", "session.page", "permission.page", "context.report", "turn.difference"),
    "command.accepted",
)
"""Shapes that are no type of their own, and the type in whose data they travel."""


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.json"))


GENERATED = [name for name in listing(SCHEMAS) if not name.startswith("examples/")]
IN_ENVELOPES = [name for name in listing(EXAMPLES) if "/" in name]


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def uri_of(name: str) -> str:
    return SCHEMA_URI + name.removesuffix(".json").replace("/", ":")


def validate(value: Any, name: str) -> None:
    schema = read(SCHEMAS / name)
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    jsonschema.Draft202012Validator(schema, format_checker=checker).validate(value)


def test_the_files_are_what_the_models_say():
    assert schema_files.check(SCHEMAS) == [], "run `jidoka schemas write`"


def test_a_file_that_is_missing_changed_or_left_over_is_named_and_mended(tmp_path: Path):
    schema_files.write(tmp_path)
    (tmp_path / "script.v1.json").unlink()
    (tmp_path / "live/text.v1.json").write_text("{}\n")
    (tmp_path / "events/session.dreamt.v1.json").write_text("{}\n")
    wrong = ["events/session.dreamt.v1.json", "live/text.v1.json", "script.v1.json"]

    found = schema_files.check(tmp_path)
    mended = schema_files.write(tmp_path)

    assert (found, mended, schema_files.check(tmp_path)) == (wrong, wrong, [])


@pytest.mark.parametrize("name", GENERATED)
def test_a_schema_is_valid_and_known_by_its_id(name: str):
    schema = read(SCHEMAS / name)

    jsonschema.Draft202012Validator.check_schema(schema)

    assert schema["$id"] == uri_of(name)


@pytest.mark.parametrize("name", GENERATED)
def test_a_schema_says_what_it_is_and_forbids_no_field_that_may_come(name: str):
    text = (SCHEMAS / name).read_text(encoding="utf-8")

    assert '"additionalProperties": false' not in text
    assert read(SCHEMAS / name)["description"]


def test_every_schema_has_one_example_and_every_example_a_schema():
    assert listing(EXAMPLES) == GENERATED


@pytest.mark.parametrize("name", IN_ENVELOPES)
def test_an_example_is_a_cloudevent_whose_data_fits_its_schema(name: str):
    example = read(EXAMPLES / name)

    validate(example, "envelope.v1.json")
    validate(example["data"], name)


@pytest.mark.parametrize("name", IN_ENVELOPES)
def test_an_example_names_the_type_of_its_file(name: str):
    example = read(EXAMPLES / name)
    folder, _, file = name.partition("/")
    stem = file.removesuffix(".v1.json")
    stem = f"live.{stem}" if folder == "live" else TYPES_OF_SHAPES.get(stem, stem)

    assert example["type"] == f"jido.{stem}.v1"
    assert example["dataschema"] == uri_of(name)


@pytest.mark.parametrize("name", IN_ENVELOPES)
def test_an_example_fits_its_model_and_comes_back_the_same(name: str):
    data = read(EXAMPLES / name)["data"]

    model = MODELS[name].model_validate(data)

    assert model.model_dump(mode="json", by_alias=True, exclude_unset=True) == data


@pytest.mark.parametrize("name", [name for name in GENERATED if "/" not in name])
def test_an_example_without_an_envelope_fits_its_schema(name: str):
    validate(read(EXAMPLES / name), name)


@pytest.mark.parametrize("name", [name for name in IN_ENVELOPES if name.startswith("commands/")])
def test_an_example_of_a_command_is_taken_at_the_door(name: str):
    body = (EXAMPLES / name).read_bytes()

    envelope = receive(body)
    command = open_command(envelope.name, envelope.version, envelope.data, envelope.subject)

    assert f"commands/{command.name}.v1.json" == name


@pytest.mark.parametrize("name", IN_ENVELOPES)
def test_the_cloudevents_sdk_reads_what_we_write_unchanged(name: str):
    example = read(EXAMPLES / name)

    event = JSONFormat().read(None, receive(json.dumps(example).encode()).to_json())

    attributes = {key: value for key, value in example.items() if key not in ("data", "time")}
    assert {key: event.get_extension(key) for key in attributes} == attributes
    assert event.get_time() == datetime.fromisoformat(example["time"])
    assert event.get_data() == example["data"]


def test_what_an_example_leaves_out_of_its_data_is_known_to_be_unknown():
    body = (EXAMPLES / "events/turn.ended.v1.json").read_bytes()

    written = json.loads(receive(body).to_json())

    assert written["data"]["error"] is None


def test_every_event_has_one_writer_and_the_schemas_say_which():
    said = {name: read(SCHEMAS / f"events/{name}.v1.json")["x-writer"] for name in EVENTS}

    assert said == {name: kind.writer.value for name, kind in EVENTS.items()}


def test_events_are_past_tense_and_commands_are_not():
    past = {name for name in EVENTS if name.rsplit(".", 1)[1].split("_")[-1].endswith("ed")}

    assert set(EVENTS) - past == {"message.withdrawn", "turn.redone", "turn.undone", "worker.lost"}
    assert not [name for name in COMMANDS if name.endswith("ed")]


def test_no_name_is_a_command_and_an_event():
    assert not EVENTS.keys() & COMMANDS.keys()


def test_the_page_for_people_names_every_command_event_and_code():
    page = (ROOT / "docs/events.md").read_text(encoding="utf-8")

    unnamed = [name for name in (*COMMANDS, *EVENTS, *ERRORS) if f"`{name}`" not in page]

    assert unnamed == []


def test_the_page_is_checked_and_written_where_there_is_a_folder_for_it(tmp_path: Path):
    (tmp_path / "docs").mkdir()
    schema_files.write(tmp_path / "schemas")
    page = tmp_path / "docs/events.md"
    page.write_text("old\n")

    found = schema_files.check(tmp_path / "schemas")
    schema_files.write(tmp_path / "schemas")

    assert found == ["../docs/events.md"]
    assert page.read_text() == contract_page()
