"""The product's side of the comparison with the reference: the same scenario and script, run by the real fold.

`run_scenario` gives the outcome in the reference's shape.  The scripted strategy keeps its words in arrays, so that
the very same script also runs in machine code (`execution="compiled"`).
"""

from array import array
from math import inf, nan
from typing import Any

from stratofold.events import (
    ACTION,
    DELISTING,
    DEPOSIT,
    DIVIDEND,
    EXPIRY,
    FUNDING,
    HALT,
    INTEREST,
    MARKET,
    RATE,
    RENAME,
    RESUME,
    SPLIT,
    STATUS,
    WITHDRAWAL,
    Bar,
    Fill,
)
from stratofold.fold.book import Book
from stratofold.fold.costs import Fees, Latency, Slippage
from stratofold.fold.desk import Costs
from stratofold.fold.engine import HEARS_BAR, HEARS_FILL, Engine, Feed
from stratofold.fold.ledger import Ledger
from stratofold.fold.lifecycle import DONE_CANCELLED, DONE_EXPIRED, DONE_FILLED, WAITING
from stratofold.fold.log import Logs
from stratofold.fold.order import Contract
from stratofold.fold.risk import Limits, Risk, Unlimited
from stratofold.fold.run import CROWDED, run
from stratofold.fold.sessions import Sessions
from stratofold.fold.strategy import Strategy
from stratofold.fold.tally import Tally
from stratofold.fold.venue import Venue
from tests.reference.scenario import Outcome, Scenario, Script, Word

_TIFS = {"GTC": 0, "DAY": 1, "IOC": 2, "FOK": 3, "AT_CLOSE": 4, "POST_ONLY": 5}
_NAMES = (
    "buy", "sell", "cancel", "replace", "one_cancels_other", "close", "target_quantity", "target_value",
    "target_weight",
)  # fmt: skip
_FILL_COLUMNS = ("time", "number", "symbol", "side", "quantity", "price", "fee", "maker")
_STATES = {WAITING: "waiting", DONE_FILLED: "filled", DONE_CANCELLED: "cancelled", DONE_EXPIRED: "expired"}
_KINDS = {
    "split": (ACTION, SPLIT), "dividend": (ACTION, DIVIDEND), "delisting": (ACTION, DELISTING),
    "expiry": (ACTION, EXPIRY), "funding": (ACTION, FUNDING), "interest": (ACTION, INTEREST),
    "deposit": (ACTION, DEPOSIT), "withdrawal": (ACTION, WITHDRAWAL), "rename": (ACTION, RENAME),
    "rate": (RATE, 0), "halt": (STATUS, HALT), "resume": (STATUS, RESUME),
}  # fmt: skip


