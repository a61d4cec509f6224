"""A kernel file, and how it becomes something to call: standard library only, no Numba, no NumPy.

What comes in: a kernel file, as a path or its bytes.
What goes out: an `Image` whose `function` gives a ctypes callable; or a refusal that says what does not match.

The file, all numbers little-endian:

    bytes 0-7    "SFKERNEL"
    bytes 8-11   format version (1)
    bytes 12-15  length of the header
    bytes 16-19  length of the code
    bytes 20-23  length of the rest of the file
    bytes 24-55  SHA-256 of the rest of the file
    bytes 56-    header and code, one after the other, compressed by zlib

The header is JSON: architecture, abi, baseline, cpu, features, layout, source, engine, made_by, entry, fixups.

Why it is shaped so: the code is copied into fresh memory, patched there (`fixups`), and only then turned from writable
to executable, never both at once.  Mapping the file itself would save one copy of some tens of kilobytes, but then a
file cut short under a running process would kill it, a file system mounted noexec would refuse, and compressed it is
half as long.  The hash finds
damage; it is no signature, so a kernel file deserves the trust that a Python file does.

Written for Linux, macOS and Windows on x86-64 and arm64.  Run by us on Linux x86-64; the other ways to get executable
memory follow their documentation (mprotect and sys_icache_invalidate; VirtualAlloc, VirtualProtect and
FlushInstructionCache) and have not been run by us.
"""

import ctypes
import functools
import hashlib
import json
import mmap
import os
import struct
import sys
import weakref
import zlib
from collections.abc import Callable, Iterable
from typing import Any

import stratofold
from stratofold.errors import Setup

MAGIC, VERSION = b"SFKERNEL", 1
_PREFIX = struct.Struct("<8sIIII32s")
_WINDOWS = sys.platform == "win32"

_MACHINES = {"x86_64": "x86-64", "amd64": "x86-64", "arm64": "aarch64", "aarch64": "aarch64"}
_MACHINE = os.environ.get("PROCESSOR_ARCHITECTURE", "") if _WINDOWS else os.uname().machine
ARCHITECTURE = _MACHINES.get(_MACHINE.lower(), _MACHINE)
ABI = "aapcs64" if ARCHITECTURE == "aarch64" else "win64" if _WINDOWS else "sysv"

ALWAYS = frozenset({"cmov", "cx8", "fxsr", "mmx", "sse", "sse2", "64bit"})  # part of x86-64 itself

# Feature (LLVM's name): cpuid leaf, subleaf, register (0 eax, 1 ebx, 2 ecx, 3 edx), bit, and the parts of the register
# file that the operating system must save for it (a mask of XCR0).  Source: Intel SDM volume 2, CPUID; volume 1, 13.
_AVX, _AVX512 = 0x6, 0xE6
_FEATURES = {
    "sse3": (1, 0, 2, 0, 0), "ssse3": (1, 0, 2, 9, 0), "fma": (1, 0, 2, 12, _AVX), "cx16": (1, 0, 2, 13, 0),
    "sse4.1": (1, 0, 2, 19, 0), "sse4.2": (1, 0, 2, 20, 0), "movbe": (1, 0, 2, 22, 0), "popcnt": (1, 0, 2, 23, 0),
    "avx": (1, 0, 2, 28, _AVX), "f16c": (1, 0, 2, 29, _AVX), "bmi": (7, 0, 1, 3, 0), "avx2": (7, 0, 1, 5, _AVX),
    "bmi2": (7, 0, 1, 8, 0), "avx512f": (7, 0, 1, 16, _AVX512), "avx512dq": (7, 0, 1, 17, _AVX512),
    "adx": (7, 0, 1, 19, 0), "avx512cd": (7, 0, 1, 28, _AVX512), "avx512bw": (7, 0, 1, 30, _AVX512),
    "avx512vl": (7, 0, 1, 31, _AVX512), "avx512vnni": (7, 0, 2, 11, _AVX512),
    "sahf": (0x80000001, 0, 2, 0, 0), "lzcnt": (0x80000001, 0, 2, 5, 0),
}  # fmt: skip
BASELINE_V2 = ("cx16", "popcnt", "sahf", "sse3", "sse4.1", "sse4.2", "ssse3")
BASELINE_V3 = ("avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe", *BASELINE_V2)

# `void(leaf, subleaf, out)` stores eax, ebx, ecx, edx; on leaf 0xD, subleaf 0 it is followed by xgetbv elsewhere.
_CPUID = {
    "sysv": bytes.fromhex("53 49 89 d0 89 f8 89 f1 0f a2 41 89 00 41 89 58 04 41 89 48 08 41 89 50 0c 5b c3"),
    "win64": bytes.fromhex("53 89 c8 89 d1 0f a2 41 89 00 41 89 58 04 41 89 48 08 41 89 50 0c 5b c3"),
}
_XGETBV = bytes.fromhex("31 c9 0f 01 d0 c3")  # int(void): the low half of XCR0, the same in both conventions


