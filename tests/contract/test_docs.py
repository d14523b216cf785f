"""What the documents say is there: folders, links, commands, settings, code."""

from __future__ import annotations

import ast
import dataclasses
import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from jidoka.cli.app import app
from jidoka.settings import programs

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
VARIABLE = re.compile(r"\bJIDOKA_[A-Z_]+\b")
# no settings of a program: where settings are, and what the compose file asks for
OTHER_VARIABLES = {
    "JIDOKA_CHAOS",
    "JIDOKA_CONFIG",
    "JIDOKA_IMAGE",
    "JIDOKA_NATS_PORT",
    "JIDOKA_NATS_TOKEN",
    "JIDOKA_PROJECTS",
}


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(path: Path, language: str) -> str:
    found = FENCE.findall(path.read_text())
    return "\n".join(body for spoken, body in found if spoken == language)


def jidoka_commands(path: Path) -> list[list[str]]:
    """Return the words after `jidoka` of each command in the shell blocks."""
    text = re.sub(r"<<'EOF'.*?^EOF$", "", blocks(path, "sh"), flags=re.MULTILINE | re.DOTALL)
    lines = [shlex.split(line, comments=True) for line in text.splitlines()]
    return [words[words.index("jidoka") + 1 :] for words in lines if "jidoka" in words]


def unknown_word(words: list[str]) -> str | None:
    """Return the first word that is no command or option of `jidoka`, None if there is none."""
    command = get_command(app)
    for word in words:
        if word in {"|", ">", "&&", "--"}:
            return None
        subcommands = getattr(command, "commands", {})
        if word.startswith("-") and len(word) > 1:
            if not any(word in parameter.opts for parameter in command.params):
                return word
        elif subcommands:
            if word not in subcommands:
                return word
            command = subcommands[word]
    return None


def documented_fields() -> dict[str, str]:
    """Return what stands under each field in the settings' source."""
    said: dict[str, str] = {}
    for node in ast.walk(ast.parse(Path(programs.__file__).read_text())):
        if isinstance(node, ast.ClassDef):
            for field, below in zip(node.body, [*node.body[1:], None], strict=True):
                text = below.value if isinstance(below, ast.Expr) else None
                if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Constant):
                    said[ast.unparse(field.target)] = " ".join(str(text.value).split())
    return said


def settings_table() -> str:
    said = documented_fields()
    fields = {f.name: f for kind in programs.PROGRAMS for f in dataclasses.fields(kind)}
    rows = [
        f"| `{name}` | {_default(field)} | {said.get(name, '')} |" for name, field in fields.items()
    ]
    return "\n".join(["| setting | default | |", "|---|---|---|", *rows])


def _default(field: dataclasses.Field[object]) -> str:
    value = "" if field.default is dataclasses.MISSING or field.default is None else field.default
    text = ", ".join(value) if isinstance(value, tuple) else str(value)
    return f"`{text}`" if text else ""


def test_the_chapters_of_the_architecture_are_the_folders():
    text = (ROOT / "docs/architecture.md").read_text()
    chapters = re.findall(r"^### `(\w+)/`$", text, re.MULTILINE)

    folders = [path.parent.name for path in (ROOT / "services/jidoka").glob("*/__init__.py")]

    assert sorted(chapters) == sorted(folders)


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_links_lead_somewhere(document: Path):
    links = [link for link in LINK.findall(document.read_text()) if "://" not in link]

    broken = [link for link in links if not (document.parent / link).exists()]

    assert broken == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_command_that_is_shown_exists_with_its_options(document: Path):
    shown = jidoka_commands(document)

    unknown = {" ".join(words): word for words in shown if (word := unknown_word(words))}

    assert unknown == {}


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_variable_that_is_named_is_a_setting(document: Path):
    settings = {f.name for kind in programs.PROGRAMS for f in dataclasses.fields(kind)}

    names = set(VARIABLE.findall(document.read_text())) - OTHER_VARIABLES
    names = {name for name in names if not name.startswith("JIDOKA_MCP_")}  # people name these

    assert {name for name in names if name.removeprefix("JIDOKA_").lower() not in settings} == set()


def test_every_setting_is_in_the_operations_with_its_default():
    text = (ROOT / "docs/operations.md").read_text()
    table = text.partition("<!-- settings -->")[2].partition("<!-- end of settings -->")[0]

    assert table.strip() == settings_table()


def test_the_readme_shows_the_example_as_it_is_run():
    example = (ROOT / "docs/examples/plain_nats.py").read_text()

    assert blocks(ROOT / "README.md", "python") == example


def test_the_readme_has_two_commands_for_a_machine_with_python_and_pip():
    lines = blocks(ROOT / "README.md", "sh").splitlines()

    fresh = [line for line in lines if line.startswith("pip install uv && ")]

    assert len(fresh) == 2


def test_every_decision_has_its_header_and_its_chapters():
    for path in sorted((ROOT / "docs/adr").glob("*.md")):
        text = path.read_text()

        assert re.match(r"\d{4}-[a-z0-9-]+\.md$", path.name)
        assert re.search(r"\| \d{4}-\d\d-\d\d \| \w+ \| .+ \|", text), path
        assert "## Decision" in text, path


def test_the_architecture_leads_to_every_decision():
    text = (ROOT / "docs/architecture.md").read_text()

    missing = [path.name for path in (ROOT / "docs/adr").glob("*.md") if path.name not in text]

    assert missing == []
