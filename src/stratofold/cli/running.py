"""A live run put together: journal, book, venue, supervisor, runner.

What comes in: what `stratofold run` was told.  What goes out: a run that has ended, and its picture.
"""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from stratofold.cli.home import strategy_as_run
from stratofold.cli.venue import refuse_other_account
from stratofold.errors import Setup, Stop
from stratofold.live.account_limits import stricter_elsewhere
from stratofold.live.alerts import Habits
from stratofold.live.begin import KEEP
from stratofold.live.desk import manifest_of, open_desk, read_desk
from stratofold.live.facts import refuse_unsafe
from stratofold.live.hold import changed_limits, hold_changed, take_up_limits
from stratofold.live.lockstep import run_in_step
from stratofold.live.manifest import Manifest, base36, build_fold, code_hash, instrument_rows, source_of
from stratofold.live.open import adopt, change, difference, open_book, prospects, refuse_another, warm_up
from stratofold.live.run import Pace, Runner
from stratofold.live.silence import OpenTime, Silence
from stratofold.live.supervise import Supervisor
from stratofold.live.timers import Timers
from stratofold.live.watch import Thresholds, Watch
from stratofold.market.instruments import Instrument
from stratofold.market.sessions import calendar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stratofold.adapters.embedded.journal import Journal
    from stratofold.adapters.ports import AccountState, Tasks
    from stratofold.cli.home import Home
    from stratofold.cli.venue import Venue
    from stratofold.events import Event
    from stratofold.live.desk import Desk
    from stratofold.live.risk.limits_config import Stated

OPENING = "opening"  # the mark of a book whose opening has begun and not ended
_DAY_NS = 86_400_000_000_000
_LIMITS = {"limits", "bounds"}  # of a manifest: what the rows of a configuration's limits tell one by one
_SKEW_SECONDS_MAX = 5.0
_SECOND_NS = 1_000_000_000
_ROOM_SECONDS = 0.05  # between two looks whether a start is over
_WAY_SECONDS = 5.0  # what a message may take to a replay, in our seconds


@dataclass
class Wanted:
    """What a run is to be; `chosen` says what becomes of a changed book's state, `adopt` which positions are its own."""

    book: str
    strategy: type[Any]
    strategy_name: str
    symbols: tuple[str, ...]
    parameters: dict[str, Any]
    stated: Stated
    span_ns: int
    capital: float | None = None
    warm_days: int = 0
    adopt: tuple[str, ...] | None = None
    chosen: str | None = None
    acknowledged: bool = False
    message_age_seconds: float = 0.0
    duration_seconds: float | None = None
    guarded: bool = True
    channels: tuple[str, ...] = ()
    sets_account_limits: bool = False
    thresholds: Thresholds = field(default_factory=Thresholds)
    habits: Habits = field(default_factory=Habits)
    calendar: str = "XNYS"
    ticks: tuple[str, ...] = ()  # the kinds that it hears in the place of bars
    instruments: tuple[Instrument, ...] = ()  # where they are other things than shares of a cent and a whole piece


