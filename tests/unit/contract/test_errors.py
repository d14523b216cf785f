"""The error tree: every code of the vocabulary, with its class, exit code and fields."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jidoka.contract import errors
from jidoka.contract.errors import (
    ERRORS,
    Failed,
    InvalidMessage,
    JidokaError,
    Refused,
    StaleSequence,
    UnknownError,
    Upstream,
    details_of,
    from_dict,
)

# code: class (+ may succeed later), exit code of the command line, fields
PROMISED = """
invalid_message          R  2  problems
unknown_command          R  2  name known
unsupported_version      R  2  found supported
too_large                R  2  what size_bytes maximum_bytes
session_not_found        R  3  asked
session_terminated       R  3  session_id reason at
session_exists           R  2  session_id
ambiguous_name           R  2  name candidates
session_limit_reached    R+ 4  current maximum scope
project_already_open     R+ 4  path session_id
session_busy             R+ 4  session_id turn_id
inbox_full               R+ 4  waiting maximum
rate_limited             R+ 4  retry_after_s
invalid_transition       R  2  status asked
project_not_found        R  3  path
project_not_directory    R  2  path
project_not_absolute     R  2  path
project_forbidden        R  6  path why
no_turn                  R  2  session_id
call_not_found           R  3  call_id
already_answered         R  2  by answer at
deadline_passed          R  2  default
budget_exceeded          R  8  kind used limit scope
step_limit               R  8  used limit
unauthenticated          R  6
forbidden                R  6  right subject
provider_unknown         R  2  name known
model_unknown            R  2  name known
api_key_missing          R  7  provider reference ways
provider_auth            U  7  provider reference
provider_rate_limited    U+ 1  provider retry_after_s
provider_unavailable     U+ 1  provider status
provider_timeout         U+ 1  provider which after_s
provider_bad_answer      U+ 1  provider reason
provider_refused         U  1  provider reason
context_overflow         R  1  tokens window
tool_unknown             R  1  tool known
tool_args_invalid        R  1  tool problems
call_repeated            R  1  tool times
tool_denied              R  6  by rule
tool_timeout             R  1  timeout_s
tool_limit               R  1  kind
tool_interrupted         F  1  known
tool_failed              F  1  reason
path_outside_project     R  1  path rule
path_protected           R  1  path rule
path_not_found           R  1  path
file_changed             R  1  path expected actual
edit_no_match            R  1  path matches
sandbox_unavailable      F  6  tried why
agent_not_found          U+ 3  name
mcp_not_ready            U+ 1  server state
mcp_failed               U+ 1  server its_code
import_invalid           R  2  line reason
log_damaged              F  1  first last
unavailable              F+ 5  part why
timeout                  F+ 5  after_s
no_host                  F+ 5  hosts wanted
runtime_exists           F  9  pid home
storage_full             F+ 5  free_bytes needed_bytes
storage_not_writable     F  5  path
port_in_use              F  5  port
stale_sequence           F+ 1  expected actual
superseded               F  1  epoch
crash_limit              F  1  restarts window_s last
internal                 F  1  incident
"""
TABLE = {line.split()[0]: line.split()[1:] for line in PROMISED.strip().splitlines()}
CLASSES = {"R": Refused, "F": Failed, "U": Upstream}
SAMPLES: dict[Any, Any] = {int: 7, float: 2.5, str: "x{y}", tuple: ("a", "b{0}")}


def sample(kind: type[JidokaError]) -> JidokaError:
    """Return an error of a kind whose every field says something."""
    return kind(**{name: _value(field.annotation) for name, field in fields_of(kind).items()})


def fields_of(kind: type[JidokaError]) -> dict[str, Any]:
    return details_of(kind).model_fields


def _value(annotation: Any) -> Any:
    text = str(annotation)
    if "dict" in text:
        return ({"path": "data.name", "reason": "is {missing}"},)
    if "tuple" in text:
        return ("a", "b{0}")
    return next(SAMPLES[kind] for kind in (int, float, str) if kind.__name__ in text)


@pytest.mark.parametrize("code", TABLE)
def test_a_code_has_its_class_exit_code_and_fields(code: str):
    letter, exit_code, *fields = TABLE[code]

    kind = ERRORS[code]

    assert issubclass(kind, CLASSES[letter[0]])
    assert (kind.retryable, kind.exit_code) == (letter.endswith("+"), int(exit_code))
    assert set(fields) <= set(fields_of(kind))


@pytest.mark.parametrize("kind", ERRORS.values(), ids=ERRORS)
def test_an_error_survives_the_wire(kind: type[JidokaError]):
    error = sample(kind)
    wire = json.loads(json.dumps(error.as_dict()))

    again = from_dict(wire)

    assert type(again) is kind
    assert again.as_dict() == error.as_dict()
    assert wire["code"] == kind.code


@pytest.mark.parametrize("kind", ERRORS.values(), ids=ERRORS)
def test_a_message_is_one_whole_line_with_its_fields(kind: type[JidokaError]):
    message = sample(kind).message

    assert message == " ".join(message.split())
    assert message.endswith((".", "?"))
    assert str(sample(kind)) == message


@pytest.mark.parametrize("kind", ERRORS.values(), ids=ERRORS)
def test_an_error_of_which_little_is_known_has_a_message_too(kind: type[JidokaError]):
    required = {name for name, field in fields_of(kind).items() if field.is_required()}

    error = kind(**{name: _value(fields_of(kind)[name].annotation) for name in required})

    assert error.message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.sampled_from([*ERRORS, "brand_new"]),
    JSON
    | st.dictionaries(st.sampled_from(sorted({f for row in TABLE.values() for f in row})), JSON),
)
def test_whatever_stands_in_an_error_it_can_be_read_and_shown(code: str, details: Any):
    raw = {"code": code, "message": "as it came", "retryable": False, "details": details}

    error = from_dict(raw)

    assert isinstance(str(error), str)
    assert error.as_dict().keys() >= {"code", "message", "retryable", "details"}


def test_a_code_of_a_later_version_is_kept_as_it_came():
    raw = {"code": "brand_new", "message": "Later.", "retryable": True, "details": {"a": 1}}

    error = from_dict(raw)

    assert isinstance(error, UnknownError)
    assert (error.as_dict(), str(error)) == (raw, "Later.")


def test_a_field_of_a_later_version_is_ignored():
    raw = {"code": "inbox_full", "details": {"waiting": 64, "maximum": 64, "oldest": "x"}}

    error = from_dict(raw)

    assert error.details() == {"waiting": 64, "maximum": 64}


def test_an_error_that_says_nothing_at_all_has_the_shape_of_one():
    assert from_dict({}).as_dict() == {
        "code": "internal",
        "message": "unknown error",
        "retryable": False,
        "details": {},
    }


def test_every_class_of_the_tree_is_one_code():
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type)
        and issubclass(kind, JidokaError)
        and kind not in (JidokaError, Refused, Failed, Upstream, UnknownError, errors._Fields)
    ]

    assert len({kind.code for kind in kinds}) == len(kinds)
    assert set(kinds) == set(ERRORS.values())


def test_the_entries_of_a_conflict_never_leave_the_process():
    error = StaleSequence(expected=41, actual=43, tail=(object(),))

    assert error.as_dict()["details"] == {"expected": 41, "actual": 43}


def test_several_problems_are_told_in_one_line():
    error = InvalidMessage(
        problems=({"path": "data.name", "reason": "too long"}, {"path": "", "reason": "no id"})
    )

    assert error.message == (
        "The message does not fit its schema: data.name: too long; message: no id."
    )


def test_lists_are_words_in_a_message():
    error = errors.AmbiguousName(name="shop", candidates=("s1", "s2"))

    assert error.message == "'shop' fits several sessions: s1, s2. Use the id."


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            errors.BudgetExceeded(kind="cost_usd", used=1.0, limit=0.9),
            "The turn's budget of 0.9 USD is used up (1 USD). Raise it, or start anew.",
        ),
        (
            errors.BudgetExceeded(kind="tokens", used=1200, limit=1000, scope="session"),
            "The session's budget of 1,000 tokens is used up (1,200 tokens). "
            "Raise it, or start anew.",
        ),
        (
            errors.NothingToUndo(session_id="s", asked="undo", wanted=9, available=1),
            "There is not enough to undo. Turns asked for: 9; there: 1.",
        ),
        (
            errors.SessionNotFound(asked="/p/shop"),
            "There is no session on /p/shop. Name one: see `jidoka session list`.",
        ),
        (
            errors.TurnNotFound(turn="last"),
            "No turn is among this session's last hundred; `jidoka follow` shows them.",
        ),
        (
            errors.ImportInvalid(line=0, reason="x.jsonl cannot be read (Is a directory)"),
            "The export cannot be imported: x.jsonl cannot be read (Is a directory).",
        ),
        (
            InvalidMessage.of("arguments", "Missing argument 'answer'."),
            "The message does not fit its schema: arguments: Missing argument 'answer'.",
        ),
    ],
)
def test_a_message_reads_as_a_person_would_say_it(error: JidokaError, message: str):
    assert error.message == message
