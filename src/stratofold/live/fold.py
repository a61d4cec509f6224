"""The fold of one book, live: the same step that a simulation makes, with the venue outside.

What comes in: events, one at a time, in the order in which they are written down.  What goes out: for each a `Step`:
what the fold wants sent, what it refused, what was filled.
Why it is shaped so: it is the driver of a simulation with another thing in the venue's place, so a backtest and a live
run cannot drift apart; it does no I/O, has no clock, and its state is bytes.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any, NamedTuple

from stratofold.errors import Bug
from stratofold.events import (
    ACCEPTED,
    ACTION,
    CANCEL_REJECTED,
    COMMAND,
    COMMAND_FLATTEN,
    FILLED,
    GAP,
    LEFT_OUT,
    PARTIAL,
    RATE,
    REJECTED,
    REPLACE_REJECTED,
    REPLACED,
    STATUS,
    TIMER,
    UNHEARD,
    Action,
    Bar,
    Command,
    Depth,
    Event,
    Observation,
    Quote,
    Rate,
    Report,
    Status,
    Timer,
    Trade,
)
from stratofold.fold.account import ACTIVE, WARMING
from stratofold.fold.book import Book
from stratofold.fold.engine import Engine, Feed
from stratofold.fold.log import Logs
from stratofold.fold.order import CANCEL, REPLACE, SUBMIT
from stratofold.fold.passing import arrive, close_session, deliver, pass_time
from stratofold.fold.risk import Limits, Risk
from stratofold.fold.run import trade_bar
from stratofold.fold.sparse import hear_event, hear_own_timer
from stratofold.fold.state import copy, restore, save
from stratofold.fold.step import hear_observation, hear_report
from stratofold.fold.tally import Tally
from stratofold.live.excess import ask_again, cancel_again, count_forerunner, take_back
from stratofold.live.facts import copied, keep_facts
from stratofold.live.layout import STRATEGY, head_of, layout_of, values_in
from stratofold.live.legs import entry_of_leg, give_back, leave_to_venue, leaving, lend, let_go, succeed, the_venues
from stratofold.live.outside import Outside, Sent
from stratofold.live.risk.act import after
from stratofold.live.risk.guard import Guard, screen
from stratofold.live.risk.verdict import reduces

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stratofold.fold.ledger import Ledger
    from stratofold.fold.log import Log
    from stratofold.fold.strategy import Strategy
    from stratofold.live.layout import Layout
    from stratofold.live.progress import Progress

_RANKS: dict[type[Event], int] = {Action: ACTION, Rate: RATE, Status: STATUS, Timer: TIMER, Command: COMMAND}
_REFUSED = {SUBMIT: REJECTED, CANCEL: CANCEL_REJECTED, REPLACE: REPLACE_REJECTED}
_LOG_ROWS = 64

Row = tuple[Any, ...]


class Step(NamedTuple):
    """What one event led to: messages for the venue, and rows of refusals, fills, finished orders and trades."""

    messages: list[Sent]
    refusals: list[Row]
    fills: list[Row]
    orders: list[Row]
    trades: list[Row]
    sessions: list[Row]
    breaches: list[Row]
    next_number: int


class Unguarded:
    """No guard around the fold: for tests and receipts only, as a backtest has none."""

    __slots__ = ()


_NOTHING = Unguarded()  # stands where a strategy is left out


class _State:
    """The parts of a fold that are state; tables that `setup` gives anew are not."""

    ENGINE = (
        "bar",
        "bar_index",
        "bars",
        "book",
        "equity_steps",
        "event_index",
        "risk",
        "sessions",
        "tally",
        "unobserved",
    )
    __slots__ = (*ENGINE, "guard", "progress", "strategy")

    strategy: Any

    def __init__(self, fold: Fold) -> None:
        """The parts as they are now."""
        for name in self.ENGINE:
            setattr(self, name, getattr(fold.engine, name))
        self.guard = fold.guard
        self.progress = fold.progress
        self.strategy = fold.strategy


class Fold:
    """One book: a strategy, an account, limits; `names` are the symbols by handle."""

    def __init__(
        self, engine: Engine, strategy: Strategy, names: tuple[str, ...], progress: Progress, guard: Guard | Unguarded,
        *, native_brackets: bool = False,
    ) -> None:  # fmt: skip
        """Before the first event; the engine's venue must be `Outside`, `native_brackets` whether it runs brackets."""
        self.engine = engine
        self.guard = guard
        self.native_brackets = native_brackets
        self.progress = progress
        self.strategy = strategy
        self.names = names
        self.handles = {name: handle for handle, name in enumerate(names)}
        self.steps = 0
        self.restored_step = 0  # where the state was that this fold began with
        self.hear_tick: Callable[[Any, Strategy, Any], None] | None = None
        if hasattr(engine, "quote"):
            from stratofold.live.ticks import hear_tick  # noqa: PLC0415  only books on ticks pay for it

            self.hear_tick = hear_tick
        self._feed = _one_row()
        self._layout = layout_of(_State(self))

    def hear(self, event: Event) -> Step:
        """Carry one event through the fold; whatever raises leaves a state that must be thrown away."""
        engine = self.engine
        if event.source == LEFT_OUT:
            self.progress.note(event)
            self.steps += 1
            return self._step([], [], [])
        if event.source == UNHEARD:
            return self._hear_spared(event)
        if isinstance(event, Bar):
            self._hear_bar(event)
        elif isinstance(event, Report):
            self._hear_report(event)
        elif self.hear_tick is not None and isinstance(event, (Trade, Quote, Depth)):
            self.hear_tick(engine, self.strategy, event)
        elif isinstance(event, Observation):
            self._hear_observation(event)
        else:
            self._hear_sparse(event)
        self.progress.note(event)
        messages, refused, breaches = self._guarded(event)
        engine.book.busy = False
        self.steps += 1
        return self._step(messages, refused, breaches)

    def _hear_spared(self, event: Event) -> Step:
        """An event without the strategy: no hook is called, neither for it nor for the group of bars that it would end."""
        hears, source = self.engine.hears, event.source
        self.engine.hears, event.source = 0, 0
        self.engine.bars.pending = False
        try:
            return self.hear(event)
        finally:
            self.engine.hears, event.source = hears, source

    def _hear_bar(self, bar: Bar) -> None:
        """A bar, as the simulation's driver hears it."""
        own = self.engine.bar
        own.time = bar.time
        own.known = bar.known
        own.source = bar.source
        own.source_sequence = bar.source_sequence
        own.symbol = bar.symbol
        own.span = bar.span
        own.revision = bar.revision
        own.open = bar.open
        own.high = bar.high
        own.low = bar.low
        own.close = bar.close
        own.volume = bar.volume
        arrive(self.engine, self.strategy, own.time)
        trade_bar(self.engine, self.strategy, own, own.time)
        ask_again(self.engine.book, own.symbol)
        self.engine.bar_index += 1
        deliver(self.engine, self.strategy)

    def _hear_report(self, report: Report) -> None:
        """What a venue says, at its time, or now if it says so late."""
        engine = self.engine
        if report.time > engine.book.time:
            arrive(engine, self.strategy, report.time)
            engine.book.time = report.time
        else:
            engine.book.ledger.note(report.symbol)
        count_forerunner(engine.book, report)
        if report.kind in (PARTIAL, FILLED):
            self._hear_fill(report)
        else:
            hear_report(engine, self.strategy, report)
        if report.kind == REPLACED:
            cancel_again(engine.book, report.number)
        if report.kind in (ACCEPTED, REPLACED, PARTIAL):
            take_back(engine.book, report.number)
        deliver(engine, self.strategy)

    def _hear_fill(self, report: Report) -> None:
        """A fill: what hangs on its order is as wanted while it is heard, and as confirmed afterwards."""
        book = self.engine.book
        theirs = the_venues(book, report.number) if self.native_brackets else []
        leave_to_venue(book, theirs)
        lent = lend(book, report.number)
        left, entry = leaving(book, report), entry_of_leg(book, report.number)
        hear_report(self.engine, self.strategy, report)
        give_back(book, lent)
        let_go(book, report.number, entry)
        leave_to_venue(book, theirs)
        succeed(book, left)

    def _lose(self, status: Status) -> None:
        """The feed has a gap: what the market showed is not known any more."""
        from stratofold.live.ticks import lose  # noqa: PLC0415  as above

        lose(self.engine, status)  # type: ignore[arg-type]

    def _hear_observation(self, observation: Observation) -> None:
        """A value from outside, when it was known: what it leads to is decided then, however old it is."""
        engine = self.engine
        time = max(observation.known, engine.book.time)
        arrive(engine, self.strategy, time)
        engine.book.time = time
        hear_observation(engine, self.strategy, observation)
        deliver(engine, self.strategy)
        engine.event_index += 1

    def _hear_sparse(self, event: Event) -> None:
        """One of the events between the bars, as a feed of one row; a timer of `after` is the book's own."""
        if isinstance(event, Timer) and event.schedule < 0:
            hear_own_timer(self.engine, self.strategy)
            self.engine.event_index += 1
            return
        if isinstance(event, Command) and event.symbol >= 0:
            # What is said of one symbol is the guard's affair: the book goes on as it is.
            arrive(self.engine, self.strategy, max(event.time, self.engine.book.time))
            self.engine.event_index += 1
            return
        if isinstance(event, Command) and event.kind == COMMAND_FLATTEN and not isinstance(self.guard, Unguarded):
            self.engine.book.time = max(event.time, self.engine.book.time)
            return  # the guard closes, when what works is cancelled
        rank = _RANKS.get(type(event))
        if rank is None:
            raise Bug("SF841", f"the live fold does not hear a {type(event).__name__} yet")
        feed = self._feed
        feed.event_time[0] = max(event.time, self.engine.book.time)
        feed.event_rank[0] = rank
        feed.event_kind[0] = event.schedule if isinstance(event, Timer) else getattr(event, "kind", 0)
        feed.event_symbol[0] = getattr(event, "symbol", -1)
        feed.event_currency[0] = getattr(event, "currency", 0)
        feed.event_value[0] = getattr(event, "value", 0.0)
        hear_event(self.engine, self.strategy, feed, 0)
        if self.hear_tick is not None and isinstance(event, Status) and event.kind == GAP:
            self._lose(event)
        self.engine.event_index += 1

    def _guarded(self, event: Event) -> tuple[list[Sent], list[Row], list[Row]]:
        """What may leave of what the step wants sent, what the guard refused, and the bounds that broke.

        A refused message is rejected at once, as a venue would: the book never thinks that it works.
        """
        sent: list[Sent] = self.engine.venue.sent  # type: ignore[attr-defined]  # the venue is Outside
        if isinstance(self.guard, Unguarded):
            messages = list(sent)
            sent.clear()
            return messages, [], []
        book = self.engine.book
        breaches = after(self.guard, self.engine, event)
        deliver(self.engine, self.strategy)
        messages, refused = [], []
        while sent:
            wanted = list(sent)
            sent.clear()
            for message, (wish, verdict) in zip(wanted, screen(self.guard, wanted, book), strict=True):
                if verdict.allowed:
                    messages.append(message)
                    continue
                refused.append((
                    book.time, wish.number, wish.symbol, wish.side, verdict.reason, wish.quantity, verdict.limit,
                    verdict.observed,
                ))  # fmt: skip
                self._reject(message)
        return messages, refused, [tuple(breach) for breach in breaches]

    def _reject(self, message: Sent) -> None:
        """Tell the book that a message will not be sent."""
        report = Report()
        report.kind = _REFUSED[message[0]]
        report.time = report.known = self.engine.book.time
        report.number, report.symbol, report.side = message[1:4]
        hear_report(self.engine, self.strategy, report)
        deliver(self.engine, self.strategy)

    def _step(self, messages: list[Sent], refused: list[Row], breaches: list[Row]) -> Step:
        """Take what the step left behind."""
        logs = self.engine.logs
        if not (logs.refusals.count or logs.fills.count or logs.orders.count or logs.trades.count or logs.equity.count):
            return Step(messages, refused, [], [], [], [], breaches, self.engine.book.next_number)
        return Step(
            messages,
            [*_drain(logs.refusals), *refused] if logs.refusals.count else refused,
            _drain(logs.fills) if logs.fills.count else [],
            _drain(logs.orders) if logs.orders.count else [],
            _drain(logs.trades) if logs.trades.count else [],
            _drain(logs.equity) if logs.equity.count else [],
            breaches,
            self.engine.book.next_number,
        )

    @property
    def disabled(self) -> Sequence[int]:
        """By symbol handle, since when (ns UTC) the guard has disabled it until a person resumes it; 0 is not."""
        return [0] * len(self.names) if isinstance(self.guard, Unguarded) else self.guard.repeats.disabled

    @property
    def held_at(self) -> int:
        """When a breach began to hold the book as a whole; 0 is not."""
        return 0 if isinstance(self.guard, Unguarded) else self.guard.held_at

    def expiries(self, messages: Sequence[Sent], age_ns: int) -> list[int]:
        """From when on (ns UTC) each message of the last step must no longer be sent; `age_ns` is how old it may get."""
        book = self.engine.book
        if isinstance(self.guard, Unguarded):
            return [book.time + age_ns] * len(messages)
        aged = self.guard.now + age_ns
        until: dict[tuple[int, bool], int] = {}  # of those that do not reduce, and of those that do, by symbol
        ends = []
        for action, _, symbol, side, *_ in messages:
            less = reduces(action, symbol, side, 0.0, book)
            if action != CANCEL and (symbol, less) not in until:
                until[symbol, less] = self.guard.expires_at(symbol, opens=not less, most=aged)
            ends.append(aged if action == CANCEL else until[symbol, less])
        return ends

    def warm(self, *, warming: bool) -> None:
        """While warming up every order is refused as such; afterwards the book is active."""
        self.engine.book.state = WARMING if warming else ACTIVE

    def finish(self) -> None:
        """The run is at its end: the last session is sampled as it stands."""
        pass_time(self.engine, self.engine.bar.symbol)
        self.engine.tally.sink(self.engine.book.ledger.take_lowest())
        close_session(self.engine)

    def take_account(self, other: Fold) -> None:
        """Take all from `other`, a fold of the same symbols, but the strategy's own state and what is stated of this one."""
        own, stated = self.strategy, _Stated(self.engine)
        parts = _State(self)
        parts.strategy = _NOTHING
        theirs = _State(other)
        theirs.strategy = _NOTHING
        restore(parts, save(theirs))
        stated.keep(self.engine)
        for name in ("bar_index", "equity_steps", "event_index", "unobserved"):
            setattr(self.engine, name, getattr(parts, name))
        self.strategy = own
        self.steps = other.steps

    def save(self) -> bytes:
        """The state as bytes; equal bytes are equal states.

        What is worked out when somebody asks for it is worked out first: a state does not depend on who has looked at it.
        """
        self.engine.book.ledger.refresh()
        values = save(_State(self))
        return head_of(self._laid_out()) + values

    def _laid_out(self) -> Layout:
        """How the state is laid out now: what the strategy holds in lists is its own affair."""
        return self._layout | layout_of(self.strategy, STRATEGY)

    def restore(self, state: bytes, steps: int) -> None:
        """Become the fold that `save` was called on.

        Raises Setup SF111 when the strategy's code is another, SF116 when another release laid the state out otherwise.
        """
        values = values_in(state, self._laid_out())
        parts, stated = _State(self), _Stated(self.engine)
        restore(parts, values)
        stated.keep(self.engine)
        for name in ("bar_index", "equity_steps", "event_index", "unobserved"):
            setattr(self.engine, name, getattr(parts, name))
        self.steps = self.restored_step = steps

    def copy(self, other: Fold) -> None:
        """Become what `other` is, a fold of the same manifest: as `restore(other.save(), other.steps)`, sooner."""
        parts = _State(self)
        other.engine.book.ledger.refresh()
        copy(_State(other), parts)
        for name in ("bar_index", "equity_steps", "event_index", "unobserved"):
            setattr(self.engine, name, getattr(parts, name))
        self.steps = self.restored_step = other.steps


