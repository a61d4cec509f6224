"""Order requests, checked: what the API would refuse before an account is even looked at.

What comes in: the JSON body of a request, as parsed.  What goes out: a `Wanted` or a `Changed`, or `Refused`.
Source: Alpaca's Trading API reference, "Orders at Alpaca"; the codes and texts are the API's.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, nan
from typing import TYPE_CHECKING, Any

from stratofold.exchange.dialect import BRACKET, OCO, OTO, SIMPLE, Refused, forbidden, malformed, unprocessable
from stratofold.fold.grid import on_lot, to_grid
from stratofold.fold.order import AT_CLOSE, BUY, DAY, FOK, GTC, IOC, SELL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stratofold.exchange.market import Market
    from stratofold.market.instruments import Instrument

KINDS = ("market", "limit", "stop", "stop_limit", "trailing_stop")
TIFS = {"day": DAY, "gtc": GTC, "ioc": IOC, "fok": FOK, "opg": IOC, "cls": AT_CLOSE}
INTENTS = {"buy_to_open": BUY, "buy_to_close": BUY, "sell_to_open": SELL, "sell_to_close": SELL}
CLIENT_ID_LENGTH_MAX = 128
AMOUNT_MAX = 1e7  # on eight decimals a double still holds every step
_SIDES = {BUY: "buy", SELL: "sell"}
_HASTY = ("ioc", "fok", "opg", "cls")
# Which prices each kind needs; what it does not need it may not have.
_NEEDS = {
    "market": (), "limit": ("limit_price",), "stop": ("stop_price",), "stop_limit": ("limit_price", "stop_price"),
    "trailing_stop": (),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """A new order as asked for; NaN is not stated, `quantity` is NaN where `notional` was given."""

    handle: int
    symbol: str
    side: int
    kind: str
    tif: str
    order_class: str
    quantity: float
    notional: float
    limit: float
    stop: float
    trail_price: float
    trail_percent: float
    take_profit: float
    stop_loss: float
    stop_loss_limit: float
    client_id: str
    extended: bool
    intent: str | None


@dataclass(frozen=True, slots=True)
class Changed:
    """Other terms for an order; NaN and empty are not stated."""

    quantity: float
    limit: float
    stop: float
    trail: float
    tif: str
    client_id: str


def read_order(body: Mapping[str, Any], market: Market) -> Wanted:
    """The order that a request asks for; raises Refused."""
    handle = _handle(body, market)
    instrument = market.instruments[handle]
    order_class = _word(body, "order_class", (SIMPLE, BRACKET, OCO, OTO)) or SIMPLE
    kind = _word(body, "type", KINDS) or "market"
    tif = _word(body, "time_in_force", tuple(TIFS))
    if not tif:
        raise malformed("time_in_force is required")
    wanted = Wanted(
        handle, market.symbols[handle], _side(body), kind, tif, order_class, _quantity(body, instrument),
        number(body, "notional"), price(body, "limit_price", instrument), price(body, "stop_price", instrument),
        number(body, "trail_price"), number(body, "trail_percent"),
        price(_part(body, "take_profit"), "limit_price", instrument),
        price(_part(body, "stop_loss"), "stop_price", instrument),
        price(_part(body, "stop_loss"), "limit_price", instrument),
        _client_id(body), _flag(body, "extended_hours"), body.get("position_intent") or None,
    )  # fmt: skip
    _check_amount(wanted, instrument)
    _check_prices(wanted, body)
    _check_class(wanted)
    return wanted


def read_change(body: Mapping[str, Any], instrument: Instrument) -> Changed:
    """The other terms that a request asks for; raises Refused."""
    changed = Changed(
        _quantity(body, instrument), price(body, "limit_price", instrument), price(body, "stop_price", instrument),
        number(body, "trail"), _word(body, "time_in_force", ("day", "gtc")), _client_id(body),
    )  # fmt: skip
    if isfinite(changed.quantity) and not _in_lots(changed.quantity, instrument):
        raise unprocessable("qty must be integer")
    stated = any(isfinite(value) for value in (changed.quantity, changed.limit, changed.stop, changed.trail))
    if not stated and not changed.tif and not changed.client_id:
        raise malformed("at least one of qty, time_in_force, limit_price, stop_price, trail is required")
    return changed


def number(body: Mapping[str, Any], name: str) -> float:
    """A positive number given as a number or as text, NaN where there is none; raises Refused."""
    value = body.get(name)
    if value is None or value == "":
        return nan
    try:
        found = float(value)
    except (TypeError, ValueError):
        raise malformed(f"{name} must be a number") from None
    if isinstance(value, bool) or not isfinite(found):
        raise malformed(f"{name} must be a number")
    if found <= 0.0:
        raise malformed(f"{name} must be > 0")
    if found > AMOUNT_MAX:
        raise malformed(f"{name} must be no more than {AMOUNT_MAX:.0f}")
    return found


def price(body: Mapping[str, Any], name: str, instrument: Instrument) -> float:
    """A price on the instrument's grid, NaN where there is none; raises Refused."""
    value = number(body, name)
    if isfinite(value) and to_grid(value, instrument.price_scale) != value:
        raise unprocessable(f"invalid {name} {value!r}. sub-penny increment does not fulfill minimum pricing criteria")
    return value


def _handle(body: Mapping[str, Any], market: Market) -> int:
    """The symbol's handle."""
    symbol = body.get("symbol")
    if not symbol or not isinstance(symbol, str):
        raise malformed("symbol is required")
    if symbol not in market.handles:
        raise unprocessable(f'asset "{symbol}" not found')
    return market.handles[symbol]


