"""LLVM modules become one flat kernel file for a stated processor.

What comes in: modules as LLVM assembly without a target, the name of the entry, and a target.
What goes out: the bytes of a kernel file (`loader.py` says how it looks), or a `Flat` for whoever wants the code alone.
Why it is shaped so: a first short pipeline inlines the strategy into the entry's loops, and nothing else; `hot` doubles
them; they are linked with the rest, everything but the entry becomes internal, and one O3 pipeline runs over the whole.  Bits are kept: no
fast-math flag may come in, a product and a sum are never fused, and floats are not reordered, so that all targets agree.

Targets: `native` is this processor and this operating system's calling convention; `x86-64-v2` and `x86-64-v3` are
Linux and macOS, with `-windows` for the convention of Windows; `aarch64` is armv8-a with register x18 left alone, good
for Linux, macOS and Windows.  x86-64 on Linux is run by the tests; aarch64 code is run in an emulator where one is
installed; code for macOS and Windows has not been run by us.
"""

import functools
import platform
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import llvmlite
import llvmlite.binding as llvm

from stratofold.errors import Bug, Setup
from stratofold.kernel import cache, hot, image, leaps, loader, runtime
from stratofold.kernel.sources import engine_hash

_SYSV, _WIN64 = "x86_64-unknown-linux-gnu", "x86_64-pc-windows-elf"
_ARM = "aarch64-unknown-linux-gnu"


@dataclass(frozen=True, slots=True)
class Target:
    """What LLVM is told (`triple`, `cpu`, `flags`), and what the loader checks (`abi`, `required` features)."""

    name: str
    triple: str
    cpu: str
    flags: str
    abi: str
    required: tuple[str, ...]


TARGETS = {
    target.name: target
    for target in (
        Target("x86-64-v2", _SYSV, "x86-64-v2", "", "sysv", loader.BASELINE_V2),
        Target("x86-64-v3", _SYSV, "x86-64-v3", "", "sysv", loader.BASELINE_V3),
        Target("x86-64-v2-windows", _WIN64, "x86-64-v2", "", "win64", loader.BASELINE_V2),
        Target("x86-64-v3-windows", _WIN64, "x86-64-v3", "", "win64", loader.BASELINE_V3),
        Target("aarch64", _ARM, "generic", "+reserve-x18", "aapcs64", ()),
    )
}


def emit(
    modules: Iterable[str],
    entry: str,
    target: str = "native",
    *,
    apart: Mapping[str, str] | None = None,
    beside: Mapping[str, str] | None = None,
    plan: leaps.Plan | None = None,
    layout: object = None,
    source: str = "",
    engine: str = "",
    made_by: dict[str, str] | None = None,
) -> bytes:
    """The kernel file of `modules`: code of `entry` for `target`, sealed with the layout and hashes given.

    `apart` are modules by the name of the function that each defines, compiled once for all kernels and kept (`apart`);
    `beside` are such that the entry does not lead to, and that are called from outside; with a `plan` runs leap (`leaps`).

    Raises `Setup` SF613 for an unknown target, SF611 for a symbol that nobody defines and SF612 for writable data;
    `Bug` SF610 for modules that LLVM or we can not take.
    """
    goal = resolve(target)
    flat = flatten(modules, entry, goal, apart or {}, beside or {}, plan)
    header = {
        "architecture": flat.architecture,
        "abi": goal.abi,
        "baseline": goal.name,
        "cpu": goal.cpu,
        "features": list(goal.required),
        "layout": layout,
        "beside": flat.beside,
        "source": source,
        "engine": engine,
        "made_by": _makers() | (made_by or {}),
    }
    return loader.seal(header, flat.code, flat.entry, flat.fixups)


def resolve(target: str) -> Target:
    """The target of that name; `native` asks this machine.  Raises `Setup` SF613."""
    if target == "native":
        return _native()
    if target not in TARGETS:
        raise _unknown(repr(target))
    return TARGETS[target]


def _unknown(what: str) -> Setup:
    names = ", ".join(TARGETS)
    why = "a kernel states the processor it needs"
    return Setup("SF613", f"no target for {what}", why=why, fix=f"use one of: native, {names}")


def flatten(
    modules: Iterable[str],
    entry: str,
    target: Target,
    apart: Mapping[str, str] = MappingProxyType({}),
    beside: Mapping[str, str] = MappingProxyType({}),
    plan: leaps.Plan | None = None,
) -> image.Flat:
    """Link, internalise, optimise once, and place the code of `target` with what stands apart.  Raises as `emit` does."""
    others = {**apart, **beside}
    machine = _machine(target)
    module = _optimised(modules, entry, target, machine, plan)

    def library(name: str) -> bytes | None:
        return _kept_object(others[name], target) if name in others else _runtime_object(name, target)

    return image.link([machine.emit_object(module)], entry, library, beside)


def assembly(modules: Iterable[str], entry: str, target: str = "native") -> str:
    """The assembly text of the same code, for whoever wants to read it (and for the tests of what must not be there)."""
    goal = resolve(target)
    machine = _machine(goal)
    return str(machine.emit_assembly(_optimised(modules, entry, goal, machine)))


