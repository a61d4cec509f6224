"""Relocatable object code becomes one flat, position-independent block of bytes.

What comes in: ELF objects (64-bit, little-endian, x86-64 or aarch64) as LLVM emits them, the name of the entry, and a
library that is asked for whatever is still undefined.
What goes out: a `Flat`: bytes, the offset of the entry, and the places that must have the load address added.
Why it is shaped so: a kernel needs no dynamic linking, so a linker is small enough to own, and freezing then needs no
C compiler.  Starting at the entry we place each section that a relocation reaches and nothing else; unwind tables,
symbol tables and unused constants fall away by themselves.

Sources: the ELF-64 object file format; System V ABI AMD64 supplement, relocation table 4.9; ELF for the Arm 64-bit
architecture (AAELF64), relocation codes.
"""

import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from stratofold.errors import Bug, Setup

ARCHITECTURES = {62: "x86-64", 183: "aarch64"}  # e_machine of ELF

_RELA, _NOBITS, _REL = 4, 8, 9  # section types
_WRITE = 1  # section flag
_UNDEFINED, _ABSOLUTE, _COMMON = 0, 0xFFF1, 0xFFF2  # section numbers of symbols
_WORD = struct.Struct("<Q")
_HALF = struct.Struct("<I")

Library = Callable[[str], bytes | None]


@dataclass(frozen=True, slots=True)
class Flat:
    """Machine code that runs wherever it is put, once `fixups` had the address added (64-bit words, byte offsets).

    `beside` is where functions begin that the entry does not lead to.
    """

    code: bytes
    entry: int
    fixups: tuple[int, ...]
    architecture: str
    beside: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Relocation:
    offset: int
    kind: int
    symbol: int
    addend: int


@dataclass(slots=True)
class _Section:
    name: str
    data: bytes
    alignment: int
    flags: int
    relocations: list[_Relocation] = field(default_factory=list)


@dataclass(slots=True)
class _Symbol:
    name: str
    section: int
    value: int
    is_local: bool


@dataclass(slots=True)
class _Object:
    architecture: str
    sections: list[_Section]
    symbols: list[_Symbol]


Place = tuple[int, int]  # number of the object, number of its section


def link(objects: list[bytes], entry: str, library: Library = lambda _name: None, beside: Iterable[str] = ()) -> Flat:
    """Place what `entry` and the functions `beside` it reach, and resolve every reference between the pieces.

    `library(name)` gives an object that defines `name`, or None.  Raises `Setup` SF611 naming the symbol that nobody
    defines and SF612 for writable data (a kernel keeps its state in the caller's memory); `Bug` for object code that
    is not what LLVM emits for us.
    """
    return _Linker([_read(item) for item in objects], library).link(entry, beside)


