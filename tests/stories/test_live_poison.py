"""A strategy that raises on the same event at each start: evidence first, then the book is looked after without it."""

import asyncio

import msgspec
import pytest

import stratofold
from stratofold import Strategy
from stratofold.events import COMMAND_RESUME, LEFT_OUT, UNHEARD, Command
from stratofold.live.decide import Heard, PoisonedError, decide
from stratofold.live.desk import open_desk, restore_fold
from stratofold.live.hold import standing_of
from stratofold.live.poison import TRIES_MAX, bury, known_poison, told_spared
from stratofold.live.supervise import Supervisor
from stratofold.live.watch import Watch
from stratofold.wire import event_of, unpack
from tests.live_tools import paper

DAY_NS = 86_400_000_000_000


class RaisesOnTheThirdBar(Strategy):
    """Buys at the first bar, raises at the third."""

    def setup(self):
        self.age = 0

    def on_bar(self, bar, book):
        self.age += 1
        if self.age == 1:
            book.buy(0, 10.0)
        if self.age == 3:
            raise ValueError("three")


class RaisesOnEachFill(RaisesOnTheThirdBar):
    """Buys at the first bar, raises when it hears of the fill."""

    def on_bar(self, bar, book):
        self.age += 1
        if self.age == 1:
            book.buy(0, 10.0)

    def on_fill(self, fill, book):
        raise ValueError("a fill")


@pytest.fixture
def march():
    return stratofold.sample("us14").subset(["AAPL"], start="2014-03-01", end="2014-03-31")


def tries(run):
    """Start again until a run comes to its end; returns how often it did not."""
    for count in range(10):
        try:
            return count, run.run()
        except (PoisonedError, BaseExceptionGroup) as error:
            if isinstance(error, BaseExceptionGroup) and not error.subgroup(PoisonedError):
                raise
    raise AssertionError("it never comes to an end")


def kinds(run, kind):
    """The bodies of all records of a kind."""
    return [unpack(record.body) for record in run.journal.records("paper") if record.kind == kind]


@pytest.mark.parametrize("strategy", [RaisesOnTheThirdBar, RaisesOnEachFill])
def test_after_three_tries_the_book_goes_on_without_the_strategy_reducing_only(march, strategy):
    run = paper(strategy, march, DAY_NS)
    count, desk = tries(run)
    assert count == TRIES_MAX
    assert desk.fold.engine.book.position(0) == 10.0
    dead = kinds(run, "dead")
    assert [body["tries"] for body in dead] == [1, 2, 3]
    assert {body["kind"] for body in dead} == {"ValueError"}
    events = [body[0] for body in kinds(run, "event")]
    spared = [row for row in events if event_of(row).source == UNHEARD]
    assert str(spared) == str(events[-len(spared) :])  # as text, for what is not stated is NaN
    assert str(spared[0][5:]) == str(dead[0]["event"][5:])
    held = standing_of(run.journal, "account", "book", "paper")
    assert (held.state, held.by) == ("reducing", "guard")
    assert "tried 3 times and was heard without the strategy" in held.reason
    assert desk.fold.strategy.age == 2 - (strategy is RaisesOnEachFill)
    assert restore_fold(run.journal, "paper", strategy, use_snapshot=False).save() == desk.fold.save()


def opened(run):
    """The writer of the book, started anew."""
    return open_desk(run.journal, "paper", run.strategy, "test", run.clock.now())


def first_bars(run, count):
    """What the exchange's first bars are, in order."""
    events = []

    async def work():
        released = await run.stepper.now()
        for _ in range(count):
            released = await run.stepper.step()
        events.extend(event for _, event in await run.feed.history(("AAPL",), 0, released.time))

    asyncio.run(work())
    return events


def test_an_event_that_the_fold_itself_cannot_hear_is_left_out_at_last(march, monkeypatch):
    run = paper(RaisesOnTheThirdBar, march, DAY_NS)
    desk = asyncio.run(run.desk())
    bar = first_bars(run, 2)[0]
    bar.symbol = 0
    monkeypatch.setattr(type(desk.fold), "_hear_bar", lambda fold, bar: 1 / 0)
    for _ in range(TRIES_MAX + 1):
        desk = opened(run)
        with pytest.raises(PoisonedError) as poisoned:
            decide(desk, [Heard(bar)], bar.time)
        bury(desk, poisoned.value, bar.time)
        bar.source = 0
    desk = opened(run)
    decide(desk, [Heard(bar)], bar.time)
    assert (bar.source, desk.fold.progress.is_new(bar)) == (LEFT_OUT, False)


def test_code_that_was_mended_hears_it(march):
    run = paper(RaisesOnTheThirdBar, march, DAY_NS)
    desk = asyncio.run(run.desk())
    bar = first_bars(run, 2)[0]
    bar.symbol = 0
    desk.poison = known_poison(run.journal, "paper")
    assert desk.poison is None
    for _ in range(TRIES_MAX):
        bury(desk, PoisonedError(Heard(bar), ValueError("no")), bar.time)
        desk.poison = known_poison(run.journal, "paper")
    desk.manifest = msgspec.structs.replace(desk.manifest, code="mended")
    decide(desk, [Heard(bar)], bar.time)
    assert bar.source == 0
    assert desk.fold.strategy.age == 1


def test_a_person_who_releases_the_book_lets_the_strategy_hear_again(march):
    run = paper(RaisesOnTheThirdBar, march, DAY_NS)
    desk = asyncio.run(run.desk())
    bar, after = first_bars(run, 3)[:2]
    bar.symbol = after.symbol = 0
    for _ in range(TRIES_MAX):
        bury(desk, PoisonedError(Heard(bar), ValueError("no")), bar.time)
        desk.poison = known_poison(run.journal, "paper")
    resume = Command()
    resume.kind, resume.time = COMMAND_RESUME, bar.time
    batch = [Heard(bar), Heard(resume)]
    decide(desk, batch, bar.time)
    assert len(told_spared(desk, batch)) == 1
    decide(desk, [Heard(after)], after.time)
    assert (desk.poison, known_poison(run.journal, "paper"), desk.fold.strategy.age) == (None, None, 1)


class Quiet:
    """A runner of which only the queue and the venue are asked."""

    stopping = False

    class ingest:  # noqa: N801  the name that a runner has for it
        market = ()


def test_a_dead_letter_is_an_alert(march):
    run = paper(RaisesOnTheThirdBar, march, DAY_NS)
    desk = asyncio.run(run.desk())
    supervisor = Supervisor(desk, Watch(), run.clock, None, None)
    desk.dead.append("something from venue could not be understood; its bytes are in record 7")
    asyncio.run(supervisor.tick(Quiet))
    assert [(alert.level, alert.title) for alert in supervisor.picture.alerts] == [("critical", "A dead letter")]
    assert "record 7" in str(kinds(run, "alert")[0])
    assert desk.dead == []


def test_what_happened_in_the_last_moment_of_a_run_is_told_too(march):
    run = paper(RaisesOnTheThirdBar, march, DAY_NS)
    desk = asyncio.run(run.desk())
    supervisor = Supervisor(desk, Watch(), run.clock, None, None)
    desk.dead.append("something from venue could not be understood; its bytes are in record 7")
    asyncio.run(supervisor.tell_rest())
    assert [alert.title for alert in supervisor.picture.alerts] == ["A dead letter"]
    assert "record 7" in str(kinds(run, "alert")[0])
