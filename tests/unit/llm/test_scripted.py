"""The scripted model: which answer, in which pieces, with which failure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jidoka.contract.content import LlmConfig
from jidoka.contract.errors import (
    InvalidMessage,
    JidokaError,
    ModelUnknown,
    ProviderAuth,
    ProviderBadAnswer,
    ProviderRateLimited,
    ProviderRefused,
    ProviderTimeout,
    ProviderUnavailable,
)
from jidoka.contract.internal import LlmAnswer, LlmCall
from jidoka.contract.script import Script
from jidoka.llm.pieces import Piece, Route, Text
from jidoka.llm.script_file import MAX_SCRIPT_BYTES, line_of, parse
from jidoka.llm.scripted import ScriptedModel, chosen, play
from jidoka.llm.stream import fold


def call(said: str = "hi", *, step: int = 1, attempt: int = 1, project: str = "") -> LlmCall:
    return LlmCall(
        call_id="c0ffee",
        attempt=attempt,
        session_id="s1",
        turn_id="t1",
        epoch=1,
        llm=LlmConfig(model="scripted:s.json"),
        project_path=project,
        messages=({"role": "user", "content": said}, {"role": "tool", "content": "result"}),
        step=step,
    )


def script(*answers: dict[str, Any], loop: bool = False) -> Script:
    return Script.model_validate({"answers": answers, "loop": loop})


def text(found: Script, asked: LlmCall) -> str:
    return chosen(found, asked, "s.json").text


async def pieces(answer: dict[str, Any], asked: LlmCall | None = None) -> list[Piece]:
    asked = asked or call()
    return [piece async for piece in play(chosen(script(answer), asked, "s"), asked)]


async def answered(answer: dict[str, Any], asked: LlmCall | None = None) -> LlmAnswer:
    return fold(await pieces(answer, asked), asked or call(), "scripted")


def test_each_step_of_a_turn_takes_the_next_answer_and_the_last_one_stays():
    found = script({"text": "a"}, {"text": "b"})

    assert [text(found, call(step=step)) for step in (1, 2, 3, 9)] == ["a", "b", "b", "b"]


def test_a_script_that_loops_starts_anew():
    found = script({"text": "a"}, {"text": "b"}, loop=True)

    assert [text(found, call(step=step)) for step in (1, 2, 3, 4)] == ["a", "b", "a", "b"]


def test_a_message_that_holds_a_when_begins_with_its_answer():
    found = script({"text": "hello"}, {"when": "fix", "text": "edit"}, {"text": "done"})

    said = [text(found, call("please fix it", step=step)) for step in (1, 2, 3)]

    assert said == ["edit", "done", "done"]


def test_a_message_that_holds_no_when_takes_the_answers_without_one():
    found = script({"when": "fix", "text": "edit"}, {"text": "hello"})

    assert text(found, call("how are you?")) == "hello"


def test_a_message_that_nothing_fits_is_an_error():
    with pytest.raises(ModelUnknown, match="no answer"):
        chosen(script({"when": "fix", "text": "edit"}), call("hello"), "s.json")


def test_only_the_last_message_of_the_user_counts():
    found = script({"when": "first", "text": "1"}, {"when": "second", "text": "2"})
    parts = [{"type": "text", "text": "second"}]
    said = ({"role": "user", "content": "first"}, {"role": "user", "content": parts})

    assert text(found, call().model_copy(update={"messages": said})) == "2"


async def test_text_comes_word_by_word():
    found = await pieces({"text": "one  two\nthree"})

    assert [piece.text for piece in found if isinstance(piece, Text)] == ["one  ", "two\n", "three"]


async def test_text_comes_in_the_pieces_of_the_script():
    found = await pieces({"text": "ignored", "deltas": ["on", "e t", "wo"]})

    assert [piece.text for piece in found if isinstance(piece, Text)] == ["on", "e t", "wo"]


async def test_tool_calls_have_ids_that_a_repeated_call_has_again():
    asked = {"tool_calls": [{"tool": "read", "arguments": {"path": "a"}}, {"tool": "grep"}]}

    first, second = await answered(asked), await answered(asked)

    assert first == second
    assert [c.arguments for c in first.tool_calls] == ['{"path":"a"}', "{}"]
    assert len({c.call_id for c in first.tool_calls}) == 2


async def test_broken_arguments_are_sent_as_they_are():
    found = await answered({"tool_calls": [{"tool": "read", "arguments": '{"path": '}]})

    assert found.tool_calls[0].arguments == '{"path":'


async def test_usage_is_counted_given_or_left_out():
    counted = await answered({"text": "x" * 40})
    given = await answered({"text": "x", "input_tokens": 7, "output_tokens": 9, "cost_usd": 0.25})
    left_out = await answered({"text": "x", "omit_usage": True})

    assert counted.usage is not None
    assert counted.usage.output_tokens == 10
    assert given.usage is not None
    assert (given.usage.input_tokens, given.cost_usd) == (7, 0.25)
    assert (left_out.usage, left_out.cost_usd) == (None, None)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"kind": "rate_limit", "retry_after_s": 3}, ProviderRateLimited),
        ({"kind": "auth"}, ProviderAuth),
        ({"kind": "server", "status": 503}, ProviderUnavailable),
        ({"kind": "timeout"}, ProviderTimeout),
        ({"kind": "refusal"}, ProviderRefused),
        ({"kind": "garbage"}, ProviderBadAnswer),
        ({"kind": "empty"}, ProviderBadAnswer),
        ({"kind": "cut"}, ProviderBadAnswer),
    ],
)
async def test_each_failure_is_the_error_of_the_contract(
    error: dict[str, Any], kind: type[JidokaError]
):
    with pytest.raises(kind):
        await answered({"text": "" if error["kind"] == "empty" else "well", "error": error})


async def test_a_failure_of_some_attempts_is_over_after_them():
    answer = {"text": "at last", "error": {"kind": "server", "attempts": 2}}
    for attempt in (1, 2):
        with pytest.raises(ProviderUnavailable):
            await answered(answer, call(attempt=attempt))

    third = await answered(answer, call(attempt=3))

    assert third.content == "at last"


async def test_a_relative_name_is_relative_to_the_project(tmp_path: Path):
    (tmp_path / "s.json").write_text('{"answers": [{"text": "here"}]}')
    route = Route("scripted", "s.json")
    asked = call(project=str(tmp_path))

    found = [piece async for piece in ScriptedModel().stream(asked, route)]

    assert fold(found, asked).content == "here"


async def test_a_changed_file_is_read_again(tmp_path: Path):
    file, model = tmp_path / "s.json", ScriptedModel()
    file.write_text('{"answers": [{"text": "old"}]}')
    await model.script(str(file), "")

    file.write_text('{"answers": [{"text": "newer"}]}')
    found = await model.script(str(file), "")

    assert found.answers[0].text == "newer"


async def test_a_file_that_is_not_there_is_an_unknown_model(tmp_path: Path):
    with pytest.raises(ModelUnknown, match="no such file"):
        await ScriptedModel().script("nowhere.json", str(tmp_path))


async def test_a_folder_or_a_name_with_nul_is_an_unknown_model(tmp_path: Path):
    for name in (str(tmp_path), "a\0b"):
        with pytest.raises(ModelUnknown):
            await ScriptedModel().script(name, str(tmp_path))


async def test_a_file_that_is_too_large_is_not_read(tmp_path: Path):
    file = tmp_path / "s.json"
    with file.open("wb") as large:
        large.truncate(MAX_SCRIPT_BYTES + 1)

    with pytest.raises(ModelUnknown, match="larger"):
        await ScriptedModel().script(str(file), "")


def test_a_wrong_script_is_refused_by_lines_without_its_content():
    lines = ["{", '"answers": [', '{"text": 5},', '{"secret_field": "sk-canary"},']
    lines += ['{"error": {"kind": "sk-canary-kind"}}', "]}"]

    with pytest.raises(InvalidMessage) as refused:
        parse("\n".join(lines), "s.json")

    found = refused.value.message
    assert all(f"line {number}" in found for number in (3, 4, 5))
    assert "canary" not in found
    assert "secret_field" not in found


@pytest.mark.parametrize("content", ["KEY=sk-canary-1", '{"answers": [\n{"text": canary}]}', ""])
def test_a_file_that_is_no_json_is_refused_by_its_line(content: str):
    with pytest.raises(InvalidMessage, match="line") as refused:
        parse(content, "s.json")

    assert "canary" not in refused.value.message


def test_the_line_of_a_place_is_found_in_nested_values():
    content = json.dumps({"a": [1, {"b": "]}\n", "c": [True, None]}]}, indent=1)

    assert line_of(content, ("a", 1, "c", 1)) == 8
    assert line_of(content, ("a", 1, "missing")) == 4
    assert line_of(content, ()) == 1
