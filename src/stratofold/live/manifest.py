"""What a book was opened with: everything its fold is made from, as one record.

What comes in: a strategy class and choices.  What goes out: a `Manifest`, whose bytes are in the book's first record
and whose hash is in every envelope, and the `Fold` that it describes, before its first event.
Why it is shaped so: replay, restart and verification begin from the journal alone, so all that decides is in it.
"""

from __future__ import annotations

import hashlib
import inspect
import re
from array import array
from typing import TYPE_CHECKING, Any

import msgspec

from stratofold.errors import Setup
from stratofold.fold.ledger import Ledger
from stratofold.fold.risk import Limits
from stratofold.instance import build_strategy, hooks_of
from stratofold.live.fold import Fold, Unguarded, make_engine
from stratofold.live.progress import Progress
from stratofold.live.risk.bounds import Bounds, SymbolBounds
from stratofold.live.risk.guard import Guard
from stratofold.live.risk.hours import Hours
from stratofold.market.contracts import contracts_of, sessions_of
from stratofold.market.instruments import EQUITY, FUND, Instrument, currency_decimals
from stratofold.market.sessions import calendar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stratofold.fold.strategy import Strategy
    from stratofold.market.sessions import Calendar

_BOOK = re.compile(r"[A-Za-z0-9]{1,12}")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_YEAR_NS = 366 * 86_400_000_000_000


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """A book as it was opened; amounts in `currency`, `opened` in ns UTC, `limits` by the names of `fold.risk.Limits`."""

    book: str
    account: str
    generation: str
    strategy: str
    parameters: dict[str, Any]
    instruments: list[dict[str, Any]]
    calendar: str
    currency: str
    capital: float
    limits: dict[str, float]
    span_ns: int
    opened: int
    code: str
    warmed_from: int = 0
    grace_seconds: float = 0.0
    message_age_seconds: float = 60.0
    risk_free: float = 0.0
    bounds: dict[str, Any] | None = None
    native_brackets: bool = False
    ticks: tuple[str, ...] = ()  # the kinds of tick that it hears in the place of bars, if any

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols by handle."""
        return tuple(row["symbol"] for row in self.instruments)


def refuse_book_name(book: str) -> None:
    """Raise Setup SF842 for a name that cannot be the beginning of a client id (contract 6)."""
    if not _BOOK.fullmatch(book):
        what = f"a book cannot be called {book!r}"
        raise Setup("SF842", what, why="its name begins every client order id", fix="use 1 to 12 letters and digits")


def base36(number: int) -> str:
    """A whole number in base 36; raises ValueError below 0."""
    if number < 0:
        raise ValueError("only numbers from 0 on have an id")
    text = ""
    while True:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
        if number == 0:
            return text


AS_IT_WAS = "__source_as_it_was__"  # of a module whose code comes from a record and not from its file


def source_of(strategy: type[Strategy]) -> str:
    """The source of the module that a strategy is written in, as it was where it was kept; its name where there is none."""
    module = inspect.getmodule(strategy)
    kept: str | None = getattr(module, AS_IT_WAS, None)
    if kept is not None:
        return kept
    try:
        return inspect.getsource(module) if module is not None else inspect.getsource(strategy)
    except (OSError, TypeError):
        return strategy.__qualname__


def code_hash(strategy: type[Strategy]) -> str:
    """SHA-256 (first 16 hex digits) over `source_of` a strategy."""
    return hashlib.sha256(source_of(strategy).encode()).hexdigest()[:16]


def is_code_of(strategy: type[Strategy], manifest: Manifest) -> bool:
    """Whether a strategy is what the book ran: the code of its file, and which class there."""
    return code_hash(strategy) == manifest.code and manifest.strategy.rpartition(":")[2] == strategy.__qualname__


def configuration_hash(manifest: Manifest) -> str:
    """SHA-256 (first 16 hex digits) over everything that the book was opened with."""
    return hashlib.sha256(msgspec.msgpack.encode(manifest)).hexdigest()[:16]


class Beginning(msgspec.Struct, frozen=True, kw_only=True):
    """The body of an `opened` or `changed` record: the manifest, and the state from which the fold goes on at `step`.

    The state is empty where a fold begins as `setup` makes it; after a change it is what was chosen: kept, migrated or
    rebuilt.  It is in the record so that the chain covers it.
    """

    manifest: Manifest
    step: int = 0
    state: bytes = b""
    chosen: str = ""
    source: str = ""


def read_beginning(body: bytes) -> Beginning:
    """The body of an `opened` or `changed` record; raises Setup SF843 when it is none."""
    try:
        return msgspec.msgpack.decode(body, type=Beginning)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        what = "what the book was opened with cannot be read"
        raise Setup("SF843", what, why=str(error), fix="open it with the version that wrote it") from error


def instrument_rows(instruments: list[Instrument]) -> list[dict[str, Any]]:
    """Instruments as plain rows."""
    return [{name: getattr(item, name) for name in Instrument.__dataclass_fields__} for item in instruments]


def guard_of(manifest: Manifest) -> Guard | Unguarded:
    """The guard that the manifest's bounds ask for."""
    if manifest.bounds is None:
        return Unguarded()
    hours = _hours(manifest)
    equities = [row["kind"] in (EQUITY, FUND) for row in manifest.instruments]
    return Guard(bounds_from(manifest.bounds), [hours] * len(equities), manifest.symbols, equities)


