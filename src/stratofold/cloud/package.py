"""The zip that every function runs: the live path, the strategy, and what they need, for the functions' own platform.

What comes in: a strategy (`strategy.py:Class` or `package.module:Class`), a Python version and a processor.
What goes out: the bytes of a zip that depend on nothing but what is in it, so that the same code has the same name.
Why it is shaped so: a function that starts cold reads what it imports, so what only a laptop needs (compiler, research,
servers, samples) stays at home, wheels are fetched for the platform of the function whatever this machine is, and the
bytecode is in the zip, valid by the hash of its source and never checked again.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import importlib.util
import io
import marshal
import os
import platform
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from stratofold.errors import Setup

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

SOURCE = Path(__file__).parents[1]
UNZIPPED_BYTES_MAX = 250 * 1024 * 1024  # AWS's own limit of a function's code, layers included
ARCHITECTURES = {"arm64": "aarch64", "x86_64": "x86_64"}
RUNTIMES = ("3.11", "3.12", "3.13")
# What only a laptop needs; a name stands for a file or a folder of the package.
AT_HOME = (
    "__main__.py", "adapters/aws/carry.py", "adapters/aws/catalogue.py", "adapters/aws/prices.py", "adapters/carry.py", "adapters/embedded", "adapters/feeds/bar_history.py", "adapters/network/webhook_server.py",
    "adapters/sources", "cli", "cloud/changed.py", "cloud/clock.py", "cloud/cost.py", "cloud/deploy.py", "cloud/destroy.py", "cloud/local", "cloud/move.py",
    "cloud/package.py", "cloud/permissions.py", "cloud/functions/gather.py", "cloud/functions/sweep.py", "cloud/resident", "cloud/shown.py", "cloud/stack.py", "cloud/sweeps.py", "cloud/versions.py", "exchange", "kernel", "market/actions.py", "market/catalogue",
    "market/alternative.py", "market/checks.py", "market/cleaning", "market/closes.py", "market/frames.py", "market/normalise.py", "market/observations.py", "market/rates.py", "market/sample.py", "market/sample_catalogue.py", "market/samples", "market/sentiment.py",
    "market/tables.py", "market/tick_bars.py", "market/tick_frames.py", "market/tick_series.py", "market/times.py", "research",
)  # fmt: skip
KEPT = (".py", ".table", ".typed")
_MSGSPEC = f"msgspec=={version('msgspec')}"
_STAMP = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Package:
    """A zip, what it is named by, how large it is unpacked, and the strategy's class in it."""

    data: bytes
    digest: str
    unzipped_bytes: int
    strategy: str
    files: Mapping[str, int]

    @property
    def code_sha256(self) -> str:
        """The hash of the zip as AWS tells it of a function."""
        return base64.b64encode(bytes.fromhex(self.digest)).decode()


def build(
    strategy: str,
    *,
    python: str = "",
    architecture: str = "arm64",
    extra: Sequence[str] = (),
    cache: Path | None = None,
) -> Package:
    """The zip for `strategy`; `extra` are further requirements (`numpy==2.1`).

    Raises Setup SFA01 for a platform there is none of, SFA02 when a wheel cannot be had, SFA03 when it is too large.
    """
    python = python or ".".join(platform.python_version_tuple()[:2])
    refuse_platform(python, architecture)
    spec, more = strategy_files(strategy)
    return assembled(spec, dict(own_files()) | more, (_MSGSPEC, *extra), python, architecture, cache)


def assembled(
    strategy: str,
    own: Mapping[str, bytes],
    requirements: Sequence[str],
    python: str,
    architecture: str,
    cache: Path | None = None,
) -> Package:
    """The zip of some files and of what they require; raises as `build` does."""
    files = dict(own)
    for wheel in wheels(requirements, python, architecture, cache or cache_folder()):
        files |= wheel_files(wheel)
    if python == ".".join(platform.python_version_tuple()[:2]):
        files |= dict(bytecode(files))
    data, sizes = zipped(files), {name: len(body) for name, body in files.items()}
    refuse_large(sizes)
    return Package(data, sha256(data).hexdigest(), sum(sizes.values()), strategy, sizes)


