"""Modules become machine code that needs nothing, gives the interpreter's bits, and refuses what it can not keep."""

import json
import math
import random
import struct
import subprocess
import sys
from ctypes import addressof, c_char, c_double, c_int32, c_int64, c_void_p
from pathlib import Path

import pytest
from numba import njit, types

from stratofold.errors import Bug, Setup
from stratofold.kernel import emit, loader, runtime
from tests.unit.kernel.numba_modules import FLAGS, modules_of, value_at

pytestmark = pytest.mark.skipif(
    not set(loader.BASELINE_V3) <= loader.host_features() or loader.ABI != "sysv",
    reason="these run code for x86-64-v3 on Linux or macOS",
)
SOURCE = Path(emit.__file__).parents[2]


@njit(**FLAGS)
def halved(x):
    if x < 0.0:
        raise ValueError("below zero")
    return x / 2.0


@njit(**FLAGS)
def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def total(values, count):
    sum_ = 0.0
    for k in range(count):
        sum_ += halved(value_at(values, k))
    return sum_


def mixed(values, count):
    sum_ = 0.0
    for k in range(count):
        sum_ += value_at(values, k) % 0.7 + math.floor(value_at(values, k)) - value_at(values, k) // 3.0
    return sum_ + fibonacci(15)


def chosen(values, count):
    sum_ = 0.0
    for k in range(count):
        kind = int(value_at(values, k)) % 7
        if kind == 0:
            sum_ += 1.25
        elif kind == 1:
            sum_ -= 0.1
        elif kind == 2:
            sum_ *= 1.0000001
        elif kind == 3:
            sum_ += 1e-9
        elif kind == 4:
            sum_ /= 3.3
        elif kind == 5:
            sum_ = 17.0 - sum_
        else:
            sum_ += value_at(values, k)
    return sum_


def divided(values, count):
    return value_at(values, 0) / (value_at(values, count - 1) - value_at(values, count - 1))


VALUES = [random.Random(4).uniform(0.0, 1e6) for _ in range(200)]
SIGNATURE = (types.CPointer(types.float64), types.int64)

RUNNER = """
import ctypes, json, sys
from array import array
from stratofold.kernel import loader

answers = {}
for path in sys.argv[1:]:
    call = loader.load(path).function(ctypes.c_int32, [ctypes.c_void_p] * 3 + [ctypes.c_int64])
    values = array("d", json.loads(sys.stdin.readline()))
    answer, unused = ctypes.c_double(), ctypes.c_void_p()
    status = call(ctypes.byref(answer), ctypes.byref(unused), values.buffer_info()[0], len(values))
    answers[path] = (status, answer.value.hex())
print(json.dumps([answers, sorted({"numba", "llvmlite", "numpy"} & set(sys.modules))]))
"""


