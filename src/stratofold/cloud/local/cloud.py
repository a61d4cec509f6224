"""The cloud on one machine, put together: services, functions, and what wakes them.

What comes in: whatever is deployed to `url`, by CloudFormation or by hand.  What goes out: functions that run when their queues,
streams, schedules, routes, buckets and buses say so, until it is closed.
Why it is shaped so: the services tell one door of every event that is for a function, whoever made it; queues, streams and
schedules are read here, by the rules that AWS reads them by.  What is deployed is looked at once a second, so deploying again while it
runs changes what runs.
"""

from __future__ import annotations

import contextlib
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qs, unquote, urlsplit

from stratofold.adapters.aws.answers import AwsError
from stratofold.adapters.aws.client import Client
from stratofold.cloud.local.depths import DEPTHS_SECONDS, tell_depths
from stratofold.cloud.local.emulator import Emulator
from stratofold.cloud.local.environment import python_with
from stratofold.cloud.local.functions import Functions
from stratofold.cloud.local.mapping import mappings
from stratofold.cloud.local.pool import Pool
from stratofold.cloud.local.queue_source import QueueSource
from stratofold.cloud.local.schedules import BEAT_SECONDS, Schedules
from stratofold.cloud.local.schedules import LOOK_SECONDS as SCHEDULES_SECONDS
from stratofold.cloud.local.stream_source import StreamSource
from stratofold.cloud.local.telemetry import Telemetry
from stratofold.cloud.local.wake import Wake
from stratofold.cloud.local.wire import Answer, Request, Server
from stratofold.errors import Setup

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from stratofold.cloud.local.mapping import Mapping as Source
    from stratofold.cloud.local.sandbox import Outcome

LOOK_SECONDS = 1.0


