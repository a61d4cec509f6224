"""A kernel file is mapped when everything about it is right, and refused for the one thing that is not."""

import hashlib
import json
import os
import struct
import subprocess
import sys
import zlib
from ctypes import c_int32, c_int64
from pathlib import Path

import pytest

import stratofold
from stratofold.errors import Setup
from stratofold.kernel import loader
from tests.patience import SLOWNESS

pytestmark = pytest.mark.skipif(
    (loader.ARCHITECTURE, loader.ABI) != ("x86-64", "sysv"), reason="these run code for Linux or macOS on x86-64"
)

# mov eax, edi; add eax, 2; ret
CODE = bytes.fromhex("89 f8 83 c0 02 c3")
LAYOUT = {"Book": [["cash", "f8"], ["count", "i8"]], "Bar": [["close", "f8"]]}
HEADER = {
    "architecture": "x86-64",
    "abi": "sysv",
    "baseline": "x86-64-v2",
    "cpu": "x86-64-v2",
    "features": list(loader.BASELINE_V2),
    "layout": LAYOUT,
    "source": "a" * 64,
    "engine": "b" * 64,
    "made_by": {"python": "3.11.7"},
}


def sealed(code=CODE, entry=0, fixups=(), **changes):
    return loader.seal(HEADER | changes, code, entry, fixups)


def test_the_entry_is_called_with_the_types_given():
    call = loader.load(sealed()).function(c_int32, [c_int32])
    assert call(40) == 42


def test_a_path_is_loaded_like_its_bytes(tmp_path):
    path = tmp_path / "crossover.kernel"
    path.write_bytes(sealed())
    for kernel in (path, str(path)):
        image = loader.load(kernel, engine="b" * 64)
        assert image.function(c_int32, [c_int32])(1) == 3
        assert (image.header["layout"], image.header["source"]) == (LAYOUT, "a" * 64)
        assert image.header["made_by"] == {"python": "3.11.7"}


def test_the_entry_may_lie_inside_the_code():
    assert loader.load(sealed(b"\xcc" * 5 + CODE, entry=5)).function(c_int32, [c_int32])(5) == 7


def test_a_function_outlives_the_image_it_came_from():
    call = loader.load(sealed()).function(c_int32, [c_int32])
    for _ in range(50):
        loader.load(sealed())
    assert call(7) == 9


def test_fixups_get_the_address_added():
    # mov rax, [rip + 1]; ret; then the word that holds the code's own address plus 8
    code = bytes.fromhex("48 8b 05 01 00 00 00 c3") + struct.pack("<Q", 8)
    image = loader.load(sealed(code, fixups=[8]))
    # The load reads from offset 8: rip is 7 after the first instruction.
    assert image.function(c_int64, [])() == image.address + 8


def test_code_is_never_writable_and_executable_at_once():
    image = loader.load(sealed())
    maps = Path("/proc/self/maps")
    if not maps.exists():
        pytest.skip("only Linux lists the memory of a process in a file")
    for line in maps.read_text().splitlines():
        span, rights = line.split()[:2]
        start, end = (int(part, 16) for part in span.split("-"))
        if start <= image.address < end:
            assert rights.startswith("r-x")
            return
    pytest.fail("the code is not mapped")


REFUSALS = [
    ("SF620", b"", {}, "not a kernel file"),
    ("SF620", b"\x7fELF" + bytes(200), {}, "not a kernel file"),
    ("SF621", sealed()[:8] + struct.pack("<I", 7) + sealed()[12:], {}, "format 7"),
    ("SF622", sealed()[:20], {}, "cut short: 20 of 56 bytes"),
    ("SF622", sealed()[:100], {}, "cut short: 100 of "),
    ("SF622", sealed()[:-1], {}, "cut short"),
    ("SF623", sealed()[:-1] + b"\x90", {}, "damaged"),
    ("SF623", sealed() + b"\0", {}, "damaged"),
    ("SF623", sealed()[:12] + b"\1" + sealed()[13:], {}, "damaged"),
    (
        "SF624",
        sealed(architecture="aarch64", abi="aapcs64"),
        {},
        "for aarch64 (aapcs64), this machine is x86-64 (sysv)",
    ),
    ("SF624", sealed(abi="win64"), {}, "for x86-64 (win64)"),
    ("SF625", sealed(features=["avx2", "amx-tile", "avx10.2"]), {}, "no amx-tile, avx10.2"),
    (
        "SF628",
        sealed(made_by={"stratofold": "0.0.1"}),
        {"engine": "c" * 64},
        f"0.0.1 (fold bbbbbbbb), and this is {stratofold.__version__} (fold cccccccc)",
    ),
    ("SF628", sealed(), {"engine": "c" * 64}, "one unknown (fold bbbbbbbb)"),
]


