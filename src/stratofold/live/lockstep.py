"""A run in lock-step with a paper exchange: an event is released when everything before it is done (contract 9).

What comes in: a runner, and a `Stepper` that releases one event at a time.  What goes out: the run of a backtest of the
same days, through the whole live path: same orders, same fills, same equity to the cent.
Why it is shaped so: a free-running replay depends on who is quicker; a receipt must not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stratofold.events import Bar, Quote, Trade
from stratofold.live.decide import Heard, rest
from stratofold.live.reconcile import poll

if TYPE_CHECKING:
    from collections.abc import Callable

    from stratofold.adapters.clock import StandingClock
    from stratofold.adapters.ports import Released, Stepper
    from stratofold.live.run import Runner


async def run_in_step(runner: Runner, stepper: Stepper, clock: StandingClock, progress: Callable[[int], None]) -> int:
    """Run until the exchange has nothing left; returns how many events it released."""
    runner.ingest.keeps_time = False
    released = await stepper.now()
    clock.time = released.time
    await runner.start()
    await runner.catch_up()  # what was released to a run that died before it was written down
    await runner.settled()
    count = 0
    while True:
        released = await _hear_timers(runner, stepper, clock, released)
        if released.next is None or runner.stopping:
            break
        before, released = released.time, await stepper.step()
        clock.time = released.time
        await _hear(runner, released, min(before, released.time - 1))
        count += 1
        progress(released.time)
    rest(runner.desk, clock.now())
    return count


async def _hear_timers(runner: Runner, stepper: Stepper, clock: StandingClock, released: Released) -> Released:
    """The timers that are due before the exchange goes on; what they want is sent at their time.  Where it stands then."""
    while (timer := runner.timers.next(runner.desk.fold)) is not None:
        if timer.time >= released.next if released.next is not None else timer.time > released.time:
            break
        clock.time = max(clock.time, timer.time)
        released = await stepper.wait(clock.time)
        if released.updates:  # a day order may be over
            await poll(runner.desk, runner.broker, clock.time)
            await runner.settled()
        runner.hear([Heard(timer)])
        await runner.settled()
    return released


async def _hear(runner: Runner, released: Released, after: int) -> None:
    """What one release brought, in the order of contract 4: actions, reports, the bar."""
    desk = runner.desk
    names = (released.symbol,) if released.symbol else desk.fold.names
    events = await runner.feed.history(names, after, released.time)
    bars = []
    for symbol, event in events:
        if isinstance(event, (Bar, Quote, Trade)):
            bars.append((symbol, event))
        else:
            runner.admit(symbol, event)
    await runner.settled()
    # What is heard may be answered at once, as the other leg's cancel is, and that is a fact to be heard too.
    while released.updates and await poll(desk, runner.broker, released.time):
        await runner.settled()
    for symbol, event in bars:
        runner.admit(symbol, event)
    await runner.settled()