async def run_book(wanted: Wanted, home: Home, venue: Venue, show: Callable[[Runner, Supervisor], Any]) -> Supervisor:
    """Run a book until it is stopped, its time is over, or a lock-step exchange has nothing left."""
    from stratofold.adapters.embedded.collector import collect_when_quiet, undisturbed
    from stratofold.adapters.embedded.presence import Presence
    from stratofold.adapters.embedded.tasks import Tasks

    if venue.speed > 1.0 and not wanted.message_age_seconds:
        wanted = replace(wanted, message_age_seconds=max(_age_seconds(wanted), _WAY_SECONDS * venue.speed))
    began = venue.clock.monotonic()
    journal = home.journal_of_a_run()
    for head in journal.books():
        if head.book == wanted.book:
            home.refuse_elsewhere(head)
    presence = Presence(home.path, wanted.book)
    try:
        async with Tasks() as tasks:
            if venue.make_feed is not None:
                venue.feed = venue.make_feed(tasks)
            alone = presence.hold()
            if not alone and venue.stepper is None:
                tasks.spawn("presence", presence.keep(venue.clock))
            account = await _asked(venue, tasks)
            changed = _changed(wanted, journal)
            desk = await _desk(wanted, journal, venue, account)
            take_up_limits(
                desk,
                wanted.stated,
                venue.clock.now(),
                acknowledged=wanted.acknowledged,
                alone=wanted.sets_account_limits,
            )
            home.show(desk)
            supervisor = _supervisor(desk, home, venue, wanted)
            supervisor.began = began
            for line in (
                *(
                    []
                    if alone
                    else [f"another process here had {wanted.book} until now: it is fenced off, and ends with SF801"]
                ),
                *changed,
                *_kept(wanted, desk.manifest, changed),
                *stricter_elsewhere(journal, desk.manifest.account, wanted.stated.account),
            ):
                supervisor.say(line)
            runner = Runner(
                desk, venue.feed, venue.broker, venue.clock, tasks, supervisor,
                Timers(wanted.strategy.schedule, calendar(desk.manifest.calendar), desk.manifest.opened), Pace(timer_grace_seconds=2.0),
                serial=venue.stepper is not None, foresees=venue.stepper is None,
            )  # fmt: skip
            shown = show(runner, supervisor)
            if shown is not None:
                tasks.spawn("view", shown)
            tasks.spawn("room", _make_room(home, journal, runner))
            if venue.stepper is None:
                tasks.spawn("collector", collect_when_quiet(venue.clock, lambda: supervisor.picture.events))
            with undisturbed():
                await _go(runner, supervisor, venue, wanted, tasks)
            await supervisor.tell_rest()
            supervisor.close()
            return supervisor
    finally:
        await venue.network.close()
        journal.close()
        presence.release()


async def _make_room(home: Home, journal: Journal, runner: Runner) -> None:
    """Let the journal's log be as long as it will be, once the start is over."""
    while not runner.ready:  # noqa: ASYNC110  a runner knows no event loop, and so no event of one
        await asyncio.sleep(_ROOM_SECONDS)
    home.make_room(journal)


async def _asked(venue: Venue, tasks: Tasks) -> AccountState:
    """The account as the venue shows it; raises Stop SF945 when its clock and ours are apart."""
    account = await venue.broker.account(tasks)
    if account.blocked:
        raise Stop("SF946", f"the account may not trade: {account.blocked}", fix="ask the broker")
    if venue.is_real_time:
        skew = (await venue.broker.clock() - venue.clock.now()) / _SECOND_NS
        if abs(skew) > _SKEW_SECONDS_MAX:
            what = f"the venue's clock is {skew:+.0f} s from ours"
            why = "orders would expire or be stamped at the wrong time"
            raise Stop(
                "SF945", what, why=why, fix="set this machine's clock (timedatectl set-ntp true), then run again"
            )
    return account


async def _desk(wanted: Wanted, journal: Journal, venue: Venue, account: AccountState) -> Desk:
    """The writer of the book: opened, warmed and adopted if it is new, changed if it is to be different."""
    now = venue.clock.now()
    if wanted.book not in [head.book for head in journal.books()]:
        return await _new_desk(wanted, journal, venue, account, now)
    refuse_other_account(wanted.book, manifest_of(journal, wanted.book).account, venue)
    if journal.mark(wanted.book, OPENING):
        await _open_on(wanted, journal, venue, account, now)
    old = manifest_of(journal, wanted.book)
    new = replace_manifest(old, wanted)
    refuse_another(old, new)
    changed = difference(old, new)
    only_limits = not changed.keys() - _LIMITS
    changed_limits(journal, wanted.book, wanted.stated, acknowledged=wanted.acknowledged or not only_limits)
    if not changed:
        return open_desk(journal, wanted.book, wanted.strategy, wanted.book, now)
    _refuse_unsafe(wanted, journal, old, new)
    if not wanted.acknowledged:
        raise Stop(
            "SF947", f"book {wanted.book} is not what it was: " + "; ".join(_changed(wanted, journal)),
            why="; ".join(["what changes about a running book is acknowledged first, and recorded", *_prospects(wanted, journal, old, new)]),
            fix="run again with --acknowledge, and --state keep, migrate or rebuild where the strategy changed",
        )  # fmt: skip
    return _changed_desk(wanted, journal, old, new, changed, now)


