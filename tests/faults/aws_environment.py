"""Functions as Lambda runs them: many environments, one call at a time in each, frozen, killed and begun anew.

What comes in: a function's handler and events.  What goes out: its answers, at moments that the world picks.
Why it is shaped so: a handler is plain synchronous code, so each environment is a thread, and a baton sees to it that
only one thread ever runs: it is handed over where a handler asks a service, which is where another environment may act.
"""

import threading
from dataclasses import dataclass

from .world import SECOND, Crash


class Context:
    """What Lambda tells a handler of its call."""

    def __init__(self, world, name, number, until):
        self.function_name = name
        self.function_version = "1"
        self.aws_request_id = f"{name}-{number}"
        self.invoked_function_arn = f"arn:aws:lambda:eu-central-1:000000000000:function:{name}"
        self.memory_limit_in_mb = "256"
        self._world, self._until = world, until

    def get_remaining_time_in_millis(self):
        return max(0, (self._until - self._world.now) // 1_000_000)


class Environment:
    """One sandbox: a thread that runs while it holds the baton."""

    def __init__(self, world, make):
        self.world, self._make = world, make
        self.handler = None
        self.busy = False
        self.dead = False
        self.waking = 0
        self._go, self._back = threading.Lock(), threading.Lock()  # each is held by who waits for it: a baton
        self._go.acquire()
        self._back.acquire()
        self._call = None
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()

    def start(self, event, context, done):
        """Hand it an event; `done` is called with (answer, error) when it comes back."""
        self.busy, self._call = True, (event, context, done)
        self.world.at(self.world.now, self._resume, self.waking)

    def pause(self, seconds):
        """From within a handler: time goes by, and others act."""
        self.waking += 1
        self.world.after(seconds, self._resume, self.waking)
        self._back.release()
        self._go.acquire()
        if self.dead:
            raise Crash

    def wait(self):
        """From within a handler: until somebody wakes it."""
        self.waking += 1
        self._back.release()
        self._go.acquire()
        if self.dead:
            raise Crash

    def wake(self):
        """What it waits for is there."""
        self.world.at(self.world.now, self._resume, self.waking)

    def crash(self):
        """From within a handler: it dies here."""
        self.dead = True
        raise Crash

    def kill(self):
        """It never answers: what it was doing stops where it stands."""
        if self.dead:
            return
        self.dead = True
        self.waking += 1
        self._go.release()
        self._back.acquire()

    def _resume(self, waking):
        if self.dead or waking != self.waking:
            return
        self._go.release()
        self._back.acquire()

    def _live(self):
        while True:
            self._go.acquire()
            if self.dead:
                self._back.release()
                return
            event, context, done = self._call
            answer, error = None, None
            try:
                if self.handler is None:
                    self.handler = self._make(self)
                answer = self.handler(event, context)
            except Crash:
                self.dead = True
                error = Crash()
            except Exception as caught:  # noqa: BLE001  Lambda tells the event's source, and the environment goes on
                error = caught
            self.busy = False
            self.world.at(self.world.now, done, answer, error)
            self._back.release()
            if self.dead:
                return


@dataclass
class Outcome:
    """What became of one call, for the trace and for who judges."""

    function: str
    answer: object
    error: object


class Function:
    """A function of the stack: `make(environment)` gives a handler with a memory of its own."""

    def __init__(self, world, name, make, *, timeout_seconds=30.0, concurrency=10, mishaps=None):
        self.world, self.name, self._make = world, name, make
        self.timeout_seconds, self.concurrency = timeout_seconds, concurrency
        self.mishaps = mishaps
        self.environments = []
        self.calls = 0
        self.outcomes = []

    def invoke(self, event, done):
        """Call it; False when as many run as may (a throttle).  `done(answer, error)` comes later."""
        self.environments = [each for each in self.environments if not each.dead]
        free = [each for each in self.environments if not each.busy]
        if not free and len(self.environments) >= self.concurrency:
            return False
        if not free or self.world.random.random() < 0.1:
            free = [Environment(self.world, self._make)]
            self.environments += free
        chosen = self.world.random.choice(free)
        self.calls += 1
        context = Context(self.world, self.name, self.calls, self.world.now + int(self.timeout_seconds * SECOND))
        ended = []

        def finish(answer, error):
            if not ended:
                ended.append(1)
                self.world.note(f"{self.name} {'fails' if error is not None else 'answers'}")
                self.outcomes.append(Outcome(self.name, answer, error))
                done(answer, error)

        def timed_out():
            if not ended:
                # A sandbox may be frozen and thawed, or be gone: nobody outside can tell.
                if self.mishaps is None or not self.mishaps("thaw"):
                    chosen.kill()
                finish(None, TimeoutError(f"{self.name} timed out"))

        chosen.start(event, context, finish)
        self.world.after(self.timeout_seconds, timed_out)
        return True

    def close(self):
        """No thread is left behind."""
        for each in self.environments:
            each.kill()
