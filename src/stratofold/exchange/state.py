"""What the exchange remembers over its own death: every request that changed something, and when it came.

What comes in: requests as they are carried out, and the replay's steps.  What goes out: a file, one JSON row a line, and
from it the same exchange again.
Why it is shaped so: the exchange is a fold too (data and requests in, everything else follows), so the requests are
all there is to keep; a real broker does not forget an order because a process was killed.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import msgspec

from stratofold.errors import Setup
from stratofold.exchange.api import Request
from stratofold.wire import event_of, event_row

if TYPE_CHECKING:
    from pathlib import Path

    from stratofold.events import Event
    from stratofold.exchange.api import Api
    from stratofold.exchange.core import Exchange

_VERSION = 1


class State:
    """A file of rows: a head, then what happened.

    A request is `[released, now, key, method, path, query, body]`, a step `[released]`, and what a live feed said
    `{symbol, event}`.
    """

    def __init__(self, path: Path, api: Api, head: dict[str, Any]) -> None:
        """Open or begin the file and bring the exchange to where it was.

        Raises Setup SF853 for a file of another exchange (other data, terms or seed), SF854 for one that cannot be used.
        """
        self.path = path
        self.exchange: Exchange = api.exchange
        self._head = {"version": _VERSION, **head}
        try:
            rows = _rows(path)
            self._file = path.open("ab")
        except OSError as error:
            what = "the exchange's state cannot be kept"
            raise Setup(
                "SF854", what, place=str(path), why=str(error), fix="give --state a file that can be written"
            ) from error
        if rows:
            self._check(rows[0])
            self._restore(api, rows[1:])
        else:
            self._write(self._head, durable=True)
        self._released = self.released

    @property
    def released(self) -> int:
        """How much of the data has been released."""
        market = self.exchange.market
        return market.bar_index + market.event_index

    def keep(self, request: Request, key: str) -> None:
        """Remember a request that was carried out; it is on the disk when this returns."""
        query = dict(request.query)
        row = [self.released, self.exchange.market.now, key, request.method, request.path, query, request.body.decode()]
        self._write(row, durable=True)
        self._released = self.released

    def keep_event(self, symbol: str, event: Event) -> None:
        """Remember what a live feed said, which no data hold."""
        self._write({"symbol": symbol, "event": event_row(event)}, durable=False)

    def keep_step(self) -> None:
        """Remember how far the replay has come; it survives the process, and needs not survive the machine."""
        if self.released != self._released:
            self._released = self.released
            self._write([self._released], durable=False)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _write(self, row: Any, *, durable: bool) -> None:
        """Append one row."""
        self._file.write(msgspec.json.encode(row) + b"\n")
        self._file.flush()
        if durable:
            os.fsync(self._file.fileno())

    def _check(self, head: Any) -> None:
        """Refuse the state of another exchange."""
        if head != self._head:
            differs = [name for name in self._head if not isinstance(head, dict) or head.get(name) != self._head[name]]
            raise Setup(
                "SF853",
                "this state belongs to another exchange",
                place=str(self.path),
                why=f"different: {', '.join(differs)}",
                fix="start it as it was started before, or give --state another file",
            )

    def _restore(self, api: Api, rows: list[Any]) -> None:
        """Release and ask again what was released and asked."""
        for row in rows:
            if isinstance(row, dict):
                self.exchange.market.append(row["symbol"], event_of(row["event"]))
                continue
            while self.released < row[0] and not self.exchange.market.done:
                self.exchange.step()
            if len(row) > 1:
                _, now, key, method, path, query, body = row
                self.exchange.wait(now)
                api.carry_out(Request(method, path, query, body.encode()), self.exchange.accounts[key])
        self.exchange.taken()


def _rows(path: Path) -> list[Any]:
    """The whole rows of a file; what a death has left half-written at its end was never answered, and goes."""
    if not path.exists():
        return []
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        with path.open("r+b") as file:
            file.truncate(len(whole))
    return [msgspec.json.decode(line) for line in whole.splitlines()]
