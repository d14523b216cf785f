"""Every setting of every program: defaults, then the TOML file, then the environment.

The file is `config.toml` in the home folder, or what `JIDOKA_CONFIG` names; its keys are the names
of the fields below. The environment has the same names in capitals behind `JIDOKA_`:
`session_limit = 20` and `JIDOKA_SESSION_LIMIT=20` say the same. `off` turns an optional one off.
Standard library only: these classes stand in the way of every program's start.
"""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from jidoka.contract.errors import InvalidMessage
from jidoka.settings.programs import PROGRAMS, Settings

Problem = dict[str, str]
S = TypeVar("S", bound=Settings)

PREFIX = "JIDOKA_"
# no settings themselves: where the file is
_OTHER_VARIABLES = {"JIDOKA_CONFIG"}
_CLUSTER_DEFAULTS: dict[str, Any] = {"session_limit": None}


def load(kind: type[S], environment: Mapping[str, str]) -> S:
    """Return the settings of one program.

    Raises:
        InvalidMessage: every problem of file and environment at once, by its name.
    """
    home = _home(environment)
    problems: list[Problem] = []
    raw = dict(_from_file(_config_file(home, environment), problems))
    raw |= _from_environment(environment)
    values: dict[str, Any] = _typed(kind, raw, problems)
    values["home"] = home
    if problems:
        raise InvalidMessage(problems=tuple(problems))
    if values.get("profile") == "cluster":
        values = {k: v for k, v in _CLUSTER_DEFAULTS.items() if k in _names(kind)} | values
    return kind(**values)


def check_all(environment: Mapping[str, str]) -> None:
    """Raise `InvalidMessage` with every problem of every program's settings, before any starts."""
    home = _home(environment)
    problems: list[Problem] = []
    raw = dict(_from_file(_config_file(home, environment), problems))
    raw |= _from_environment(environment)
    for kind in PROGRAMS:
        _typed(kind, raw, problems)
    if problems:
        told = {problem["path"]: problem for problem in problems}  # some settings are of several
        raise InvalidMessage(problems=tuple(told.values()))


def required_nats_url(settings: Settings) -> str:
    """Return the broker's address for a program that cannot do without.

    Raises:
        InvalidMessage: it is not set.
    """
    if not settings.nats_url:
        raise InvalidMessage.of("JIDOKA_NATS_URL", "is not set; `jidoka up` sets it for you")
    return settings.nats_url


def _home(environment: Mapping[str, str]) -> Path:
    if named := environment.get("JIDOKA_HOME"):
        return Path(named).expanduser().absolute()
    import platformdirs  # noqa: PLC0415 - a program that was told its home does not need it

    return Path(platformdirs.user_state_dir("jidoka"))


def _config_file(home: Path, environment: Mapping[str, str]) -> Path:
    return Path(environment.get("JIDOKA_CONFIG") or home / "config.toml").expanduser()


def _from_file(path: Path, problems: list[Problem]) -> Mapping[str, tuple[str, Any]]:
    """Return field → (how a person finds it, value) of the TOML file, if there is one."""
    try:
        text = path.read_text("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as problem:
        problems.append({"path": str(path), "reason": f"cannot be read: {problem}"})
        return {}
    import tomllib  # noqa: PLC0415 - most homes have no file

    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        problems.append({"path": str(path), "reason": f"is not TOML: {problem}"})
        return {}
    known = {name for kind in PROGRAMS for name in _names(kind)} - {"home"}
    problems.extend(
        {"path": f"{path}: {key}", "reason": "there is no such setting"}
        for key in table.keys() - known
    )
    return {key: (f"{path}: {key}", value) for key, value in table.items()}


def _from_environment(environment: Mapping[str, str]) -> Iterator[tuple[str, tuple[str, Any]]]:
    for name, value in environment.items():
        if name.startswith(PREFIX) and name not in _OTHER_VARIABLES and value != "":
            yield name.removeprefix(PREFIX).lower(), (name, value)


def _typed(
    kind: type[Settings], raw: Mapping[str, tuple[str, Any]], problems: list[Problem]
) -> dict[str, Any]:
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        if field.name == "home" or field.name not in raw:
            continue
        where, value = raw[field.name]
        try:
            values[field.name] = read_value(hints[field.name], value, field.metadata)
        except ValueError as problem:
            problems.append({"path": where, "reason": str(problem)})
    return values


def _names(kind: type[Settings]) -> set[str]:
    return {field.name for field in dataclasses.fields(kind)}


def read_value(hint: Any, value: Any, bounds: Mapping[str, float]) -> Any:
    """Return `value`, text of the environment or a TOML value, as the type `hint`.

    Raises:
        ValueError: it cannot be; the text says what it must be.
    """
    if get_origin(hint) in (types.UnionType, Union):
        if value in ("off", "none", False):
            return None
        return read_value(get_args(hint)[0], value, bounds)
    if get_origin(hint) is Literal:
        return _one_of(get_args(hint), value)
    if get_origin(hint) is tuple:
        return _many(get_args(hint)[0], value)
    if hint in (int, float):
        return _number(hint, value, bounds)
    if not isinstance(value, str):
        raise ValueError("must be a text")
    return Path(value).expanduser().absolute() if hint is Path else value


def _one_of(known: tuple[str, ...], value: Any) -> str:
    if value not in known:
        raise ValueError(f"must be one of {', '.join(known)}")
    return value


def _many(of: Any, value: Any) -> tuple[Any, ...]:
    items: Any = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
    kind = str if of in (str, Path) else dict
    if not isinstance(items, list):
        raise ValueError("must be a list")
    given = cast("list[Any]", items)
    if not all(isinstance(item, kind) for item in given):
        raise ValueError("must be a list of texts" if kind is str else "must be a list of tables")
    return tuple(read_value(Path, item, {}) if of is Path else item for item in given)


def _number(kind: type[int] | type[float], value: Any, bounds: Mapping[str, float]) -> float:
    low, high = bounds.get("minimum", -math.inf), bounds.get("maximum", math.inf)
    try:
        number = kind(value)
    except (TypeError, ValueError):
        number = math.nan
    exact = not isinstance(value, bool) and (kind is float or not isinstance(value, float))
    if not exact or not low <= number <= high:
        name = "whole number" if kind is int else "number"
        raise ValueError(f"must be a {name} from {low:g} to {high:g}")
    return number