def run_elsewhere(paths, inputs):
    """Each kernel's (status, hex of the answer), from one process that has no compiler."""
    answer = subprocess.run(
        [sys.executable, "-c", RUNNER, *map(str, paths)],
        input="\n".join(json.dumps(values) for values in inputs),
        env={"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=True,
    )
    answers, heavy = json.loads(answer.stdout)
    assert heavy == [], "the loader brought a compiler with it"
    return [tuple(answers[str(path)]) for path in paths]


@pytest.mark.parametrize("target", ["native", "x86-64-v2", "x86-64-v3"])
def test_numba_functions_run_in_a_process_without_numba_to_the_same_bits(tmp_path, target):
    plain = {"total": plain_total, "mixed": plain_mixed, "chosen": plain_chosen}
    paths = []
    for function in (total, mixed, chosen):
        path = tmp_path / f"{function.__name__}.kernel"
        path.write_bytes(emit.emit(*modules_of(function, SIGNATURE), target))
        paths.append(path)
    answers = run_elsewhere(paths, [VALUES] * 3)
    assert answers == [(0, plain[path.stem](VALUES).hex()) for path in paths]


def plain_total(values):
    sum_ = 0.0
    for value in values:
        sum_ += value / 2.0
    return sum_


def plain_mixed(values):
    sum_ = 0.0
    for value in values:
        sum_ += value % 0.7 + math.floor(value) - value // 3.0
    return sum_ + 610


def plain_chosen(values):
    namespace = dict(chosen.__globals__, value_at=lambda values, k: values[k])
    return type(chosen)(chosen.__code__, namespace)(values, len(values))


def test_an_exception_is_a_status_and_nothing_else(tmp_path):
    raising = tmp_path / "total.kernel"
    dividing = tmp_path / "divided.kernel"
    raising.write_bytes(emit.emit(*modules_of(total, SIGNATURE)))
    dividing.write_bytes(emit.emit(*modules_of(divided, SIGNATURE)))
    answers = run_elsewhere([raising, dividing], [[1.0, -1.0], [1.0, 2.0]])
    assert [status for status, _ in answers] == [1, 1]
    assert b"pickle" not in raising.read_bytes()
    assert b"ValueError" not in raising.read_bytes()


def test_the_same_modules_give_the_same_file():
    modules, entry = modules_of(mixed, SIGNATURE)
    assert emit.emit(modules, entry) == emit.emit(modules, entry)


def test_bitcode_is_taken_as_well_as_text():
    binding = pytest.importorskip("llvmlite.binding")
    modules, entry = modules_of(total, SIGNATURE)
    bitcode = [binding.parse_assembly(text).as_bitcode() for text in modules]
    assert loader.inspect(emit.emit(bitcode, entry))["baseline"] == "native"


# Hand-written modules: one line of reason each, no compilation by Numba.

FUSIBLE = """
define double @fused(double %a, double %b, double %c) {
  %p = fmul double %a, %b
  %s = fadd double %p, %c
  ret double %s
}
"""


def test_a_product_and_a_sum_are_never_fused():
    text = emit.assembly([FUSIBLE], "fused", "x86-64-v3")
    assert "vmulsd" in text
    assert "vfmadd" not in text
    call = loader.load(emit.emit([FUSIBLE], "fused", "native")).function(c_double, [c_double] * 3)
    a = 1.0 + 2.0**-30
    assert call(a, a, -1.0) == a * a - 1.0
    assert a * a - 1.0 != float((2**30 + 1) ** 2 - 2**60) / 2.0**60, "a fused product would have kept the last bit"


ROUNDINGS = """
declare double @floor(double) nounwind readonly
declare double @llvm.ceil.f64(double)
declare double @llvm.trunc.f64(double)
declare double @llvm.rint.f64(double)
define double @rounded(double %x) {
  %a = call double @floor(double %x)
  %b = call double @llvm.ceil.f64(double %x)
  %c = call double @llvm.trunc.f64(double %x)
  %d = call double @llvm.rint.f64(double %x)
  %ab = fmul double %a, 1.0e3
  %abb = fadd double %ab, %b
  %abc = fmul double %abb, 1.0e3
  %abcc = fadd double %abc, %c
  %abcd = fmul double %abcc, 1.0e3
  %sum = fadd double %abcd, %d
  ret double %sum
}
"""


@pytest.mark.parametrize("target", ["x86-64-v2", "x86-64-v3"])
def test_roundings_are_instructions(target):
    call = loader.load(emit.emit([ROUNDINGS], "rounded", target)).function(c_double, [c_double])
    for x in (2.5, 3.5, 7.999, 12.0, 0.5):
        assert call(x) == ((math.floor(x) * 1e3 + math.ceil(x)) * 1e3 + math.trunc(x)) * 1e3 + round(x)


MEMORY = """
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare void @llvm.memmove.p0.p0.i64(ptr, ptr, i64, i1)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
declare i32 @memcmp(ptr, ptr, i64)
define i32 @copy(ptr %to, ptr %from, i64 %size) {
  call void @llvm.memcpy.p0.p0.i64(ptr %to, ptr %from, i64 %size, i1 false)
  ret i32 0
}
define i32 @move(ptr %to, ptr %from, i64 %size) {
  call void @llvm.memmove.p0.p0.i64(ptr %to, ptr %from, i64 %size, i1 false)
  ret i32 0
}
define i32 @fill(ptr %to, ptr %from, i64 %size) {
  call void @llvm.memset.p0.i64(ptr %to, i8 7, i64 %size, i1 false)
  ret i32 0
}
define i32 @compare(ptr %to, ptr %from, i64 %size) {
  %answer = call i32 @memcmp(ptr %to, ptr %from, i64 %size)
  ret i32 %answer
}
"""


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 63, 64, 65, 500])
def test_memory_is_copied_moved_filled_and_compared_by_code_of_our_own(size):
    call = {
        name: loader.load(emit.emit([MEMORY], name)).function(c_int32, [c_void_p, c_void_p, c_int64])
        for name in ("copy", "move", "fill", "compare")
    }
    source = bytes(random.Random(size).randrange(256) for _ in range(1000))
    block = bytearray(source)
    at = address_of(block)
    call["copy"](at + 500, at, size)
    assert block == source[:500] + source[:size] + source[500 + size :]
    assert call["compare"](at, at + 500, size) == 0
    for shift in (3, -3):  # overlapping, upward and downward
        block[:] = source
        call["move"](at + 100 + shift, at + 100, size)
        expected = bytearray(source)
        expected[100 + shift : 100 + shift + size] = source[100 : 100 + size]
        assert block == expected
    call["fill"](at, 0, size)
    assert bytes(block[:size]) == b"\7" * size
    assert block[size : size + 3] == expected[size : size + 3]


