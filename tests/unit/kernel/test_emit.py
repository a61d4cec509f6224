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

from stratofold.errors import Bug, Setup
from stratofold.kernel import emit, loader, runtime

pytestmark = pytest.mark.skipif(
    not set(loader.BASELINE_V3) <= loader.host_features() or loader.ABI != "sysv",
    reason="these run code for x86-64-v3 on Linux or macOS",
)
SOURCE = Path(emit.__file__).parents[2]
VALUES = [random.Random(4).uniform(0.0, 1e6) for _ in range(200)]

# A loop with a switch, a division, a call that recurses, a copied record and a way to fail: status 1 below zero.
MODULE = """
%record = type { double, i64, [6 x double] }
@weights = private constant [4 x double] [double 0.1, double 1.0e-9, double 3.3, double 1.0000001]
declare double @llvm.floor.f64(double)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
define internal i64 @fibonacci(i64 %n) noinline {
  %small = icmp slt i64 %n, 2
  br i1 %small, label %done, label %more
more:
  %a = sub i64 %n, 1
  %b = sub i64 %n, 2
  %x = call i64 @fibonacci(i64 %a)
  %y = call i64 @fibonacci(i64 %b)
  %s = add i64 %x, %y
  ret i64 %s
done:
  ret i64 %n
}
define i32 @run(ptr %answer, ptr %values, i64 %count) {
entry:
  %state = alloca %record
  %copy = alloca %record
  store %record zeroinitializer, ptr %state
  br label %loop
loop:
  %k = phi i64 [ 0, %entry ], [ %next, %after ]
  %sum = phi double [ 0.0, %entry ], [ %new, %after ]
  %at = getelementptr double, ptr %values, i64 %k
  %value = load double, ptr %at
  %bad = fcmp olt double %value, 0.0
  br i1 %bad, label %fail, label %good
good:
  %kind = urem i64 %k, 6
  switch i64 %kind, label %other [
    i64 0, label %zero
    i64 1, label %one
    i64 2, label %two
    i64 3, label %three
    i64 4, label %four
  ]
zero:
  %r0 = fadd double %sum, 1.25
  br label %after
one:
  %w1 = load double, ptr @weights
  %r1 = fsub double %sum, %w1
  br label %after
two:
  %p2 = getelementptr double, ptr @weights, i64 3
  %w2 = load double, ptr %p2
  %r2 = fmul double %sum, %w2
  br label %after
three:
  %r3 = fdiv double %sum, 3.3
  br label %after
four:
  %f4 = call double @llvm.floor.f64(double %value)
  %r4 = fsub double %f4, %sum
  br label %after
other:
  %product = fmul double %value, 0x3FB999999999999A
  %r5 = fadd double %sum, %product
  br label %after
after:
  %new = phi double [ %r0, %zero ], [ %r1, %one ], [ %r2, %two ], [ %r3, %three ], [ %r4, %four ], [ %r5, %other ]
  store double %new, ptr %state
  %next = add i64 %k, 1
  %again = icmp slt i64 %next, %count
  br i1 %again, label %loop, label %end
end:
  call void @llvm.memcpy.p0.p0.i64(ptr %copy, ptr %state, i64 64, i1 false)
  %last = load double, ptr %copy
  %f = call i64 @fibonacci(i64 15)
  %g = sitofp i64 %f to double
  %result = fadd double %last, %g
  store double %result, ptr %answer
  ret i32 0
fail:
  ret i32 1
}
"""


def plainly(values):
    """The same in Python."""
    sum_ = 0.0
    for k, value in enumerate(values):
        steps = {0: sum_ + 1.25, 1: sum_ - 0.1, 2: sum_ * 1.0000001, 3: sum_ / 3.3, 4: math.floor(value) - sum_}
        sum_ = steps.get(k % 6, sum_ + value * 0.1)
    return sum_ + 610.0


