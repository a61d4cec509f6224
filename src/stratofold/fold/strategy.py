"""What a user writes: a class with parameters, a `setup`, and hooks.

What comes in: events, one at a time, and the book.  What goes out: words on the book.
What a strategy remembers are numbers, arrays and plain objects of those, made in `setup`; they are laid out for the
compiler, saved and restored.  Attributes that begin with `_edge` belong to Python and are none of that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from stratofold.errors import Setup

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stratofold.events import Bar, Bars, Depth, Fill, Observation, Quote, Timer, Trade
    from stratofold.fold.book import Book
    from stratofold.fold.ticks.book import TickBook
    from stratofold.fold.universe import Universe

Value = TypeVar("Value", int, float, bool)
Thing = TypeVar("Thing")

# Kinds of schedule.
AT_OPEN, AT_CLOSE_OF_SESSION, EVERY, MONTH_START, WEEK_START, MONTH_END = range(6)


@dataclass(frozen=True)
class Schedule:
    """When a timer is due: `minutes` is an offset, or the period of `every`."""

    kind: int
    minutes: int


def at_open(minutes: int = 0) -> Schedule:
    """`minutes` after each session's open."""
    return Schedule(AT_OPEN, minutes)


def at_close(minutes: int = 0) -> Schedule:
    """`minutes` (usually negative) from each session's close."""
    return Schedule(AT_CLOSE_OF_SESSION, minutes)


def every(minutes: int) -> Schedule:
    """Each `minutes` within a session, from its open to its close."""
    if minutes < 1:
        raise Setup("SF120", f"every(minutes={minutes}) is no period", fix="use a whole number of minutes from 1")
    return Schedule(EVERY, minutes)


def month_start(minutes: int = 0) -> Schedule:
    """`minutes` after the open of each month's first session."""
    return Schedule(MONTH_START, minutes)


def month_end(minutes: int = 0) -> Schedule:
    """`minutes` from the close of each month's last session."""
    return Schedule(MONTH_END, minutes)


def week_start(minutes: int = 0) -> Schedule:
    """`minutes` after the open of each week's first session."""
    return Schedule(WEEK_START, minutes)


class Param:
    """A declared parameter: its default, bounds (inclusive) and what it means."""

    def __init__(self, default: float, low: float | None, high: float | None, doc: str) -> None:
        """Keep the declaration; the default must lie within the bounds."""
        self.default = default
        self.low = low
        self.high = high
        self.doc = doc
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        """Learn the attribute's name."""
        self.name = name
        self.accept(self.default)

    def accept(self, value: object) -> float:
        """`value` as this parameter's type; raises Setup when it is another type or out of bounds."""
        kind = type(self.default)
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            what = f"parameter {self.name} is {value!r}, and must be {_article(kind)}"
            raise Setup("SF101", what, fix=f"give a value like {self.default!r}")
        number: Any = value
        if (self.low is not None and number < self.low) or (self.high is not None and number > self.high):
            what = f"parameter {self.name} is {value!r}, and must be from {self.low} to {self.high}"
            raise Setup("SF102", what, fix=f"choose a value in bounds, or change param({self.default!r}, low=, high=)")
        return number  # type: ignore[no-any-return]


def _article(kind: type) -> str:
    """The type's name as a noun."""
    return {int: "a whole number", float: "a number", bool: "True or False"}.get(kind, kind.__name__)


def param(default: Value, *, low: float | None = None, high: float | None = None, doc: str = "") -> Value:
    """Declare a parameter of a strategy: `fast = param(20, low=5, high=60)`.

    Its type is the default's: int, float or bool.  Bounds are inclusive and are what a sweep searches.
    Raises Setup when a value is of another type or out of bounds.
    """
    if type(default) not in (int, float, bool):
        raise Setup("SF103", f"param({default!r}): a parameter is an int, a float or a bool", fix="use a number")
    declared: Any = Param(default, low, high, doc)
    return declared  # type: ignore[no-any-return]


_parameters_of: dict[type, dict[str, Param]] = {}  # a class declares its parameters once, in its body