def test_comparing_memory_says_which_is_greater():
    call = loader.load(emit.emit([MEMORY], "compare")).function(c_int32, [c_void_p, c_void_p, c_int64])
    low, high = bytearray(b"abcd\x01"), bytearray(b"abcd\xff")
    assert call(address_of(low), address_of(high), 5) < 0 < call(address_of(high), address_of(low), 5)


def address_of(block):
    return addressof(c_char.from_buffer(block))


REMAINDER = "define double @left(double %x, double %y) {\n %r = frem double %x, %y\n ret double %r\n}"


def test_the_remainder_is_that_of_the_c_library_to_the_bit():
    call = loader.load(emit.emit([REMAINDER], "left")).function(c_double, [c_double, c_double])
    draw = random.Random(11)
    patterns = [draw.getrandbits(64) for _ in range(4000)]
    doubles = [struct.unpack("<d", struct.pack("<Q", bits))[0] for bits in patterns]
    doubles = [x for x in doubles if math.isfinite(x)]
    doubles += [math.ldexp(x, -1000) for x in doubles if 1e-20 < abs(x) < 1.0]
    edges = [5e-324, -5e-324, 2.2250738585072014e-308, 1.0, -1.0, 3.0, 0.1, 1e300, 1.7976931348623157e308, 2.0**53]
    pairs = [*zip(doubles[::2], doubles[1::2], strict=False), *((x, y) for x in edges for y in edges)]
    pairs += [(draw.uniform(-1e9, 1e9), draw.choice([1.0, 0.01, 7.0, 1e-8])) for _ in range(3000)]
    wrong = [(x, y) for x, y in pairs if call(x, y).hex() != math.fmod(x, y).hex()]
    assert wrong == []
    assert all(math.isnan(call(x, y)) for x, y in [(1.0, 0.0), (math.inf, 2.0), (math.nan, 1.0), (1.0, math.nan)])
    assert call(5.0, math.inf) == 5.0
    assert math.copysign(1.0, call(-6.0, 3.0)) == -1.0


TABLE = """
@table = internal constant [3 x ptr] [ptr @one, ptr @two, ptr @three]
define internal i32 @one() noinline { ret i32 11 }
define internal i32 @two() noinline { ret i32 22 }
define internal i32 @three() noinline { ret i32 33 }
define i32 @picked(i64 %k) {
  %at = getelementptr [3 x ptr], ptr @table, i64 0, i64 %k
  %f = load ptr, ptr %at
  %r = call i32 %f()
  ret i32 %r
}
"""


def test_addresses_inside_the_image_are_fixed_when_it_is_mapped():
    kernel = emit.emit([TABLE], "picked")
    assert loader.inspect(kernel)["fixups"], "a table of functions holds absolute addresses"
    call = loader.load(kernel).function(c_int32, [c_int64])
    assert [call(k) for k in range(3)] == [11, 22, 33]


def test_modules_are_linked_with_each_other():
    hook = "define i32 @hook(i32 %x) {\n %y = mul i32 %x, 3\n ret i32 %y\n}"
    engine = "declare i32 @hook(i32)\ndefine i32 @run(i32 %x) {\n %y = call i32 @hook(i32 %x)\n ret i32 %y\n}"
    assert loader.load(emit.emit([engine, hook], "run")).function(c_int32, [c_int32])(14) == 42


REFUSED = {
    "SF611": "declare double @cos(double)\ndefine double @f(double %x) {\n %y = call double @cos(double %x)\n"
    " ret double %y\n}",
    "SF612": "@count = internal global i64 0\ndefine i64 @f() {\n %a = load i64, ptr @count\n %b = add i64 %a, 1\n"
    " store i64 %b, ptr @count\n ret i64 %b\n}",
    "SF614": "define i64 @f() {\n %a = load volatile i64, ptr inttoptr (i64 140530883467280 to ptr)\n ret i64 %a\n}",
}