def own_files(at_home: Sequence[str] = AT_HOME) -> Iterable[tuple[str, bytes]]:
    """The part of this package that runs in a function."""
    for path in sorted(SOURCE.rglob("*")):
        name = path.relative_to(SOURCE).as_posix()
        away = any(name == one or name.startswith(f"{one}/") for one in at_home)
        if path.suffix in KEPT and not away and path.is_file():
            yield f"stratofold/{name}", path.read_bytes()


def strategy_files(strategy: str) -> tuple[str, dict[str, bytes]]:
    """How the class is named in the zip, and the user's files that it is written in: its own, and what is beside it that it imports.

    Raises Setup SFA04 for a file, a module or a class that is not there: a function would only find that out when it is called.
    """
    source, _, wanted = strategy.partition(":")
    path = Path(source)
    if path.suffix != ".py":
        return strategy, _module_files(source)
    if not path.is_file():
        raise Setup("SFA04", f"there is no file {path}", fix="give the path of a Python file: strategy.py:Class")
    chosen = _class_of(path, wanted)
    files = {one.relative_to(path.parent).as_posix(): one.read_bytes() for one in _with_neighbours(path)}
    return f"{path.stem}:{chosen}", files


def _class_of(path: Path, wanted: str) -> str:
    """The name of the class in a file: as asked, or the only strategy there; nothing of the file is run."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    own = [one.name for one in body if isinstance(one, ast.ClassDef) and any(map(_is_strategy, one.bases))]
    brought = [each.asname or each.name for one in body if isinstance(one, ast.ImportFrom) for each in one.names]
    others = [one.name for one in body if isinstance(one, ast.ClassDef)]
    if wanted in {*own, *brought, *others} or (not wanted and len(own) == 1):
        return wanted or own[0]
    known = ", ".join(own) or "none"
    what = f"{path} has no class {wanted}" if wanted else f"{path} does not say which strategy is meant"
    raise Setup("SFA04", what, why=f"its strategies: {known}", fix=f"name one: {path}:{own[0] if own else 'Class'}")


def _is_strategy(base: ast.expr) -> bool:
    """Whether a class is written on `Strategy`, however it was imported."""
    return (base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")) == "Strategy"


def _module_files(module: str) -> dict[str, bytes]:
    """The whole top package of an installed module that is not ours; raises Setup SFA04 when there is none."""
    top = module.partition(".")[0]
    if top == "stratofold":
        return {}
    found = importlib.util.find_spec(top)
    if found is None or not found.origin:
        raise Setup(
            "SFA04",
            f"there is no module {top!r}",
            place=module,
            fix="give the path of a Python file: strategy.py:Class",
        )
    folder = Path(found.origin).parent
    if not found.submodule_search_locations:
        return {Path(found.origin).name: Path(found.origin).read_bytes()}
    return {f"{top}/{one.relative_to(folder).as_posix()}": one.read_bytes() for one in sorted(folder.rglob("*.py"))}


def _with_neighbours(path: Path) -> list[Path]:
    """A file, and the files and folders beside it that it imports, and they import."""
    seen: list[Path] = []
    wanted = [path]
    while wanted:
        one = wanted.pop()
        if one in seen or not one.is_file():
            continue
        seen.append(one)
        for name in _imported(one):
            wanted += [path.parent / f"{name}.py", *(path.parent / name).rglob("*.py")]
    return sorted(seen)


def _imported(path: Path) -> set[str]:
    """The top names that a file imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {one.name.partition(".")[0] for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


def cache_folder() -> Path:
    """Where wheels for other platforms are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "stratofold" / "wheels"


def wheels(requirements: Sequence[str], python: str, architecture: str, cache: Path) -> list[Path]:
    """The wheels of some requirements and of what they need, for Amazon Linux; raises Setup SFA02."""
    wanted = sha256("\n".join(sorted(requirements)).encode()).hexdigest()[:12]
    folder = cache / f"{python}-{architecture}-{wanted}"
    found = sorted(folder.glob("*.whl"))
    if found:
        return found
    cache.mkdir(parents=True, exist_ok=True)
    machine = ARCHITECTURES[architecture]
    platforms = [word for tag in ("2014", "_2_17", "_2_28") for word in ("--platform", f"manylinux{tag}_{machine}")]
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--only-binary=:all:",
        "--python-version", python, "--implementation", "cp", *platforms, *requirements,
    ]  # fmt: skip
    with tempfile.TemporaryDirectory(dir=cache) as scratch:  # what was broken off must not be taken for all of it
        coming = Path(scratch) / "wheels"
        command += ["--dest", str(coming)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)  # noqa: S603  our own words
        if not done.returncode and coming.is_dir():
            with contextlib.suppress(OSError):  # another process has just done the same
                coming.rename(folder)
    found = sorted(folder.glob("*.whl"))
    if not found:
        raise Setup(
            "SFA02", f"no wheel of {', '.join(requirements)} for Python {python} on {architecture}",
            why=(done.stderr.strip().splitlines() or ["pip found none"])[-1],
            fix="see that name and version are right; else ask for one that has a wheel for Linux, or deploy for the other processor: --architecture",
        )  # fmt: skip
    return found


def wheel_files(wheel: Path) -> dict[str, bytes]:
    """What of a wheel is imported: no metadata but the version, no types, no tests."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if not name.endswith(("/", ".pyi", ".pyc"))]
        return {name: archive.read(name) for name in names if ".dist-info/" not in name and "/tests/" not in name}


def bytecode(files: Mapping[str, bytes]) -> Iterable[tuple[str, bytes]]:
    """Compiled files beside their sources, valid by the source's hash and not checked: the zip does not change."""
    tag = sys.implementation.cache_tag
    for name, body in files.items():
        folder, _, last = name.rpartition("/")
        if last.endswith(".py"):
            code = marshal.dumps(compile(body, f"/var/task/{name}", "exec", dont_inherit=True))
            head = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little") + importlib.util.source_hash(body)
            yield f"{folder}/__pycache__/{last[:-3]}.{tag}.pyc".lstrip("/"), head + code


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip whose bytes depend on the files alone."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _STAMP)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, files[name])
    return buffer.getvalue()


def refuse_large(sizes: Mapping[str, int], limit: int = UNZIPPED_BYTES_MAX) -> None:
    """Raise Setup SFA03 for a package that no function takes, naming what is large in it."""
    whole = sum(sizes.values())
    if whole <= limit:
        return
    tops: dict[str, int] = {}
    for name, size in sizes.items():
        top = name.partition("/")[0]
        tops[top] = tops.get(top, 0) + size
    largest = sorted(tops.items(), key=lambda one: -one[1])[:3]
    named = ", ".join(f"{name} {size / 1e6:.0f} MB" for name, size in largest)
    raise Setup(
        "SFA03", f"the package has {whole / 1e6:.0f} MB unpacked, a function takes {limit / 1e6:.0f}",
        why=f"the largest are {named}",
        fix=f"leave out {largest[0][0]}: a live strategy needs the standard library and msgspec; research stays on the laptop",
    )  # fmt: skip


def refuse_platform(python: str, architecture: str) -> None:
    """Raise Setup SFA01 for what there is no function of."""
    if python not in RUNTIMES:
        raise Setup(
            "SFA01", f"there are no functions of Python {python}", why=f"they run {', '.join(RUNTIMES)}",
            fix=f"deploy for another: --python {RUNTIMES[-1]}",
        )  # fmt: skip
    if architecture not in ARCHITECTURES:
        raise Setup("SFA01", f"there is no processor {architecture!r}", fix=f"one of {', '.join(ARCHITECTURES)}")