class _Stated:
    """What is stated of a book and stands in its state too: its limits, and the facts of its instruments."""

    __slots__ = ("contracts", "limits")

    def __init__(self, engine: Engine) -> None:
        """As it is now; a state that is read into the engine does not change it."""
        limits = engine.risk.limits
        self.limits = Limits(**{name: getattr(limits, name) for name in Limits.__slots__})
        self.contracts = copied(engine.book.ledger.contracts)

    def keep(self, engine: Engine) -> None:
        """It holds over what a state had of it."""
        keep_limits(engine.risk, self.limits)
        keep_facts(engine.book.ledger, self.contracts)


def keep_limits(risk: Risk, limits: Limits) -> None:
    """The limits stated now hold over those of a state; of the moments of the last orders, the newest are kept."""
    risk.limits = limits
    room = len(Risk(limits, 0).order_times)
    if room != len(risk.order_times):
        at = risk.order_times_at
        newest = [*risk.order_times[at:], *risk.order_times[:at]][-room:] if room else []
        blank = Risk(limits, 0).order_times[: room - len(newest)]
        risk.order_times = array("q", [*blank, *newest])
        risk.order_times_at = 0


def make_engine(
    ledger: Ledger, spare: Ledger, limits: Limits, sessions: Any, hears: int, risk_free: array[float], grace_ns: int,
    ticks: Sequence[str] = (),
) -> Engine:  # fmt: skip
    """An engine whose venue is outside and whose logs are emptied after every step; one on `ticks` of these kinds, if any."""
    tally = Tally(ledger.symbol_count, ledger.equity_steps, risk_free)
    risk = Risk(limits, ledger.symbol_count)
    outside: Any = Outside(spare)
    logs = Logs(_LOG_ROWS, _LOG_ROWS)
    if ticks:
        from stratofold.live.ticks import tick_engine  # noqa: PLC0415  as above

        engine: Engine = tick_engine(ledger, ticks, risk, outside, tally, sessions, logs, hears)
    else:
        engine = Engine(Book(ledger), risk, outside, tally, sessions, logs, hears)
    engine.grace = grace_ns
    return engine


def _drain(log: Log) -> list[Row]:
    """The rows written since the last step, whole numbers first; the log is empty afterwards."""
    wide, deep, wholes, reals = len(log.WHOLES), len(log.REALS), log.wholes, log.reals
    rows = [(*wholes[k * wide : k * wide + wide], *reals[k * deep : k * deep + deep]) for k in range(log.count)]
    log.count = 0
    return rows


def _one_row() -> Feed:
    """A feed with room for one sparse event."""
    feed = Feed()
    for name in (
        "event_key",
        "event_time",
        "event_rank",
        "event_kind",
        "event_symbol",
        "event_currency",
        "event_value",
    ):
        getattr(feed, name).append(0)
    return feed