def bounds_from(rows: Mapping[str, Mapping[str, Any]]) -> Bounds:
    """Bounds from plain rows by section, as `msgspec.to_builtins` makes them; what is not stated allows nothing."""
    symbols = {name: SymbolBounds(**row) for name, row in rows.get("symbols", {}).items()}
    sections = {
        name: type(getattr(Bounds(), name))(**rows[name])
        for name in Bounds.__struct_fields__
        if name in rows and name != "symbols"
    }
    return Bounds(symbols=symbols, **sections)


def _hours(manifest: Manifest) -> Hours:
    """When the book's market is open, from a while before its first event on."""
    near = _calendar(manifest)
    return Hours(near.opens, near.closes)


def _calendar(manifest: Manifest) -> Calendar:
    """The sessions that a book can meet."""
    return calendar(manifest.calendar).slice(manifest.warmed_from or manifest.opened, manifest.opened + 10 * _YEAR_NS)


def build_fold(manifest: Manifest, strategy: type[Strategy], artifacts: Mapping[str, object] | None = None) -> Fold:
    """The fold of a manifest before its first event; raises Setup for parameters or instruments that cannot be."""
    instruments = [Instrument(**row) for row in manifest.instruments]
    fold = build_strategy(strategy, manifest.symbols, manifest.parameters, artifacts or {})
    for item in instruments:
        if item.currency != manifest.currency:
            what = f"{item.symbol} trades in {item.currency}, and the book is in {manifest.currency}"
            raise Setup("SF844", what, why="the live path has one currency a book yet", fix="open a book a currency")
    sessions = _calendar(manifest)
    scales = array("d", [10.0 ** currency_decimals(manifest.currency)])

    def ledger() -> Ledger:
        return Ledger(contracts_of(instruments, [manifest.currency]), scales, manifest.capital)

    free = array("d", [manifest.risk_free / sessions.sessions_per_year])
    engine = make_engine(
        ledger(), ledger(), Limits(**manifest.limits), sessions_of(sessions), hooks_of(fold), free,
        int(manifest.grace_seconds * 1e9), manifest.ticks,
    )  # fmt: skip
    return Fold(
        engine, fold, manifest.symbols, _progress(manifest, len(strategy.schedule)), guard_of(manifest),
        native_brackets=manifest.native_brackets,
    )  # fmt: skip


def _progress(manifest: Manifest, schedule_count: int) -> Progress:
    """How far a book has heard: nothing."""
    if not manifest.ticks:
        return Progress(len(manifest.instruments), schedule_count)
    from stratofold.live.ticks import TickProgress  # noqa: PLC0415  only books on ticks pay for it

    return TickProgress(len(manifest.instruments), schedule_count)
