"""Questions to a venue that are asked side by side, before they are needed.

What comes in: a broker, and what it will be asked.  What goes out: a broker that has the answers already.
Why it is shaped so: what a start asks is mostly independent, and a start waits for each answer; who asks one after another stays as
it is, and is told at once what is known.  A question that was not answered is simply asked again by who needs the answer.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

from stratofold.adapters.beside import side_by_side

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stratofold.adapters.ports import AccountState, Capabilities, Tasks, VenueOrder, VenueReport


class Questions(Protocol):
    """What of `ports.Broker` only asks."""

    capabilities: Capabilities

    async def order(self, client_id: str, *, sent: bool = False) -> VenueOrder | None:
        """One order."""

    async def orders(self, since: int = 0, *, only_open: bool = True) -> list[VenueOrder]:
        """A list of orders."""

    async def executions(self, since: int, tasks: Tasks | None = None) -> list[VenueReport]:
        """Fills."""

    async def account(self, tasks: Tasks | None = None) -> AccountState:
        """Money and positions."""


class Ahead:
    """The questions of a broker; each answer that was asked for ahead is given once."""

    def __init__(self, broker: Questions, tasks: Tasks) -> None:
        """Nothing was asked yet."""
        self.capabilities = broker.capabilities
        self._broker, self._tasks = broker, tasks
        self._open: list[list[VenueOrder]] = []
        self._fills: dict[int, list[VenueReport]] = {}
        self._accounts: list[AccountState] = []
        self._orders: dict[tuple[str, bool], VenueOrder | None] = {}

    # Ahead.

    async def ask_all(self, since: int) -> None:
        """The open orders, the fills since then (ns UTC), money and positions."""
        await side_by_side(self._tasks, [self._ask_open, lambda: self._ask_fills(since), self._ask_account])

    async def ask_orders(self, names: Iterable[tuple[str, bool]]) -> None:
        """Orders by our ids, each with whether it was sent by itself."""
        await side_by_side(self._tasks, [partial(self._ask_order, name, sent=sent) for name, sent in names])

    async def _ask_open(self) -> None:
        """What is open."""
        self._open.append(await self._broker.orders(only_open=True))

    async def _ask_fills(self, since: int) -> None:
        """Fills from then on."""
        self._fills[since] = await self._broker.executions(since, self._tasks)

    async def _ask_account(self) -> None:
        """Money and positions."""
        self._accounts.append(await self._broker.account(self._tasks))

    async def _ask_order(self, name: str, *, sent: bool) -> None:
        """One order."""
        self._orders[name, sent] = await self._broker.order(name, sent=sent)

    # What is asked.

    async def orders(self, since: int = 0, *, only_open: bool = True) -> list[VenueOrder]:
        """See `ports.Broker`."""
        return self._open.pop() if only_open and self._open else await self._broker.orders(since, only_open=only_open)

    async def executions(self, since: int, tasks: Tasks | None = None) -> list[VenueReport]:
        """See `ports.Broker`."""
        return self._fills.pop(since) if since in self._fills else await self._broker.executions(since, tasks)

    async def account(self, tasks: Tasks | None = None) -> AccountState:
        """See `ports.Broker`."""
        return self._accounts.pop() if self._accounts else await self._broker.account(tasks)

    async def order(self, client_id: str, *, sent: bool = False) -> VenueOrder | None:
        """See `ports.Broker`."""
        key = client_id, sent
        return self._orders.pop(key) if key in self._orders else await self._broker.order(client_id, sent=sent)