class Words:
    """Words as columns: each belongs to the `when`-th call of its hook."""

    def __init__(self, calls: dict[int, list[Word]]) -> None:
        """Flatten the script in order of call."""
        rows = [(k, word) for k in sorted(calls) for word in calls[k]]
        self.at = 0
        self.when = array("q", [k for k, _ in rows])
        self.name = array("q", [_NAMES.index(word.name) for _, word in rows])
        self.symbol = array("q", [word.symbol for _, word in rows])
        self.tif = array("q", [_TIFS[word.tif] for _, word in rows])
        self.number = array("q", [word.number for _, word in rows])
        self.other = array("q", [word.other for _, word in rows])
        self.value = array("d", [float(word.value) for _, word in rows])
        for field in ("quantity", "limit", "stop", "trail", "trail_fraction", "take_profit", "stop_loss"):
            values = [getattr(word, field) for _, word in rows]
            setattr(self, field, array("d", [nan if value is None else float(value) for value in values]))

    def speak(self, call: int, book: Book) -> None:
        """Say everything that belongs to this call."""
        while self.at < len(self.when) and self.when[self.at] < call:
            self.at += 1
        while self.at < len(self.when) and self.when[self.at] == call:
            self.say(self.at, book)
            self.at += 1

    def say(self, k: int, book: Book) -> None:
        """Say word `k`."""
        name = self.name[k]
        symbol = self.symbol[k]
        if name == 0:
            book.buy(
                symbol, self.quantity[k], self.limit[k], self.stop[k], self.trail[k], self.trail_fraction[k],
                self.take_profit[k], self.stop_loss[k], self.tif[k],
            )  # fmt: skip
        elif name == 1:
            book.sell(
                symbol, self.quantity[k], self.limit[k], self.stop[k], self.trail[k], self.trail_fraction[k],
                self.take_profit[k], self.stop_loss[k], self.tif[k],
            )  # fmt: skip
        elif name == 2:
            book.cancel(self.number[k])
        elif name == 3:
            book.replace(self.number[k], self.quantity[k], self.limit[k], self.stop[k])
        elif name == 4:
            book.one_cancels_other(self.number[k], self.other[k])
        elif name == 5:
            book.close(symbol)
        elif name == 6:
            book.target_quantity(symbol, self.value[k])
        elif name == 7:
            book.target_value(symbol, self.value[k])
        else:
            book.target_weight(symbol, self.value[k])


class Scripted(Strategy):
    """Says what a script says."""

    def setup(self) -> None:
        """No call yet; the words are put in by `build`."""
        self.bar_calls = 0
        self.fill_calls = 0
        self.bar_words = Words({})
        self.fill_words = Words({})

    def on_bar(self, bar: Bar, book: Book) -> None:
        """The next call of the script."""
        self.bar_words.speak(self.bar_calls, book)
        self.bar_calls += 1

    def on_fill(self, fill: Fill, book: Book) -> None:
        """The next fill of the script."""
        self.fill_words.speak(self.fill_calls, book)
        self.fill_calls += 1


def run_scenario(scenario: Scenario, script: Script, execution: str = "interpreted", capacity: int = 4) -> Outcome:
    """What the fold makes of `script` in `scenario`."""
    engine, strategy, feed = build(scenario, script, capacity)
    total = len(feed.time) + len(feed.event_key)
    if execution == "interpreted":
        while run(engine, strategy, feed, total) == CROWDED:
            engine.logs.make_room()
    else:
        from stratofold.research.execute import drive

        drive(engine, strategy, feed, total)
    return outcome(scenario, engine)


def build(
    scenario: Scenario, script: Script, capacity: int = 4, limits: Limits | None = None
) -> tuple[Engine, Scripted, Feed]:
    """Engine, strategy and feed before the first event."""
    count = len(scenario.instruments)
    strategy = Scripted()
    strategy.symbol_count = count
    strategy.setup()
    strategy.bar_words = Words({k: list(words) for k, words in script.on_bar.items()})
    strategy.fill_words = Words({k: list(words) for k, words in script.on_fill.items()})
    scales = array("d", [10.0**currency.decimals for currency in scenario.currencies])
    ledgers = [Ledger(_contracts(scenario), scales, scenario.cash) for _ in range(2)]
    for ledger in ledgers:
        for k, currency in enumerate(scenario.currencies):
            ledger.rate[k] = currency.rate
    book = Book(ledgers[0], capacity)
    venue = Venue(ledgers[1], _costs(scenario), capacity)
    rows = scenario.sessions
    sessions = Sessions(
        array("q", [s.open for s in rows]),
        array("q", [s.close for s in rows]),
        array("q", [s.date for s in rows]),
        array("q", [s.weekday for s in rows]),
        array("q", [s.month for s in rows]),
    )
    tally = Tally(count, book.ledger.equity_steps, array("d", [0.0]))
    logs = Logs(capacity, capacity, len(scenario.bars))
    risk = Risk(_plain(limits or Unlimited()), count)
    engine = Engine(book, risk, venue, tally, sessions, logs, HEARS_BAR | HEARS_FILL)
    return engine, strategy, _feed(scenario)


