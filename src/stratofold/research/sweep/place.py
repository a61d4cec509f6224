"""Where cells stand: one strategy, one market, one set of assumptions, and the hashes that tell it from every other.

What comes in: strategies, market data, symbols, windows of time and assumptions about costs.  What goes out: `Place`s.
Why so: a cell is a place and a set of parameters.  Its name is a hash of both, so that the same code, data, costs and
parameters are never computed twice, and any cell can be run again and be compared.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, fields, replace
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stratofold.errors import Setup
from stratofold.instance import build_strategy
from stratofold.research.prepare import Options

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from stratofold.fold.strategy import Strategy
    from stratofold.market.data import MarketData
    from stratofold.research.sweep.naming import Words

_KEY_DIGITS = 32
_PACKAGE = Path(__file__).resolve().parents[2]
_OF_A_CELL = (  # what of ours a cell's figures depend on, beside the fold and the kernel, which have a hash of their own
    "instance.py", "owning.py", "sharing.py", "market/contracts.py", "market/instruments.py", "market/sessions.py",
    "research/execute.py", "research/flat/*.py", "research/plain.py", "research/prepare*.py", "research/sweep/block.py",
    "research/sweep/abreast.py", "research/sweep/cells.py", "research/sweep/columns.py", "research/sweep/engines.py", "research/sweep/guests.py",
    "research/sweep/laid.py", "research/sweep/mould.py", "research/sweep/onward.py",
    "research/sweep/plainly.py", "research/sweep/reuse.py", "research/sweep/sets.py", "research/sweep/settled.py",
    "research/sweep/tapes.py", "research/sweep/taping.py",
)  # fmt: skip
_NO_ASSUMPTION = {
    "capacity",
    "log_rows",
    "equity_curve",
    "artifacts",
}  # room in memory; artefacts have hashes of their own


@dataclass(frozen=True)
class Place:
    """A strategy on a market under assumptions; `symbols`, `window` and `costs` are what a person calls them."""

    strategy: type[Strategy]
    market: MarketData
    options: Options
    symbols: str
    window: str
    costs: str
    read: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)  # what places of one sweep share

    @cached_property
    def hashes(self) -> dict[str, str]:
        """SHA-256 of the code, the data and the assumptions."""
        return {
            "code": code_hash(self.strategy, self.market, self.options, self.read),
            "data": self.market.content_hash,
            "costs": hashlib.sha256(json.dumps(self._assumptions).encode()).hexdigest(),
        }

    @cached_property
    def _assumptions(self) -> dict[str, Any]:
        """The assumptions as plain values."""
        found = self.read.get(id(self.options))
        if found is None:
            found = self.read[id(self.options)] = assumptions(self.options)
        return found

    @cached_property
    def hash(self) -> str:
        """What this place is called: one hash over the three."""
        return hashlib.sha256("\n".join(self.hashes.values()).encode()).hexdigest()[:_KEY_DIGITS]

    def key(self, parameters: Mapping[str, Any], place: str = "") -> str:
        """What the cell of these parameters is called, here or in another `place` (its hash) of the same strategy."""
        return self.named(self.words([parameters]), place)[0]

    def keys(self, sets: Sequence[Mapping[str, Any]]) -> list[str]:
        """What the cells of these parameters are called."""
        return self.named(self.words(sets))

    def words(self, sets: Sequence[Mapping[str, Any]]) -> Words:
        """What of each cell's name is the parameters', a row each: the same in all places of a strategy."""
        from stratofold.research.sweep.naming import words_of

        return words_of(sets, self._names)

    def named(self, words: Words, place: str = "") -> list[str]:
        """As `key`, of the `words` of parameters, one set after the other.

        A name is the place's digest and the parameters', each of them as good as random, one exclusive or the other: so
        what a hundred places share is hashed once, and no two cells have a name in common unless 128 bits agree by chance.
        """
        return self.digests(words, place).hex("\n", -_KEY_DIGITS // 2).split("\n") if len(words) else []

    def digests(self, words: Words, place: str = "") -> bytes:
        """As `named`, the names' bytes, of which a name is the digits (`naming.text_of`), one after the other."""
        import numpy as np

        return (words ^ np.frombuffer(self._begun_of(place or self.hash), np.uint64)).tobytes()

    @cached_property
    def _names(self) -> list[str]:
        """The strategy's parameters, in the order in which a cell's name has them."""
        return sorted(self.strategy.parameters())

    def _begun_of(self, place: str) -> bytes:
        """What of their names all cells of a place have in common."""
        found = self._begun.get(place)
        if found is None:
            text = "\n".join([place, *self._names]).encode()
            found = self._begun[place] = hashlib.blake2b(text, digest_size=_KEY_DIGITS // 2).digest()
        return found

    @cached_property
    def _begun(self) -> dict[str, bytes]:
        """What was hashed already, by place."""
        return {}

    def facts(self) -> dict[str, Any]:
        """What the study keeps of it."""
        return {
            "strategy": self.strategy.__name__, "symbols": self.symbols, "window": self.window, "costs": self.costs,
            "assumptions": self._assumptions, **{f"{name}_hash": value for name, value in self.hashes.items()},
        }  # fmt: skip


def places_of(
    strategies: Sequence[type[Strategy]],
    market: MarketData,
    options: Options,
    *,
    each_symbol: bool = False,
    windows: Any = None,
    costs: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[Place]:
    """Every strategy on every market under every assumption; raises Setup for windows and costs that cannot be."""
    markets = [
        (names, window, piece)
        for names, whole in _markets(market, each_symbol)
        for window, piece in _cut(whole, windows)
    ]
    assumed_by_name = _assumed(options, costs)
    read: dict[Any, Any] = {}
    places = [
        Place(strategy, piece, assumed, names, window, label, read)
        for strategy in strategies
        for names, window, piece in markets
        for label, assumed in assumed_by_name
    ]
    _refuse_same(places)
    return places


def _refuse_same(places: Sequence[Place]) -> None:
    """Raise Setup SFS33 where two places differ in what they are called and in nothing else."""
    seen: dict[str, Place] = {}
    for place in places:
        other = seen.setdefault(place.hash, place)
        if other is not place:
            one, two = (
                f"{each.strategy.__name__}, {each.symbols}, {each.window}, {each.costs}" for each in (other, place)
            )
            why = "the same code hears the same bars at the same costs, so every cell would be there twice"
            raise Setup("SFS33", f"({one}) and ({two}) are one and the same", why=why, fix="name it once")


def _markets(market: MarketData, each_symbol: bool) -> Iterator[tuple[str, MarketData]]:
    """The whole market, or every symbol of it alone."""
    if not each_symbol or len(market.symbols) == 1:
        more = f" and {len(market.symbols) - 3} more" if len(market.symbols) > 4 else ""
        yield " ".join(market.symbols[:3] if more else market.symbols) + more, market
        return
    yield from zip(market.symbols, market.apart(), strict=True)


def _cut(market: MarketData, windows: Any) -> Iterator[tuple[str, MarketData]]:
    """The windows of a market by their names: a mapping, or pairs of first and last day."""
    if windows is None:
        yield "all", market
        return
    named = dict(windows) if hasattr(windows, "items") else {_span(*days): days for days in windows}
    if not named:
        raise Setup("SFS15", "windows= names no window", fix='windows=[("2015-01-01", "2017-12-31"), ...]')
    for name, (start, end) in named.items():
        yield name, market.subset(start=start, end=end)


def _span(start: Any, end: Any) -> str:
    """What a window is called by its days, of which one may be open."""
    return f"from {start}" if end is None else f"until {end}" if start is None else f"{start} to {end}"


def _assumed(options: Options, costs: Mapping[str, Mapping[str, Any]] | None) -> list[tuple[str, Options]]:
    """The assumptions by their names."""
    if costs is None:
        return [("stated", options)]
    if not costs:
        raise Setup("SFS16", "costs= names no assumptions", fix='costs={"free": {}, "dear": {"fees": Fees(...)}}')
    known = {each.name for each in fields(Options)}
    for name, changes in costs.items():
        for word in changes:
            if word not in known:
                what = f"costs[{name!r}] has {word!r}, which is no assumption of a backtest"
                raise Setup("SFS16", what, fix=f"one of {', '.join(sorted(known - _NO_ASSUMPTION))}")
    return [(name, replace(options, **changes)) for name, changes in costs.items()]


def assumptions(options: Options) -> dict[str, Any]:
    """The assumptions as plain values, for a hash and for people."""
    rows = {each.name: getattr(options, each.name) for each in fields(Options) if each.name not in _NO_ASSUMPTION}
    found = {name: _plain(value) for name, value in rows.items()}
    if options.artifacts:
        from stratofold.models import content_hash

        found["artifacts"] = {name: content_hash(model) for name, model in sorted(options.artifacts.items())}
    return found


def _plain(value: Any) -> Any:
    """A number, a text, or a model as its class and all that it holds."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return repr(value)
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if hasattr(value, "items"):
        return {str(name): _plain(number) for name, number in value.items()}
    names = [name for base in reversed(type(value).__mro__) for name in getattr(base, "__slots__", ())]
    names = [name for name in (*names, *sorted(getattr(value, "__dict__", ()))) if hasattr(value, name)]
    return {"model": type(value).__qualname__, **{name: _plain(getattr(value, name)) for name in names}}


def code_hash(
    strategy: type[Strategy], market: MarketData, options: Options, read: dict[Any, Any] | None = None
) -> str:
    """SHA-256 over the source of everything that a run of the strategy can reach: the user's files, the fold, and ours beside it.

    `read` is what was read for other places of the same sweep.
    """
    read = {} if read is None else read
    key = strategy, id(options), _seen_by_setup(strategy, market)
    if key not in read:
        read[key] = _read_code(strategy, market, options, read), options  # which keeps its id
    found: str = read[key][0]
    return found


def _read_code(strategy: type[Strategy], market: MarketData, options: Options, read: dict[Any, Any]) -> str:
    """As `code_hash`, read once for all markets that `setup` cannot tell apart."""
    from stratofold.kernel.sources import engine_hash

    held = [*options.artifacts.values(), options.fees, options.slippage, options.limits, options.latency]
    source = _source_of(_classes([_built(strategy, market, options), *held]) | {strategy}, read)
    name = f"{strategy.__module__.rpartition('.')[2]}.{strategy.__qualname__}"
    heard = f"{tuple(strategy.schedule)!r} {tuple(strategy.series)!r}"
    text = f"{name}\n{heard}\n{source}\n{engine_hash()}\n{own_hash()}"
    return hashlib.sha256(text.encode()).hexdigest()


def _seen_by_setup(strategy: type[Strategy], market: MarketData) -> int | tuple[str, ...]:
    """What of a market may change of what classes a strategy is made: how many symbols there are, or which."""
    from stratofold.research.sweep.settled import reads_of

    reads = reads_of(strategy)
    return market.symbols if reads is None or reads.symbols else len(market.symbols)


def _source_of(classes: set[type], read: dict[Any, Any]) -> str:
    """The hash of what some classes reach, read once for all places."""
    from stratofold.kernel.sources import source_hash

    known = frozenset(classes)
    if known not in read:
        read[known], _ = source_hash(sorted(classes, key=lambda cls: f"{cls.__module__}.{cls.__qualname__}"))
    found: str = read[known]
    return found


def _built(strategy: type[Strategy], market: MarketData, options: Options) -> Strategy | None:
    """The strategy with what `setup` made; None where it refuses the parameters that it declares: others may suit it."""
    try:
        return build_strategy(strategy, market.symbols, {}, options.artifacts)
    except Exception:  # noqa: BLE001  a strategy may raise anything; where every cell does, the sweep says so
        return None


@cache
def own_hash() -> str:
    """SHA-256 of what of ours a cell depends on, beside the fold and the kernel."""
    total = hashlib.sha256()
    for path in sorted(path for name in _OF_A_CELL for path in _PACKAGE.glob(name)):
        total.update(path.relative_to(_PACKAGE).as_posix().encode())
        total.update(path.read_bytes())
    return total.hexdigest()


def _classes(thing: object) -> set[type]:
    """The classes of an object and of all that it holds."""
    found: set[type] = set()
    seen: set[int] = set()
    waiting = [thing]
    while waiting:
        each = waiting.pop()
        if id(each) in seen or isinstance(each, (int, float, str, bytes, type(None))):
            continue
        seen.add(id(each))
        if isinstance(each, (list, tuple)):
            waiting += each
        elif isinstance(each, dict):
            waiting += each.values()
        elif type(each).__module__.partition(".")[0] not in {"builtins", "array", "numpy"}:
            found.add(type(each))
            names = [name for base in type(each).__mro__ for name in getattr(base, "__slots__", ())]
            waiting += [getattr(each, name, None) for name in names]
            waiting += [value for name, value in getattr(each, "__dict__", {}).items() if not name.startswith("_edge")]
    return found
