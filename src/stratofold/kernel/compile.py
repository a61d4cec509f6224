"""From objects to a kernel: surveyed, compiled once, kept on disk, bound to objects and run.

What comes in: an engine, a strategy and a feed as `setup` left them.  What goes out: a `Kernel`, which any objects of
the same layout can be bound to; a bound one is a `Program`.
Why so: a kernel depends on the layout and the sources alone.  What bars and orders do often is compiled together with
the strategy, so that calls between them vanish; what of the fold is never inlined stands apart (`apart`) and is compiled
once for all strategies.
"""

import ctypes
import functools
import hashlib
import struct
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from os import PathLike
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING

import stratofold
from stratofold.errors import Setup
from stratofold.kernel import loader
from stratofold.kernel.blocks import Block, Piece
from stratofold.kernel.forms import OFTEN, RUN, entry_of, form_of
from stratofold.kernel.layout import Survey
from stratofold.kernel.packing import Packer, side_by_side
from stratofold.kernel.refused import Changed, Refused
from stratofold.kernel.sources import engine_hash, source_hash

if TYPE_CHECKING:
    from stratofold.fold.engine import Feed
    from stratofold.routing import Fact

ENTRY = "stratofold_run"
_STRATEGY = 1  # the root that another run exchanges
_FEED = 2  # the root whose arrays are read where they are
_CODES = {"int": "q", "float": "d", "bool": "?"}
Writer = Callable[[Block, int, Sequence[float]], None]  # numbers into a block, at a place

_built: dict[tuple[type, str], list["Kernel"]] = {}
_refused: dict[str, Refused] = {}  # so that a strategy outside the subset is looked at once a process
_asked: set[tuple[type, str, frozenset[str]]] = set()


class Kernel:
    """Machine code of the fold and one strategy, and what it says of itself.

    `signature` is the layout it was made for, `source` and `engine` the hashes of what it was made from.
    """

    def __init__(self, file: bytes, image: loader.Image, *, out: bool = False) -> None:
        """A kernel file and its mapped code; `out` as in `build`."""
        header = image.header
        self._out = out
        self.file = file
        self.signature: str = header["layout"]["signature"]
        self.source: str = header["source"]
        self.engine: str = header["engine"]
        self._stored = set(header["layout"]["stored"])
        self._loaded = set(header["layout"]["loaded"])
        self._widened = set(header["layout"]["widened"])
        pointer = ctypes.c_void_p
        self._function = image.function(ctypes.c_int32, (pointer, pointer, pointer, pointer, ctypes.c_int64))
        self._packer: Packer | None = None
        self._waiting: Program | None = None
        self._facts: list[Fact] = []

    @functools.cached_property
    def hash(self) -> str:
        """SHA-256 of the kernel file."""
        return hashlib.sha256(self.file).hexdigest()

    def bind(self, engine: object, strategy: object, feed: object) -> "Program":
        """A program over these objects; raises Setup SF626 or SF627 where the kernel was made for others."""
        objects = [engine, strategy, feed]
        waiting, self._waiting = self._waiting, None
        if waiting is not None and _same(waiting.objects, objects):
            return waiting
        if self._packer is not None and self._is_current():
            try:
                return Program(self._function, self._packer, objects, holds=self._out)
            except Changed:
                self._packer = None
        self._meet(objects)
        return self._bound(objects)

    def offer(self, objects: list[object]) -> bool:
        """Whether these objects fit as they are; if so, the next `bind` of them is free."""
        if self._packer is None or not self._is_current():
            return False
        if self._waiting is not None and _same(self._waiting.objects, objects):
            return True
        try:
            self._waiting = Program(self._function, self._packer, objects, holds=self._out)
        except Changed:
            return False
        return True

    def seats(self, program: "Program", strategy: object) -> bool:
        """Whether `strategy` has taken the free place in a program of this kernel; if not, the program is of no use."""
        if not program.is_by(self._packer) or not self._is_current():
            return False
        try:
            program.enter(strategy)
        except Changed:
            return False
        return True

    def _is_current(self) -> bool:
        """Whether the user's functions and numbers are still those that were hashed."""
        return all(scope.get(name) is value for scope, name, value in self._facts)

    def _meet(self, objects: list[object]) -> None:
        """Learn the layout of objects and check it."""
        survey = Survey(objects, {_FEED}, set(self._widened))
        if survey.signature != self.signature:
            raise _misfit("SF626", "layout", _difference(self.signature, survey.signature))
        source, self._facts = source_hash([layout.cls for layout in survey.layouts])
        if source != self.source:
            raise _misfit("SF627", "strategy source", "the source has changed since it was frozen")
        self._packer = Packer(survey.roots, self._stored, self._loaded, _STRATEGY)

    def _bound(self, objects: list[object]) -> "Program":
        """A program, where the objects' numbers fit the machine."""
        if self._packer is None:
            raise AssertionError("a kernel without a packer")
        try:
            return Program(self._function, self._packer, objects, holds=self._out)
        except Changed as changed:
            raise Refused(f"the state does not fit machine numbers: {changed}") from changed


