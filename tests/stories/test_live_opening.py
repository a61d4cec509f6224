"""An opening that a crash cuts short is gone on with: history is folded once, and the account is adopted."""

import asyncio
from dataclasses import replace
from datetime import date
from types import SimpleNamespace

import pytest

import stratofold
from stratofold import Strategy
from stratofold.adapters.embedded.store import LOG_BYTES
from stratofold.adapters.ports import AccountLimits, AccountState, Capabilities
from stratofold.cli import running
from stratofold.cli.home import Home
from stratofold.cli.running import OPENING, Wanted, _desk, _kept, _make_room, shown_difference
from stratofold.cli.venue import alpaca_venue
from stratofold.errors import Setup
from stratofold.events import Bar
from stratofold.fold.account import ACTIVE
from stratofold.live.risk.bounds import Bounds
from stratofold.live.risk.limits_config import Stated
from tests.live_tools import EVERYTHING, UNLIMITED, paper
from tests.patience import PATIENCE_SECONDS

DAY_NS = 86_400_000_000_000


class Counts(Strategy):
    """How many bars there were, and what they closed at."""

    def setup(self):
        self.age = 0
        self.sum = 0.0

    def on_bar(self, bar, book):
        self.age += 1
        self.sum += bar.close


class Died(BaseException):
    pass


class History:
    """A feed that knows the month before the opening."""

    def __init__(self, data, opened):
        self.rows = list(zip(data.time.tolist(), data.close.tolist(), strict=True))
        self.opened = opened

    async def history(self, symbols, after, until):
        return [("AAPL", bar_at(time, close)) for time, close in self.rows if after < time <= until]


def bar_at(time, close):
    bar = Bar()
    bar.time = bar.known = time
    bar.span = DAY_NS
    bar.open = bar.high = bar.low = bar.close = close
    bar.volume = 1.0
    return bar


@pytest.fixture
def scene():
    data = stratofold.sample("us14").subset(["AAPL"], start="2014-03-01", end="2014-03-31")
    run = paper(Counts, data, DAY_NS)
    opened = data.time.tolist()[-1] + 1
    run.clock.time = opened
    venue = SimpleNamespace(
        clock=run.clock, feed=History(data, opened), account="account",
        broker=SimpleNamespace(capabilities=Capabilities()),
    )  # fmt: skip
    stated = Stated(UNLIMITED, Bounds(), AccountLimits(orders_max=7))
    wanted = Wanted(
        "paper", Counts, "tests.stories.test_live_opening:Counts", ("AAPL",), {}, stated, DAY_NS, warm_days=60,
        adopt=("AAPL",),
    )  # fmt: skip
    account = AccountState("account", "USD", 1e5, 1e5, 1e5, {"AAPL": (7.0, 500.0)})
    run.journal.limit("account", EVERYTHING)
    return run, venue, wanted, account


def open_it(scene):
    run, venue, wanted, account = scene
    return asyncio.run(_desk(wanted, run.journal, venue, account))


def told(scene):
    """The state that an opening leads to, with what waits to be heard."""
    desk = open_it(scene)
    journal = scene[0].journal
    offers = [offer.identity for offer in journal.inbox("paper")]
    return (
        desk.fold.strategy.age,
        desk.fold.strategy.sum,
        offers,
        desk.fold.engine.book.state,
        journal.mark("paper", OPENING),
    )


WHERE = ["open_desk", "warm_up", "adopt"]


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("after", [False, True])
def test_an_opening_that_was_cut_short_is_gone_on_with(scene, monkeypatch, where, after):
    whole = getattr(running, where)

    def dies(*arguments, **named):
        if after:
            whole(*arguments, **named)
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(running, where, dies)
        with pytest.raises(Died):
            open_it(scene)
    age, total, offers, state, mark = told(scene)
    closes = [close for _, close in scene[1].feed.rows]
    assert (age, total) == (len(closes), sum(closes))
    assert offers == ["adopted:AAPL"]
    assert state == ACTIVE
    assert mark == ""


