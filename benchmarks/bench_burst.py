"""A burst of a hundred times the usual for a minute: what is lost, doubled or out of order, and when the backlog is gone.

Two hundred symbols of minute bars are 3.3 events a second.  Here they come as 333 a second for sixty seconds, a minute of all
symbols every 0.6 s, in the queue of the real template on the cloud of this machine; processes of Amazon's runtime client fold
and send.  Then the book is read: every bar once, in order, and one order a symbol.  The services, the functions and this
script share the machine's cores, and a book's queue has one reader at a time, as on AWS.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.cloud_strategies import Once  # noqa: E402

import stratofold  # noqa: E402
from figures import MINUTE, Figure, walk  # noqa: E402
from stratofold.cloud.local.cloud import LocalCloud  # noqa: E402
from stratofold.cloud.market import line_of  # noqa: E402
from stratofold.events import Bar  # noqa: E402
from stratofold.live.steps import event_in  # noqa: E402
from tests.cloud.local_stage import staged  # noqa: E402

SYMBOLS = 200
BURST_SECONDS = float(os.environ.get("BURST", "60"))
TIMES_USUAL = 100
ROUND_SECONDS = 60.0 / TIMES_USUAL
DRAINED_SECONDS_MAX = 60.0  # the time we state, after the last event was put
TOLD_TWICE = 10  # every so many rounds a minute comes a second time


def bar(begin, minute, name):
    """The line of a symbol's minute."""
    made = Bar()
    made.time = made.known = begin + minute * MINUTE
    made.span = MINUTE
    made.open = made.high = made.low = made.close = 100.0
    made.volume = 1e6
    return line_of("paper", name, made)


def burst(stage, names):
    """Put minutes at their pace; returns how many there were, and when the last was put."""
    begin, rounds = stage.run.clock.time, round(BURST_SECONDS / ROUND_SECONDS)
    began = time.perf_counter()
    for minute in range(1, rounds + 1):
        lines = [bar(begin, minute, name) for name in names]
        stage.put(*lines)
        if minute % TOLD_TWICE == 0:
            stage.put(*lines, *lines[:1])  # not the same message, or the queue itself would drop it
        time.sleep(max(0.0, began + minute * ROUND_SECONDS - time.perf_counter()))
    took = time.perf_counter() - began
    Figure("burst: bars put a second", rounds * len(names) / took, "events/s").say()
    return begin, rounds


def check(stage, begin, rounds):
    """End with 1 where something is lost, doubled or out of order."""
    heard = [event_in(one.body) for one in stage.journal.records("paper") if one.kind == "event"]
    bars = [(one.time, one.symbol) for one in heard if isinstance(one, Bar)]
    wanted = [(begin + minute * MINUTE, symbol) for minute in range(1, rounds + 1) for symbol in range(SYMBOLS)]
    orders = [(one.symbol, one.client_id) for one in stage.journal.outbox("paper")]
    asked = len(stage.served.ask("GET", "/v2/orders", status="all", limit=500).json())
    if bars != wanted:
        sys.exit(f"of {len(wanted)} bars {len(set(bars) & set(wanted))} were heard, {len(bars)} times")
    due = min(SYMBOLS, 4 * (rounds - 2))  # four symbols a minute, from the third on
    if len(orders) != due or len(set(orders)) != due or asked != due:
        sys.exit(f"of {due} symbols there are {len(orders)} messages, and at the exchange {asked} orders")
    if letters := stage.dead_letters():
        sys.exit(f"{len(letters)} dead letters, the first {letters[0]}")
    Figure("burst: bars heard once, in order", len(bars), "events").say()
    Figure("burst: orders at the exchange, one a symbol", asked, "orders").say()


def main():
    """Run."""
    data = stratofold.read(walk(3, symbol_count=SYMBOLS))
    names = [one.symbol for one in data.instruments]
    spec = f"{Path(__file__).parent / 'cloud_strategies.py'}:Once"
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalCloud(log=Path(folder) / "log") as cloud,
        staged(cloud, Once, data, MINUTE, name="burst", spec=spec) as stage,
    ):
        begin, rounds = burst(stage, names)
        ended = time.perf_counter()
        while not stage.cloud.settle(10.0):
            if time.perf_counter() - ended > 10 * DRAINED_SECONDS_MAX:
                sys.exit("the backlog is not drained")
        drained = time.perf_counter() - ended
        Figure("burst: backlog drained after", drained, "s", floor=DRAINED_SECONDS_MAX, better="less").say()
        check(stage, begin, rounds)


if __name__ == "__main__":
    main()
