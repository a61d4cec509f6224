"""Step Functions: a distributed map over orders, on AWS, by the stack that `stratofold cloud sweeps` makes.

What comes in: orders.  What goes out: they are done; their answers are in the stack's bucket.
Why so: the map calls a thousand functions, tries again what AWS could not begin, and goes on while the driver is away; one
execution has so many orders that its own bookkeeping stays within what a state may hold.  What it cannot tell (which cell
killed its function, what is late) is the foreman's.

Source: Step Functions Developer Guide, "Using Map state in Distributed mode"; API Reference, StartExecution.
"""

from __future__ import annotations

import json
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from stratofold.adapters.aws.answers import AwsError, explained
from stratofold.errors import Retry, Setup
from stratofold.research.sweep.executors.elsewhere import Elsewhere
from stratofold.research.sweep.executors.foreman import Foreman
from stratofold.research.sweep.executors.money import Purse
from stratofold.research.sweep.executors.processes import count_of
from stratofold.research.sweep.executors.work import Choice, Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from stratofold.adapters.aws.client import Client
    from stratofold.research.sweep.cells import Cells
    from stratofold.research.sweep.executors.elsewhere import Order
    from stratofold.research.sweep.executors.shelf import Shelf
    from stratofold.research.sweep.executors.work import Work
    from stratofold.research.sweep.place import Place

STACK = "stratofold-sweeps"
FUNCTION = f"{STACK}-sweep"
SHELF = "STRATOFOLD_SHELF"  # the variable of a function that names the bucket
ORDERS_MAX = 5_000  # in one execution: what it knows of each has to fit into 256 kB together
_SECONDS, _SECONDS_MAX = 5.0, 30.0
_TARGETS = {"arm64": "aarch64", "x86_64": "x86-64-v2"}


class Site(NamedTuple):
    """The stack as it stands: its state machine, its bucket, and what its functions are given."""

    machine: str
    bucket: str
    workers: int
    limit_seconds: float
    memory_mb: int
    architecture: str


class StepFunctions:
    """On AWS Lambda, called by a distributed map; `workers` at once, at most as many as the stack was made for."""

    def __init__(
        self,
        execution: str,
        workers: Any = None,
        progress: Callable[[str], None] | None = None,
        budget: Any = None,
        spent_usd: float = 0.0,
        aws: Client | None = None,
    ) -> None:
        """Raises Setup SFS72 where there is no such stack, SF760 without credentials, SF766 without a region, SFS67 and SFS68 for a budget."""
        from stratofold.research.sweep.executors.tariffs import of_states

        self._choice = Choice(execution)
        self._progress = progress
        self._aws = aws or _client()
        self.site = site_of(self._aws)
        count = min(count_of(workers, self.site.workers), self.site.workers)
        self.plan = Plan(count, _SECONDS, _SECONDS_MAX, self.site.limit_seconds)
        self.purse = Purse(of_states(self.site.memory_mb, self.site.architecture), budget, spent_usd)
        self._crews: dict[str, Elsewhere] = {}  # by execution

    @property
    def spent_usd(self) -> float:
        """What the study has cost."""
        return self.purse.spent_usd

    def run(self, places: Sequence[Place], work: Sequence[Work]) -> Iterator[tuple[Work, Cells]]:
        """See `foreman`."""
        return Foreman(self._crew(self._choice.of(places, work)), places).run(work)

    def _crew(self, execution: str) -> Elsewhere:
        """The crew, the same for all rounds of a sampler."""
        from stratofold.research.sweep.executors.bucket import Bucket

        if execution not in self._crews:
            shelf = Bucket(self._aws, self.site.bucket)
            sender = Sender(self._aws, shelf, self.site.machine)
            target = _TARGETS[self.site.architecture]
            self._crews[execution] = Elsewhere(shelf, sender, self.plan, execution, target, self.purse, self._progress)
        return self._crews[execution]


def _client() -> Client:
    """Amazon's services as the environment names them; raises Setup SF766 without a region."""
    from stratofold.adapters.aws.client import Client

    try:
        return Client()
    except Setup as error:
        fix = "say in which the workers are: export AWS_REGION=eu-central-1"
        raise Setup(error.code, error.what, fix=fix) from error


def site_of(aws: Client) -> Site:
    """The stack in this account and region; raises Setup SFS72 where there is none."""
    with _told("the workers' stack could not be read"):
        machine = _machine(aws)
        function = aws.rest("lambda", "GET", f"/2015-03-31/functions/{FUNCTION}/configuration")
        held = aws.json("states", "DescribeStateMachine", {"stateMachineArn": machine})
    workers = json.loads(held["definition"])["States"]["Cells"]["MaxConcurrency"]
    return Site(
        machine, function["Environment"]["Variables"][SHELF], int(workers), float(function["Timeout"]),
        int(function["MemorySize"]), function.get("Architectures", ["x86_64"])[0],
    )  # fmt: skip


def _machine(aws: Client) -> str:
    """The ARN of the state machine."""
    query: dict[str, Any] = {"maxResults": 1000}
    while True:
        page = aws.json("states", "ListStateMachines", query)
        for each in page["stateMachines"]:
            if each["name"] == STACK:
                return str(each["stateMachineArn"])
        if not page.get("nextToken"):
            break
        query["nextToken"] = page["nextToken"]
    what = f"there are no workers for sweeps in {aws.region}"
    raise Setup("SFS72", what, place=STACK, fix='stratofold cloud sweeps makes them; or executor="processes"')


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Say in our words what AWS answers."""
    try:
        yield
    except AwsError as error:
        raise explained(error, what) from error


class Sender:
    """Starts executions; see `elsewhere.Sender`."""

    def __init__(self, aws: Client, shelf: Shelf, machine: str) -> None:
        """Nothing runs yet."""
        self._aws = aws
        self._shelf = shelf
        self._machine = machine
        self._running: dict[str, set[str]] = {}

    def start(self, orders: Sequence[Order]) -> None:
        """One execution, or several where there are very many."""
        for at in range(0, len(orders), ORDERS_MAX):
            some = orders[at : at + ORDERS_MAX]
            name = uuid4().hex
            key = f"orders/{name}.json"
            self._shelf.put(key, json.dumps(some).encode())
            terms = {"stateMachineArn": self._machine, "name": name, "input": json.dumps({"orders": key})}
            with _told("the workers were not called"):
                started = self._aws.json("states", "StartExecution", terms)
            self._running[started["executionArn"]] = {each["goal"] for each in some}

    def ended(self) -> set[str]:
        """The goals of executions that are over."""
        over: set[str] = set()
        for execution in list(self._running):
            try:
                found = self._aws.json("states", "DescribeExecution", {"executionArn": execution})
            except AwsError as error:
                said = explained(error, "an execution could not be looked at")
                if isinstance(said, Retry):
                    continue  # it is looked at again in a moment
                raise said from error
            if found["status"] != "RUNNING":
                over |= self._running.pop(execution)
        return over

    def stop(self) -> None:
        """Stop what runs: nobody waits for it any more."""
        for execution in self._running:
            with suppress(AwsError):  # it has just ended
                self._aws.json("states", "StopExecution", {"executionArn": execution})
        self._running.clear()