class _Linker:
    """The sections placed so far, in order, and where each one begins."""

    def __init__(self, objects: list[_Object], library: Library) -> None:
        self.objects = objects
        self.library = library
        self.defined: dict[str, tuple[int, _Symbol]] = {}
        self.begins: dict[Place, int] = {}
        self.slots: dict[int, int] = {}
        self.code = bytearray()
        self.fixups: list[int] = []
        for number in range(len(objects)):
            self._define(number)

    def link(self, entry: str, beside: Iterable[str]) -> Flat:
        """Walk from the entry, place, then patch."""
        found = {name: self._resolve(name) for name in (entry, *beside)}
        for number, symbol in found.values():
            for place in self._reached((number, symbol.section)):
                self._place(place)
        for place in list(self.begins):
            self._patch(place)
        begins = {name: self.begins[number, symbol.section] + symbol.value for name, (number, symbol) in found.items()}
        architecture = self.objects[found[entry][0]].architecture
        return Flat(bytes(self.code), begins.pop(entry), tuple(sorted(self.fixups)), architecture, begins)

    def _define(self, number: int) -> None:
        for symbol in self.objects[number].symbols:
            if symbol.name and symbol.section != _UNDEFINED and not symbol.is_local:
                self.defined.setdefault(symbol.name, (number, symbol))

    def _resolve(self, name: str) -> tuple[int, _Symbol]:
        if name not in self.defined:
            found = self.library(name)
            if found is None:
                raise Setup(
                    "SF611",
                    f"the machine code calls `{name}`, which a self-contained kernel does not have",
                    why="a kernel runs without CPython, Numba or a C library, so that it gives the same bits everywhere",
                    fix='use the functions of stratofold.fold.maths, or run with execution="interpreted"',
                )
            self.objects.append(_read(found))
            self._define(len(self.objects) - 1)
        return self.defined[name]

    def _target(self, number: int, relocation: _Relocation) -> tuple[int, _Symbol]:
        symbol = self.objects[number].symbols[relocation.symbol]
        if symbol.section == _UNDEFINED:
            return self._resolve(symbol.name)
        if symbol.section in (_ABSOLUTE, _COMMON):
            raise Bug("SF610", f"symbol `{symbol.name}` of the object code has no section")
        return number, symbol

    def _reached(self, start: Place) -> Iterator[Place]:
        seen, waiting = {start}, [start]
        while waiting:
            place = waiting.pop()
            yield place
            for relocation in self._section(place).relocations:
                number, symbol = self._target(place[0], relocation)
                if (number, symbol.section) not in seen:
                    seen.add((number, symbol.section))
                    waiting.append((number, symbol.section))

    def _section(self, place: Place) -> _Section:
        return self.objects[place[0]].sections[place[1]]

    def _place(self, place: Place) -> None:
        if place in self.begins:
            return
        section = self._section(place)
        if section.flags & _WRITE and not section.name.startswith(".data.rel.ro"):
            raise Setup(
                "SF612",
                f"the machine code keeps {len(section.data)} bytes of writable data of its own ({section.name})",
                why="a kernel's state is the object graph it is given; hidden state would survive between runs",
                fix="keep the value in an attribute set in `setup`",
            )
        self._align(section.alignment)
        self.begins[place] = len(self.code)
        self.code += section.data

    def _align(self, alignment: int) -> None:
        self.code += bytes(-len(self.code) % max(alignment, 1))

    def _patch(self, place: Place) -> None:
        patch = _PATCHES[self.objects[place[0]].architecture]
        for relocation in self._section(place).relocations:
            number, symbol = self._target(place[0], relocation)
            at = self.begins[place] + relocation.offset
            target = self.begins[number, symbol.section] + symbol.value
            patch(self, relocation, at, target)

    def slot(self, target: int) -> int:
        """The offset of a word that holds the address of `target` (what a global offset table is for)."""
        if target not in self.slots:
            self._align(8)
            self.slots[target] = len(self.code)
            self.code += bytes(8)
            self.absolute(self.slots[target], target)
        return self.slots[target]

    def absolute(self, at: int, value: int) -> None:
        """A 64-bit address: the loader adds where the code lies."""
        _WORD.pack_into(self.code, at, value & 0xFFFFFFFFFFFFFFFF)
        self.fixups.append(at)

    def relative(self, at: int, distance: int, format_: str = "<i") -> None:
        """A signed distance, refused if it does not fit."""
        try:
            struct.pack_into(format_, self.code, at, distance)
        except struct.error as error:
            raise Bug("SF610", f"a distance of {distance} bytes inside the machine code does not fit") from error

    def bits(self, at: int, value: int, width: int, shift: int) -> None:
        """`width` low bits of `value` put into the instruction at `at`, `shift` bits up."""
        mask = ((1 << width) - 1) << shift
        (instruction,) = _HALF.unpack_from(self.code, at)
        _HALF.pack_into(self.code, at, instruction & ~mask | (value << shift) & mask)


def _patch_x86(linker: _Linker, relocation: _Relocation, at: int, target: int) -> None:
    kind, addend = relocation.kind, relocation.addend
    if kind == 1:  # R_X86_64_64
        linker.absolute(at, target + addend)
    elif kind in (2, 4):  # PC32, PLT32
        linker.relative(at, target + addend - at)
    elif kind in (9, 41, 42):  # GOTPCREL, GOTPCRELX, REX_GOTPCRELX
        linker.relative(at, linker.slot(target) + addend - at)
    elif kind == 24:  # PC64
        linker.relative(at, target + addend - at, "<q")
    else:
        raise Bug("SF610", f"relocation kind {kind} of x86-64 is not one we resolve")


