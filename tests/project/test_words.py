"""What the repository may not say: addresses of machines and indexes, American spelling, rooms for everything."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = {".py", ".md", ".toml", ".txt", ".yml", ".yaml", ".sh", ".template", ".css", ".html", ""}
VENDORED = ("src/stratofold/research/assets/",)
OWN = "tests/project/test_words.py"


def tracked():
    """Every file of the repository, tracked or about to be, that a person writes or reads."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [name for name in names if Path(name).suffix in TEXT and (ROOT / name).is_file() and name != OWN]


if not (ROOT / ".git").exists():
    pytest.skip("not a checkout", allow_module_level=True)
NAMES = tracked()

FORBIDDEN = {
    "a path of one machine": r"(?<![\w.])/(?:work|root)/\w",
    "an address of an index": r"index-url|files\.pythonhosted|pypi\.org/simple|(?<![\w/])/opt/",
    "a thing left undone": r"\b(?:TODO|FIXME|XXX|HACK)\b",
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_the_repository_does_not_hold(what):
    pattern = re.compile(FORBIDDEN[what])
    found = [
        f"{name}:{number}: {line.strip()[:120]}"
        for name in NAMES
        if name != "scripts/lock.sh"  # it says no-emit-index-url, which is how none gets in
        for number, line in enumerate(text(name).splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []


# American words that have a British twin; the names of other people's functions stand in backticks or code.
AMERICAN = re.compile(
    r"\b(?:optimiz\w+|normaliz\w+|serializ\w+|initializ\w+|summariz\w+|analyz\w+|annualiz\w+|recogniz\w+|minimiz\w+"
    r"|maximiz\w+|organiz\w+|behavior\w*|colou?rize\w*|(?<![-.#\w])color(?:s|ed|ful)?\b(?![:=(])|favor\w*|cataloged?\b"
    r"|honored?|labeled|modeled|canceled|canceling|traveled)\b"
)


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith(".md") and not name.startswith(VENDORED)])
def test_prose_is_spelt_the_british_way(name):
    prose = re.sub(r"```.*?```|`[^`]*`", "", text(name), flags=re.DOTALL)
    assert AMERICAN.findall(prose) == []


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("src/") and name.endswith(".py")])
def test_docstrings_and_comments_are_spelt_the_british_way(name):
    content = text(name)
    prose = re.findall(r'"""(.*?)"""', content, flags=re.DOTALL) + re.findall(r"#(.*)", content)
    assert [word for one in prose for word in AMERICAN.findall(re.sub(r"`[^`]*`", "", one))] == []


PATTERNS = re.compile(r"(?:^|/)(?:utils?|helpers?|misc|common|manager)s?(?:\.py|/)")


def test_no_file_is_a_room_for_everything():
    assert [name for name in NAMES if name.startswith("src/") and PATTERNS.search(name)] == []


def test_continuous_integration_runs_make_test_and_nothing_else():
    lines = [line for line in text(".ci/run").splitlines() if line and not line.startswith("#")]
    assert lines == ["set -euo pipefail", 'cd "$(dirname "$0")/.."', "exec make test"]


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")