RUNNER = """
import ctypes, json, sys
from array import array
from stratofold.kernel import loader

answers = []
for path in sys.argv[1:]:
    call = loader.load(path).function(ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64])
    values = array("d", json.loads(sys.stdin.readline()))
    answer = ctypes.c_double()
    status = call(ctypes.byref(answer), values.buffer_info()[0], len(values))
    answers.append((status, answer.value.hex()))
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
    return [tuple(pair) for pair in answers]


def test_every_target_of_this_machine_gives_the_interpreters_bits_in_a_process_without_a_compiler(tmp_path):
    paths = []
    for target in ("native", "x86-64-v2", "x86-64-v3"):
        path = tmp_path / f"{target}.kernel"
        path.write_bytes(emit.emit([MODULE], "run", target))
        paths.append(path)
    assert run_elsewhere(paths, [VALUES] * 3) == [(0, plainly(VALUES).hex())] * 3


def test_a_failure_is_a_status_and_leaves_the_answer_alone(tmp_path):
    path = tmp_path / "run.kernel"
    path.write_bytes(emit.emit([MODULE], "run"))
    assert run_elsewhere([path], [[1.0, -1.0]]) == [(1, (0.0).hex())]


def test_the_same_modules_give_the_same_file():
    assert emit.emit([MODULE], "run") == emit.emit([MODULE], "run")


def test_the_header_says_what_the_file_was_made_from_and_with():
    header = loader.inspect(
        emit.emit([MODULE], "run", "x86-64-v2", layout={"a": 1}, source="s", engine="e", made_by={"stratofold": "1.0"})
    )
    assert (header["layout"], header["source"], header["engine"]) == ({"a": 1}, "s", "e")
    assert header["baseline"] == "x86-64-v2"
    assert header["features"] == list(loader.BASELINE_V2)
    assert {"python", "llvmlite", "llvm", "stratofold"} == header["made_by"].keys()


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
}


@pytest.mark.parametrize("code", REFUSED)
def test_what_can_not_stand_alone_is_refused_by_name(code):
    with pytest.raises(Setup) as caught:
        emit.emit([REFUSED[code]], "f")
    assert caught.value.code == code
    assert {"SF611": "`cos`", "SF612": ".bss"}[code] in caught.value.what
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
    text = emit.assembly([MODULE], "run", "x86-64-v2")
    assert "mulsd" in text
    assert "vmulsd" not in text
    assert "vmulsd" in emit.assembly([MODULE], "run", "x86-64-v3")


def test_native_code_uses_only_what_the_loader_can_check():
    here = emit.resolve("native")
    switched_on = {flag[1:] for flag in here.flags.split(",") if flag.startswith("+")}
    assert switched_on <= loader.host_features() | loader.ALWAYS
    assert set(here.required) <= loader.host_features()


@pytest.mark.parametrize("target", ["aarch64", "x86-64-v2-windows", "x86-64-v3-windows"])
def test_other_machines_get_their_file_and_this_one_refuses_it(target):
    kernel = emit.emit([MODULE], "run", target)
    assert loader.inspect(kernel)["baseline"] == target
    if (loader.inspect(kernel)["architecture"], loader.inspect(kernel)["abi"]) != (loader.ARCHITECTURE, loader.ABI):
        with pytest.raises(Setup, match="SF624"):
            loader.load(kernel)


def test_arm_code_gives_the_same_bits_in_an_emulator():
    unicorn = pytest.importorskip("unicorn", reason="arm64 code is run in the unicorn emulator, which is not installed")
    flat = emit.flatten([MODULE], "run", emit.resolve("aarch64"))
    base, data, stack = 0x100000, 0x200000, 0x300000
    machine = unicorn.Uc(unicorn.UC_ARCH_ARM64, unicorn.UC_MODE_ARM)
    for start in (base, data, stack):
        machine.mem_map(start, 0x10000)
    code = bytearray(flat.code)
    for offset in flat.fixups:
        struct.pack_into("<Q", code, offset, struct.unpack_from("<Q", code, offset)[0] + base)
    machine.mem_write(base, bytes(code))
    machine.mem_write(data, struct.pack(f"<{len(VALUES)}d", *VALUES))
    registers = unicorn.arm64_const
    machine.reg_write(registers.UC_ARM64_REG_CPACR_EL1, 3 << 20)  # let it use floating point
    machine.reg_write(registers.UC_ARM64_REG_SP, stack + 0x8000)
    machine.reg_write(registers.UC_ARM64_REG_X30, base + 0xFFF0)
    for number, value in enumerate((stack + 0x9000, data, len(VALUES))):
        machine.reg_write(registers.UC_ARM64_REG_X0 + number, value)
    machine.emu_start(base + flat.entry, base + 0xFFF0)
    (answer,) = struct.unpack("<d", machine.mem_read(stack + 0x9000, 8))
    assert machine.reg_read(registers.UC_ARM64_REG_W0) == 0
    assert answer.hex() == plainly(VALUES).hex()


def test_the_runtime_knows_its_names_and_no_other():
    assert runtime.module("cos") is None
    assert "define ptr @memcpy" in runtime.module("memcpy")


def test_a_loop_that_clears_memory_may_become_a_call_to_our_own_code():
    clearing = """
define i64 @clear(ptr %to, i64 %count) {
entry:
  br label %loop
loop:
  %k = phi i64 [ 0, %entry ], [ %next, %loop ]
  %at = getelementptr double, ptr %to, i64 %k
  store double 0.0, ptr %at
  %next = add i64 %k, 1
  %more = icmp slt i64 %next, %count
  br i1 %more, label %loop, label %done
done:
  ret i64 %next
}
"""
    assert "memset" in emit.assembly([clearing], "clear"), "the optimiser no longer makes the call this is about"
    block = bytearray(b"\xff" * 800)
    assert (
        loader.load(emit.emit([clearing], "clear")).function(c_int64, [c_void_p, c_int64])(address_of(block), 90) == 90
    )
    assert block == bytes(720) + b"\xff" * 80


def test_a_processor_we_have_no_target_for_is_named(monkeypatch):
    emit._native.cache_clear()
    monkeypatch.setattr(loader, "ARCHITECTURE", "riscv64")
    with pytest.raises(Setup, match="riscv64") as caught:
        emit.resolve("native")
    assert caught.value.code == "SF613"
    emit._native.cache_clear()
