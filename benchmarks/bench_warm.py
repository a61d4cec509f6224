"""What `decide` itself takes of an event when its environment is warm, and how large the package is that it starts from.

A year of daily bars of a shipped strategy is replayed through the functions on the emulator's services, orders, answers and
fills included, and every answer that `decide` gets over the network is kept.  Then a fresh environment of `decide` hears the same
events again, a message or a change at a time as AWS hands them over, and each request is answered from memory with the bytes it
was answered with.  So what is timed is everything but the network and the services: reading, folding, review, building, encoding
and signing requests, the numbers for graphs.  The thread's processor time carries the floor, because machines are shared.
"""

import contextlib
import gc
import io
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import stratofold  # noqa: E402
from figures import Figure  # noqa: E402
from leftovers import refuse_leftovers  # noqa: E402
from stratofold.cloud import package, place  # noqa: E402
from stratofold.cloud.functions import decide  # noqa: E402
from stratofold.cloud.local.emulator import Emulator  # noqa: E402
from stratofold.strategies import Crossover  # noqa: E402
from tests.cloud.stage import MINUTE_MS, Stage  # noqa: E402
from tests.cloud_servers import at  # noqa: E402
from tests.live_tools import paper  # noqa: E402

DAY_NS = 86_400_000_000_000
PASSES = 5
FIRST = 20  # events before anything is taken for warm
QUICK = {"fast": 2, "slow": 5}


class Recorded:
    """Connections that keep what was asked (its first line and headers up to the date) and what was answered."""

    def __init__(self, connections):
        self.connections, self.answers = connections, []
        self.close = connections.close

    def ask(self, method, address, request, timeout_seconds):
        answer = self.connections.ask(method, address, request, timeout_seconds)
        self.answers.append((operation(request), answer))
        return answer


class Remembered:
    """Connections to nowhere: each request is answered as it was the last time, and must be the same one."""

    def __init__(self, answers):
        self.answers = iter(answers)

    def ask(self, _method, _address, request, _timeout_seconds):
        asked, answer = next(self.answers)
        if asked != operation(request):
            sys.exit(f"{operation(request)} was asked in place of {asked}")
        return answer

    def close(self):
        """Nothing is open."""


def operation(request):
    """Which operation a request is for."""
    begin = request.index(b"X-Amz-Target")
    return request[begin : request.index(b"\r", begin)]


class Unhurried:
    """What AWS tells a handler of its invocation."""

    def get_remaining_time_in_millis(self):
        return MINUTE_MS


class Kept(Stage):
    """A stage whose `decide` has an environment of its own, called as AWS calls it, a message or a change at a time."""

    def open(self):
        self.decides, self.events = self.fresh_place(), []
        self.recorded = self.decides.client._connections = Recorded(self.decides.client._connections)
        return super().open()

    def call(self, verb, event):
        if verb is not decide:
            return super().call(verb, event)
        events = [{"Records": [record]} for record in event["Records"]]
        self.events += events
        answers = [answered(self.decides, one) for one in events]
        return {one["itemIdentifier"] for answer in answers for one in answer["batchItemFailures"]}


def answered(where, event):
    """What the handler answers in an environment; what it prints is not shown."""
    place._here[:] = [where]
    with contextlib.redirect_stdout(io.StringIO()):
        return decide.handler(event, Unhurried())


def say(work, taken, clock, middle=None, last=None):
    """The middle and the hundredth-slowest of what events took."""
    taken = sorted(taken[FIRST:])
    Figure(f"{work}: {clock}, p50", taken[len(taken) // 2], "ms", floor=middle, better="less").say()
    Figure(f"{work}: {clock}, p99", taken[len(taken) * 99 // 100], "ms", floor=last, better="less").say()


def told(folder):
    """A year through the functions: fresh environments, and the events and answers of `decide`."""
    year = stratofold.sample("us14").subset(["SPY"], start="2020-01-01", end="2020-12-31")
    with Emulator(log=folder / "log") as emulator, contextlib.redirect_stdout(io.StringIO()):
        stage = Kept(at("bench", emulator.url), paper(Crossover, year, DAY_NS, parameters=QUICK), folder).open()
        stage.replay()
        return [stage.fresh_place() for _ in range(PASSES)], stage.events, stage.recorded.answers


def heard(where, events, answers):
    """What each event takes in an environment, in milliseconds of its thread and of the wall."""
    where.client._connections = Remembered(answers)
    worked, waited = [], []
    for event in events:
        cpu, wall = time.thread_time(), time.perf_counter()
        answered(where, event)
        worked.append((time.thread_time() - cpu) * 1e3)
        waited.append((time.perf_counter() - wall) * 1e3)
    return worked, waited


def warm(folder):
    """The same year again, from memory; of an event the quickest pass counts, because noise only ever adds."""
    places, events, answers = told(folder)
    gc.collect()
    gc.freeze()  # a function has no exchange, no sample and no compiler in its memory to look through
    passes = [heard(where, events, answers) for where in places]
    worked, waited = ([min(of) for of in zip(*each, strict=True)] for each in zip(*passes, strict=True))
    say("an event of decide, warm, without the network", worked, "processor", 0.5, 2.0)
    say("an event of decide, warm, without the network", waited, "wall")
    Figure("requests an event", len(answers) / len(events), "requests", better="less").say()
    Figure("events", len(events), "events").say()


def size():
    """The package of a shipped strategy."""
    built = package.build("stratofold.strategies:Crossover")
    Figure("package of the functions, unpacked", built.unzipped_bytes / 1e6, "MB", floor=30.0, better="less").say()
    Figure("package of the functions, zipped", len(built.data) / 1e6, "MB", better="less").say()


def main():
    """Run."""
    refuse_leftovers()
    size()
    with tempfile.TemporaryDirectory() as folder:
        warm(Path(folder))


if __name__ == "__main__":
    main()