class Program:
    """A kernel and the objects it runs on.

    The objects' numbers keep the state of the entry until `unpack`; their arrays are written in place.  After a failed
    `run`, `number("bar_index")` says how far it had come, and `restore` brings the state of the entry back, arrays too.
    After `unpack`, `restore` takes the objects as Python has changed them since.
    """

    def __init__(
        self, function: Callable[..., int], packer: Packer, objects: list[object], *, holds: bool = False
    ) -> None:
        """Pack the objects; raises Changed where they have another layout.

        If it `holds`, the arrays of engine and feed are not written but copied: they show nothing of a run.
        """
        self.objects = objects
        self._function = function
        self._packer = packer
        self._block: Block
        self._block, self._addresses = packer.pack(objects, holds=holds)
        self._holds = holds
        self._result = ctypes.c_int64()
        self._answer = ctypes.byref(self._result)
        self._is_ahead = False
        self._is_reusable = True

    @property
    def is_reusable(self) -> bool:
        """Whether the block still knows the objects as they were before the first event."""
        return self._is_reusable

    def is_by(self, packer: Packer | None) -> bool:
        """Whether `packer` laid this program's objects out."""
        return self._packer is packer

    def vacate(self) -> None:
        """Let go of the strategy; in memory the engine is as it was packed, its objects hold what they were given."""
        self._block.dismiss()
        self.objects[_STRATEGY] = None

    def enter(self, strategy: object, *, is_sealed: bool = True) -> None:
        """Take another strategy in after `vacate`; raises Changed where it has another layout.

        What is not sealed can not be restored.
        """
        self._addresses[_STRATEGY] = self._packer.admit(strategy, self._block, is_sealed=is_sealed)
        self.objects[_STRATEGY] = strategy
        self._is_ahead = False

    def guest(self) -> Piece:
        """The strategy as it has entered, for `recall`."""
        return self._block.guest()

    def recall(self, guest: Piece, write: Writer, values: Sequence[float], *, is_sealed: bool = True) -> None:
        """Take in once more, after `vacate`, what entered before, without its objects; `write` gives it these `values`.

        Raises Changed for a value that machine numbers cannot hold.
        """
        self._block.add(guest)
        try:
            write(self._block, guest.place, values)
        except struct.error as wrong:
            raise Changed(str(wrong)) from wrong
        self._addresses[_STRATEGY] = guest.place + self._block.shift
        if is_sealed:
            self._block.note()
        self._is_ahead = False

    def expect(self, items: list[object]) -> None:
        """Remember how a list of the next strategy is packed, for when the very same comes again as it was."""
        self._block.unlearnt.add(id(items))

    def learnt(self, items: list[object]) -> Piece | None:
        """How a list is packed, where that is remembered."""
        return self._block.images.get(id(items))

    def writer(self, names: Sequence[str]) -> Writer | None:
        """A function that writes numeric attributes of the strategy where it lies; None where one has no place of its own."""
        fields = self._packer.roots[_STRATEGY].fields
        rows = [row for name in names if (row := fields.get(name)) is not None]
        if len(rows) < len(names) or any(row.kind not in _CODES or row.fixed is not None for row in rows):
            return None
        runs = side_by_side([(row.offset, _CODES[row.kind]) for row in rows])

        def write(block: Block, place: int, values: Sequence[float]) -> None:
            for offset, pack, first, last in runs:
                pack(block.memory, place + offset, *values[first:last])

        return write

    def reveal(self) -> None:
        """Give the strategy's objects the state that machine code reached."""
        self._packer.reveal(self.objects[_STRATEGY], self._block, self._addresses[_STRATEGY])

    def learn(self, items: list[object]) -> None:
        """A list of the strategy's, packed just now, is packed the same way whenever the very same comes again."""
        self._packer.learn(items, self._block)

    def forget(self, items: list[object] | None = None) -> None:
        """A list (without one, any) is packed anew the next time; whoever lets go of one that was learnt says so."""
        if items is None:
            self._block.images.clear()
        else:
            self._block.images.pop(id(items), None)

    def run(self, stop: int) -> tuple[int, int]:
        """(status, value): status 0 and what `run` returned, or why machine code left."""
        self._is_ahead = True
        status = self._function(self._answer, *self._addresses, stop)
        return status, self._result.value

    def unpack(self, parts: frozenset[str] | None = None) -> None:
        """Give the objects the state that machine code reached; of the engine only `parts`, if given."""
        self._packer.unpack(self.objects, self._block, self._addresses, parts)
        self._is_ahead = False

    def restore(self) -> None:
        """Enter again with the objects' state; raises Changed where an object has another kind or shape now."""
        if self._is_ahead:
            self._block.rewind()
        else:
            self._is_reusable = False
            self._block, self._addresses = self._packer.pack(self.objects, self._block, holds=self._holds)
        self._is_ahead = False

    def changes(self) -> bytes:
        """What machine code has changed since the entry: where the run stands, for `take`, in another process too."""
        return self._block.changes()

    def take(self, changes: bytes) -> None:
        """Stand where `changes` were made, by the same code with the same parameters; raises Changed where that is not so."""
        self._is_ahead = True
        self._block.take(changes)

    def reader(self, names: Iterable[str]) -> Callable[[], tuple[float, ...]]:
        """A function that gives dotted numeric attributes of the first root (`tally.mean`) as machine code left them."""
        rows = [self._row(name) for name in names]
        order = sorted(range(len(rows)), key=lambda k: rows[k][0])
        text, at = "=", 0
        for k in order:
            offset, code = rows[k]
            text += f"{offset - at}x{code}"
            at = offset + struct.calcsize(code)
        unpack = struct.Struct(text).unpack_from
        place = self._addresses[0] - self._block.shift
        chosen = itemgetter(*(order.index(k) for k in range(len(rows))))
        memory = self._block.memory
        return lambda: chosen(unpack(memory, place))

    def zero(self, names: Iterable[str]) -> None:
        """Set dotted numeric attributes of the first root to 0 where machine code left off; the next `run` goes on."""
        place = self._addresses[0] - self._block.shift
        for offset, code in map(self._row, names):
            struct.pack_into("=" + code, self._block.memory, place + offset, 0)

    def _row(self, name: str) -> tuple[int, str]:
        """Where a dotted attribute lies in the first root, and the code of its kind."""
        *parts, last = name.split(".")
        layout, offset = self._packer.roots[0], 0
        for part in parts:
            row = layout.fields[part]
            if row.layout is None:
                raise AssertionError(f"{part} is no object")
            layout, offset = row.layout, offset + row.offset
        row = layout.fields[last]
        return offset + row.offset, _CODES[row.kind]

    def number(self, name: str, root: int = 0) -> float:
        """A numeric attribute of a root object as machine code left it, without unpacking the rest."""
        row = self._packer.roots[root].fields[name]
        place = self._addresses[root] - self._block.shift + row.offset
        return struct.unpack_from("=" + _CODES[row.kind], self._block.memory, place)[0]  # type: ignore[no-any-return]


