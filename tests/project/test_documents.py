"""The documentation under test: its code runs, its commands and options exist, and its generated pages are current.

A Python block that should not run says why in a comment above it: `<!-- not run: it needs your own data -->`.
The blocks of one page are one module, top to bottom, run in an empty folder.
"""

import importlib
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from stratofold.cli.app import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(
    r"(?P<note><!-- not run: [^>]+-->\n+)?^```(?P<kind>\w+)[^\n]*\n(?P<code>.*?)^```", re.MULTILINE | re.DOTALL
)


def name_of(page):
    return str(page.relative_to(ROOT))


def blocks(page, kind):
    """Line number and code of each block of a kind that is meant to run."""
    text = page.read_text(encoding="utf-8")
    for match in BLOCK.finditer(text):
        if match["kind"] == kind and not match["note"]:
            yield text[: match.start("code")].count("\n") + 1, match["code"]


WITH_PYTHON = [page for page in PAGES if any(blocks(page, "python"))]


@pytest.mark.parametrize("page", WITH_PYTHON, ids=name_of)
def test_the_python_of_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # A real module, so that machine code finds the source of its classes; each block stands on the page's own lines.
    text = ""
    for line, code in blocks(page, "python"):
        text += "\n" * (line - 1 - text.count("\n")) + code
    name = "page_" + page.stem.replace("-", "_").lower()
    (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, name, None)
    del sys.modules[name]
    importlib.import_module(name)


GROUP = typer.main.get_command(app)
MAKE_TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))


def said(page):
    """Every command line of a page: in console blocks after a `$`, and in backticks."""
    for _, code in blocks(page, "console"):
        yield from (line[2:].partition("#")[0].strip() for line in code.splitlines() if line.startswith("$ "))
    prose = BLOCK.sub("", page.read_text(encoding="utf-8"))
    yield from re.findall(r"`((?:stratofold|make) [^`]+)`", prose)


LINES = sorted({line for page in PAGES for line in said(page)})


@pytest.mark.parametrize("line", [line for line in LINES if line.startswith("stratofold ")])
def test_a_command_that_is_written_down_exists(line):
    words = shlex.split(line)[1:]
    if words[0].startswith("-"):
        command, options = GROUP, words
    else:
        assert words[0] in GROUP.commands, f"there is no command {words[0]}"
        command, options = GROUP.commands[words[0]], words[1:]
        while hasattr(command, "commands") and options and options[0] in command.commands:
            command, options = command.commands[options[0]], options[1:]
    known = {name for parameter in command.params for name in parameter.opts} | {"--help", "-h"}
    free = command.context_settings.get("ignore_unknown_options", False)
    assert free or {word.partition("=")[0] for word in options if word.startswith("-")} <= known


@pytest.mark.parametrize("line", [line for line in LINES if line.startswith("make")])
def test_a_make_target_that_is_written_down_exists(line):
    targets = [word for word in shlex.split(line)[1:] if "=" not in word]
    assert set(targets) <= MAKE_TARGETS


def test_the_generated_pages_are_current():
    script = [sys.executable, str(ROOT / "scripts" / "build_pages.py"), "--check"]
    checked = subprocess.run(script, capture_output=True, text=True, check=False)
    assert checked.stdout == "\n"
    assert checked.returncode == 0, checked.stderr


def test_every_page_is_reached_from_the_menu():
    menu = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    absent = [page.name for page in (ROOT / "docs").rglob("*.md") if str(page.relative_to(ROOT / "docs")) not in menu]
    assert absent == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{name_of(page)} links to {target}"
