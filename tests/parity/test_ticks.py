"""On ticks, too, the three executions end in the same bytes, wherever a run is broken off, and `check` sees through it."""

import pytest

import stratofold
from stratofold import Fees, Latency, Limits, Setup, Slippage, Strategy, backtest, check, kernel
from stratofold.fold.drive import driver_of
from stratofold.fold.run import CROWDED
from stratofold.fold.state import restore, save
from stratofold.research.execute import carry, drive
from stratofold.research.plain import plain
from stratofold.strategies import TwoSidedQuoter
from tests.reference.tick_chance import tick_case
from tests.tick_harness import build_ticks
from tests.tick_market import XYZ, made

SEEDS = range(25)
CAPTURED = ("depth", "snapshot", "trades", "bbo")
COSTS = {
    "fees": Fees(maker=-0.0001, taker=0.0003),
    "slippage": Slippage(proportional=0.0001),
    "latency": Latency(30_000_000),
    "volume_cap": 0.5,
}


def everything(run):
    return save(run[0]) + save(run[1])


def interpreted(run, stop):
    hear = driver_of(run[2])
    while hear(run[0], run[1], plain(run[2]), stop) == CROWDED:
        run[0].logs.make_room()


def compiled(run, stop):
    drive(*run, stop)


def length(run):
    return len(run[2].time) + len(run[2].event_key)


@pytest.fixture(scope="module")
def frozen(tmp_path_factory):
    """The kernel of scripted ticks from a file of its own."""
    run = build_ticks(*tick_case(0), 1)
    path = kernel.freeze(*run, tmp_path_factory.mktemp("frozen") / "ticks.kernel", target="native")
    return kernel.load(path)


def test_the_three_executions_end_in_the_same_bytes(frozen):
    for seed in SEEDS:
        one, two, three = (build_ticks(*tick_case(seed), 1) for _ in range(3))
        interpreted(one, length(one))
        compiled(two, length(two))
        carry(*three, length(three), frozen.bind(*three))
        assert everything(one) == everything(two) == everything(three), f"seed {seed}"


def test_a_restart_at_every_event_is_nothing_in_either_execution():
    for seed in range(2):
        whole = build_ticks(*tick_case(seed), 1)
        interpreted(whole, length(whole))
        broken = build_ticks(*tick_case(seed), 1)
        for stop in range(1, length(whole) + 1):
            (interpreted if stop % 3 else compiled)(broken, stop)
            state = save(broken[0]), save(broken[1])
            broken = build_ticks(*tick_case(seed), 1)
            restore(broken[0], state[0])
            restore(broken[1], state[1])
        assert everything(whole) == everything(broken), f"seed {seed}"


@pytest.mark.parametrize("kinds", [("quotes",), ("quotes", "trades"), ("quotes", "trades", "depth")], ids="+".join)
def test_the_shipped_quoter_decides_alike_in_every_execution(kinds):
    ticks = made(3, kinds=kinds)
    runs = [
        backtest(TwoSidedQuoter, ticks, execution=execution, size=100.0, queue="proportional", **COSTS)
        for execution in ("interpreted", "compiled", "compiled")
    ]
    assert len(runs[0].fills) > (5 if "depth" in kinds else 0)
    assert len({run.fingerprint for run in runs}) == 1
    assert runs[1].execution == "compiled"


def test_a_seat_that_a_run_has_left_is_for_its_own_queue_only():
    ticks, by_queue = made(4, 300), {}
    for execution in ("interpreted", "compiled", "compiled"):
        for queue in ("front", "through", "squared"):
            result = backtest(TwoSidedQuoter, ticks, execution=execution, size=100.0, queue=queue)
            by_queue.setdefault(queue, set()).add(result.fingerprint)
    assert {len(found) for found in by_queue.values()} == {1}
    assert len(set.union(*by_queue.values())) == 3


@pytest.mark.nightly
@pytest.mark.parametrize("name", ["spot_btcusdt", "usdm_btcusdt", "cm_btcusd_perp"])
def test_a_captured_market_is_quoted_into_alike(name, shared_data):
    files = {kind: str(shared_data / f"l2/binance_{name}_20240808_{kind}.parquet") for kind in CAPTURED}
    ticks = stratofold.read_ticks(quotes=files.pop("bbo"), **files)
    found = {
        backtest(TwoSidedQuoter, ticks, execution=execution, size=0.01, **COSTS).fingerprint
        for execution in ("interpreted", "compiled")
    }
    assert len(found) == 1


def test_check_passes_the_quoter():
    report = check(TwoSidedQuoter, made(5, 60), events=150, size=100.0)
    assert report.ok, str(report)
    assert not any(finding.skipped for finding in report.findings)


class Peeks(Strategy):
    """Buys before the offer rises, out of a table that knows it."""

    def setup(self):
        self.offers = list(made(5, 60, kinds=("quotes",)).ask)
        self.heard = 0

    def on_quote(self, quote, book):
        self.heard += 1
        if self.heard < len(self.offers) and self.offers[self.heard] > quote.ask:
            book.buy(quote.symbol, 100.0)


def test_check_finds_a_strategy_that_looks_ahead():
    report = check(Peeks, made(5, 60, kinds=("quotes",)), events=60)
    found = next(finding for finding in report.findings if finding.gate == "look-ahead")
    assert not found.ok
    assert found.symbol == "XYZ"


class Breaks(Strategy):
    """Divides by nothing at the tenth change of depth."""

    def setup(self):
        self.heard = 0

    def on_depth(self, depth, book):
        self.heard += 1
        if self.heard == 10:
            book.buy(depth.symbol, 100.0 / (self.heard - 10))


def test_what_a_hook_raises_is_shown_with_its_place_symbol_and_time():
    with pytest.raises(Setup) as raised:
        backtest(Breaks, made(1, 20), execution="interpreted")
    assert "ZeroDivisionError" in raised.value.what
    assert "test_ticks.py" in raised.value.place
    assert "XYZ" in raised.value.place
    assert "2023-11-14" in raised.value.place


def test_limits_hold_on_ticks():
    limits = Limits(position_max=100.0, order_quantity_max=50.0)
    result = backtest(TwoSidedQuoter, made(2, 60), execution="interpreted", size=100.0, limits=limits)
    assert len(result.fills) == 0
    assert "refused" in result.warnings[0]


def test_a_range_of_time_begins_with_what_was_shown_by_then():
    whole = made(4, 200)
    middle = int(whole.time[len(whole) // 2])
    part = whole.subset(start=middle)
    seen = {}

    class Notes(Strategy):
        """Takes down the touch after each message."""

        def setup(self):
            self._edge_seen = seen

        def on_depth(self, depth, book):
            if depth.last:
                shown = (book.bid(0), book.bid_size(0), book.ask(0), book.ask_size(0), book.size_at(0, 1, 99.95))
                seen.setdefault(depth.time, []).append(shown)

    backtest(Notes, whole, execution="interpreted")
    of_whole = {time: rows[-1] for time, rows in seen.items() if time >= middle}
    seen.clear()
    backtest(Notes, part, execution="interpreted")
    of_part = {time: rows[-1] for time, rows in seen.items()}
    assert {time: of_part[time] for time in of_whole} == of_whole
    assert stratofold.read(whole, start=middle).content_hash == part.content_hash
    assert part.instruments == (XYZ.with_price_decimals(2),)