def build(
    engine: object,
    strategy: object,
    feed: "Feed",
    *,
    target: str = "native",
    progress: Callable[[str], None] | None = None,
    out: bool = False,
) -> Kernel:
    """The kernel for these objects: from this process, from the disk, or compiled now.

    With `out` a run of bars is finished in machine code too, as a sweep wants it.  `progress` is told in a sentence when something takes long.  Raises Refused where the code has no machine code.
    """
    objects = [engine, strategy, feed]
    if target == "native":
        for known in _built.get((type(strategy), form_of(feed, out=out)), ()):
            if known.offer(objects):
                return known
    from stratofold.kernel import cache

    driver, form = entry_of(feed, out=out), form_of(feed, out=out)
    key, source = _key(objects, target, out)
    if key in _refused:
        raise _refused[key]
    try:
        file = cache.cached(key, lambda: compile_file(driver, objects, source, target, progress, form))
    except ImportError as gone:  # a worker that was sent its kernel, and this run is laid out otherwise
        _refused[key] = Refused(f"there is no compiler here ({gone})")
        raise _refused[key] from gone
    except Refused as refused:
        _refused[key] = refused
        raise
    kernel = Kernel(file, loader.load(file), out=out)
    if target == "native":
        kernel._meet(objects)  # noqa: SLF001 - a kernel is finished here
        _built.setdefault((type(strategy), form_of(feed, out=out)), []).insert(0, kernel)
    return kernel


