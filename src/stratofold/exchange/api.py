"""One request in, one answer out: who asks, how often, and which handler answers.

What comes in: a `Request`.  What goes out: a `Reply`; what must go to the streams is left in the exchange's `outgoing`.
Why it is shaped so: routes are one table, handlers are plain functions, and whatever refuses raises `Refused`, so an
error looks the same wherever it comes from.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote

import msgspec

from stratofold.exchange import admin, data, portfolio, trading
from stratofold.exchange.dialect import Refused, malformed
from stratofold.exchange.moments import read_moment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stratofold.exchange.account import Account
    from stratofold.exchange.core import Exchange

_MINUTE_NS = 60_000_000_000
Moment = TypeVar("Moment", int, None)


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came; `path` without its query, header names in lower case."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; `content` is what its JSON says, None for an empty body.

    `changed_by` is the key of the account that changed something with it, empty where nothing was changed.
    """

    status: int
    content: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    changed_by: str = ""

    @property
    def body(self) -> bytes:
        """The bytes of the answer."""
        return b"" if self.content is None and self.status == 204 else msgspec.json.encode(self.content)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was let in: who asks, of what, with what."""

    exchange: Exchange
    account: Account
    query: Mapping[str, str]
    body: Mapping[str, Any]

    def moment(self, name: str, otherwise: Moment) -> int | Moment:
        """A time of the query in ns UTC, `otherwise` where it is not given; raises Refused for what is none."""
        text = self.query.get(name)
        if not text:
            return otherwise
        try:
            return read_moment(text)
        except (ValueError, OverflowError):
            raise malformed(f"invalid {name}") from None


ROUTES: tuple[tuple[str, str, Callable[..., tuple[int, Any]]], ...] = (
    ("POST", "/v2/orders", trading.submit),
    ("GET", "/v2/orders", trading.listing),
    ("DELETE", "/v2/orders", trading.cancel_all),
    ("GET", "/v2/orders:by_client_order_id", trading.by_client_id),
    ("GET", "/v2/orders/{id}", trading.show),
    ("PATCH", "/v2/orders/{id}", trading.replace),
    ("DELETE", "/v2/orders/{id}", trading.cancel),
    ("GET", "/v2/positions", portfolio.positions),
    ("DELETE", "/v2/positions", trading.close_all),
    ("GET", "/v2/positions/{id}", portfolio.position),
    ("DELETE", "/v2/positions/{id}", trading.close),
    ("GET", "/v2/account", portfolio.account),
    ("GET", "/v2/account/configurations", portfolio.configurations),
    ("PATCH", "/v2/account/configurations", portfolio.configure),
    ("GET", "/v2/account/portfolio/history", portfolio.history),
    ("GET", "/v2/account/activities", portfolio.activities),
    ("GET", "/v2/account/activities/{type}", portfolio.activities),
    ("GET", "/v2/assets", portfolio.assets),
    ("GET", "/v2/assets/{id}", portfolio.asset),
    ("GET", "/v2/clock", portfolio.clock),
    ("GET", "/v2/calendar", portfolio.calendar),
    ("GET", "/v2/stocks/bars", data.bars),
    ("GET", "/v2/stocks/bars/latest", data.latest_bars),
    ("GET", "/v2/stocks/trades", data.trades),
    ("GET", "/v2/stocks/quotes", data.quotes),
    ("GET", "/v2/stocks/orderbooks", data.orderbooks),
    ("GET", "/v2/stocks/trades/latest", data.latest_trades),
    ("GET", "/v2/stocks/quotes/latest", data.latest_quotes),
    ("GET", "/v2/stocks/snapshots", data.snapshots),
    ("GET", "/v2/stocks/{symbol}/bars", data.bars_of_one),
    ("GET", "/v1beta3/crypto/us/bars", data.bars),
    ("GET", "/v1beta3/crypto/us/latest/bars", data.latest_bars),
    ("GET", "/v1beta3/crypto/us/latest/trades", data.latest_trades),
    ("GET", "/v1beta3/crypto/us/latest/quotes", data.latest_quotes),
    ("GET", "/v1beta3/crypto/us/snapshots", data.snapshots),
    ("GET", "/v1/corporate-actions", data.corporate_actions),
    ("GET", "/admin/clock", admin.clock),
    ("POST", "/admin/step", admin.step),
    ("POST", "/admin/halt", admin.halt),
    ("GET", "/admin/faults", admin.faults),
    ("POST", "/admin/faults", admin.switch_faults),
)  # fmt: skip


def _pattern(route: str) -> re.Pattern[str]:
    """A route with its `{names}` as groups."""
    return re.compile(
        "".join("([^/]+)" if part.startswith("{") else re.escape(part) for part in re.split(r"(\{\w+\})", route))
    )


_EXACT = {(method, route): handler for method, route, handler in ROUTES if "{" not in route}
_NAMED = tuple((method, _pattern(route), handler) for method, route, handler in ROUTES if "{" in route)
_PATHS = frozenset(route for _, route in _EXACT)


def _changes(request: Request) -> bool:
    """Whether a state file must remember the request; steps it remembers by themselves."""
    return request.method in {"POST", "PATCH", "DELETE"} and request.path != "/admin/step"


class Api:
    """The door to an exchange: keys, the rate limit, the table of routes."""

    def __init__(self, exchange: Exchange) -> None:
        """Nobody has asked anything yet."""
        self.exchange = exchange
        self.asked = 0
        self._windows: dict[str, tuple[int, int]] = {}

    def handle(self, request: Request, wall: int) -> Reply:
        """Answer; `wall` is the wall clock (ns), which only the rate limit and delayed look-ups read."""
        self.asked += 1
        self.exchange.wall = wall
        headers = {"X-Request-ID": f"{self.asked:032x}"}
        try:
            account = self._who(request)
            if not request.path.startswith("/admin/"):
                headers.update(self._count(account, wall))
            status, content = self._answer(request, account)
        except Refused as refusal:
            status, content = refusal.status, refusal.body
            if status == 429:
                headers["Retry-After"] = "1"
            return Reply(status, content, headers)
        return Reply(status, content, headers, changed_by=account.key_id if _changes(request) else "")

    def carry_out(self, request: Request, account: Account) -> None:
        """Do again what was done before, without keys, limits or an answer."""
        self.asked += 1
        self._answer(request, account)

    def _answer(self, request: Request, account: Account) -> tuple[int, Any]:
        """Find the handler and ask it."""
        asked = Asked(self.exchange, account, request.query, _body(request))
        handler, names = _found(request)
        status, content = handler(asked, *names)
        self.exchange.collect(account)
        return status, content

    def _who(self, request: Request) -> Account:
        """The account that the request's keys open; raises Refused."""
        headers = request.headers
        key, secret = headers.get("apca-api-key-id", ""), headers.get("apca-api-secret-key", "")
        if not key and headers.get("authorization", "").startswith("Basic "):
            key, _, secret = _decoded(headers["authorization"][len("Basic ") :]).partition(":")
        account = self.exchange.account(key, secret)
        if account is None:
            raise Refused(401, 40110000, "request is not authorized")
        return account

    def _count(self, account: Account, wall: int) -> dict[str, str]:
        """Count a request in this minute; raises Refused when there were too many."""
        most = self.exchange.rules.requests_per_minute
        if most == 0:
            return {}
        minute = wall // _MINUTE_NS
        begun, count = self._windows.get(account.key_id, (minute, 0))
        count = count + 1 if begun == minute else 1
        self._windows[account.key_id] = (minute, count)
        if count > most:
            raise Refused(429, 42910000, "too many requests.")
        reset = str((minute + 1) * 60)
        return {"X-RateLimit-Limit": str(most), "X-RateLimit-Remaining": str(most - count), "X-RateLimit-Reset": reset}


def _found(request: Request) -> tuple[Callable[..., tuple[int, Any]], list[str]]:
    """The handler of a request and what its path names; raises Refused."""
    exact = _EXACT.get((request.method, request.path))
    if exact is not None:
        return exact, []
    known = request.path in _PATHS
    for method, pattern, handler in _NAMED:
        found = pattern.fullmatch(request.path)
        if found and method == request.method:
            return handler, [unquote(part) for part in found.groups()]
        known = known or found is not None
    raise Refused(405, 40510000, "method not allowed") if known else Refused(404, 40410000, "endpoint not found")


def _decoded(text: str) -> str:
    """Basic credentials as text, empty where they are none."""
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _body(request: Request) -> Mapping[str, Any]:
    """The JSON object of a body, empty where there is none; raises Refused for anything else."""
    if not request.body:
        return {}
    try:
        body = msgspec.json.decode(request.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Refused(400, 40010000, "request body format is invalid") from None
    if body is None:
        return {}
    if not isinstance(body, dict):
        raise Refused(400, 40010000, "request body format is invalid")
    return body
