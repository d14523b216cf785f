"""The import contracts of pyproject.toml name every room, and each of them can fail."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONTRACTS = {
    contract["id"]: contract
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
        "contracts"
    ]
}
FACES = {"cli", "tui", "web", "gateways", "plugins"}
DOORS = {"client", "plugin"}
PROGRAMS = {"runtime", "coordinator", "session_manager", "agent", "llm_gateway"}
MAY_REACH_THE_PROVIDER = {"llm", "llm_gateway"}
# contract -> the room that sins, and the import that it is caught with
PLANTED = {
    "rooms": ("bus", "import jidoka.store"),
    "faces": ("cli", "import jidoka.store"),
    "pure": ("core", "def now():\n    import time\n    return time"),
    "provider": ("agent", "import litellm"),
    "hot-path": ("client", "import faststream"),
    "strangers": ("plugins", "import jidoka.core"),
    "neighbours": ("gateways/acp", "import jidoka.gateways.mcp"),
}


def rooms() -> set[str]:
    found = {path.parent.name for path in (ROOT / "services/jidoka").glob("*/__init__.py")}
    return found - set(CONTRACTS["rooms"]["exhaustive_ignores"])


def sources(contract: str) -> set[str]:
    return {module.removeprefix("jidoka.") for module in CONTRACTS[contract]["source_modules"]}


def lint_imports(tree: Path) -> str:
    shutil.copy(ROOT / "pyproject.toml", tree)
    command = [Path(sys.executable).parent / "lint-imports", "--no-cache"]
    answer = subprocess.run(
        command,
        cwd=tree,
        env=os.environ | {"PYTHONPATH": str(tree / "services"), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=25,
        check=False,
    )
    return answer.stdout + answer.stderr


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The rooms without what is in them: a contract is about where a file stands."""
    for room in rooms():
        for package in (ROOT / "services/jidoka" / room).glob("**/__init__.py"):
            twin = tmp_path / package.relative_to(ROOT)
            twin.parent.mkdir(parents=True, exist_ok=True)
            twin.touch()
    (tmp_path / "services/jidoka/__init__.py").touch()
    return tmp_path


def test_every_face_and_door_is_bound_to_reach_programs_by_message():
    assert sources("faces") == (FACES | DOORS) & rooms()


def test_every_room_but_the_gateways_is_kept_from_the_provider_library():
    assert sources("provider") == rooms() - MAY_REACH_THE_PROVIDER


def test_every_room_has_a_planted_violation_of_each_of_its_contracts():
    assert set(CONTRACTS) <= set(PLANTED)


def test_rooms_alone_keep_every_contract(tree: Path):
    report = lint_imports(tree)

    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken." in report


def test_a_folder_that_no_layer_names_is_refused(tree: Path):
    stranger = tree / "services/jidoka/utils/__init__.py"
    stranger.parent.mkdir()
    stranger.touch()

    report = lint_imports(tree)

    assert "jidoka.utils" in report
    assert f"{CONTRACTS['rooms']['name']} BROKEN" in report


@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_planted_violation_is_seen(contract: str, tree: Path):
    room, violation = PLANTED[contract]
    (tree / "services/jidoka" / room / "planted.py").write_text(violation + "\n")

    report = lint_imports(tree)

    assert f"{CONTRACTS[contract]['name']} BROKEN" in report