class Image:
    """Machine code in executable memory; it stays mapped as long as the image or one of its functions lives."""

    def __init__(self, header: dict[str, Any], address: int, memory: object) -> None:
        """What `load` made of a kernel file: its header, where its code begins, and what keeps that alive."""
        self.header = header
        self.address = address
        self._memory = memory

    def function(self, restype: Any, argtypes: Iterable[Any], name: str = "") -> Callable[..., Any]:
        """The entry, or what is `beside` it by `name`, as a callable of these ctypes types; it runs without the interpreter's lock."""
        at = self.header["beside"][name] if name else self.header["entry"]
        call = ctypes.CFUNCTYPE(restype, *argtypes)(self.address + at)
        call._image = self  # type: ignore[attr-defined]  # noqa: SLF001 - the code must outlive the callable
        return call


def seal(header: dict[str, Any], code: bytes, entry: int, fixups: Iterable[int]) -> bytes:
    """The kernel file of `code`; `header` is JSON-able and gets `entry` and `fixups` (byte offsets in the code)."""
    text = json.dumps(header | {"entry": entry, "fixups": list(fixups)}, sort_keys=True).encode()
    rest = zlib.compress(text + code, 9)
    return _PREFIX.pack(MAGIC, VERSION, len(text), len(code), len(rest), hashlib.sha256(rest).digest()) + rest


_MAY_DIFFER = "the fold of this version may fill or round differently"


def _version(name: str, engine: str) -> str:
    """A version with the beginning of its fold's hash: one under development has several."""
    return f"{name} (fold {engine[:8]})"


def inspect(kernel: str | os.PathLike[str] | bytes) -> dict[str, Any]:
    """The header of a whole and undamaged kernel file, whatever machine it is for.  Raises as `load` does, SF620-623."""
    return _opened(kernel)[0]


def load(kernel: str | os.PathLike[str] | bytes, *, engine: str | None = None) -> Image:
    """Check a kernel file and map its code; `engine`, where given, must equal the file's.

    Layout and source are in the header for the caller to compare, who has the objects to compare them with.
    Raises `Setup`: SF620 not a kernel file (or not there), SF621 another format version, SF622 cut short, SF623 damaged,
    SF624 for another architecture or operating system, SF625 the processor lacks a feature, SF628 another engine, SF629
    the system gives no executable memory.
    """
    header, code = _opened(kernel)
    place = "" if isinstance(kernel, bytes) else os.fspath(kernel)
    _check_machine(header, place)
    if engine not in (None, header["engine"]):
        theirs = _version(header["made_by"].get("stratofold", "one unknown"), header["engine"])
        ours = _version(stratofold.__version__, engine or "")
        what = f"the kernel was built by another version of stratofold: {theirs}, and this is {ours}"
        raise _refusal("SF628", what, place, fix=_FREEZE, why=_MAY_DIFFER)
    address, memory = _mapped(code, header["fixups"], place)
    return Image(header, address, memory)


def host_features() -> frozenset[str]:
    """What this processor and operating system can do, in LLVM's names; empty where nothing needs checking (arm64)."""
    return _host_features()


def host() -> str:
    """This machine in one line, for the key of a cache that several machines may share."""
    return " ".join((ARCHITECTURE, ABI, *sorted(_host_features())))


def _opened(kernel: str | os.PathLike[str] | bytes) -> tuple[dict[str, Any], bytes]:
    if isinstance(kernel, bytes):
        return _parsed(kernel, "")
    place = os.fspath(kernel)
    try:
        with open(place, "rb") as file:  # noqa: PTH123 - pathlib costs the loader more than the rest of it
            return _parsed(file.read(), place)
    except OSError as error:
        raise _refusal("SF620", f"the kernel file can not be read: {error.strerror}", place, fix=_FREEZE) from error


_FREEZE = "freeze the strategy again: stratofold.kernel.freeze"
_COPY = "copy the file again, or freeze the strategy again: stratofold.kernel.freeze"


def _refusal(code: str, what: str, place: str, *, fix: str, why: str = "") -> Setup:
    return Setup(code, what, place=place, why=why, fix=fix)


def _parsed(data: bytes, place: str) -> tuple[dict[str, Any], bytes]:
    """Header and code of a file whose length and hash are right."""
    if data[:8] != MAGIC[: len(data[:8])] or not data:
        raise _refusal("SF620", "this is not a kernel file", place, fix=_FREEZE)
    if len(data) < _PREFIX.size:
        raise _cut_short(len(data), _PREFIX.size, place)
    _, version, header_size, code_size, rest_size, digest = _PREFIX.unpack_from(data)
    if version != VERSION:
        why = f"this stratofold reads format {VERSION}"
        raise _refusal("SF621", f"the kernel file has format {version}", place, fix=_FREEZE, why=why)
    rest = data[_PREFIX.size :]
    if len(rest) < rest_size:
        raise _cut_short(len(data), _PREFIX.size + rest_size, place)
    content = zlib.decompress(rest) if hashlib.sha256(rest).digest() == digest else b""
    if len(content) != header_size + code_size or len(rest) != rest_size:
        why = "its content is not what was written"
        raise _refusal("SF623", "the kernel file is damaged", place, fix=_COPY, why=why)
    return json.loads(content[:header_size]), content[header_size:]


