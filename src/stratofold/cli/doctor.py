"""`stratofold doctor`: does this machine have what is needed, and what to do where it has not."""

import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from time import perf_counter

import typer

from stratofold.cli.output import Debug, Exit, Json, show_json, verb

# What a kernel frozen for a baseline may use (x86-64 psABI, micro-architecture levels).
_V2 = {"cx16", "lahf_lm", "popcnt", "pni", "sse4_1", "sse4_2", "ssse3"}
_V3 = {"abm", "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe", "xsave"}


@dataclass
class Finding:
    """One thing looked at: whether it is as it should be, what was seen, and the one step that mends it."""

    name: str
    good: bool
    seen: str
    fix: str = ""


@verb
def doctor(
    *,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> int:
    """Look at Python, packages, processor, folders, the sample and the machine-code path; say what to mend."""
    findings = [look() for look in LOOKS]
    if json:
        show_json({"good": all(one.good for one in findings), "findings": [asdict(one) for one in findings]})
    else:
        for one in findings:
            _say(one)
    return Exit.DONE if all(one.good for one in findings) else Exit.CHECK_FAILED


def _say(finding: Finding) -> None:
    """One line a finding, and its remedy below."""
    mark, colour = ("good", typer.colors.GREEN) if finding.good else ("MEND", typer.colors.RED)
    typer.secho(f"{mark}  ", fg=colour, nl=False)
    typer.echo(f"{finding.name:<14}{finding.seen}")
    if not finding.good:
        typer.echo(f"      {'':<14}fix: {finding.fix}")


def python() -> Finding:
    """The version of Python."""
    good = sys.version_info >= (3, 11)
    return Finding("python", good, f"{platform.python_version()} at {sys.executable}", "install Python 3.11 or later")


def packages() -> Finding:
    """The packages of the default install, by their metadata: nothing is imported."""
    versions, absent = [], []
    for name in ("llvmlite", "numpy", "polars", "narwhals", "typer", "rich"):
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            absent.append(name)
    seen = ", ".join(versions) + (f"; absent: {', '.join(absent)}" if absent else "")
    return Finding("packages", not absent, seen, f"pip install {' '.join(absent)}")


def processor() -> Finding:
    """The processor, and the highest baseline of frozen kernels that it runs."""
    machine = platform.machine()
    if machine not in {"x86_64", "AMD64"}:
        return Finding("processor", good=True, seen=f"{machine}: interpreted, and compiled where LLVM allows")
    flags = _flags()
    if not flags:
        return Finding("processor", good=True, seen=f"{machine}; its features cannot be read on this system")
    level = "x86-64-v3" if flags >= _V2 | _V3 else "x86-64-v2" if flags >= _V2 else "older than x86-64-v2"
    fix = "use execution='interpreted'; frozen kernels need x86-64-v2"
    return Finding("processor", level.startswith("x86"), f"{level}, {os.cpu_count()} threads", fix)


def _flags() -> set[str]:
    """The processor's features as Linux lists them; empty elsewhere."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return set()
    rows = (line.partition(":") for line in text.splitlines())
    return next((set(value.split()) for key, _, value in rows if key.strip() == "flags"), set())


def cache() -> Finding:
    """The folder of compiled kernels: it may be absent or read-only, and then each process compiles anew."""
    from stratofold.kernel.cache import folder

    path = folder()
    fix = f"make {path} writable, or set STRATOFOLD_CACHE to a folder that is"
    if not _writable(path):
        return Finding(
            "kernel cache", good=False, seen=f"{path} cannot be written: each process compiles anew", fix=fix
        )
    sizes = [*_sizes(path)]
    return Finding("kernel cache", good=True, seen=f"{path}, {len(sizes)} files, {sum(sizes) / 1e6:.1f} MB")


def _sizes(folder: Path) -> Iterator[int]:
    """The bytes of each file under a folder; another process may take one away while we look."""
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                yield Path(place, name).stat().st_size


def here() -> Finding:
    """Whether reports can be written to the folder one stands in."""
    path = Path.cwd()
    return Finding("this folder", _writable(path), str(path), "go to a folder you may write to, or give --out PATH")


def _writable(path: Path) -> bool:
    """Whether a file can be made in `path`, or in the nearest folder above it that exists."""
    while not path.exists() and path != path.parent:
        path = path.parent
    try:
        with tempfile.TemporaryFile(dir=path):
            return True
    except OSError:
        return False


def sample() -> Finding:
    """Whether the shipped sample can be read."""
    import stratofold

    started = perf_counter()
    try:
        data = stratofold.sample("SPY")
    except Exception as error:  # noqa: BLE001 - a doctor reports whatever is wrong
        return Finding(
            "sample",
            good=False,
            seen=f"{type(error).__name__}: {error}",
            fix="pip install --force-reinstall stratofold",
        )
    milliseconds = (perf_counter() - started) * 1e3
    return Finding("sample", good=True, seen=f"SPY, {len(data.time):,} daily bars, read in {milliseconds:.0f} ms")


def arithmetic() -> Finding:
    """Whether this machine's doubles are the ones that results are defined on."""
    good = 0.1 + 0.2 == 0.30000000000000004 and sys.float_info.mant_dig == 53 and float("5e-324") > 0.0
    return Finding(
        "arithmetic", good, "IEEE 754 doubles, subnormals on" if good else "not IEEE 754", "use another machine"
    )


LOOKS: tuple[Callable[[], Finding], ...] = (python, packages, processor, arithmetic, cache, here, sample)
