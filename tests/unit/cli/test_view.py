"""The live view, drawn on a terminal of our own making."""

import io
from types import SimpleNamespace

from rich.console import Console

from stratofold.adapters.ports import Alert
from stratofold.cli.view import picture_of
from stratofold.live.supervise import Picture

NOW = 1_600_000_000_000_000_000


def drawn(picture, equity=100_250.5):
    book = SimpleNamespace(
        equity=equity, cash=50_000.0, orders=SimpleNamespace(count=2), position=lambda _: 300.0, price=lambda _: 167.5,
        value=lambda _: 50_250.0,
    )  # fmt: skip
    manifest = SimpleNamespace(book="main", capital=100_000.0)
    fold = SimpleNamespace(engine=SimpleNamespace(book=book), names=("SPY",))
    supervisor = SimpleNamespace(desk=SimpleNamespace(fold=fold, manifest=manifest), picture=picture)
    runner = SimpleNamespace(clock=SimpleNamespace(now=lambda: NOW), ingest=SimpleNamespace(state="active"))
    out = io.StringIO()
    Console(file=out, width=140).print(picture_of(runner, supervisor))
    return out.getvalue()


def test_it_shows_money_gain_orders_positions_ages_and_alerts():
    picture = Picture(events=7, orders=5, fills=3, refusals=1, unknown=1, decide_ms=1.25, answer_ms=20.0)
    picture.heard["SPY"] = NOW - 61_000_000_000
    picture.alerts.append(Alert("k", "critical", "Orders of unknown state", "one", NOW))
    text = drawn(picture)
    for said in (
        "equity 100,250.50 (+250.50)", "cash 50,000.00", "active", "5 orders, 2 working, 1 unknown", "3 fills, 1 refusals",
        "decide 1.25 ms, answer 20.0 ms", "SPY", "300", "61 s ago", "12:26:40 critical: Orders of unknown state",
    ):  # fmt: skip
        assert said in text


def test_a_symbol_that_was_never_heard_and_a_loss():
    text = drawn(Picture(), equity=99_000.0)
    assert "none" in text
    assert "(-1,000.00)" in text