def _refuse_unsafe(wanted: Wanted, journal: Journal, old: Manifest, new: Manifest) -> None:
    """Raise Setup SF856 for what cannot change of an instrument now, before anybody acknowledges that it does."""
    if old.instruments != new.instruments:
        desk = read_desk(journal, old.book, _as_it_was(wanted, journal, old, new))
        refuse_unsafe(desk.fold.engine.book, old, new)


def _changed(wanted: Wanted, journal: Journal) -> list[str]:
    """What is not as it was when the book ran last, a line each: code, parameters and instruments, then limits."""
    if wanted.book not in [head.book for head in journal.books()]:
        return []
    old = manifest_of(journal, wanted.book)
    changed = difference(old, replace_manifest(old, wanted))
    limits = changed_limits(journal, wanted.book, wanted.stated, acknowledged=True)
    told = {name: both for name, both in changed.items() if not limits or name not in _LIMITS}
    return [*shown_difference(told), *map(str, limits)]


def _kept(wanted: Wanted, manifest: Manifest, changed: Sequence[str]) -> list[str]:
    """What was said of the book and is not heard, because it is for its opening only, or for one that has `changed`."""
    kept = []
    if wanted.capital is not None and wanted.capital != manifest.capital:
        kept = [f"capital stays {manifest.capital:,.2f}, which book {manifest.book} was opened with"]
    if wanted.chosen and not changed:
        kept.append(f"--state {wanted.chosen} was not needed: nothing about book {manifest.book} has changed")
    return kept


def _changed_desk(
    wanted: Wanted, journal: Journal, old: Manifest, new: Manifest, changed: dict[str, Any], now: int
) -> Desk:
    """A book that goes on otherwise, reducing only at first; raises Stop SF948 where what was chosen cannot be.

    It is taken up with the code that it ran with: what its records mean was decided by that.
    """
    desk = open_desk(journal, wanted.book, _as_it_was(wanted, journal, old, new), wanted.book, now)
    hold_changed(desk, shown_difference(changed), now)
    try:
        return change(desk, new, wanted.strategy, wanted.chosen or KEEP, now)
    except Setup as error:
        if error.code != "SF111":
            raise
        raise Stop(
            "SF948", "the book's state does not fit the strategy as it is now",
            why="; ".join(_prospects(wanted, journal, old, new)),
            fix="carry over what fits (--acknowledge --state migrate), rebuild it from the book's history "
            f"(--acknowledge --state rebuild), or go back to the code {old.code}",
        ) from error  # fmt: skip


def _as_it_was(wanted: Wanted, journal: Journal, old: Manifest, new: Manifest) -> type[Any]:
    """The strategy that the book ran with last: from its journal, where the code or the class in it is another now."""
    is_same = (old.code, old.strategy) == (new.code, new.strategy)
    return wanted.strategy if is_same else strategy_as_run(journal, old.book)


def _prospects(wanted: Wanted, journal: Journal, old: Manifest, new: Manifest) -> list[str]:
    """What each choice would make of the state, where code or parameters are others now."""
    if (old.code, old.strategy, old.parameters) == (new.code, new.strategy, new.parameters):
        return []
    return prospects(journal, new, _as_it_was(wanted, journal, old, new), wanted.strategy)


