"""The live view, drawn on a terminal of our own making."""

import asyncio
import io
import signal
from math import nan
from types import SimpleNamespace

import pytest
from rich.console import Console

from stratofold.cli.running import endings
from stratofold.cli.view import picture_of, shower
from stratofold.fold.lifecycle import WORKING
from stratofold.fold.order import GTC, LIMIT, Order
from stratofold.live.supervise import Picture

NOW = 1_600_000_000_000_000_000


def held(quantity, average=nan, price=167.5):
    return SimpleNamespace(quantity=quantity, average_price=average, price=price, multiplier=1.0)


def sell_limit(number):
    order = Order()
    order.number, order.symbol, order.side, order.kind, order.tif, order.state = number, 0, -1, LIMIT, GTC, WORKING
    order.quantity, order.limit, order.stop = 10.0, 199.5, nan
    return order


class Orders(list):
    """Orders with their number, as a book has them."""

    @property
    def count(self):
        return len(self)


def drawn(picture, equity=100_250.5, holdings=None, orders=(), unknown=(), height=40, today=nan, held_back=()):
    holdings = holdings or {"SPY": held(300.0, 160.25)}
    rows = [*holdings.values()]
    book = SimpleNamespace(
        equity=equity, cash=50_000.0, orders=Orders(orders), ledger=SimpleNamespace(holdings=rows),
        value=lambda k: rows[k].quantity * rows[k].price,
    )  # fmt: skip
    manifest = SimpleNamespace(book="main", capital=100_000.0)
    guard = SimpleNamespace(equity_stops=SimpleNamespace(loss=-today))
    fold = SimpleNamespace(engine=SimpleNamespace(book=book), names=(*holdings,), guard=guard)
    desk = SimpleNamespace(fold=fold, manifest=manifest)
    supervisor = SimpleNamespace(desk=desk, picture=picture, unknown=SimpleNamespace(times=dict.fromkeys(unknown, 1)))
    runner = SimpleNamespace(
        clock=SimpleNamespace(now=lambda: NOW), ingest=SimpleNamespace(state="active", held=held_back)
    )
    out = io.StringIO()
    Console(file=out, width=140).print(picture_of(runner, supervisor, height))
    return out.getvalue()


def test_it_shows_money_gain_orders_positions_ages_and_what_was_said():
    picture = Picture(events=7, orders=5, fills=3, refusals=3, decide_ms=1.25, answer_ms=20.0)
    picture.heard["SPY"] = NOW - 61_000_000_000
    picture.refused.update(["stale_data", "stale_data", "leverage"])
    picture.recent.append((NOW, "critical: Orders of unknown state - [one]"))
    text = drawn(picture, orders=[sell_limit(17), sell_limit(18)], unknown=["main-g1-7"], today=-12.5)
    for told in (
        "equity 100,250.50 (+250.50, today -12.50)", "cash 50,000.00", "active, 12:26:40 UTC", "5 orders, 2 working, 1 unknown",
        "3 fills", "3 refusals: 2 stale_data, 1 leverage", "decide 1.25 ms, answer 20.0 ms", "61 s ago",
        "12:26:40 critical: Orders of unknown state - [one]", "of unknown fate: main-g1-7",
        "#17 sell 10 SPY limit gtc limit 199.5, working",
    ):  # fmt: skip
        assert told in text
    (row,) = (line.split() for line in text.splitlines() if line.startswith(" SPY"))
    assert row == ["SPY", "300", "160.25", "167.50", "50,250.00", "+2,175.00", "61", "s", "ago"]


def test_a_symbol_that_somebody_holds_back_is_marked():
    assert " SPY (held) " in drawn(Picture(), held_back={"SPY"})


def test_a_symbol_that_was_never_heard_and_a_loss():
    text = drawn(Picture(), equity=99_000.0, holdings={"SPY": held(0.0, price=nan)})
    assert "none" in text
    assert "(-1,000.00)" in text


@pytest.mark.parametrize("height", [10, 24, 60])
def test_what_is_held_stands_first_and_all_of_it_has_room(height):
    """A book of hundreds of symbols showed the first ones of the alphabet, and its alerts below the edge."""
    holdings = {f"S{k:03}": held(0.0) for k in range(200)} | {
        "BIG": held(-1_234_567.0, 160.0),
        "SMALL": held(1.0, 160.0),
    }
    picture = Picture()
    picture.recent.extend((NOW, f"line {k}") for k in range(20))
    text = drawn(picture, holdings=holdings, orders=[sell_limit(k) for k in range(50)], height=height)
    lines = text.splitlines()
    names = [line.split()[0] for line in lines]
    assert names.index("BIG") + 1 == names.index("SMALL")
    assert "-1234567" in text
    assert "line 19" in lines[-1]
    assert len(lines) <= max(height, 20)
    assert any(line.strip().startswith("and ") and "0 of them held" in line for line in lines)


def test_a_reader_that_leaves_ends_the_view_and_not_the_run(monkeypatch):
    """`stratofold run 2>&1 | head`: a book of real money stood still because nobody looked any more."""

    class Gone(io.StringIO):
        def write(self, _):
            raise BrokenPipeError("nobody reads")

    picture = Picture()
    picture.lines.append("a line")
    runner = SimpleNamespace(stopping=False)
    monkeypatch.setattr("sys.stderr", Gone())
    asyncio.run(shower(json=False)(runner, SimpleNamespace(picture=picture)))
    assert not runner.stopping


def test_a_closed_terminal_ends_a_run_in_order_unless_it_was_told_not_to_heed_it():
    was = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert endings() == [signal.SIGINT, signal.SIGTERM]
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        assert endings() == [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    finally:
        signal.signal(signal.SIGHUP, was)