def adopt(file: bytes, engine: object, strategy: object, feed: "Feed", *, out: bool = False) -> Kernel:
    """Have `build` find a frozen kernel for such objects in this process, where there may be no compiler.

    Raises Setup SF620 to SF629 where the file, this machine or these objects do not fit.
    """
    kernel = Kernel(file, loader.load(file, engine=engine_hash()), out=out)
    kernel._meet([engine, strategy, feed])  # noqa: SLF001 - a kernel is finished here
    _built.setdefault((type(strategy), form_of(feed, out=out)), []).insert(0, kernel)
    return kernel


def _key(objects: list[object], target: str, out: bool = False) -> tuple[str, str]:
    """What a kernel of these objects is called in the cache, and the hash of its sources."""
    survey = Survey(objects, {_FEED}, set())
    source, _ = source_hash([layout.cls for layout in survey.layouts])
    parts = (survey.signature, source, engine_hash(), target, loader.host() if target == "native" else "")
    form = form_of(objects[_FEED], out=out)
    return hashlib.sha256("\n".join((*parts, *([form] if form else []))).encode()).hexdigest(), source


def is_built(strategy: type) -> bool:
    """Whether this process has a kernel for objects of this class in memory."""
    return bool(_built.get((strategy, RUN)))


def is_at_hand(engine: object, strategy: object, feed: object, *, out: bool = False) -> bool:
    """Whether a kernel for these objects is in memory or on disk, so that nothing would have to be compiled.

    The disk is asked once a strategy class and process, because asking takes milliseconds.
    """
    from stratofold.kernel import cache

    if any(known.offer([engine, strategy, feed]) for known in _built.get((type(strategy), form_of(feed, out=out)), ())):
        return True
    lists = [value for value in getattr(strategy, "__dict__", {}).values() if isinstance(value, list) and value]
    asked = (type(strategy), form_of(feed, out=out), frozenset(type(value[0]).__name__ for value in lists))
    if asked in _asked:
        return False
    _asked.add(asked)
    try:
        return cache.holds(_key([engine, strategy, feed], "native", out)[0])
    except Refused:
        return False


