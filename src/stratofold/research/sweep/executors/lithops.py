"""Lithops: one function on any cloud that it knows; its own configuration says which (localhost where there is none).

What comes in: orders.  What goes out: they are done; their answers are on the shelf, which is Lithops' own storage.
Why so: Lithops calls functions and keeps bytes on AWS, Google Cloud, Azure, Kubernetes and this machine.  It is asked for
no more than that: it does not say when a worker was killed and has no copies of what is late, so that is the foreman's.

Source: Lithops 3.8, `FunctionExecutor` and `Storage` (lithops-cloud.github.io/docs).
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from stratofold.errors import Setup
from stratofold.research.sweep.executors.elsewhere import Elsewhere
from stratofold.research.sweep.executors.foreman import Foreman
from stratofold.research.sweep.executors.money import Purse, Tariff
from stratofold.research.sweep.executors.processes import count_of
from stratofold.research.sweep.executors.shelf import absent
from stratofold.research.sweep.executors.work import Choice, Plan
from stratofold.research.sweep.executors.worker import perform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from stratofold.research.sweep.cells import Cells
    from stratofold.research.sweep.executors.elsewhere import Order
    from stratofold.research.sweep.executors.work import Work
    from stratofold.research.sweep.place import Place

PREFIX = "stratofold/"
_SECONDS, _SECONDS_MAX = 5.0, 30.0
_LIMIT_SECONDS = 300.0  # where the configuration says none
_HERE, _ANY_PYTHON = "localhost", "python"


class Lithops:
    """On the cloud of Lithops' configuration, by `workers` functions at once (default: as many as it allows)."""

    def __init__(
        self,
        execution: str,
        workers: Any = None,
        progress: Callable[[str], None] | None = None,
        budget: Any = None,
        spent_usd: float = 0.0,
    ) -> None:
        """Raises Setup SFS70 without Lithops, SFS71 where it cannot be used as it is configured, SFS67 and SFS68 for a budget."""
        self._choice = Choice(execution)
        self._progress = progress
        self.engine = _engine()
        backend = str(self.engine.backend)
        settings = self.engine.config[backend]
        usual = int(settings.get("max_workers", 1)) * int(settings.get("worker_processes", 1))
        self.plan = Plan(
            count_of(workers, usual), _SECONDS, _SECONDS_MAX, float(settings.get("runtime_timeout", _LIMIT_SECONDS))
        )
        self.target = "native" if backend == _HERE else "x86-64-v2"
        self.purse = Purse(_tariff(backend, settings), budget, spent_usd)
        self._crews: dict[str, Elsewhere] = {}  # by execution

    @property
    def spent_usd(self) -> float | None:
        """What the study has cost; None where nobody here knows."""
        return None if self.purse.tariff is None else self.purse.spent_usd

    def run(self, places: Sequence[Place], work: Sequence[Work]) -> Iterator[tuple[Work, Cells]]:
        """See `foreman`."""
        return Foreman(self._crew(self._choice.of(places, work)), places).run(work)

    def _crew(self, execution: str) -> Elsewhere:
        """The crew, the same for all rounds of a sampler."""
        if execution not in self._crews:
            shelf, sender = Stored(self.engine.storage), _Sender(self.engine)
            self._crews[execution] = Elsewhere(
                shelf, sender, self.plan, execution, self.target, self.purse, self._progress
            )
        return self._crews[execution]


def _engine() -> Any:
    """Lithops, as its configuration says."""
    try:
        import lithops
    except ImportError:
        fix = "pip install 'stratofold[lithops]', or executor=\"processes\""
        raise Setup("SFS70", 'executor="lithops" needs Lithops, which is not installed', fix=fix) from None
    with _told():
        found = lithops.FunctionExecutor(log_level="ERROR")
        if found.backend == _HERE and found.config[_HERE].get("runtime", _ANY_PYTHON) == _ANY_PYTHON:
            return lithops.FunctionExecutor(backend=_HERE, runtime=sys.executable, log_level="ERROR")
        return found


@contextmanager
def _told() -> Iterator[None]:
    """Say in our words what Lithops raises, and the cloud's own package below it."""
    try:
        yield
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        fix = "see its configuration (LITHOPS_CONFIG_FILE or ~/.lithops/config) and its keys: lithops hello"
        raise Setup("SFS71", "Lithops cannot be used as it is configured", why=why, fix=fix) from error


def _tariff(backend: str, settings: Mapping[str, Any]) -> Tariff | None:
    """What a second costs: of AWS Lambda by the price book, of this machine nothing; of others nobody here knows."""
    if backend == _HERE:
        return None
    if backend != "aws_lambda":
        return None
    from stratofold.research.sweep.executors.tariffs import of_lambda

    return of_lambda(int(settings.get("runtime_memory", 256)), "x86_64")


class Stored:
    """A shelf that is Lithops' storage; see `shelf.Shelf`.

    It has no way to put a thing only where there is none.  What is named by its hash may be put twice, and so may an
    answer: two workers that do the same order come to the same.
    """

    def __init__(self, storage: Any) -> None:
        """In the bucket of its configuration."""
        self._storage = storage

    def put(self, name: str, body: bytes) -> bool:
        """See `Shelf`."""
        if PREFIX + name in self._storage.list_keys(self._storage.bucket, PREFIX + name):
            return False
        self._storage.put_object(self._storage.bucket, PREFIX + name, body)
        return True

    def get(self, name: str, first: int = 0, count: int = 0) -> bytes:
        """See `Shelf`."""
        part = {"Range": f"bytes={first}-{first + count - 1}"} if count else {}
        try:
            return bytes(self._storage.get_object(self._storage.bucket, PREFIX + name, extra_get_args=part))
        except Exception as error:
            if type(error).__name__ != "StorageNoSuchKeyError":
                raise
            raise absent(name, str(self._storage.bucket)) from error

    def names(self, prefix: str) -> list[str]:
        """See `Shelf`."""
        found = self._storage.list_keys(self._storage.bucket, PREFIX + prefix)
        return sorted(name.removeprefix(PREFIX) for name in found)


class _Sender:
    """Calls one function for each order; see `elsewhere.Sender`."""

    def __init__(self, engine: Any) -> None:
        """Nothing was sent yet."""
        self._engine = engine
        self._futures: list[tuple[Any, str]] = []

    def start(self, orders: Sequence[Order]) -> None:
        """One call an order: each is some seconds of work already."""
        with _told():
            futures = self._engine.map(_order, [{"order": each} for each in orders])
        self._futures += zip(futures, (each["goal"] for each in orders), strict=True)

    def ended(self) -> set[str]:
        """Those of which Lithops knows that they are over."""
        over = {id(future): goal for future, goal in self._futures if future.ready or future.success or future.done}
        self._futures = [each for each in self._futures if id(each[0]) not in over]
        return set(over.values())

    def stop(self) -> None:
        """What Lithops wrote of its calls is taken away; what still runs is left to its time limit."""
        self._engine.clean()


def _order(order: Order, storage: Any) -> None:
    """What a worker does; Lithops gives it its storage."""
    perform(Stored(storage), order)
