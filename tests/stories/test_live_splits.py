"""Splits of an account with several holders: the book counts in lots, and what the venue makes of the rest is no break."""

import asyncio
from datetime import date, timedelta

import msgspec
import pytest

import stratofold
from stratofold import Strategy
from stratofold.live.open import adopt
from stratofold.live.reconcile import reconcile
from stratofold.live.siblings import HOLDINGS
from stratofold.live.words import fact_of
from tests.live_tools import paper

DAY_NS = 86_400_000_000_000
DAYS = [day for day in (date(2024, 1, 2) + timedelta(k) for k in range(10)) if day.weekday() < 5]


class Buys25(Strategy):
    def setup(self):
        self.age = 0

    def on_bar(self, bar, book):
        self.age += 1
        if self.age == 1:
            book.buy(0, 25.0)


class TurnsShort(Buys25):
    """Sells more than the split has left, before anybody has compared."""

    def on_bar(self, bar, book):
        super().on_bar(bar, book)
        if self.age == len(DAYS) - 1:
            book.sell(0, 5.0)


def market(ratio):
    """A share at 8, which splits on the fifth day."""
    prices = [8.0 if k < 4 else 8.0 / ratio for k in range(len(DAYS))]
    frame = {"date": DAYS, "open": prices, "high": prices, "low": prices, "close": prices, "volume": [1e6] * len(DAYS)}
    actions = {"symbol": ["X"], "date": [DAYS[4]], "kind": ["split"], "value": [ratio]}
    return stratofold.read(frame, symbols="X", actions=actions)


async def showing(run, **positions):
    """The account as the venue has it, but for its positions."""
    account = await type(run.broker).account(run.broker)
    return msgspec.structs.replace(account, positions={name: (held, 80.0) for name, held in positions.items()})


def after_split(ratio, before=0.0, said=None, strategy=Buys25):
    """A book that has heard a split; beside it `before` shares were nobody's, and another book `said` that it holds some."""
    run = paper(strategy, market(ratio), DAY_NS)

    async def opened():
        desk = await run.desk()
        adopt(desk, await showing(run, X=before), (), run.clock.now())
        if said is not None:
            run.journal.create("other", "account", "g2", [])
            run.journal.mark("other", HOLDINGS, msgspec.json.encode({"X": said, "at": run.clock.now()}).decode())

    asyncio.run(opened())
    return run, run.run()


def found_with(run, desk, shown):
    """What a reconciliation finds when the venue shows so many shares."""

    async def account():
        return await showing(run, X=shown)

    run.broker.account = account
    return asyncio.run(reconcile(desk, run.broker, run.clock.now()))


AGREE = [
    # ratio, nobody's before, another book's before, at the venue after the split || what is nobody's from then on
    (0.1, 0.0, None, 2.0, 0.0),  # the fraction is paid for
    (0.1, 0.0, None, 2.5, 0.5),  # the fraction stays
    (0.1, 0.0, None, 3.0, 1.0),  # the fraction is rounded up
    (0.1, 7.0, None, 3.2, 1.2),  # somebody else's fraction stays too
    (0.1, 7.0, None, 3.0, 1.0),
    (0.1, -7.0, None, 1.8, -0.2),
    (4.0, 7.0, None, 128.0, 28.0),
    (4.0, 0.0, 5.0, 120.0, 0.0),  # the other has not heard of it yet
    (0.1, 0.0, 18.0, 4.3, 1.3),
    (0.1, 0.0, 18.0, 5.0, 2.0),  # all of it is rounded up together
    (3.0, 0.5, None, 76.0, 1.0),  # what was nobody's was no whole share
]