async def _new_desk(wanted: Wanted, journal: Journal, venue: Venue, account: AccountState, now: int) -> Desk:
    """Open a book: its positions stated, history folded first; raises Setup SF110 for a strategy whose state cannot be kept."""
    _refuse_unstated(wanted, account)
    history: list[tuple[str, Event]] = []
    if wanted.warm_days:
        history = await venue.feed.history(wanted.symbols, now - wanted.warm_days * _DAY_NS, now)
    manifest = new_manifest(
        wanted, venue.account, wanted.capital or account.cash, now, history[0][1].time if history else 0,
        native_brackets=venue.broker.capabilities.native_bracket,
    )  # fmt: skip
    build_fold(manifest, wanted.strategy).save()  # what could not be written down must not be begun
    journal.mark(wanted.book, OPENING, str(now))
    open_book(journal, manifest, now, source_of(wanted.strategy))
    desk = open_desk(journal, wanted.book, wanted.strategy, wanted.book, now)
    _begin(wanted, desk, history, account, now)
    return desk


async def _open_on(wanted: Wanted, journal: Journal, venue: Venue, account: AccountState, now: int) -> None:
    """Go on with an opening that a crash has cut short: nothing of it is done twice, and nothing is left out."""
    _refuse_unstated(wanted, account)
    desk = open_desk(journal, wanted.book, strategy_as_run(journal, wanted.book), wanted.book, now)
    manifest = desk.manifest
    history: list[tuple[str, Event]] = []
    if manifest.warmed_from:
        history = await venue.feed.history(manifest.symbols, manifest.warmed_from - 1, manifest.opened)
    _begin(wanted, desk, history, account, now)


def _begin(wanted: Wanted, desk: Desk, history: Sequence[tuple[str, Event]], account: AccountState, now: int) -> None:
    """Fold what of the history was not folded yet, adopt the account, and note that the book is open."""
    if history:
        warm_up(desk, [event for event in _handled(desk, history) if desk.fold.progress.is_new(event)], now)
    adopt(desk, account, wanted.adopt or (), now)
    desk.journal.mark(desk.manifest.book, OPENING, "")


def _refuse_unstated(wanted: Wanted, account: AccountState) -> None:
    """Raise Setup SF949 where the account holds something and nobody said whose it is, SF938 for what the book has not."""
    strange = [name for name in wanted.adopt or () if name not in wanted.symbols]
    if strange:
        what = f"{strange[0]} cannot be this book's: it trades {', '.join(wanted.symbols)}"
        raise Setup("SF938", what, fix="--adopt none, or names of these; others go into --symbols first")
    if account.positions and wanted.adopt is None:
        from stratofold.cli.standing import holding_text

        held = holding_text((symbol, quantity) for symbol, (quantity, _) in sorted(account.positions.items()))
        raise Setup(
            "SF949", f"the account holds {held}", why="somebody must say what of it belongs to this book",
            fix=f"--adopt none, or --adopt {','.join(sorted(account.positions))}",
        )  # fmt: skip


def _handled(desk: Desk, history: Sequence[tuple[str, Event]]) -> list[Event]:
    """Events with their symbol's handle."""
    events = []
    for symbol, event in history:
        event.symbol = desk.fold.handles[symbol]  # type: ignore[attr-defined]  # bars and actions have one
        events.append(event)
    return events