def _makers() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "llvmlite": llvmlite.__version__,
        "llvm": _dotted(llvm.llvm_version_info),
    }


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(str(part) for part in version)


@functools.cache
def _initialise() -> None:
    # The roots have hundreds of uses; LLVM would take them for captured after one hundred and keep nothing in registers.
    llvm.set_option("stratofold", "-capture-tracking-max-uses-to-explore=10000")
    # `hot` takes out of the loop over bars what never changes in it; doing that by one more copy of the loop for each
    # such question made kernels a fifth larger, and slower to compile.
    llvm.set_option("stratofold", "-unswitch-threshold=2")
    # Loops that are to be done eight turns at a time (`fold.marks.wide`) add up in order all the same.
    llvm.set_option("stratofold", "-hints-allow-reordering=false")
    llvm.set_option("stratofold", "-force-ordered-reductions=true")
    if loader.ARCHITECTURE == "x86-64":
        # Prefixes move what has to move (`_machine`): they take hardly any time, and instructions that do nothing do.
        llvm.set_option("stratofold", "-x86-pad-max-prefix-size=5")
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()


@functools.cache
def _native() -> Target:
    """This processor: only features that the loader can check are used, so that none can be missing unseen."""
    _initialise()
    if loader.ARCHITECTURE == "aarch64":
        return TARGETS["aarch64"]
    if loader.ARCHITECTURE != "x86-64":
        raise _unknown(f"this machine's processor ({loader.ARCHITECTURE})")
    here = loader.host_features()
    known = llvm.get_host_cpu_features()
    flags = ",".join(("+" if name in here or name in loader.ALWAYS else "-") + name for name in known)
    triple = _WIN64 if sys.platform == "win32" else _SYSV
    return Target("native", triple, llvm.get_host_cpu_name(), flags, loader.ABI, tuple(sorted(here & set(known))))


# Intel's processors from Skylake to Cascade Lake do not keep decoded code with a jump across 32 bytes (Intel 341810, "Jump
# Conditional Code Erratum"), and a bar has twenty jumps.  By LLVM's names, with those that may stand for one of them.
_WITH_ERRATUM = ("skylake", "cascadelake", "cooperlake", "x86-64", "generic")


def _machine(target: Target) -> llvm.TargetMachine:
    """What makes code for `target`: jumps keep within 32 bytes where it may ask for that, for what moves them takes time."""
    _initialise()
    if loader.ARCHITECTURE == "x86-64":
        is_asked = str(target.cpu.startswith(_WITH_ERRATUM)).lower()
        llvm.set_option("stratofold", f"-x86-branches-within-32B-boundaries={is_asked}")
    found = llvm.Target.from_triple(target.triple)
    return found.create_target_machine(cpu=target.cpu, features=target.flags, opt=3, reloc="pic", codemodel="small")


# Inexact by permission: any of these would let two targets differ in the last bit.
_INEXACT = re.compile(
    r"\bf(?:add|sub|mul|div|rem|neg|cmp) (?:fast|nnan|ninf|nsz|arcp|contract|afn|reassoc)\b|@llvm\.fmuladd\.|"
    r'"(?:unsafe-fp-math|no-nans-fp-math|no-signed-zeros-fp-math)"="true"'
)


def _joined(modules: Iterable[str], target: Target, machine: llvm.TargetMachine) -> str:
    """All modules as one text."""
    texts = list(modules)
    if not texts:
        raise Bug("SF610", "there is no module to compile")
    if len(texts) == 1:
        return texts[0]
    first, *others = (_parsed(text, target, machine) for text in texts)
    for other in others:
        first.link_in(other)
    return str(first)


def _parsed(text: str, target: Target, machine: llvm.TargetMachine) -> llvm.ModuleRef:
    inexact = _INEXACT.search(text)
    if inexact:
        raise Bug("SF610", f"a module allows inexact floats: {inexact[0]!r}")
    try:
        module = llvm.parse_assembly(text)
    except RuntimeError as error:
        raise Bug("SF610", f"LLVM does not take a module: {error}") from error
    module.triple = target.triple
    module.data_layout = str(machine.target_data)
    return module


def _link(module: llvm.ModuleRef, entry: str, *, others: str, entry_is: str) -> None:
    """Give every function that the module defines its linkage: the entry `entry_is`, the others `others`."""
    for function in module.functions:
        if not function.is_declaration:
            function.linkage = entry_is if function.name == entry else others


def _internalise(module: llvm.ModuleRef, entry: str) -> None:
    """Nothing but the entry can be called from outside, so that everything else may be inlined or dropped."""
    _link(module, entry, others="internal", entry_is="external")
    for variable in module.global_variables:
        if not variable.is_declaration:
            variable.linkage = "internal"


_NOT_INLINED = re.compile(r"^define internal ([^\n]* noinline[^\n]*) \{\n.*?^\}\n", re.MULTILINE | re.DOTALL)


