"""The real template on the cloud of this machine, trading at a paper exchange that listens on loopback.

Every verb runs in a process of Amazon's runtime client, woken by its queue and the table's stream; the driver here only
releases events, writes lines, and waits until nothing wakes anybody any more.
"""

import json
from contextlib import contextmanager

from stratofold.adapters.brokers.alpaca_access import Access
from stratofold.adapters.network.client import Network
from stratofold.cloud.hearing import leave
from stratofold.cloud.local.deployment import deploy
from stratofold.cloud.place import Place
from stratofold.exchange.core import Rules
from stratofold.exchange.desk import Terms
from tests.cloud.stage import ExchangeVenue, Stage
from tests.conversations.exchanges import serving
from tests.live_tools import Paper


class LocalStage(Stage):
    """A stack of the real template; `outputs` are what it says of itself."""

    timer = None

    def __init__(self, cloud, run, outputs, name):
        self.cloud, self.run, self.outputs, self.stack = cloud, run, outputs, name
        self.aws = cloud.client()
        self.queue, self.dead = outputs["Queue"], outputs["DeadLetterQueue"]
        self.names = {
            **cloud.environment(), "STRATOFOLD_STACK": name, "STRATOFOLD_BOOK": run.book,
            "STRATOFOLD_TABLE": outputs["Table"], "STRATOFOLD_BUCKET": outputs["ArchiveBucket"],
            "STRATOFOLD_QUEUE": self.queue, "STRATOFOLD_DEAD": self.dead, "STRATOFOLD_BROKER": "exchange",
            "STRATOFOLD_STRATEGY": f"{run.strategy.__module__}:{run.strategy.__name__}",
        }  # fmt: skip
        self.place = self.fresh_place()

    def fresh_place(self):
        place = Place(self.names)
        place.strategy = self.run.strategy
        place.venue = ExchangeVenue(self.run)
        return place

    def _iterators(self):
        return None  # the table's stream is read by those whom it wakes

    def function(self, verb, event):
        """What a function answers to an event."""
        outcome = self.cloud.functions.run(f"{self.stack}-{verb}:live", json.dumps(event).encode())
        assert outcome.ok, outcome.body
        return json.loads(outcome.body)

    def settle(self):
        assert self.cloud.settle()

    def reconcile(self):
        return self.function("reconcile", {"trigger": "reconcile"})

    def _next_timer(self):
        """The next timer; one that is not due yet stays the next, as long as the book asks for none of its own."""
        if self.timer is None or self.timer.time <= self.run.clock.time:
            leave(self.place, self.run.book)  # another process has written since
            self.timer = super()._next_timer()
        return self.timer


@contextmanager
def staged(
    cloud, strategy, data, span_ns, *, name="local", spec="", slippage=None, numbers=None, secrets=None, kind=Paper,
    **parameters,
):  # fmt: skip
    """A stack with its book open, at an exchange of its own; `numbers` are the strategy's parameters, `kind` is the book's."""
    rules = Rules(requests_per_minute=0)
    with serving(data, terms=Terms(100_000.0, slippage=slippage), rules=rules) as served:
        run = kind(strategy, data, span_ns, served.exchange, None, parameters=numbers or {})
        run.reach(Access(served.key, served.secret, trading_url=served.url, data_url=served.url), Network())
        given = {
            "Broker": "exchange",
            "BrokerUrl": served.url,
            "DataUrl": served.url,
            "Book": run.book,
            "Schedule": "off",
        }
        outputs = deploy(
            cloud, spec or f"{strategy.__module__}:{strategy.__name__}", name, {**given, **parameters},
            {"alpaca-key-id": served.key, "alpaca-secret-key": served.secret, **(secrets or {})},
        )  # fmt: skip
        stage = LocalStage(cloud, run, outputs, name)
        stage.served = served
        yield stage.open()
