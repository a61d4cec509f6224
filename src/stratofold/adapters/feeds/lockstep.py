"""The paper exchange that waits: one event released at a time, by its admin doors.

What comes in: the keys and address of an exchange started with `--speed step`.  What goes out: a `Stepper`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from stratofold.adapters.network.moments import nanoseconds_of
from stratofold.adapters.ports import Released
from stratofold.errors import Setup, Stop

if TYPE_CHECKING:
    from stratofold.adapters.brokers.alpaca_access import Access
    from stratofold.adapters.ports import Http


class ExchangeStepper:
    """See `ports.Stepper`."""

    def __init__(self, access: Access, http: Http) -> None:
        """Nothing is asked yet."""
        self._access = access
        self._http = http

    async def now(self) -> Released:
        """See `ports.Stepper`."""
        return await self._ask("GET", "clock")

    async def step(self) -> Released:
        """See `ports.Stepper`."""
        return await self._ask("POST", "step", b"{}")

    async def wait(self, until: int) -> Released:
        """See `ports.Stepper`."""
        return await self._ask("POST", "step", msgspec.json.encode({"until": until}))

    async def _ask(self, method: str, door: str, body: bytes = b"") -> Released:
        """One admin request; raises NoAnswer, Stop SF870 for keys it does not know, Setup SF878 where there is no such door."""
        answer = await self._http.request(
            method, f"{self._access.trading_url}/admin/{door}", self._access.headers, body, 60.0
        )
        if answer.status == 401:
            raise Stop(
                "SF870", "the keys were refused", place=self._access.trading_url, why="it answered 401",
                fix="give the keys of the ready line that this exchange printed (a stack's: stratofold cloud secret)",
            )  # fmt: skip
        if answer.status != 200:
            what = f"{self._access.trading_url} does not go step by step"
            raise Setup(
                "SF878", what, why=f"it answered {answer.status}", fix="start it: stratofold exchange --speed step"
            )
        said: dict[str, Any] = msgspec.json.decode(answer.body)
        following, updates = said["next"], said.get("updates") or 0
        symbol = (said.get("released_now") or {}).get("symbol") or ""
        return Released(
            nanoseconds_of(said["time"]), nanoseconds_of(following) if following else None, int(updates), symbol
        )