def _cut_short(length: int, wanted: int, place: str) -> Setup:
    what = f"the kernel file is cut short: {length} of {wanted} bytes"
    return _refusal("SF622", what, place, fix=_COPY)


def _check_machine(header: dict[str, Any], place: str) -> None:
    if (header["architecture"], header["abi"]) != (ARCHITECTURE, ABI):
        what = f"the kernel is for {header['architecture']} ({header['abi']}), this machine is {ARCHITECTURE} ({ABI})"
        raise _refusal("SF624", what, place, fix='freeze it for this machine: target="native"')
    missing = sorted(set(header["features"]) - _host_features())
    if missing:
        raise _refusal(
            "SF625",
            f"the kernel is built for {header['baseline']}; this processor has no {', '.join(missing)}",
            place,
            fix='freeze it for an older baseline: target="x86-64-v2"',
            why="it would stop with an illegal instruction",
        )


@functools.cache
def _host_features() -> frozenset[str]:
    if ARCHITECTURE != "x86-64":
        return frozenset()
    stub, _keep = _mapped(_CPUID[ABI], (), "")
    cpuid = ctypes.CFUNCTYPE(None, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_void_p)(stub)
    out = (ctypes.c_uint32 * 4)()

    def ask(leaf: int, subleaf: int) -> tuple[int, ...]:
        cpuid(leaf, subleaf, out)
        return tuple(out)

    limits = {0: ask(0, 0)[0], 0x80000000: ask(0x80000000, 0)[0]}
    saved = _saved_registers(ask(1, 0)[2])
    return frozenset(
        name
        for name, (leaf, subleaf, register, bit, needed) in _FEATURES.items()
        if leaf <= limits[leaf & 0x80000000] and ask(leaf, subleaf)[register] >> bit & 1 and saved & needed == needed
    )


def _saved_registers(features: int) -> int:
    """Which parts of the register file the system saves (XCR0); 0 if it does not say (bit 27: OSXSAVE)."""
    if not features >> 27 & 1:
        return 0
    address, _keep = _mapped(_XGETBV, (), "")
    return int(ctypes.CFUNCTYPE(ctypes.c_uint32)(address)())


def _mapped(code: bytes, fixups: Iterable[int], place: str) -> tuple[int, object]:
    """The code in fresh memory, patched, then executable and no longer writable; and what keeps it mapped."""
    try:
        address, memory = _allocate_windows(len(code)) if _WINDOWS else _allocate(len(code))
        ctypes.memmove(address, code, len(code))
        for offset in fixups:
            word = ctypes.c_uint64.from_address(address + offset)
            word.value += address
        (_protect_windows if _WINDOWS else _protect)(address, len(code))
    except OSError as error:
        why = "its security policy forbids code made at run time"
        fix = 'run with execution="interpreted", or allow executable memory for this process'
        raise _refusal("SF629", f"the system gives no executable memory: {error}", place, fix=fix, why=why) from error
    return address, memory


def _allocate(size: int) -> tuple[int, object]:
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=mmap.PROT_READ | mmap.PROT_WRITE)
    view = ctypes.c_char.from_buffer(memory)
    return ctypes.addressof(view), view


def _protect(address: int, size: int) -> None:
    libc = _libc()
    if libc.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(size), mmap.PROT_READ | mmap.PROT_EXEC):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    if sys.platform == "darwin":  # Arm processors do not see new code until told; Linux does it with the mprotect
        libc.sys_icache_invalidate(ctypes.c_void_p(address), ctypes.c_size_t(size))


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _allocate_windows(size: int) -> tuple[int, object]:
    kernel = _kernel32()
    address = kernel.VirtualAlloc(None, ctypes.c_size_t(size), 0x3000, 0x04)  # commit and reserve; read and write
    if not address:
        raise _windows_error()
    keeper = _WindowsMemory()
    weakref.finalize(keeper, kernel.VirtualFree, ctypes.c_void_p(address), ctypes.c_size_t(0), 0x8000)
    return address, keeper


class _WindowsMemory:
    """Whoever holds this keeps the memory; ctypes has no object for memory of VirtualAlloc."""


def _protect_windows(address: int, size: int) -> None:
    kernel, before = _kernel32(), ctypes.c_uint32()
    place, length = ctypes.c_void_p(address), ctypes.c_size_t(size)
    if not kernel.VirtualProtect(place, length, 0x20, ctypes.byref(before)):  # read and execute
        raise _windows_error()
    kernel.FlushInstructionCache(ctypes.c_void_p(-1), place, length)  # -1: this process


@functools.cache
def _kernel32() -> ctypes.CDLL:
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined,unused-ignore]
    kernel.VirtualAlloc.restype = ctypes.c_void_p
    return kernel  # type: ignore[no-any-return,unused-ignore]


def _windows_error() -> OSError:
    return ctypes.WinError(ctypes.get_last_error())  # type: ignore[attr-defined,no-any-return,unused-ignore]