@pytest.mark.parametrize(("code", "kernel", "expected", "words"), REFUSALS)
def test_what_does_not_match_is_refused_by_name_place_and_fix(tmp_path, code, kernel, expected, words):
    path = tmp_path / "some.kernel"
    path.write_bytes(kernel)
    with pytest.raises(Setup) as caught:
        loader.load(path, **expected)
    assert caught.value.code == code
    assert words in caught.value.what
    assert caught.value.place == str(path)
    assert caught.value.fix


def test_a_file_that_is_not_there_is_a_refusal_too(tmp_path):
    with pytest.raises(Setup, match="SF620") as caught:
        loader.load(tmp_path / "none.kernel")
    assert "No such file" in caught.value.what


def test_the_header_can_be_read_for_another_machine():
    header = loader.inspect(sealed(architecture="aarch64", abi="aapcs64"))
    assert header["architecture"] == "aarch64"
    assert header["layout"] == LAYOUT


def test_every_byte_of_the_file_matters():
    whole = sealed()
    for place in range(len(whole)):
        broken = bytearray(whole)
        broken[place] ^= 0x55
        with pytest.raises(Setup, match=r"SF62[0123]"):
            loader.inspect(bytes(broken))
    with pytest.raises(Setup, match="SF623"):
        loader.inspect(whole + b"more")


def test_a_system_that_gives_no_executable_memory_says_so(monkeypatch):
    def refuse(_address, _size):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(loader, "_protect", refuse)
    with pytest.raises(Setup, match="SF629") as caught:
        loader.load(sealed())
    assert "interpreted" in caught.value.fix


def test_the_file_is_as_its_description_says():
    data = sealed(fixups=[])
    magic, version, header_size, code_size, rest_size, digest = struct.unpack_from("<8sIIII32s", data)
    assert (magic, version, code_size, rest_size) == (b"SFKERNEL", 1, len(CODE), len(data) - 56)
    assert hashlib.sha256(data[56:]).digest() == digest
    content = zlib.decompress(data[56:])
    assert json.loads(content[:header_size]) == HEADER | {"entry": 0, "fixups": []}
    assert content[header_size:] == CODE


def test_features_of_this_processor_are_what_the_kernel_lists():
    listing = Path("/proc/cpuinfo")
    if not listing.exists():
        pytest.skip("only Linux lists the processor's features in a file")
    flags = set(next(line for line in listing.read_text().splitlines() if line.startswith("flags")).split())
    names = {"sse3": "pni", "bmi": "bmi1", "sahf": "lahf_lm", "lzcnt": "abm"}
    for feature in loader._FEATURES:
        listed = names.get(feature, feature.replace("sse4.", "sse4_").replace("avx512vnni", "avx512_vnni"))
        assert (feature in loader.host_features()) == (listed in flags), feature


def test_this_machine_is_one_line_for_a_cache_key():
    assert loader.host().startswith("x86-64 sysv ")
    assert loader.host() == loader.host()


TIMED = (
    SLOWNESS
    + """
import sys, time
from stratofold.kernel import loader
best = 9.0
for _ in range(5):
    start = time.process_time()
    loader.load(sys.argv[1])
    best = min(best, time.process_time() - start)
assert not {"numba", "llvmlite", "numpy"} & set(sys.modules)
print(best / slowness())
"""
)


def test_a_file_of_100_kilobytes_loads_in_5_milliseconds_without_a_compiler(tmp_path):
    path = tmp_path / "large.kernel"
    path.write_bytes(sealed(CODE + bytes(os.urandom(100_000)), fixups=range(8, 8000, 8)))
    source = str(Path(loader.__file__).parents[2])
    answer = subprocess.run(
        [sys.executable, "-c", TIMED, path], env={"PYTHONPATH": source}, capture_output=True, text=True, check=True
    )
    assert float(answer.stdout) < 0.005