@pytest.mark.parametrize(("ratio", "before", "said", "shown", "nobodys"), AGREE)
def test_after_a_split_what_the_lots_leave_is_nobodys_and_no_break(ratio, before, said, shown, nobodys):
    run, desk = after_split(ratio, before, said)
    held = desk.fold.engine.book.position(0)
    assert held == float(int(25.0 * ratio))
    assert desk.fold.engine.book.cash == 100_000.0 - 25 * 8.0 + (25.0 * ratio - held) * 8.0 / ratio
    first, again = (found_with(run, desk, shown) for _ in range(2))
    assert (first.clean, again.clean) == (True, True)
    assert msgspec.json.decode(desk.journal.mark("paper", "elsewhere:X"))[0] == nobodys
    assert again.fractions == []
    # From now on it is as exact as ever.
    (line,) = found_with(run, desk, shown + 0.5).breaks
    assert "the book holds" in line


BREAKS = [
    # ratio, nobody's before, at the venue
    (0.1, 0.0, 25.0),  # it has not split there yet
    (0.1, 0.0, 4.0),
    (0.1, 0.0, 0.0),
    (4.0, 7.0, 107.0),
    (0.1, 0.0, 1.0),  # who was paid for a fraction has what is left: one share less is a share that is missing
    (4.0, 0.0, 101.0),  # of whole shares, whole shares: nothing was left to be nobody's
    (4.0, 7.0, 127.0),
]


@pytest.mark.parametrize(("ratio", "before", "shown"), BREAKS)
def test_what_no_fraction_explains_is_a_break_until_the_venue_has_split_too(ratio, before, shown):
    run, desk = after_split(ratio, before)
    assert len(found_with(run, desk, shown).breaks) == 1
    right = (25.0 + before) * ratio
    late = found_with(run, desk, right)
    assert (late.clean, found_with(run, desk, right).clean) == (True, True)


def test_what_a_split_left_is_judged_by_what_was_held_then():
    run, desk = after_split(0.1, strategy=TurnsShort)
    assert desk.fold.engine.book.position(0) == -3.0
    assert len(found_with(run, desk, -4.0).breaks) == 1  # of what was long less than nothing is left
    found = found_with(run, desk, -2.0)  # the fraction was rounded up
    assert (found.clean, found.fractions) == (True, ["X: 1 at the venue is no book's since its split"])


def test_while_an_order_works_what_it_may_just_have_filled_is_not_taken_for_a_fraction():
    run, desk = after_split(0.1)
    desk.fold.engine.book.working_buy[0] = 1.0
    assert [len(found_with(run, desk, 3.0).breaks) for _ in range(2)] == [1, 1]
    run.clock.time += 60 * 1_000_000_000
    found = found_with(run, desk, 3.0)
    assert (found.clean, len(found.fractions)) == (True, 1)


@pytest.mark.parametrize(("shown", "mine", "nobodys"), [(2.5, 2.0, 0.5), (-2.5, -2.0, -0.5), (0.4, 0.0, 0.4)])
def test_a_book_takes_whole_lots_of_what_its_account_has(shown, mine, nobodys):
    run = paper(Buys25, market(2.0), DAY_NS)

    async def opened():
        desk = await run.desk()
        adopt(desk, await showing(run, X=shown), ("X",), run.clock.now())
        return desk

    desk = asyncio.run(opened())
    taken = [fact_of(one.body) for one in desk.journal.inbox("paper")]
    assert [one["side"] * one["quantity"] for one in taken] == [mine] * (mine != 0.0)
    assert msgspec.json.decode(desk.journal.mark("paper", "elsewhere:X")) == nobodys


def test_the_exchange_pays_for_the_fraction_and_both_have_the_same_money():
    run, desk = after_split(0.1)
    asyncio.run(run.broker.account())
    account = run.exchange.accounts[run.access.key_id]
    assert (account.book.position(0), account.book.cash) == (2.0, desk.fold.engine.book.cash)
    rows = [
        row
        for row in account.activities.page((), None, None, "", 100, oldest_first=True)
        if row["activity_type"] == "SPLIT"
    ]
    assert [(row["qty"], row["net_amount"]) for row in rows] == [("-25", "0"), ("2", "40")]
    found = asyncio.run(reconcile(desk, run.broker, run.clock.now()))
    assert (found.clean, found.fractions) == (True, [])