def test_an_opening_that_dies_in_the_middle_of_history_is_gone_on_with(scene, monkeypatch):
    whole = running.warm_up

    def half(desk, events, wall):
        with monkeypatch.context() as inner:
            inner.setattr("stratofold.live.open._CHUNK", 5)

            def some():
                for count, event in enumerate(events):
                    if count == 13:
                        raise Died
                    yield event

            whole(desk, some(), wall)

    with monkeypatch.context() as patch:
        patch.setattr(running, "warm_up", half)
        with pytest.raises(Died):
            open_it(scene)
    age, total, offers, state, _ = told(scene)
    closes = [close for _, close in scene[1].feed.rows]
    assert (age, total, offers, state) == (len(closes), sum(closes), ["adopted:AAPL"], ACTIVE)


def test_a_book_does_not_go_on_at_another_account(scene):
    desk = open_it(scene)
    scene[1].account = "another"
    with pytest.raises(Setup) as raised:
        open_it(scene)
    assert raised.value.code == "SF979"
    assert scene[0].journal.head("paper").epoch == desk.head.epoch


def test_real_money_is_another_account_than_its_paper():
    home = SimpleNamespace(secrets=lambda: {"k-key-id": "KEY", "k-secret-key": "SECRET"})
    accounts = [alpaca_venue(home, "k", "1d", live=live).account for live in (False, True)]
    assert accounts == ["k", "k-live"]


def test_what_a_book_does_not_trade_cannot_be_adopted(scene):
    run, _, wanted, _ = scene
    with pytest.raises(Setup, match="SF938"):
        open_it((*scene[:2], replace(wanted, adopt=("AAPL", "AAPLE")), scene[3]))
    assert run.journal.books() == []


def test_money_that_is_said_later_is_said_to_be_too_late(scene):
    wanted = replace(scene[2], capital=5.0)
    manifest = open_it(scene).manifest
    assert _kept(wanted, manifest, []) == ["capital stays 100,000.00, which book paper was opened with"]
    assert _kept(replace(wanted, capital=1e5), manifest, []) == _kept(scene[2], manifest, []) == []


def test_a_word_on_the_state_of_a_book_that_has_not_changed_is_said_to_be_idle(scene):
    manifest = open_it(scene).manifest
    chosen = replace(scene[2], chosen="rebuild")
    assert _kept(chosen, manifest, []) == ["--state rebuild was not needed: nothing about book paper has changed"]
    assert _kept(chosen, manifest, ["code 'a' -> 'b'"]) == []


def test_a_parameter_that_was_left_at_its_default_is_said_to_be_not_stated():
    assert shown_difference({"parameters": ({"slow": 5}, {"slow": 5, "fast": 2})}) == [
        "parameters.fast not stated -> 2"
    ]


class Dated(Strategy):
    """What a snapshot cannot hold."""

    def setup(self):
        self.began = date(2024, 1, 2)


def test_a_strategy_whose_state_cannot_be_kept_opens_no_book(scene):
    run, venue, wanted, account = scene
    with pytest.raises(Setup) as caught:
        asyncio.run(_desk(replace(wanted, strategy=Dated), run.journal, venue, account))
    assert (caught.value.code, caught.value.place) == ("SF110", "Dated.began")
    assert (run.journal.books(), run.journal.mark("paper", OPENING)) == ([], None)


def test_a_log_is_made_as_long_as_it_will_be_when_the_start_is_over(tmp_path):
    home, runner = Home(tmp_path / "home"), SimpleNamespace(ready=False)
    journal = home.journal_of_a_run()
    log = tmp_path / "home" / "journal.db-wal"

    async def work():
        room = asyncio.ensure_future(_make_room(home, journal, runner))
        await asyncio.sleep(0.1)
        before = log.stat().st_size
        runner.ready = True
        await asyncio.wait_for(room, PATIENCE_SECONDS)
        return before

    assert asyncio.run(work()) < LOG_BYTES == log.stat().st_size
    journal.close()
