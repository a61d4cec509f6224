"""The zip that functions run: small, the same each time, for another platform than this, and it imports on its own."""

import ast
import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from stratofold.cloud import package
from stratofold.errors import Setup
from tests.patience import PATIENCE_SECONDS

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def no_wheels(monkeypatch):
    """What pip would fetch is not asked for."""
    own_wheels(monkeypatch)


def own_wheels(monkeypatch):
    """The wheels are this environment's own msgspec."""
    import msgspec

    folder = Path(msgspec.__file__).parent
    files = {f"msgspec/{one.name}": one.read_bytes() for one in folder.iterdir() if one.suffix in {".py", ".so"}}
    monkeypatch.setattr(package, "wheels", lambda *_: ["msgspec"])
    monkeypatch.setattr(package, "wheel_files", lambda _: files)


STRATEGY = """
import stratofold
from helper import RATE

class Mine(stratofold.Strategy):
    def on_bars(self, book):
        pass
"""


FILES = {"mine.py": STRATEGY, "helper.py": "RATE = 0.5\n", "other.py": "raise SystemExit\n"}


@pytest.fixture
def strategy(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return f"{tmp_path / 'mine.py'}:Mine"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """One package, for who only looks into it."""
    folder = tmp_path_factory.mktemp("strategy")
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        own_wheels(patch)
        return built(f"{folder / 'mine.py'}:Mine")


def built(strategy, **terms):
    return package.build(strategy, python=HERE, architecture="x86_64", **terms)


def test_what_is_in_it_is_what_a_function_needs(whole):
    files = whole.files
    assert {"mine.py", "helper.py", "stratofold/live/decide.py", "stratofold/market/sessions_xnys.table"} <= set(files)
    assert "other.py" not in files
    away = ("kernel/", "research/", "cli/", "exchange/", "adapters/embedded/", "market/samples/", "cloud/local/")
    assert not [name for name in files if name.startswith(tuple(f"stratofold/{one}" for one in away))]


def test_it_is_well_below_what_a_live_package_may_have(whole):
    assert whole.unzipped_bytes < 30e6


def test_every_file_in_it_could_be_imported_there():
    """What needs a library that a function has not, or a file that stays at home, stays at home too."""
    files = {name.removesuffix(".py"): body for name, body in package.own_files() if name.endswith(".py")}
    known = {name.removesuffix("/__init__").replace("/", ".") for name in files}
    wants = {
        (name, one)
        for name, body in files.items()
        for one in imported(body)
        if (one not in known if one.startswith("stratofold") else one.partition(".")[0] not in {*sys.stdlib_module_names, "msgspec"})
    }  # fmt: skip
    assert wants == set()


def imported(body):
    """The modules that a file imports as soon as it is imported itself, and those of ours that it may import later."""
    tree = ast.parse(body)
    typing = {id(each) for one in tree.body if isinstance(one, ast.If) for each in ast.walk(one)}  # if TYPE_CHECKING
    for one in ast.walk(tree):
        if isinstance(one, ast.Import) and one in tree.body:
            yield from (each.name for each in one.names)
        elif not isinstance(one, ast.ImportFrom) or not one.module or id(one) in typing:
            continue
        elif one in tree.body or one.module.startswith("stratofold."):
            yield one.module


@pytest.mark.usefixtures("no_wheels")
def test_the_same_code_is_the_same_zip(strategy):
    first, second = built(strategy), built(strategy)
    assert (first.digest, first.data) == (second.digest, second.data)
    assert first.strategy == "mine:Mine"


@pytest.mark.usefixtures("no_wheels")
def test_other_code_is_another_zip(strategy, tmp_path):
    first = built(strategy)
    (tmp_path / "helper.py").write_text("RATE = 0.6\n", encoding="utf-8")
    assert built(strategy).digest != first.digest


def test_unpacked_it_imports_by_itself_from_its_own_bytecode(whole, tmp_path):
    folder = tmp_path / "task"
    with zipfile.ZipFile(io.BytesIO(whole.data)) as archive:
        archive.extractall(folder)
    code = "import sys, mine, stratofold.live.decide, msgspec; print(mine.Mine.__name__, stratofold.live.decide.__cached__, 'numpy' in sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-ISc", f"import sys; sys.path.insert(0, {str(folder)!r}); {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    name, cached, heavy = ran.stdout.split()
    assert (name, heavy) == ("Mine", "False")
    assert str(folder) in cached
    assert (folder / "stratofold" / "live" / "__pycache__" / f"decide.{sys.implementation.cache_tag}.pyc").is_file()


@pytest.mark.usefixtures("no_wheels")
def test_bytecode_is_made_for_the_functions_python_only(strategy):
    other = next(one for one in package.RUNTIMES if one != HERE)
    assert not [name for name in package.build(strategy, python=other).files if name.endswith(".pyc")]


def test_a_package_that_is_too_large_names_what_is_large_and_what_to_do():
    sizes = {"polars/polars.so": 200 << 20, "scipy/x.so": 90 << 20, "stratofold/a.py": 10}
    with pytest.raises(Setup) as caught:
        package.refuse_large(sizes)
    assert caught.value.code == "SFA03"
    assert "304 MB unpacked" in caught.value.what
    assert "polars 210 MB, scipy 94 MB" in caught.value.why
    assert "leave out polars" in caught.value.fix


@pytest.mark.parametrize(("python", "architecture", "word"), [("3.8", "arm64", "3.8"), ("3.13", "riscv", "riscv")])
def test_a_platform_that_there_are_no_functions_of_is_refused(python, architecture, word):
    with pytest.raises(Setup, match=word) as caught:
        package.build("stratofold.strategies.momentum:Momentum", python=python, architecture=architecture)
    assert caught.value.code == "SFA01"


def test_a_folder_beside_the_strategy_goes_along_and_one_that_nobody_imports_does_not(tmp_path):
    files = {
        "mine.py": "from lib.signals import RATE\n" + STRATEGY,
        "lib/__init__.py": "",
        "lib/signals.py": "import far\n",
    }
    files |= {"helper.py": "RATE = 1\n", "far.py": "", "notes/__init__.py": "", "lib/data.csv": "1"}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    spec, found = package.strategy_files(f"{tmp_path / 'mine.py'}:Mine")
    assert (spec, sorted(found)) == (
        "mine:Mine",
        ["far.py", "helper.py", "lib/__init__.py", "lib/signals.py", "mine.py"],
    )


# what stands in the file | the class that is named | what it is taken for (empty: refused)
NAMED = [
    (STRATEGY, "Mine", "Mine"),
    (STRATEGY, "", "Mine"),
    (STRATEGY, "Mina", ""),
    ("from stratofold.strategies import Momentum\n", "Momentum", "Momentum"),
    ("from stratofold.strategies import Momentum\n", "", ""),
    (STRATEGY + "class Other(stratofold.Strategy): ...\n", "", ""),
    (STRATEGY + "class Other(Mine): ...\n", "Other", "Other"),
    ("raise SystemExit\n" + STRATEGY, "Mine", "Mine"),
]


@pytest.mark.parametrize(("text", "wanted", "taken"), NAMED)
def test_the_class_is_looked_for_before_anything_is_deployed(tmp_path, text, wanted, taken):
    file = tmp_path / "mine.py"
    file.write_text(text, encoding="utf-8")
    strategy = f"{file}:{wanted}" if wanted else str(file)
    if taken:
        assert package.strategy_files(strategy)[0] == f"mine:{taken}"
        return
    with pytest.raises(Setup, match="SFA04") as caught:
        package.strategy_files(strategy)
    assert "name one" in caught.value.fix


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(Setup, match="SFA04") as caught:
        package.build(f"{tmp_path / 'none.py'}:Mine", python=HERE)
    assert "strategy.py:Class" in caught.value.fix


def test_wheels_that_were_broken_off_are_not_taken_for_all(tmp_path, monkeypatch):
    def download(*names):
        def run(command, **_):
            coming = Path(command[command.index("--dest") + 1])
            coming.mkdir()
            for name in names:
                (coming / f"{name}-1-py3-none-any.whl").write_bytes(b"1")
            if len(names) < 2:
                raise KeyboardInterrupt
            return subprocess.CompletedProcess(command, 0, "", "")

        return run

    monkeypatch.setattr(package.subprocess, "run", download("one"))
    with pytest.raises(KeyboardInterrupt):
        package.wheels(("one", "two"), HERE, "x86_64", tmp_path)
    assert not list(tmp_path.rglob("*.whl"))
    monkeypatch.setattr(package.subprocess, "run", download("one", "two"))
    found = package.wheels(("one", "two"), HERE, "x86_64", tmp_path)
    assert [one.name.partition("-")[0] for one in found] == ["one", "two"]
    monkeypatch.setattr(package.subprocess, "run", download())  # would be broken off
    assert package.wheels(("one", "two"), HERE, "x86_64", tmp_path) == found


def test_a_module_that_is_not_there_is_said():
    with pytest.raises(Setup, match="no_such_module") as caught:
        package.strategy_files("no_such_module:Mine")
    assert caught.value.code == "SFA04"


def test_a_wheel_that_cannot_be_had_is_said(tmp_path, monkeypatch):
    failed = subprocess.CompletedProcess([], 1, "", "ERROR: No matching distribution found for msgspec==0\n")
    monkeypatch.setattr(package.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(Setup) as caught:
        package.wheels(("msgspec==0",), "3.13", "arm64", tmp_path)
    assert caught.value.code == "SFA02"
    assert "No matching distribution" in caught.value.why


def test_every_function_starts_from_what_is_in_it(whole, tmp_path):
    folder = tmp_path / "task"
    with zipfile.ZipFile(io.BytesIO(whole.data)) as archive:
        archive.extractall(folder)
    verbs = "archive decide deliver halt ingest reconcile warm watch webhook"
    code = f"import importlib\nfor verb in {verbs.split()}:\n    assert importlib.import_module('stratofold.cloud.functions.' + verb).handler"
    script = f"import sys; sys.path.insert(0, {str(folder)!r})\n{code}"
    subprocess.run([sys.executable, "-ISc", script], check=True, timeout=PATIENCE_SECONDS)
