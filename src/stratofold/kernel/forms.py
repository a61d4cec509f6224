"""The forms of a kernel: what of the fold its bars do often, and so belongs into its loop.

What comes in: a feed, and whether only a run's sums are wanted.  What goes out: which form suits, the function that is
compiled, and what of the fold is written out in it although it says of itself that it is seldom needed.
Why so: minutes turn a session once in hundreds of bars, and a loop that has that inside keeps less in registers; days
turn one with every bar, and would leave the quick loop with every bar; and so would a window that fills, which takes a
tenth of a few years.  The operations and their order are the same.
"""

from types import FunctionType
from typing import Any, cast

# A run; one for its sums alone; one of those on one symbol, and on its daily bars.
RUN, OUT, ALONE, DAYS = "", "out", "alone", "days"
OFTEN = {
    RUN: frozenset[str](),
    OUT: frozenset[str](),
    ALONE: frozenset[str](),
    DAYS: frozenset({
        "EquityLog.add", "Ledger._gross_apart", "Ledger._refresh_watched", "Ledger.equity_steps", "Ledger.gross_steps",
        "Ledger.mark", "Ledger.marked_steps", "Sessions.stamp", "Sessions.walk", "Tally.sample", "WindowTotal._admit",
        "close_session", "sample_session", "turn_session",
    }),
}  # fmt: skip
# What a form has no use for, and does without: years of days lie in the processor's cache, where nothing need be fetched to.
WITHOUT = {DAYS: frozenset({"look_ahead"})}
LEAPS = frozenset({ALONE, DAYS})
_DAY_NS = 72_000_000_000_000  # a bar that long has a session of its own


def form_of(feed: Any, *, out: bool) -> str:
    """The form for a feed; with `out` only the sums of a run are wanted."""
    if not out:
        return RUN
    if len(feed.symbol) > 1:
        return OUT
    return DAYS if feed.span >= _DAY_NS else ALONE


def entry_of(feed: Any, *, out: bool) -> FunctionType:
    """The function that hears such a feed."""
    from stratofold.fold.drive import driver_of
    from stratofold.fold.run import run_alone, run_out

    form = form_of(feed, out=out)
    return cast("FunctionType", {RUN: driver_of(feed), OUT: run_out}.get(form, run_alone))
