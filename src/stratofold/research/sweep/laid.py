"""An engine laid out for machine code, and the strategy that is its guest.

What comes in: a program that the kernel has bound to a run.  What goes out: runs in it, one after another.
A kernel is made for what a run is laid out as, so whoever has one made for cells elsewhere prepares it here too.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from stratofold import kernel
from stratofold.fold.log import Logs
from stratofold.fold.run import CROWDED
from stratofold.research.prepare import prepare
from stratofold.research.sweep.columns import SUMS
from stratofold.research.sweep.onward import go_on_alone, state_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stratofold.fold.engine import Feed
    from stratofold.fold.strategy import Strategy
    from stratofold.kernel import Program
    from stratofold.market.data import MarketData
    from stratofold.research.prepare import Options, Run
    from stratofold.research.sweep.columns import Row
    from stratofold.research.sweep.guests import Guests


def prepare_cell(
    strategy: type[Strategy], market: MarketData, options: Options, parameters: Mapping[str, Any],
    shelf: Any = None, *, reads_equity: bool = False,
) -> Run:  # fmt: skip
    """A run as a cell of a sweep has it: its logs count and keep no rows, those of equity where nobody reads them."""
    run = prepare(strategy, market, options, parameters, shelf=shelf)
    counting = Logs(0, 0)
    counting.equity, counting.curve = run.engine.logs.equity, run.engine.logs.curve
    counting.equity.is_kept = reads_equity
    run.engine.logs = counting
    return run


class Laid:
    """An engine laid out for machine code, and the strategy that is its guest."""

    def __init__(self, program: Program, run: Run, guests: Guests, market: MarketData) -> None:
        """As the kernel has bound them."""
        self.program = program
        self.guests = guests
        self.engine = run.engine
        self.events = run.events
        self.scale: float = run.engine.book.ledger.scale[0]
        self._sums = program.reader(SUMS)
        self.records = program.records(SUMS)
        self.market: MarketData | None = market  # whose bars it hears; none while it is given others

    def hear(self, feed: Feed, market: MarketData) -> None:
        """Have another market heard, whose engine would be the same; raises Changed where its feed does not fit."""
        self.market = None
        self.program.hear(feed)
        self.guests.hear(market.symbols)
        self.events = len(feed.time) + len(feed.event_key)
        self.market = market

    def forget(self) -> None:
        """Let go of all that is known of how things are packed."""
        self.guests.forget()
        self.program.forget()

    def reveal(self) -> None:
        """Give the strategy's objects what machine code came to; they are nobody else's from then on."""
        self.program.reveal()
        self.guests.forget_objects()

    def go_on(self, state: bytes) -> None:
        """Stand where a state was kept; one of another layout counts as none."""
        with suppress(kernel.Changed):
            go_on_alone(self.program, state)

    def kept(self) -> bytes:
        """The state that the run has come to."""
        return state_of(self.program)

    def carry(self, stop: int) -> bool:
        """Hear `stop` events in all; False where machine code leaves them to Python."""
        status, answer = self.program.run(stop)
        return status == 0 and answer != CROWDED  # no log of a cell is ever crowded: it has no rows, but for equity's

    def run_to(self, stop: int) -> Row | None:
        """The sums after `stop` events, None where machine code leaves them to Python."""
        return self._sums() if self.carry(stop) else None