def _side(body: Mapping[str, Any]) -> int:
    """The side, from its own word or from the intent."""
    word = body.get("side") or _SIDES.get(INTENTS.get(str(body.get("position_intent")), 0))
    if word not in ("buy", "sell"):
        raise malformed("invalid side" if word else "side is required")
    return BUY if word == "buy" else SELL


def _word(body: Mapping[str, Any], name: str, known: tuple[str, ...]) -> str:
    """One of the known words, empty where it is not said."""
    value = body.get(name)
    if value is None or value == "":
        return ""
    if value not in known:
        raise malformed(f"invalid {name}")
    return str(value)


def _part(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A nested object, empty where there is none."""
    value = body.get(name) or {}
    if not isinstance(value, dict):
        raise malformed(f"{name} must be an object")
    return value


def _flag(body: Mapping[str, Any], name: str) -> bool:
    """A truth value, as JSON has it or as text."""
    return str(body.get(name) or "").lower() == "true"


def _client_id(body: Mapping[str, Any]) -> str:
    """The client's own name for the order, empty where it has none."""
    value = body.get("client_order_id") or ""
    if not isinstance(value, str) or len(value) > CLIENT_ID_LENGTH_MAX:
        raise malformed(f"client_order_id must be no more than {CLIENT_ID_LENGTH_MAX} characters")
    return value


def _quantity(body: Mapping[str, Any], instrument: Instrument) -> float:
    """The quantity, NaN where there is none; what binary arithmetic has left beside its grid goes."""
    value = number(body, "qty")
    if not isfinite(value):
        return value
    near = to_grid(value, instrument.quantity_scale)
    return near if abs(near - value) < 1e-12 * value else value


def _in_lots(quantity: float, instrument: Instrument) -> bool:
    """Whether a quantity is a whole number of lots, and on its grid."""
    scale = instrument.quantity_scale
    return to_grid(quantity, scale) == quantity and on_lot(quantity, float(instrument.lot or 1.0))


def _check_amount(wanted: Wanted, instrument: Instrument) -> None:
    """Either a quantity of whole lots or a notional for a market order."""
    if isfinite(wanted.quantity) == isfinite(wanted.notional):
        both = isfinite(wanted.quantity)
        raise malformed("only one of qty or notional is accepted" if both else "qty or notional is required")
    lot = float(instrument.lot or 1.0)
    if isfinite(wanted.notional):
        if wanted.kind != "market" or wanted.order_class != SIMPLE:
            raise unprocessable("notional orders must be market orders")
        if lot >= 1.0:
            raise forbidden(f'asset "{wanted.symbol}" is not fractionable')
    elif not _in_lots(wanted.quantity, instrument):
        if lot >= 1.0:
            raise forbidden(f'asset "{wanted.symbol}" is not fractionable')
        raise unprocessable(f"qty must be a multiple of {lot!r}")


def _check_prices(wanted: Wanted, body: Mapping[str, Any]) -> None:
    """Each kind has its prices and no others."""
    needs = _NEEDS[wanted.kind]
    for name in ("limit_price", "stop_price"):
        given = body.get(name) not in (None, "")
        if name in needs and not given and wanted.order_class != OCO:
            raise malformed(f"{wanted.kind} orders require {name.replace('_', ' ')}")
        if given and name not in needs:
            raise malformed(f"{wanted.kind} orders must not have {name.replace('_', ' ')}")
    trails = isfinite(wanted.trail_price) + isfinite(wanted.trail_percent)
    if wanted.kind == "trailing_stop" and trails != 1:
        raise malformed("trailing stop orders require exactly one of trail_price and trail_percent")
    if wanted.kind != "trailing_stop" and trails:
        raise malformed(f"{wanted.kind} orders must not have trail_price or trail_percent")
    if wanted.tif in _HASTY and wanted.kind not in {"market", "limit"}:
        raise unprocessable(f"{wanted.tif} orders must be market or limit orders")
    if wanted.extended and (wanted.kind != "limit" or wanted.tif not in {"day", "gtc"}):
        raise unprocessable("extended hours order must be DAY limit orders")


def _check_class(wanted: Wanted) -> None:
    """What each order class needs, and on which side of each other its prices must lie."""
    if wanted.order_class == SIMPLE:
        if isfinite(wanted.take_profit) or isfinite(wanted.stop_loss):
            raise malformed("simple orders must not have take_profit or stop_loss")
        return
    if wanted.tif not in {"day", "gtc"} or wanted.extended:
        raise unprocessable("complex orders must have time_in_force day or gtc")
    both = isfinite(wanted.take_profit) and isfinite(wanted.stop_loss)
    if wanted.order_class == OTO:
        if isfinite(wanted.take_profit) == isfinite(wanted.stop_loss):
            raise malformed("oto orders require either take_profit.limit_price or stop_loss.stop_price")
        return
    if not both:
        raise malformed(f"{wanted.order_class} orders require take_profit.limit_price and stop_loss.stop_price")
    if wanted.order_class == OCO and wanted.kind != "limit":
        raise malformed("oco orders must be limit orders")
    exit_side = wanted.side if wanted.order_class == OCO else -wanted.side
    if exit_side * (wanted.stop_loss - wanted.take_profit) <= 0.0:
        above = "above" if exit_side < 0 else "below"
        raise unprocessable(f"{wanted.order_class} orders require take_profit.limit_price {above} stop_loss.stop_price")


__all__ = ["INTENTS", "KINDS", "TIFS", "Changed", "Refused", "Wanted", "number", "price", "read_change", "read_order"]
