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
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING

import stratofold
from stratofold.errors import Setup
from stratofold.kernel import loader
from stratofold.kernel.forms import LEAPS, OFTEN, RUN, WITHOUT, entry_of, form_of
from stratofold.kernel.layout import Survey, outline
from stratofold.kernel.packing import Packer
from stratofold.kernel.program import Program
from stratofold.kernel.refused import Changed, Refused
from stratofold.kernel.sources import engine_hash, source_hash

if TYPE_CHECKING:
    from stratofold.fold.engine import Feed
    from stratofold.routing import Fact

ENTRY = "stratofold_run"
_STRATEGY = 1  # the root that another run exchanges
_FEED = 2  # the root whose arrays are read where they are

_built: dict[tuple[type, str], list["Kernel"]] = {}
_refused: dict[str, Refused] = {}  # so that a strategy outside the subset is looked at once a process
_asked: set[tuple[str, tuple[object, ...]]] = set()


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
        self._image = image
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
                return Program(self._function, self._packer, objects, self._image, holds=self._out)
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
            self._waiting = Program(self._function, self._packer, objects, self._image, holds=self._out)
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
        survey = Survey(objects, {_FEED}, set(self._widened), settles=self._out)
        if survey.signature != self.signature:
            raise _misfit("SF626", "layout", _difference(self.signature, survey.signature))
        source, self._facts = source_hash([layout.cls for layout in survey.layouts])
        if source != self.source:
            raise _misfit("SF627", "strategy source", "the source has changed since it was frozen")
        self._packer = Packer(survey.roots, self._stored, self._loaded, _STRATEGY, survey.signature)

    def _bound(self, objects: list[object]) -> "Program":
        """A program, where the objects' numbers fit the machine."""
        if self._packer is None:
            raise AssertionError("a kernel without a packer")
        try:
            return Program(self._function, self._packer, objects, self._image, holds=self._out)
        except Changed as changed:
            raise Refused(f"the state does not fit machine numbers: {changed}") from changed


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
    survey = Survey(objects, {_FEED}, set(), settles=out)
    source, _ = source_hash([layout.cls for layout in survey.layouts])
    parts = (survey.signature, source, engine_hash(), target, loader.host() if target == "native" else "")
    form = form_of(objects[_FEED], out=out)
    return hashlib.sha256("\n".join((*parts, *([form] if form else []))).encode()).hexdigest(), source


def is_built(strategy: type) -> bool:
    """Whether this process has a kernel for objects of this class in memory."""
    return bool(_built.get((strategy, RUN)))


def is_at_hand(engine: object, strategy: object, feed: object, *, out: bool = False) -> bool:
    """Whether a kernel for these objects is in memory or on disk, so that nothing would have to be compiled.

    The disk is asked once a process for each class and what is quickly seen of its layout, because asking takes milliseconds.
    """
    from stratofold.kernel import cache

    if any(known.offer([engine, strategy, feed]) for known in _built.get((type(strategy), form_of(feed, out=out)), ())):
        return True
    asked = (form_of(feed, out=out), outline([engine, strategy], settles=out))
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
    from stratofold.kernel.leaps import plan_of
    from stratofold.kernel.series_text import NAME, TEXT
    from stratofold.kernel.unit import compile_text
    from stratofold.kernel.unread import without_unread

    widened: set[str] = set()
    while True:
        survey = Survey(objects, {_FEED}, widened, settles=form != RUN)
        kinds: tuple[AnyKind, ...] = (*(ObjectKind(root) for root in survey.roots), INT)
        text, unit = compile_text(
            function, survey, kinds, ENTRY, OFTEN[form], WITHOUT.get(form, frozenset()), form if form in LEAPS else ""
        )
        if unit.widened <= widened:
            break
        widened = widened | unit.widened
    layout = {
        "signature": survey.signature,
        "stored": sorted(unit.stored),
        "loaded": sorted(unit.loaded),
        "widened": sorted(survey.widened),
    }
    plan = plan_of(unit) if form in LEAPS else None
    if form != RUN:
        text = without_unread(text, survey, unit)
    text, apart = set_apart(text, ENTRY, unit.own)
    return emitted(
        [text],
        ENTRY,
        target,
        is_aside=form != RUN,
        apart=apart,
        plan=plan,
        beside={NAME: TEXT} if form != RUN else {},
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