def _plain(limits: Limits) -> Limits:
    return Limits(**{name: getattr(limits, name) for name in Limits.__slots__})


def _contracts(scenario: Scenario) -> list[Contract]:
    return [_contract(scenario, instrument) for instrument in scenario.instruments]


def _contract(scenario: Scenario, instrument: Any) -> Contract:
    contract = Contract()
    contract.currency = instrument.currency
    contract.margined = instrument.kind == "margined"
    contract.price_scale = 10.0**instrument.price_decimals
    contract.quantity_scale = 10.0**instrument.quantity_decimals
    contract.lot = float(instrument.lot)
    contract.multiplier = float(instrument.multiplier)
    contract.margin = float(instrument.margin)
    contract.maintenance = float(instrument.maintenance)
    contract.borrow = float(scenario.costs.borrow)
    contract.money_scale = 10.0 ** scenario.currencies[instrument.currency].decimals
    return contract


def _costs(scenario: Scenario) -> Costs:
    costs = scenario.costs
    fees = Fees(
        per_share=costs.per_share,
        per_value=costs.per_value,
        minimum=costs.minimum,
        maximum_fraction=inf if costs.maximum_fraction is None else costs.maximum_fraction,
        maker=nan if costs.maker is None else costs.maker,
        taker=nan if costs.taker is None else costs.taker,
        tiers=tuple(costs.tiers),
    )
    slippage = Slippage(fixed=costs.fixed, proportional=costs.proportional, spread=costs.spread, impact=costs.impact)
    return Costs(fees, slippage, Latency(costs.latency), inf if costs.volume_cap is None else costs.volume_cap)


def _feed(scenario: Scenario) -> Feed:
    feed = Feed()
    bars = scenario.bars
    spans = {bar.span for bar in bars}
    assert len(spans) <= 1, "one scenario has one span"
    feed.span = spans.pop() if spans else 1
    feed.time = array("q", [bar.time for bar in bars])
    feed.symbol = array("q", [bar.symbol for bar in bars] + ([0] if len(bars) == 0 else []))
    for name in ("open", "high", "low", "close", "volume"):
        setattr(feed, name, array("d", [float(getattr(bar, name)) for bar in bars]))
    rows = sorted((each.time, _KINDS[each.kind][0], each.symbol, k, each) for k, each in enumerate(scenario.happenings))
    for time, rank, symbol, _, each in rows:
        feed.event_key.append(2 * time + (0 if rank < MARKET else 2))
        feed.event_time.append(time)
        feed.event_rank.append(rank)
        feed.event_kind.append(_KINDS[each.kind][1])
        feed.event_symbol.append(symbol)
        feed.event_currency.append(each.currency)
        feed.event_value.append(float(each.value))
    return feed


def outcome(scenario: Scenario, engine: Engine) -> Outcome:
    """What the engine's logs and ledger say, in the reference's shape."""
    fills = [engine.logs.fills.column(name) for name in _FILL_COLUMNS]
    ledger = engine.book.ledger
    states = dict.fromkeys(range(1, engine.book.next_number), ("cancelled", 0.0))
    log = engine.logs.orders
    for number, state, filled in zip(log.column("number"), log.column("state"), log.column("filled"), strict=True):
        states[number] = (_STATES[state], filled)
    for order in engine.book.orders:
        states[order.number] = ("waiting" if order.state == WAITING else "working", order.filled)
    return Outcome(
        fills=[(*row[:-1], bool(row[-1])) for row in zip(*fills, strict=True)],
        orders=[(number, *states[number]) for number in sorted(states)],
        cash=[steps / scale for steps, scale in zip(ledger.cash_steps, ledger.scale, strict=True)],
        positions=[holding.quantity for holding in ledger.holdings],
        equity=list(engine.logs.curve[: len(scenario.bars)]),
    )
