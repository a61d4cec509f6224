"""Object code is placed by what the entry reaches; what does not fit or belong is refused."""

import struct
from ctypes import c_int64

import llvmlite.binding as llvm
import pytest

from stratofold.errors import Bug, Setup
from stratofold.kernel import emit, image, loader

pytestmark = pytest.mark.skipif(
    (loader.ARCHITECTURE, loader.ABI) != ("x86-64", "sysv"), reason="these run code for Linux or macOS on x86-64"
)
llvm.initialize_all_targets()
llvm.initialize_all_asmprinters()


def compiled(text, target="x86-64-v2", relocation="pic"):
    goal = emit.resolve(target)
    machine = llvm.Target.from_triple(goal.triple).create_target_machine(
        cpu=goal.cpu, opt=2, reloc=relocation, codemodel="small"
    )
    module = llvm.parse_assembly(f'target triple = "{goal.triple}"\n{text}')
    return machine.emit_object(module)


ADDER = "define i64 @run(i64 %a) {\n %b = add i64 %a, 5\n ret i64 %b\n}"


def called(flat, argument):
    return loader.load(loader.seal(HEADER, flat.code, flat.entry, flat.fixups)).function(c_int64, [c_int64])(argument)


HEADER = {
    "architecture": "x86-64", "abi": "sysv", "baseline": "x86-64-v2", "features": [], "layout": None, "source": "",
    "engine": "",
}  # fmt: skip


def test_the_entry_alone_is_a_few_bytes_and_needs_no_fixing():
    flat = image.link([compiled(ADDER)], "run")
    assert len(flat.code) < 32
    assert flat.fixups == ()
    assert flat.architecture == "x86-64"
    assert called(flat, 37) == 42


def test_what_the_entry_does_not_reach_is_left_out():
    lonely = f'@big = constant [5000 x i8] c"{"x" * 5000}"\n{ADDER}'
    assert len(image.link([compiled(lonely)], "run").code) < 32


CALLER = "declare i64 @other(i64)\ndefine i64 @run(i64 %a) {\n %b = call i64 @other(i64 %a)\n ret i64 %b\n}"
CALLED = "define i64 @other(i64 %a) {\n %b = mul i64 %a, 7\n ret i64 %b\n}"


def test_calls_between_objects_are_resolved():
    assert called(image.link([compiled(CALLER), compiled(CALLED)], "run"), 6) == 42


def test_a_library_is_asked_once_for_what_is_missing_and_only_then():
    asked = []

    def library(name):
        asked.append(name)
        return compiled(CALLED)

    assert called(image.link([compiled(CALLER)], "run", library), 6) == 42
    assert asked == ["other"]
    image.link([compiled(ADDER)], "run", library)
    assert asked == ["other"]


def test_an_entry_or_symbol_that_nobody_has_is_named():
    with pytest.raises(Setup, match="`other`") as caught:
        image.link([compiled(CALLER)], "run")
    assert caught.value.code == "SF611"
    with pytest.raises(Setup, match="`start`"):
        image.link([compiled(ADDER)], "start")


INDIRECT = (
    "@value = constant i64 42\ndeclare i64 @other(i64) nonlazybind\n"
    "define i64 @run(i64 %a) {\n %b = call i64 @other(i64 %a)\n %c = load i64, ptr @value\n %d = add i64 %b, %c\n"
    " ret i64 %d\n}"
)


def test_what_goes_through_a_table_of_addresses_gets_one_that_is_fixed_at_load():
    flat = image.link([compiled(INDIRECT), compiled(CALLED)], "run")
    assert len(flat.fixups) >= 1
    assert all(offset % 8 == 0 for offset in flat.fixups)
    assert called(flat, 2) == 56


def test_constants_keep_their_alignment():
    wide = (
        "@wide = internal constant <4 x double> <double 1.0, double 2.0, double 3.0, double 4.0>, align 32\n"
        "define i64 @run(i64 %k) {\n %p = getelementptr double, ptr @wide, i64 %k\n %x = load double, ptr %p\n"
        " %y = fptosi double %x to i64\n ret i64 %y\n}"
    )
    flat = image.link([compiled(wide)], "run")
    assert flat.code.find(struct.pack("<4d", 1.0, 2.0, 3.0, 4.0)) % 32 == 0
    assert [called(flat, k) for k in range(4)] == [1, 2, 3, 4]


def test_writable_data_is_refused_by_size_and_section():
    counter = (
        "@count = global [3 x i64] [i64 1, i64 2, i64 3]\n"
        "define i64 @run(i64 %k) {\n %a = load i64, ptr @count\n ret i64 %a\n}"
    )
    with pytest.raises(Setup, match=r"24 bytes of writable data of its own \(\.data\)") as caught:
        image.link([compiled(counter)], "run")
    assert caught.value.code == "SF612"


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"\x7fELF",
        b"MZ" + bytes(100),
        compiled(ADDER)[:16] + struct.pack("<HH", 2, 62) + compiled(ADDER)[20:],  # an executable
        compiled(ADDER)[:16] + struct.pack("<HH", 1, 8) + compiled(ADDER)[20:],  # for MIPS
    ],
)
def test_what_is_no_object_of_ours_is_a_bug(broken):
    with pytest.raises(Bug, match="SF610"):
        image.link([broken], "run")


def test_addresses_of_32_bits_are_a_bug_because_the_code_may_lie_anywhere():
    fixed = compiled(
        "@table = internal constant [2 x i64] [i64 1, i64 2]\n"
        "define i64 @run(i64 %k) {\n %p = getelementptr i64, ptr @table, i64 %k\n %x = load i64, ptr %p\n ret i64 %x\n}",
        relocation="static",
    )
    with pytest.raises(Bug, match="relocation kind"):
        image.link([fixed], "run")


ARM = (
    "@table = internal constant [4 x i64] [i64 10, i64 20, i64 30, i64 40]\n"
    "@shared = constant i64 5\ndeclare i64 @other(i64)\n"
    "define i64 @run(i64 %k) {\n %p = getelementptr i64, ptr @table, i64 %k\n %x = load i64, ptr %p\n"
    " %y = call i64 @other(i64 %x)\n %z = load i64, ptr @shared\n %s = add i64 %y, %z\n ret i64 %s\n}"
)


def test_arm_code_is_placed_and_gives_its_answer_in_an_emulator():
    unicorn = pytest.importorskip("unicorn", reason="arm64 code is run in the unicorn emulator, which is not installed")
    flat = image.link([compiled(ARM, "aarch64"), compiled(CALLED, "aarch64")], "run")
    base = 0x740000
    machine = unicorn.Uc(unicorn.UC_ARCH_ARM64, unicorn.UC_MODE_ARM)
    machine.mem_map(base, 0x20000)
    code = bytearray(flat.code)
    for offset in flat.fixups:
        struct.pack_into("<Q", code, offset, struct.unpack_from("<Q", code, offset)[0] + base)
    machine.mem_write(base, bytes(code))
    registers = unicorn.arm64_const
    for k, value in enumerate((10, 20, 30, 40)):
        machine.reg_write(registers.UC_ARM64_REG_SP, base + 0x1F000)
        machine.reg_write(registers.UC_ARM64_REG_X30, base + 0x10000)
        machine.reg_write(registers.UC_ARM64_REG_X0, k)
        machine.emu_start(base + flat.entry, base + 0x10000)
        assert machine.reg_read(registers.UC_ARM64_REG_X0) == value * 7 + 5
    assert flat.architecture == "aarch64"