class LocalCloud:
    """Everything, while it is entered: `url` is where the services are, `functions` runs what is deployed."""

    def __init__(
        self,
        port: int = 0,
        *,
        variables: Mapping[str, str] | None = None,
        show: Callable[[str, str], None] | None = None,
        freeze: bool = True,
        log: Path | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """On a port (0: any); every function finds `variables` too, and `show` gets the lines that they print.

        `now` is what time it is for schedules, in seconds UTC; functions ask the machine.
        """
        self._scratch = tempfile.TemporaryDirectory(prefix="stratofold-functions-")
        self._door = Server(self._answer)
        self.emulator = Emulator(
            port, functions_url=f"http://{self._door.authority}", log=log, folders=[self._scratch.name]
        )
        self.url = self.emulator.url
        self._extra = dict(variables or {})
        self._show = show
        self._freeze = freeze
        self._now = now
        self._wake = Wake()
        self._running: dict[Source, Wake] = {}
        self._looking = threading.Lock()
        self.pool: Pool
        self.functions: Functions
        self.schedules: Schedules

    def environment(self) -> dict[str, str]:
        """What a process needs in its environment to find the services."""
        return self.emulator.environment()

    def client(self) -> Client:
        """Speaks to the services."""
        return Client(environment=self.environment())

    def __enter__(self) -> Self:
        """Start it; raises Setup SF770 and SF771."""
        self.emulator.__enter__()
        self._aws = self.client()
        self._telemetry = Telemetry(self.client(), self._show)
        self.schedules = Schedules(self.client(), self._now)
        self.pool = Pool(python_with(), self._telemetry.heard, freeze=self._freeze, group=self.emulator.group)
        self.functions = Functions(
            self._aws, self.pool, Path(self._scratch.name), self._variables, self._telemetry.ended
        )
        threading.Thread(target=self._watch, daemon=True, name="mappings").start()
        threading.Thread(target=self._keep_time, daemon=True, name="schedules").start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End everything."""
        self.close()

    def close(self) -> None:
        """End everything."""
        self._wake.end()
        with self._looking:
            for wake in self._running.values():
                wake.end()
        self._telemetry.close()
        self.pool.close()
        self._door.close()
        self.emulator.close()
        self._scratch.cleanup()

    def look(self) -> None:
        """Take up what is deployed now, at once; one at a time, or a source would be read by two."""
        with self._looking:
            found = set(mappings(self._aws))
            if self._wake.ended:
                return
            for source in set(self._running) - found:
                self._running.pop(source).end()
            for source in found - set(self._running):
                self._running[source] = wake = Wake()
                threading.Thread(target=self._poll, args=(source, wake), daemon=True).start()

    def settle(self, seconds: float = 60.0) -> bool:
        """Wait until nothing wakes anybody any more; False when the time is over before that.

        Everybody looks and finds nothing, and no function was at anything meanwhile: so nobody has anything to write.
        That is to be so twice, because a call that nobody waits for is on its way for a moment when its caller has ended.
        """
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            begun = self.pool.begun
            if self._quiet(left) and self._quiet(left) and self.pool.begun == begun:
                return True
        return False

    def _quiet(self, seconds: float) -> bool:
        """Whether everybody looked and found nothing, and no function is at anything."""
        wakes = tuple(self._running.values())
        for wake in wakes:
            wake.set()  # they look side by side
        return all(wake.quiet(seconds) for wake in wakes) and not self.pool.busy

    def _watch(self) -> None:
        """Look again and again."""
        told = time.monotonic()
        while not self._wake.ended:
            with contextlib.suppress(AwsError):
                self.look()
                if time.monotonic() - told > DEPTHS_SECONDS:
                    told = time.monotonic()
                    tell_depths(self._aws)
            self._wake.sleep(LOOK_SECONDS)

    def _keep_time(self) -> None:
        """Call what schedules say, when they say it."""
        looked = -SCHEDULES_SECONDS
        while not self._wake.ended:
            try:
                if time.monotonic() - looked > SCHEDULES_SECONDS:
                    looked = time.monotonic()
                    self.schedules.look()
                self.schedules.beat()
            except AwsError:
                looked = -SCHEDULES_SECONDS  # it is being made, or being taken away
            except Setup as error:
                if self._show is not None:
                    self._show("schedules", str(error))
            self._wake.sleep(BEAT_SECONDS)

    def _poll(self, source: Source, wake: Wake) -> None:
        """Read one source until it is switched off."""
        name = source.function.split(":")[6]
        while not wake.ended:
            try:
                if source.service == "sqs":
                    QueueSource(self.client(), source, self._run, wake).poll()
                else:
                    age = lambda milliseconds: self._telemetry.age(name, milliseconds)  # noqa: E731
                    StreamSource(self.client(), source, self._run, wake, age).poll()
            except AwsError:
                wake.sleep(LOOK_SECONDS)  # it is being made, or being taken away

    def _run(self, reference: str, payload: bytes) -> Outcome:
        return self.functions.run(reference, payload)

    def _variables(self, name: str) -> dict[str, str]:
        """What a function finds beside its own: the services, and keys that tell who it is."""
        return {**self.environment(), "AWS_ACCESS_KEY_ID": f"local-{name}", **self._extra}

    def _answer(self, request: Request) -> Answer:
        """The door: an event for a function, or the word that something was written."""
        parts = urlsplit(request.target)
        if parts.path == "/wake":
            for wake in tuple(self._running.values()):
                wake.set()
            return Answer()
        name = unquote(parts.path.rpartition("/")[2])
        qualifier = parse_qs(parts.query).get("qualifier", [""])[0]
        reference = name if qualifier in {"", "$LATEST"} else f"{name}:{qualifier}"
        try:
            outcome = self.functions.run(reference, request.body)
        except AwsError as error:
            return Answer(404, str(error).encode())
        if outcome.throttled:
            return Answer(429, outcome.body)
        return Answer(200, outcome.body, {} if outcome.ok else {"X-Amz-Function-Error": outcome.error})
