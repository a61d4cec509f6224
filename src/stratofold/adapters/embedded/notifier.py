"""Tells people, through every address apprise knows: mail, Slack, PagerDuty, Telegram and a hundred more.

What comes in: an alert.  What goes out: the names of the channels that did not take it.
Why it is shaped so: a channel is a name in the settings; its address holds a key, so it is the secret `notify-<name>`.
Telling is done by another process (`announce`), which may take its time, hang or die without the trading noticing; what
it has not confirmed when its time is over counts as not told.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE
from typing import TYPE_CHECKING

from stratofold.adapters.alert_text import text_of
from stratofold.errors import Setup

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from stratofold.adapters.ports import Alert, Secrets

TIMEOUT_SECONDS = 30.0


class Notifier:
    """See `ports.Notifier`."""

    def __init__(self, secrets: Secrets, channels: Iterable[str], timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        """Tell `channels`; raises Setup SF821 for one whose secret `notify-<channel>` is not there."""
        self._addresses = {name: secrets.get(f"notify-{name}") for name in channels}
        self._timeout_seconds = timeout_seconds

    def __repr__(self) -> str:
        """The channels, without their addresses."""
        return f"Notifier({list(self._addresses)})"

    async def notify(self, alert: Alert, only: Sequence[str] = ()) -> list[str]:
        """See `ports.Notifier`."""
        wanted = {name: each for name, each in self._addresses.items() if not only or name in only}
        told = await self._announce(wanted, alert.title, text_of(alert), alert.level, send=True)
        return [name for name in wanted if not told.get(name)]

    async def check(self) -> None:
        """Look at every address without telling anybody; raises Setup SF824 for those that apprise does not know."""
        told = await self._announce(self._addresses, "", "", "info", send=False)
        wrong = [name for name in self._addresses if not told.get(name)]
        if wrong:
            raise Setup(
                "SF824",
                f"the address of {', '.join(wrong)} is none that apprise knows",
                why="an alert would reach nobody there",
                fix=f"put it in again: stratofold secret notify-{wrong[0]}",
            )

    async def _announce(
        self, addresses: Mapping[str, str], title: str, body: str, level: str, *, send: bool
    ) -> dict[str, bool | None]:
        """What became of each channel, as far as it is known when the time is over."""
        if not addresses:
            return {}
        request = {"channels": addresses, "title": title, "body": body, "level": level, "send": send}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "stratofold.adapters.embedded.announce", stdin=PIPE, stdout=PIPE, stderr=DEVNULL
        )
        told: dict[str, bool | None] = {}
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await _converse(process, json.dumps(request).encode(), told)
        except (TimeoutError, ConnectionError):
            pass
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        return told


async def _converse(process: asyncio.subprocess.Process, request: bytes, told: dict[str, bool | None]) -> None:
    """Hand the request over, and note each answer as it comes."""
    if process.stdin is None or process.stdout is None:
        return
    process.stdin.write(request)
    await process.stdin.drain()
    process.stdin.close()
    async for line in process.stdout:
        answer = json.loads(line)
        told[answer["name"]] = answer["told"]
