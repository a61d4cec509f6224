"""Handlers for orders: submit, show, list, replace, cancel, and closing positions.

What comes in: a request that was let in.  What goes out: a status and what the JSON says; raises Refused.
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from stratofold.exchange import limits
from stratofold.exchange.dialect import Json, Refused, Ticket, forbidden, malformed, not_found
from stratofold.exchange.intake import read_change, read_order
from stratofold.fold.grid import to_lot

if TYPE_CHECKING:
    from stratofold.exchange.account import Account
    from stratofold.exchange.api import Asked

_LISTED, _LISTED_MAX = 50, 500


def submit(asked: Asked) -> tuple[int, Any]:
    """POST /v2/orders."""
    account = asked.account
    wanted = read_order(asked.body, asked.exchange.market)
    if account.configuration["suspend_trade"]:
        raise forbidden("account is not allowed to place orders: trading is suspended by user")
    if wanted.client_id and wanted.client_id in account.by_client:
        raise malformed("client_order_id must be unique")
    limits.check(asked.exchange, account, wanted)
    ticket = account.submit(wanted)
    ticket.wall = asked.exchange.wall
    # The answer shows the order as it was taken; that it works now is told by the stream.
    answer = {**account.order_json(ticket, nested=True), "status": "accepted"}
    if asked.exchange.faults.befalls("rejects", ticket.id):
        account.reject(ticket)
    return 200, answer


def show(asked: Asked, order_id: str) -> tuple[int, Any]:
    """GET /v2/orders/{id}."""
    ticket = _ticket(asked.account, order_id)
    return 200, asked.account.order_json(ticket, nested=_truth(asked, "nested"))


def by_client_id(asked: Asked) -> tuple[int, Any]:
    """GET /v2/orders:by_client_order_id."""
    client_id = asked.query.get("client_order_id", "")
    ticket = asked.account.by_client.get(client_id)
    if ticket is None or _hidden(asked, ticket):
        raise not_found(f"order not found for {client_id}")
    return 200, asked.account.order_json(ticket)


def _hidden(asked: Asked, ticket: Ticket) -> bool:
    """Whether a look-up comes too early for an order that is there: not every copy of a broker's books is fresh."""
    delay_ns = asked.exchange.faults.switches.lookup_delay_ms * 1e6
    return asked.exchange.wall - ticket.wall < delay_ns


def listing(asked: Asked) -> tuple[int, Any]:
    """GET /v2/orders: by time of submission, newest first unless asked otherwise; `after` and `until` exclusive."""
    query = asked.query
    status = query.get("status", "open")
    if status not in {"open", "closed", "all"}:
        raise malformed("invalid status")
    after, until = asked.moment("after", None), asked.moment("until", None)
    symbols = [name for name in query.get("symbols", "").split(",") if name]
    nested = _truth(asked, "nested")
    account = asked.account
    tickets = account.working.values() if status == "open" else account.tickets.values()
    chosen = [
        ticket
        for ticket in tickets
        if (status == "all" or ticket.is_open == (status == "open"))
        and (after is None or ticket.created > after)
        and (until is None or ticket.created < until)
        and (not symbols or ticket.symbol in symbols)
        and query.get("side", "buy" if ticket.side > 0 else "sell") == ("buy" if ticket.side > 0 else "sell")
        and not (nested and ticket.parent is not None)
        and not _hidden(asked, ticket)
    ]
    if query.get("direction", "desc") == "desc":
        chosen.reverse()
    return 200, [account.order_json(ticket, nested=nested) for ticket in chosen[: _limit(asked)]]


def replace(asked: Asked, order_id: str) -> tuple[int, Any]:
    """PATCH /v2/orders/{id}."""
    account = asked.account
    ticket = _ticket(account, order_id)
    changed = read_change(asked.body, asked.exchange.market.instruments[ticket.handle])
    following = account.replace(ticket, changed)
    return 200, {**account.order_json(following), "status": "accepted"}