def _same(some: list[object], others: list[object]) -> bool:
    """Whether two lists hold the very same objects."""
    return all(one is other for one, other in zip(some, others, strict=True))


def compile_file(
    function: FunctionType,
    objects: list[object],
    source: str,
    target: str,
    progress: Callable[[str], None] | None,
    form: str = RUN,
) -> bytes:
    """The kernel file of `function` over these objects; raises Refused."""
    if progress is not None:
        progress(f"compiling {type(objects[1]).__name__} for this machine, once")
    from stratofold.kernel.apart import set_apart
    from stratofold.kernel.aside import emitted
    from stratofold.kernel.kinds import INT, AnyKind, ObjectKind
    from stratofold.kernel.unit import compile_text

    widened: set[str] = set()
    while True:
        survey = Survey(objects, {_FEED}, widened)
        kinds: tuple[AnyKind, ...] = (*(ObjectKind(root) for root in survey.roots), INT)
        text, unit = compile_text(function, survey, kinds, ENTRY, OFTEN[form])
        if unit.widened <= widened:
            break
        widened = widened | unit.widened
    layout = {
        "signature": survey.signature,
        "stored": sorted(unit.stored),
        "loaded": sorted(unit.loaded),
        "widened": sorted(survey.widened),
    }
    text, apart = set_apart(text, ENTRY, unit.own)
    return emitted(
        [text],
        ENTRY,
        target,
        is_aside=form != RUN,
        apart=apart,
        layout=layout,
        source=source,
        engine=engine_hash(),
        made_by={"stratofold": stratofold.__version__},
    )


def frozen(
    engine: object,
    strategy: object,
    feed: "Feed",
    *,
    target: str,
    out: bool = False,
    progress: Callable[[str], None] | None = None,
) -> bytes:
    """The kernel file of these objects for another machine, which this one need not be able to run; raises Refused."""
    from stratofold.kernel import cache

    objects = [engine, strategy, feed]
    driver, form = entry_of(feed, out=out), form_of(feed, out=out)
    key, source = _key(objects, target, out)
    return cache.cached(key, lambda: compile_file(driver, objects, source, target, progress, form))


def freeze(
    engine: object, strategy: object, feed: "Feed", path: str | PathLike[str], *, target: str = "x86-64-v2"
) -> Path:
    """Write the kernel for these objects to a file that runs without a compiler on any machine of `target`."""
    place = Path(path)
    place.write_bytes(frozen(engine, strategy, feed, target=target))
    return place


def load(path: str | PathLike[str]) -> Kernel:
    """A frozen kernel; raises Setup SF620 to SF629 where the file, this machine or this version does not fit."""
    image = loader.load(path, engine=engine_hash())
    return Kernel(Path(path).read_bytes(), image)


def _difference(stored: str, found: str) -> str:
    """The first line in which two signatures differ, shortened to what differs."""
    for one, other in zip(stored.splitlines(), found.splitlines(), strict=False):
        if one != other:
            head = other.split(":", 1)[0].split(" ")
            mine, theirs = set(one.split(", ")), set(other.split(", "))
            changed = sorted(part.split("@")[0].rsplit(": ")[-1] for part in theirs - mine)
            return f"{head[1] if len(head) > 1 else 'the roots'} has {', '.join(changed[:3]) or 'fewer attributes'}"
    return "one has more classes than the other"


def _misfit(code: str, what: str, detail: str) -> Setup:
    """The refusal of a kernel that was made for something else."""
    return Setup(
        code,
        f"the kernel was built for another {what}: {detail}",
        why="it would read one attribute as another, or decide by older rules",
        fix="freeze the strategy again: stratofold.kernel.freeze",
    )