def _optimised(
    modules: Iterable[str], entry: str, target: Target, machine: llvm.TargetMachine, plan: leaps.Plan | None = None
) -> llvm.ModuleRef:
    """The modules as one, after doubling of the entry's hot loops (`hot`) and the whole pipeline."""
    text = _joined(modules, target, machine)
    if plan is not None:
        text = leaps.with_leaps(
            text,
            plan,
            inlined=lambda text, name: _looked_at(_written_out(text, name), name, target, machine),
            simplified=lambda text, name: _looked_at(text, name, target, machine),
            short=lambda text, name: _shortened(text, name, target, machine),
        )
    module = _parsed(text, target, machine)
    if not any(function.name == entry and not function.is_declaration for function in module.functions):
        raise Bug("SF610", f"no module defines the entry `{entry}`")
    _link(module, entry, others="external", entry_is="available_externally")
    doubled = _doubled(text, entry, target, machine)
    doubled.link_in(module)
    _internalise(doubled, entry)
    _optimise(doubled, machine)
    return doubled


def _written_out(text: str, name: str) -> str:
    """The module with what is not inlined declared alone, and all else to be inlined into the function of that name."""
    return _NOT_INLINED.sub(r"declare \1\n", text).replace(" nounwind inlinehint {", " nounwind alwaysinline {")


# What a bar brings is followed to where it is read before anything reads it as another kind of number.
_LOOKING = (
    "always_inliner", "sroa", "new_gvn", "instruction_combine", "new_gvn", "sccp", "instruction_combine", "new_gvn",
)  # fmt: skip


def _looked_at(text: str, name: str, target: Target, machine: llvm.TargetMachine) -> str:
    """A module of that function as it can be looked at: its blocks stay, and each load says what of."""
    module = _parsed(text, target, machine)
    _link(module, name, others="internal", entry_is="external")
    builder = _builder(machine, 1)
    passes = llvm.create_new_module_pass_manager()
    for each in ("global_dead_code_eliminate", *_LOOKING, "dead_code_elimination", "global_dead_code_eliminate"):
        getattr(passes, f"add_{each}_pass")()
    passes.run(module, builder)
    return _named(module, name, builder)


def _shortened(text: str, name: str, target: Target, machine: llvm.TargetMachine) -> str:
    """A module of one function, as short as it can be made."""
    module = _parsed(text, target, machine)
    builder = _builder(machine, 2)
    builder.getModulePassManager().run(module, builder)
    return _named(module, name, builder)


def _named(module: llvm.ModuleRef, name: str, builder: llvm.PassBuilder) -> str:
    """The text of a module, in one function of which every value has a name."""
    names = llvm.create_new_function_pass_manager()
    names.add_instruction_namer_pass()
    names.run(module.get_function(name), builder)
    return str(module)


def _doubled(text: str, entry: str, target: Target, machine: llvm.TargetMachine) -> llvm.ModuleRef:
    """A module of nothing but the entry: what is inlined into it is there, and its hot loops are doubled.

    What is never inlined is only declared, which spares LLVM two thirds of this first round.
    """
    module = _parsed(_NOT_INLINED.sub(r"declare \1\n", text), target, machine)
    _link(module, entry, others="available_externally", entry_is="external")
    builder = _builder(machine, 1)
    builder.getModulePassManager().run(module, builder)
    names = llvm.create_new_function_pass_manager()
    names.add_instruction_namer_pass()
    names.run(module.get_function(entry), builder)
    module = _parsed(hot.addresses_at_hand(str(module), entry), target, machine)
    memory = llvm.create_new_function_pass_manager()
    memory.add_register_to_memory_pass()
    memory.add_instruction_namer_pass()
    memory.run(module.get_function(entry), builder)
    return _parsed(hot.split(str(module), entry), target, machine)


def _optimise(module: llvm.ModuleRef, machine: llvm.TargetMachine) -> None:
    builder = _builder(machine, 3)
    builder.getModulePassManager().run(module, builder)


def _builder(machine: llvm.TargetMachine, level: int) -> llvm.PassBuilder:
    options = llvm.create_pipeline_tuning_options(speed_level=level)
    # Small functions are what a bar needs written out; LLVM's own bound of 250 costs a tenth of the time to compile and
    # makes nothing quicker.
    options.inlining_threshold = 100
    # What could be vectorised has few turns (the orders of a table), and nearly every loop can leave in its middle: it
    # would make a kernel a twenty-fifth larger for nothing.
    options.loop_vectorization = False
    options.loop_interleaving = False
    options.slp_vectorization = False
    return llvm.create_pass_builder(machine, options)


def _kept_object(text: str, target: Target) -> bytes:
    """The object code of a module, from the cache folder or compiled now."""
    host = loader.host() if target.name == "native" else ""
    key = f"object {engine_hash()} {target} {host} {_makers()} {text}"  # the hash is also of how we optimise
    return cache.cached(key, lambda: _object(text, target))


@functools.cache
def _runtime_object(name: str, target: Target) -> bytes | None:
    text = runtime.module(name)
    return None if text is None else _object(text, target)


def _object(text: str, target: Target) -> bytes:
    """The object code of one module."""
    machine = _machine(target)
    module = _parsed(text, target, machine)
    _optimise(module, machine)
    return bytes(machine.emit_object(module))