_LOW_TWELVE_BITS = {277: 0, 278: 0, 284: 1, 285: 2, 286: 3, 299: 4}  # relocation: log2 of the access's bytes
_BRANCHES = {282: (26, 0), 283: (26, 0), 280: (19, 5), 273: (19, 5), 279: (14, 5)}  # relocation: width, shift


def _patch_arm(linker: _Linker, relocation: _Relocation, at: int, target: int) -> None:
    kind, value = relocation.kind, target + relocation.addend
    if kind == 257:  # ABS64
        linker.absolute(at, value)
    elif kind == 260:  # PREL64
        linker.relative(at, value - at, "<q")
    elif kind == 261:  # PREL32
        linker.relative(at, value - at)
    elif kind in _BRANCHES:
        linker.bits(at, (value - at) >> 2, *_BRANCHES[kind])
    elif kind in _LOW_TWELVE_BITS:
        linker.bits(at, (value & 0xFFF) >> _LOW_TWELVE_BITS[kind], 12, 10)
    elif kind == 312:  # LD64_GOT_LO12_NC
        linker.bits(at, (linker.slot(value) & 0xFFF) >> 3, 12, 10)
    elif kind in (275, 311):  # ADR_PREL_PG_HI21, ADR_GOT_PAGE
        page = ((value if kind == 275 else linker.slot(value)) >> 12) - (at >> 12)
        linker.bits(at, page, 2, 29)
        linker.bits(at, page >> 2, 19, 5)
    elif kind == 274:  # ADR_PREL_LO21
        linker.bits(at, value - at, 2, 29)
        linker.bits(at, (value - at) >> 2, 19, 5)
    else:
        raise Bug("SF610", f"relocation kind {kind} of aarch64 is not one we resolve")


_PATCHES = {"x86-64": _patch_x86, "aarch64": _patch_arm}


def _read(data: bytes) -> _Object:
    """The sections, symbols and relocations of one ELF-64 relocatable object."""
    if data[:6] != b"\x7fELF\x02\x01" or len(data) < 64:
        raise Bug("SF610", "the object code is not a 64-bit little-endian ELF file")
    kind, machine = struct.unpack_from("<HH", data, 16)
    if kind != 1 or machine not in ARCHITECTURES:
        raise Bug("SF610", f"the object code has ELF type {kind} and machine {machine}")
    (table,) = _WORD.unpack_from(data, 40)
    size, count, names = struct.unpack_from("<HHH", data, 58)
    headers = [struct.unpack_from("<IIQQQQIIQQ", data, table + number * size) for number in range(count)]
    sections = [_section(data, header, headers[names]) for header in headers]
    symbols: list[_Symbol] = []
    for header in headers:
        if header[1] == 2:  # SYMTAB
            symbols = _symbols(data, header, headers[header[6]])
        elif header[1] == _RELA:
            sections[header[7]].relocations += _relocations(data, header)
        elif header[1] == _REL:
            raise Bug("SF610", "the object code has relocations without addends")
    return _Object(ARCHITECTURES[machine], sections, symbols)


def _section(data: bytes, header: tuple[int, ...], names: tuple[int, ...]) -> _Section:
    name, kind, flags, _, offset, size, _, _, alignment, _ = header
    content = bytes(size) if kind == _NOBITS else data[offset : offset + size]
    return _Section(_text(data, names[4] + name), content, alignment, flags)


def _symbols(data: bytes, header: tuple[int, ...], names: tuple[int, ...]) -> list[_Symbol]:
    table = data[header[4] : header[4] + header[5]]
    return [
        _Symbol(_text(data, names[4] + name), section, value, is_local=info >> 4 == 0)
        for name, info, _, section, value, _ in struct.iter_unpack("<IBBHQQ", table)
    ]


def _relocations(data: bytes, header: tuple[int, ...]) -> list[_Relocation]:
    table = data[header[4] : header[4] + header[5]]
    return [_Relocation(at, info & 0xFFFFFFFF, info >> 32, add) for at, info, add in struct.iter_unpack("<QQq", table)]


def _text(data: bytes, start: int) -> str:
    return data[start : data.index(b"\0", start)].decode()
