"""One seed's world: time, chance, and coroutines that run when it says so.

What comes in: a seed.  What goes out: a schedule of things that happen, each counted and folded into a trace hash.
Why it is shaped so: production code awaits only what its ports give it, so a world of thirty lines can stand where an event
loop stands; nothing here reads a clock, a hash or a set's order, so the same seed is the same run everywhere.
"""

import hashlib
import sys
from heapq import heappop, heappush
from inspect import CORO_CREATED, getcoroutinestate, iscoroutine
from itertools import count
from random import Random

SECOND = 1_000_000_000


class Crash(BaseException):
    """The process dies here."""


class Later:
    """Something awaited: resolved once, with a value or an error; `goes_on` is what takes up who waits for it.

    What it begins with belongs to the class: so many are made that a call for each would be felt.
    """

    done = False
    value = None
    error = None
    goes_on = None

    def __await__(self):
        if not self.done:
            yield self
        if self.error is not None:
            raise self.error
        return self.value


class World:
    """The schedule: `at` puts a thing on it, `run` makes things happen."""

    def __init__(self, seed, start):
        self.random = Random(seed)
        self.now = start
        self.touched = True  # whether something has happened that whoever looks after an event has to look at
        self._heap = []
        self._next = count().__next__
        self._chance = self.random.random
        self._notes = []  # the time of each, and what it says
        self.works = []  # every coroutine: one that is forgotten half-way would be run to its end whenever memory is tidied

    def at(self, time, what, *arguments):
        """Call `what` at `time`; things of one time happen in an order of chance."""
        heappush(self._heap, (time, self._chance(), self._next(), what, arguments))

    def after(self, seconds, what, *arguments):
        """Call `what` so many seconds from now."""
        heappush(self._heap, (self.now + int(seconds * SECOND), self._chance(), self._next(), what, arguments))

    def note(self, text):
        """Fold something that happened into the trace, and count it."""
        self._notes += (self.now, text)

    @property
    def events(self):
        """How much has happened."""
        return len(self._notes) // 2

    def stop(self):
        """Nothing happens any more."""
        self._heap.clear()

    def close(self):
        """What never began is not missed."""
        for work in self.works:
            if iscoroutine(work) and getcoroutinestate(work) == CORO_CREATED:
                work.close()

    @property
    def trace(self):
        """The hash of everything that happened."""
        return hashlib.sha256(repr(self._notes).encode()).hexdigest()

    def run(self, until, look, most):
        """Make things happen until a time, so many of the schedule at most; after what has `touched` something, `look`.

        Returns whether it came to an end.
        """
        before = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(firstiter=self.works.append)  # streams, too, must not end whenever memory is tidied
        heap = self._heap
        try:
            for _ in range(most):
                if not heap:
                    break
                first = heappop(heap)
                time, _, _, what, arguments = first
                if time > until:
                    heappush(heap, first)
                    break
                if time > self.now:  # noqa: PLR1730  a call for each would be felt
                    self.now = time
                what(*arguments)
                if self.touched:
                    self.touched = False
                    look()
            else:
                return False
        finally:
            sys.set_asyncgen_hooks(*before)
        self.now = max(self.now, until)
        return True


class Process:
    """Coroutines that live and die together; also the ports `Tasks` and `Clock`."""

    def __init__(self, world, name, skew_ns=0):
        self.world = world
        self.name = name
        self.alive = True
        self.failure = None
        self.skew_ns = skew_ns
        self.counted = 0  # when (ns) the broker last worked out for it what the account holds

    # The port Clock.

    def now(self):
        return self.world.now + self.skew_ns

    def monotonic(self):
        return self.world.now

    async def sleep(self, seconds):
        later = Later()
        self.world.after(max(seconds, 0.0), self.resolve, later, None, "timer")
        await later

    # The port Tasks.

    def spawn(self, name, work):
        self.world.works.append(work)
        self.world.at(self.world.now, self._step, work.send)

    def begin(self, name, work):
        self._step(work.send)
        if not self.alive:
            raise Crash  # it died of what it did first, and with it whoever began it

    def signal(self):
        return Signal(self)

    # What makes coroutines go on.

    def resolve(self, later, value, what, error=None):
        """Give a coroutine what it waits for, if there is anybody to give it to."""
        if not self.alive or later.done:
            return
        self.world.note(f"{self.name} {what}")
        later.done, later.value, later.error = True, value, error
        if later.goes_on is not None:
            self._step(later.goes_on)

    def _step(self, goes_on):
        """Run a coroutine until it waits again."""
        if not self.alive:
            return
        try:
            later = goes_on(None)
            while later.done:
                later = goes_on(None)
            later.goes_on = goes_on
        except StopIteration:
            return
        except Crash:
            self.die("crash")
        except Exception as error:  # noqa: BLE001  it ends the process, and the rig judges it
            self.failure = error
            self.die(f"{type(error).__name__}")

    def die(self, why):
        """Nothing of it goes on."""
        if self.alive:
            self.alive = False
            self.world.touched = True
            self.world.note(f"{self.name} dies: {why}")


class Signal:
    """The port `Signal`."""

    __slots__ = ("_process", "_set", "_waiting")

    def __init__(self, process):
        self._process = process
        self._set = False
        self._waiting = []

    def set(self):
        waiting, self._waiting = self._waiting, []
        self._set = not waiting
        for later in waiting:
            self._process.world.at(self._process.world.now, self._process.resolve, later, True, "signal")

    async def wait(self, timeout_seconds=None):
        if self._set:
            self._set = False
            return True
        later = Later()
        self._waiting.append(later)
        if timeout_seconds is not None:
            self._process.world.after(timeout_seconds, self._timeout, later)
        return await later

    def _timeout(self, later):
        if later in self._waiting:
            self._waiting.remove(later)
            self._process.resolve(later, False, "timeout")