class Strategy:
    """A fold of state and events; subclass it, declare parameters, and write `setup` and hooks."""

    schedule: ClassVar[Sequence[Schedule]] = ()
    series: ClassVar[Sequence[str]] = ()
    _edge_shelf: Callable[..., list[Any] | None] | None = None  # a sweep's, where what cells share is kept

    def __init__(self) -> None:
        """A strategy of no symbols, each parameter at its default."""
        self.symbol_count: int = 0
        self._edge_symbols: tuple[str, ...] = ()
        self._edge_artifacts: dict[str, object] = {}
        self._edge_loaded: list[str] = []
        for name, declared in self.parameters().items():
            setattr(self, name, declared.default)

    @classmethod
    def parameters(cls) -> dict[str, Param]:
        """The declared parameters by name, base classes first."""
        found = _parameters_of.get(cls)
        if found is None:
            found = {}
            for base in reversed(cls.__mro__):
                found.update({name: value for name, value in vars(base).items() if isinstance(value, Param)})
            _parameters_of[cls] = found
        return found

    # What setup may ask.

    def symbol(self, name: str) -> int:
        """The handle of the symbol called `name`; raises Setup when the run has no such symbol."""
        if name not in self._edge_symbols:
            what = f"there is no symbol {name!r} in this run"
            raise Setup("SF104", what, why=f"its symbols are {_listed(self._edge_symbols)}", fix="add it to symbols=")
        return self._edge_symbols.index(name)

    def per_symbol(self, factory: Callable[..., Thing], *arguments: Any, **options: Any) -> list[Thing]:
        """One object a symbol, `factory(*arguments, **options)` each, looked up by `bar.symbol`."""
        if self._edge_shelf is not None:
            kept = self._edge_shelf(factory, arguments, options, self.symbol_count)
            if kept is not None:
                return kept
        return [factory(*arguments, **options) for _ in range(self.symbol_count)]

    def artifact(self, name: str) -> Any:
        """The model given to the run as `artifacts={name: model}`; raises Setup when there is none.

        One that has a state (and so a `fresh`) comes with an empty one of its own: what one run has heard is no other's.
        """
        if name not in self._edge_artifacts:
            what = f"there is no artifact {name!r} in this run"
            why = f"its artifacts are {_listed(tuple(self._edge_artifacts))}"
            raise Setup("SF105", what, why=why, fix=f"pass artifacts={{{name!r}: model}}")
        self._edge_loaded.append(name)
        model = self._edge_artifacts[name]
        return model.fresh() if hasattr(model, "fresh") else model

    def universe(self, top: int, by: str = "median dollar volume", days: int = 60) -> Universe:
        """The `top` symbols by `by` over `days` sessions, as of the simulated day; feed it each bar."""
        from stratofold.fold.universe import Universe  # noqa: PLC0415  only strategies that ask pay for it

        return Universe(self.symbol_count, top, by, days)

    # Hooks: a strategy overrides those it needs.

    def setup(self) -> None:
        """Make the state: indicators, counters, models.  Runs once, before the first event."""

    def on_bar(self, bar: Bar, book: Book) -> None:
        """A bar of one symbol is complete."""

    def on_bars(self, bars: Bars, book: Book) -> None:
        """The bars of one time, all symbols, are complete."""

    def on_quote(self, quote: Quote, book: TickBook) -> None:
        """The best bid and offer of one symbol, on data that have quotes."""

    def on_trade(self, trade: Trade, book: TickBook) -> None:
        """A trade in the market, on data that have trades."""

    def on_depth(self, depth: Depth, book: TickBook) -> None:
        """A level of one symbol has changed, on data that have depth; with `depth.last` its message is complete."""

    def on_timer(self, timer: Timer, book: Book) -> None:
        """A timer of the schedule, or of `book.after`, is due."""

    def on_fill(self, fill: Fill, book: Book) -> None:
        """An order of ours was filled, wholly or in part."""

    def on_observation(self, observation: Observation, book: Book) -> None:
        """A value of `series[observation.series]` became known: a figure, a score, a signal from outside."""


def _listed(names: tuple[str, ...]) -> str:
    """The first names of a list, for a sentence."""
    if not names:
        return "none"
    shown = ", ".join(names[:12])
    return shown if len(names) <= 12 else f"{shown} and {len(names) - 12} more"