def new_manifest(
    wanted: Wanted, account: str, capital: float, now: int, warmed_from: int, *, native_brackets: bool
) -> Manifest:
    """What a new book is opened with; its generation is the second of its birth."""
    from msgspec import to_builtins

    shares = [Instrument(name, price_decimals=2, quantity_decimals=0) for name in wanted.symbols]
    rows = instrument_rows(list(wanted.instruments) or shares)
    age = wanted.message_age_seconds or _age_seconds(wanted)
    return Manifest(
        book=wanted.book, account=account, generation=base36(now // _SECOND_NS), strategy=wanted.strategy_name,
        parameters=wanted.parameters, instruments=rows, calendar=wanted.calendar, currency="USD", capital=capital,
        limits=dict(wanted.stated.limits), span_ns=wanted.span_ns, opened=now, code=code_hash(wanted.strategy),
        warmed_from=warmed_from, message_age_seconds=age, bounds=to_builtins(wanted.stated.bounds) if wanted.guarded else None,
        native_brackets=native_brackets, ticks=wanted.ticks,
    )  # fmt: skip


def _age_seconds(wanted: Wanted) -> float:
    """How old a message may get before it is too late to send it."""
    return 60.0 if wanted.span_ns < _DAY_NS else 3_600.0


def replace_manifest(old: Manifest, wanted: Wanted) -> Manifest:
    """How the book would be opened now, but for its identity, its capital, and the order of its symbols."""
    native = old.native_brackets
    new = new_manifest(wanted, old.account, old.capital, old.opened, old.warmed_from, native_brackets=native)
    import msgspec

    places = {name: place for place, name in enumerate(old.symbols)}
    rows = sorted(new.instruments, key=lambda row: places.get(row["symbol"], len(places)))
    return msgspec.structs.replace(new, generation=old.generation, instruments=rows)


def shown_difference(changed: dict[str, tuple[object, object]]) -> list[str]:
    """What changed, a line each; long values are only named."""
    lines = []
    for name, both in changed.items():
        before, after = map(_facts, both) if name == "instruments" else both
        if isinstance(before, dict) and isinstance(after, dict):
            for key in sorted({*before, *after}):
                was, now = (repr(part[key]) if key in part else "not stated" for part in (before, after))
                lines += [f"{name}.{key} {was} -> {now}"] if was != now else []
        else:
            lines.append(f"{name} {before!r} -> {after!r}" if len(f"{before}{after}") < 120 else name)
    return lines


def _facts(rows: Any) -> dict[str, object]:
    """Instruments as one row: each fact by its symbol and its name."""
    return {f"{row['symbol']}.{name}": value for row in rows for name, value in row.items()}


def _supervisor(desk: Desk, home: Home, venue: Venue, wanted: Wanted) -> Supervisor:
    """Who watches."""
    near = calendar(desk.manifest.calendar).slice(desk.manifest.opened, desk.manifest.opened + 3_650 * _DAY_NS)
    usual = wanted.thresholds
    silence = Silence(
        OpenTime(near.opens, near.closes), desk.fold.names, wanted.span_ns, venue.clock.now(),
        grace_seconds=60.0 * venue.speed,
    )  # fmt: skip
    # What takes us a second takes a replay `speed` of its own.
    thresholds = replace(
        usual, unknown_seconds=usual.unknown_seconds * venue.speed, backlog_seconds=usual.backlog_seconds * venue.speed,
        heartbeat_seconds=usual.heartbeat_seconds * venue.speed, clock_skew_seconds=usual.clock_skew_seconds * venue.speed,
    )  # fmt: skip
    notifier = home.notifier(list(wanted.channels))
    return Supervisor(desk, Watch(silence, thresholds), venue.clock, notifier, home.artifacts(), wanted.habits)


def endings() -> list[signal.Signals]:
    """The signals that end a run in order: Ctrl-C, `kill`, and the hang-up of its terminal where `nohup` does not forbid it."""
    heeded = [one for one in signal.Signals if one.name == "SIGHUP" and signal.getsignal(one) is not signal.SIG_IGN]
    return [signal.SIGINT, signal.SIGTERM, *heeded]  # Windows knows no hang-up


async def _go(runner: Runner, supervisor: Supervisor, venue: Venue, wanted: Wanted, tasks: Any) -> None:
    """Run to the end; the first interruption stops after what is under way, and so does a terminal that is closed."""
    loop = asyncio.get_running_loop()
    for name in endings():
        # Windows has no handlers in a loop, and a run that is not the main thread's may set none: whoever runs it ends it.
        with suppress(NotImplementedError, ValueError):
            loop.add_signal_handler(name, runner.stop)
    if venue.stepper is not None:
        over = venue.clock.now() + int(_SECOND_NS * wanted.duration_seconds) if wanted.duration_seconds else None

        def heard(time: int) -> None:
            if over is not None and time >= over:
                runner.stop()

        await run_in_step(runner, venue.stepper, venue.clock, heard)  # type: ignore[arg-type]
        return
    tasks.spawn("watch", supervisor.watch_often(runner))
    if wanted.duration_seconds is not None:
        loop.call_later(wanted.duration_seconds, runner.stop)
    await runner.run()