@pytest.mark.parametrize("code", REFUSED)
def test_what_can_not_stand_alone_is_refused_by_name(code):
    with pytest.raises(Setup) as caught:
        emit.emit([REFUSED[code]], "f")
    assert caught.value.code == code
    assert {"SF611": "`cos`", "SF612": ".bss", "SF614": "140530883467280"}[code] in caught.value.what
    assert caught.value.fix


INEXACT = [
    "define double @f(double %x) {\n %y = fadd fast double %x, %x\n ret double %y\n}",
    "define double @f(double %x) {\n %y = fmul contract double %x, %x\n ret double %y\n}",
    (
        "declare double @llvm.fmuladd.f64(double, double, double)\n"
        "define double @f(double %x) {\n %y = call double @llvm.fmuladd.f64(double %x, double %x, double %x)\n"
        " ret double %y\n}"
    ),
]


@pytest.mark.parametrize("module", [*INEXACT, "define double @g() {\n ret double 0.0\n}", "no assembly at all"])
def test_modules_that_would_be_a_bug_of_ours_are_called_one(module):
    with pytest.raises(Bug, match="SF610"):
        emit.emit([module], "f")


def test_no_module_is_a_bug_and_an_unknown_target_names_those_there_are():
    with pytest.raises(Bug):
        emit.emit([], "f")
    with pytest.raises(Setup, match="SF613") as caught:
        emit.emit([FUSIBLE], "fused", "pentium")
    assert "x86-64-v3" in caught.value.fix


def test_the_baseline_keeps_to_its_instructions():
    loop = emit.assembly(modules_of(chosen, SIGNATURE)[0], modules_of(chosen, SIGNATURE)[1], "x86-64-v2")
    assert "ymm" not in loop
    assert "zmm" not in loop


def test_native_code_uses_only_what_the_loader_can_check():
    here = emit.resolve("native")
    switched_on = {flag[1:] for flag in here.flags.split(",") if flag.startswith("+")}
    assert switched_on <= loader.host_features() | loader.ALWAYS
    assert set(here.required) <= loader.host_features()


@pytest.mark.parametrize("target", ["aarch64", "x86-64-v2-windows", "x86-64-v3-windows"])
def test_other_machines_get_their_file_and_this_one_refuses_it(target):
    kernel = emit.emit(*modules_of(mixed, SIGNATURE), target)
    assert loader.inspect(kernel)["baseline"] == target
    if (loader.inspect(kernel)["architecture"], loader.inspect(kernel)["abi"]) != (loader.ARCHITECTURE, loader.ABI):
        with pytest.raises(Setup, match="SF624"):
            loader.load(kernel)


def test_arm_code_gives_the_same_bits_in_an_emulator(tmp_path):
    unicorn = pytest.importorskip("unicorn", reason="arm64 code is run in the unicorn emulator, which is not installed")
    modules, entry = modules_of(mixed, SIGNATURE)
    flat = emit.flatten(modules, entry, emit.resolve("aarch64"))
    base, data, stack = 0x100000, 0x200000, 0x300000
    machine = unicorn.Uc(unicorn.UC_ARCH_ARM64, unicorn.UC_MODE_ARM)
    for start in (base, data, stack):
        machine.mem_map(start, 0x10000)
    machine.mem_write(base, flat.code)
    for offset in flat.fixups:
        (word,) = struct.unpack("<Q", machine.mem_read(base + offset, 8))
        machine.mem_write(base + offset, struct.pack("<Q", word + base))
    machine.mem_write(data, struct.pack(f"<{len(VALUES)}d", *VALUES))
    registers = unicorn.arm64_const
    machine.reg_write(registers.UC_ARM64_REG_CPACR_EL1, 3 << 20)  # let it use floating point
    machine.reg_write(registers.UC_ARM64_REG_SP, stack + 0x8000)
    machine.reg_write(registers.UC_ARM64_REG_X30, base + 0xFFF0)
    for number, value in enumerate((stack + 0x9000, stack + 0x9008, data, len(VALUES))):
        machine.reg_write(registers.UC_ARM64_REG_X0 + number, value)
    machine.emu_start(base + flat.entry, base + 0xFFF0)
    (answer,) = struct.unpack("<d", machine.mem_read(stack + 0x9000, 8))
    assert machine.reg_read(registers.UC_ARM64_REG_W0) == 0
    assert answer.hex() == plain_mixed(VALUES).hex()


def test_the_runtime_knows_its_names_and_no_other():
    assert runtime.module("cos") is None
    assert "define double @fmod" in runtime.module("fmod")