def cancel(asked: Asked, order_id: str) -> tuple[int, Any]:
    """DELETE /v2/orders/{id}."""
    asked.account.cancel(_ticket(asked.account, order_id))
    return 204, None


def cancel_all(asked: Asked) -> tuple[int, Any]:
    """DELETE /v2/orders."""
    account = asked.account
    asked_for = list(account.working.values())
    for ticket in asked_for:
        if ticket.is_open:
            account.cancel(ticket)
    return 207, [{"id": ticket.id, "status": 200, "body": account.order_json(ticket)} for ticket in asked_for]


def close(asked: Asked, symbol: str) -> tuple[int, Any]:
    """DELETE /v2/positions/{symbol or asset id}: all of it, `qty` or `percentage` of it."""
    return 200, _close(asked, handle_of(asked, symbol), _part(asked))


def close_all(asked: Asked) -> tuple[int, Any]:
    """DELETE /v2/positions."""
    if _truth(asked, "cancel_orders"):
        cancel_all(asked)
    account = asked.account
    held = [handle for handle in range(len(account.assets)) if account.book.position(handle) != 0.0]
    return 207, [_closing(asked, handle) for handle in held]


def _closing(asked: Asked, handle: int) -> Json:
    """One row of the answer to closing everything."""
    symbol = asked.exchange.market.symbols[handle]
    try:
        body = _close(asked, handle, None)
    except Refused as refusal:
        return {"symbol": symbol, "status": refusal.status, "body": refusal.body}
    return {"symbol": symbol, "status": 200, "body": body}


def _close(asked: Asked, handle: int, part: tuple[str, float] | None) -> Json:
    """Send the market order that closes a position, or a part of it."""
    account, market = asked.account, asked.exchange.market
    held = account.book.position(handle)
    if held == 0.0:
        raise not_found(f"position does not exist: {market.symbols[handle]}")
    contract = account.book.ledger.contracts[handle]
    quantity = abs(held)
    if part is not None:
        asked_for = part[1] if part[0] == "qty" else quantity * part[1] / 100.0
        quantity = to_lot(asked_for, contract.lot, contract.quantity_scale)
        if quantity > abs(held) or quantity <= 0.0:
            raise forbidden("insufficient qty available for order", symbol=market.symbols[handle])
    body = {
        "symbol": market.symbols[handle], "qty": quantity, "side": "sell" if held > 0.0 else "buy", "type": "market",
        "time_in_force": "day",
    }  # fmt: skip
    ticket = account.submit(read_order(body, market))
    return {**account.order_json(ticket), "status": "accepted"}


def _part(asked: Asked) -> tuple[str, float] | None:
    """How much of a position to close; None for all."""
    for name in ("qty", "percentage"):
        if asked.query.get(name):
            try:
                value = float(asked.query[name])
            except ValueError:
                raise malformed(f"{name} must be a number") from None
            if not isfinite(value) or value <= 0.0 or (name == "percentage" and value > 100.0):
                raise malformed(f"invalid {name}")
            return name, value
    return None


def handle_of(asked: Asked, name: str) -> int:
    """The handle of a symbol or an asset's id; raises Refused."""
    handle = asked.exchange.market.handles.get(name)
    if handle is None:
        for place, asset in enumerate(asked.exchange.assets):
            if asset["id"] == name:
                return place
        raise not_found(f"asset not found for {name}")
    return handle


def _ticket(account: Account, order_id: str) -> Ticket:
    """An order by its id; raises Refused."""
    ticket = account.tickets.get(order_id.lower())
    if ticket is None:
        raise not_found(f"order not found for {order_id}")
    return ticket


def _truth(asked: Asked, name: str) -> bool:
    """A truth value of the query, however it is spelt."""
    return asked.query.get(name, "").lower() == "true"


def _limit(asked: Asked) -> int:
    """How many rows are wanted."""
    text = asked.query.get("limit", str(_LISTED))
    if not text.isdigit() or not 0 < int(text) <= _LISTED_MAX:
        raise malformed(f"limit must be between 1 and {_LISTED_MAX}")
    return int(text)
