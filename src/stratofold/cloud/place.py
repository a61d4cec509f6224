"""Where a function is: the names in its environment, and the adapters behind the ports, each made when it is first asked for.

What comes in: names of the environment (never keys).  What goes out: a `Place`, one a process, kept between invocations.
Why it is shaped so: everything is wired here and nowhere else, by hand; what a verb does not ask for is never imported,
so `decide` starts without an event loop, a broker or a TLS context of its own.
"""

from __future__ import annotations

import os
import sys
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from stratofold.adapters.clock import Clock
from stratofold.errors import Setup, Stop

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from stratofold.adapters.aws.client import Client
    from stratofold.adapters.aws.hot import Hot
    from stratofold.adapters.aws.metrics import Metrics
    from stratofold.adapters.aws.secrets import Secrets
    from stratofold.adapters.ports import Artifacts, Journal, Notifier
    from stratofold.cloud.calling import Calls
    from stratofold.cloud.outlets import QueueOutlet
    from stratofold.cloud.seat import Seat
    from stratofold.cloud.venue import Venue
    from stratofold.fold.strategy import Strategy
    from stratofold.live.alerts import Alerts

    Respond = Callable[["Place", dict[str, Any], Callable[[], int]], dict[str, Any]]

Result = TypeVar("Result")
KEYS_REFUSED = "SF870"


class Context(Protocol):
    """What AWS tells a handler of its invocation, as far as we ask."""

    def get_remaining_time_in_millis(self) -> int:
        """How long the invocation may still take."""


class Outlet(Protocol):
    """Where lines go: the market's queue or stream, or the dead letters."""

    def put(self, book: str, lines: Sequence[str]) -> None:
        """Send some lines of a book, in their order; those that were sent before are left out where that is known."""


class Place:
    """One environment of one stack."""

    def __init__(self, names: Mapping[str, str], clock: Clock | None = None) -> None:
        """Nothing is made yet; `names` are those of the environment's variables, `clock` is the machine's."""
        self.names = names
        self.seats: dict[str, Seat] = {}
        self.alerts: dict[str, Alerts] = {}
        self.clock = clock or Clock()

    def name(self, name: str) -> str:
        """A name that must be there; raises Setup SF884."""
        value = self.names.get(name, "")
        if not value:
            raise Setup(
                "SF884", f"{name} is not set", why="the function does not know its stack", fix="stratofold deploy"
            )
        return value

    @property
    def stack(self) -> str:
        """The stack's name."""
        return self.name("STRATOFOLD_STACK")

    @property
    def book(self) -> str:
        """The book that lines are for which name none."""
        return self.name("STRATOFOLD_BOOK")

    @property
    def holder(self) -> str:
        """The name under which all environments of the stack write."""
        return f"cloud:{self.stack}"

    @property
    def region(self) -> str:
        """Where this runs, for the records."""
        return self.names.get("AWS_REGION", "cloud")

    @property
    def replays(self) -> bool:
        """Whether the venue is a paper exchange, whose time is its own."""
        return self.names.get("STRATOFOLD_BROKER") == "exchange"

    @cached_property
    def strategy(self) -> type[Strategy]:
        """The strategy in the package; raises Setup SF885 where there is none of that name."""
        spec = self.name("STRATOFOLD_STRATEGY")
        module, _, name = spec.partition(":")
        try:
            found: type[Strategy] = getattr(import_module(module), name)
        except (ImportError, AttributeError) as error:
            why = f"{type(error).__name__}: {error}"
            raise Setup("SF885", f"the package holds no {spec}", why=why, fix="stratofold deploy") from error
        return found

    @cached_property
    def client(self) -> Client:
        """Amazon's services."""
        from stratofold.adapters.aws.client import Client

        return Client(environment=self.names)

    @cached_property
    def calls(self) -> Calls:
        """The other functions of the stack."""
        from stratofold.cloud.calling import Calls

        return Calls(self.client, self.stack)

    @cached_property
    def journal(self) -> Journal:
        """The stack's journal."""
        from stratofold.adapters.aws.journal import Journal

        return Journal(self.client, self.name("STRATOFOLD_TABLE"), self.name("STRATOFOLD_BUCKET"), hot=self.hot)

    @cached_property
    def hot(self) -> Hot | None:
        """The cache of states, where the stack has one: Valkey in its network, by TLS, and nowhere the authority."""
        address = self.names.get("STRATOFOLD_CACHE", "")
        if not address:
            return None
        from stratofold.adapters.aws.hot import Hot

        return Hot(address)

    @cached_property
    def artifacts(self) -> Artifacts:
        """The archive."""
        from stratofold.adapters.aws.artifacts import Artifacts

        return Artifacts(self.client, self.name("STRATOFOLD_BUCKET"))

    @cached_property
    def secrets(self) -> Secrets:
        """Keys, asked for when they are used and kept for five minutes at most."""
        from stratofold.adapters.aws.secrets import Secrets

        return Secrets(self.client, self.name("STRATOFOLD_SECRETS"))

    @cached_property
    def notifier(self) -> Notifier:
        """Who tells people."""
        from stratofold.adapters.aws.notifier import Notifier

        return Notifier(self.client, self.name("STRATOFOLD_TOPIC"))

    @cached_property
    def metrics(self) -> Metrics:
        """Numbers for graphs and alarms, by stack."""
        from stratofold.adapters.aws.metrics import Metrics

        return Metrics({"stack": self.stack})

    @cached_property
    def queue(self) -> QueueOutlet:
        """The market's queue."""
        from stratofold.cloud.outlets import QueueOutlet

        return QueueOutlet(self.client, self.name("STRATOFOLD_QUEUE"))

    @cached_property
    def market(self) -> Outlet:
        """Where market events go: the stream where there is one, else the queue."""
        from stratofold.cloud.outlets import QUEUE, STREAM, Route, StreamOutlet

        stream = self.names.get("STRATOFOLD_STREAM", "")
        if stream:
            return Route(StreamOutlet(self.client, stream), STREAM, self.journal)
        return Route(self.queue, QUEUE, self.journal)

    @cached_property
    def dead(self) -> Outlet:
        """Where what nobody can hear goes, with its payload."""
        from stratofold.cloud.outlets import QueueOutlet

        return QueueOutlet(self.client, self.name("STRATOFOLD_DEAD"))

    @cached_property
    def venue(self) -> Venue:
        """The broker and its market data."""
        from stratofold.cloud.venue import Venue

        return Venue(self.names, self.secrets, self.clock)

    @cached_property
    def _loop(self) -> Any:
        """The event loop of what crosses a network to a venue; connections are kept with it."""
        import asyncio

        return asyncio.new_event_loop()

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Do something that waits for a network, to its end."""
        result: Result = self._loop.run_until_complete(work)
        return result


_here: list[Place] = []


def here() -> Place:
    """The place of this process."""
    if not _here:
        _here.append(Place(os.environ))
    return _here[0]


def invoke(verb: str, respond: Respond, event: dict[str, Any], context: Context) -> dict[str, Any]:
    """One invocation in this process: its answer, and its numbers for graphs and alarms.

    Keys that a venue has refused are read anew by the next one, which may find those that have replaced them.
    """
    place = here()
    try:
        return respond(place, event, context.get_remaining_time_in_millis)
    except Stop as error:
        if error.code == KEYS_REFUSED:
            place.secrets.forget()
        raise
    finally:
        place.metrics.flush(verb=verb)


def say(**what: Any) -> None:
    """A line of the log: a few named facts as JSON, and never a body, a header or a key."""
    import json

    sys.stdout.write(json.dumps(what, default=str) + "\n")
