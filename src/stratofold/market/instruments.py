"""What can be traded, in the terms the fold needs: grids, lots, multipliers and margins.

What comes in: the few facts a user knows about an instrument.
What goes out: an `Instrument`, checked once, from which the ledger and the venue take plain numbers.
Why it is shaped so: a wrong lot or multiplier is silent and costs money, so each is refused here, by name, before
anything starts; a price's decimals may stay open (`None`) because the door reads them off the data.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from difflib import get_close_matches
from math import isfinite

from stratofold.errors import Setup

EQUITY, FUND, CRYPTO, PERPETUAL, FUTURE = "equity", "etf", "crypto", "perpetual", "future"
PAID_KINDS = (EQUITY, FUND, CRYPTO)
MARGINED_KINDS = (PERPETUAL, FUTURE)
KINDS = PAID_KINDS + MARGINED_KINDS
DECIMALS_MAX = 8

# Decimals of a currency: ISO 4217 minor units, and 8 for coins (the fill contract, part 1).
CURRENCY_DECIMALS = {
    "USD": 2, "EUR": 2, "GBP": 2, "CHF": 2, "CAD": 2, "AUD": 2, "NZD": 2, "HKD": 2, "SGD": 2, "CNY": 2, "INR": 2,
    "SEK": 2, "NOK": 2, "DKK": 2, "PLN": 2, "CZK": 2, "HUF": 2, "ZAR": 2, "MXN": 2, "BRL": 2, "TRY": 2, "ILS": 2,
    "THB": 2, "TWD": 2, "MYR": 2, "IDR": 2, "SAR": 2, "AED": 2, "JPY": 0, "KRW": 0, "CLP": 0, "VND": 0, "KWD": 3,
    "BTC": 8, "ETH": 8, "BNB": 8, "SOL": 8, "USDT": 8, "USDC": 8, "FDUSD": 8, "DAI": 8,
}  # fmt: skip


def currency_decimals(currency: str) -> int:
    """Decimals of the money grid of `currency`; raises Setup for a currency that is not in the table."""
    decimals = CURRENCY_DECIMALS.get(currency)
    if decimals is None:
        near = get_close_matches(currency.upper(), CURRENCY_DECIMALS, n=1)
        raise Setup(
            "SF241",
            f"the currency {currency!r} is not known",
            why="its decimals decide how money is rounded",
            fix=f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(CURRENCY_DECIMALS)}",
        )
    return decimals


def nanoseconds(moment: datetime | int) -> int:
    """A moment as int64 nanoseconds UTC, exact to the microsecond; raises Setup on a naive datetime."""
    if isinstance(moment, int):
        return moment
    if moment.tzinfo is None:
        raise Setup(
            "SF213",
            f"the time {moment.isoformat(sep=' ')} has no time zone",
            why="the same wall time is a different moment in New York and in London",
            fix=f"write datetime({moment.year}, {moment.month}, {moment.day}, ..., tzinfo=UTC)",
        )
    gap = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return ((gap.days * 86_400 + gap.seconds) * 1_000_000 + gap.microseconds) * 1_000


@dataclass(frozen=True)
class Instrument:
    """One tradable thing.

    `price_decimals` and `quantity_decimals` are the trading steps (at most 8); `lot` is the smallest quantity (one
    quantity step unless stated); `multiplier` is the value of one unit at price 1; `margin` and `maintenance` are
    fractions of the value; `expiry` is an aware datetime or nanoseconds UTC and is kept as nanoseconds.
    Kinds equity, etf and crypto are *paid*, perpetual and future are *margined* (the fill contract, part 1).
    Raises Setup on anything that cannot be simulated.
    """

    symbol: str
    kind: str = EQUITY
    currency: str = "USD"
    price_decimals: int | None = None
    quantity_decimals: int | None = None
    lot: float | None = None
    multiplier: float = 1.0
    margin: float = 1.0
    maintenance: float = 0.0
    expiry: datetime | int | None = None
    calendar: str | None = None

    def __post_init__(self) -> None:
        """Fill in what follows from the kind, then refuse what cannot be right."""
        self._check_kind()
        if self.quantity_decimals is None:
            object.__setattr__(self, "quantity_decimals", DECIMALS_MAX if self.kind in (CRYPTO, PERPETUAL) else 0)
        if self.expiry is not None:
            object.__setattr__(self, "expiry", nanoseconds(self.expiry))
        self._check_decimals()
        if self.lot is None:
            object.__setattr__(self, "lot", 1.0 / self.quantity_scale)
        self._check_numbers()
        currency_decimals(self.currency)

    @property
    def paid(self) -> bool:
        """Whether a purchase costs its value at once."""
        return self.kind in PAID_KINDS

    @property
    def price_scale(self) -> float:
        """Price steps a unit of money; 8 decimals where they are still open."""
        return 10.0 ** (DECIMALS_MAX if self.price_decimals is None else self.price_decimals)

    @property
    def quantity_scale(self) -> float:
        """Quantity steps a unit."""
        return 10.0 ** (self.quantity_decimals or 0)

    @property
    def money_scale(self) -> float:
        """Money steps a unit of the instrument's currency."""
        return 10.0 ** currency_decimals(self.currency)

    def with_price_decimals(self, decimals: int) -> Instrument:
        """The same instrument on a stated price grid; a grid already stated is kept."""
        return self if self.price_decimals is not None else replace(self, price_decimals=decimals)

    def _check_kind(self) -> None:
        if not self.symbol or not isinstance(self.symbol, str):
            raise Setup("SF242", f"an instrument needs a symbol, not {self.symbol!r}", fix='write Instrument("SPY")')
        if self.kind == "option":
            raise Setup(
                "SF243",
                "options are not simulated yet",
                place=self.symbol,
                why="exercise, assignment and the option's own prices are not in the fill contract",
                fix=f"trade the underlying; the kinds are {', '.join(KINDS)}",
            )
        if self.kind not in KINDS:
            near = get_close_matches(str(self.kind).lower(), KINDS, n=1)
            raise Setup(
                "SF244",
                f"the kind {self.kind!r} is not known",
                place=self.symbol,
                fix=f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(KINDS)}",
            )

    def _check_decimals(self) -> None:
        for name in ("price_decimals", "quantity_decimals"):
            decimals = getattr(self, name)
            if decimals is not None and not (isinstance(decimals, int) and 0 <= decimals <= DECIMALS_MAX):
                raise Setup(
                    "SF245",
                    f"{name} is {decimals!r}",
                    place=self.symbol,
                    why="a double keeps at most 8 decimals exactly over useful amounts",
                    fix=f"use a whole number from 0 to {DECIMALS_MAX}",
                )

    def _check_numbers(self) -> None:
        lot = self.lot or 0.0
        lot_steps = lot * self.quantity_scale
        rules = (
            ("lot", lot, isfinite(lot) and lot_steps >= 1.0 and abs(lot_steps - round(lot_steps)) < 1e-6,
             "a whole number of quantity steps, at least one; raise quantity_decimals or the lot"),
            ("multiplier", self.multiplier, isfinite(self.multiplier) and self.multiplier > 0.0, "a number above 0"),
            ("margin", self.margin, isfinite(self.margin) and self.margin >= 0.0, "a fraction of the value, 0 or above"),
            ("maintenance", self.maintenance, 0.0 <= self.maintenance <= max(self.margin, 0.0),
             "a fraction of the value from 0 to the margin"),
        )  # fmt: skip
        for name, value, fits, rule in rules:
            if not fits:
                raise Setup("SF246", f"the {name} {value!r} cannot be", place=self.symbol, fix=f"use {rule}")
        if self.kind == PERPETUAL and self.expiry is not None:
            raise Setup(
                "SF247", "a perpetual does not expire", place=self.symbol, fix='leave out expiry, or say kind="future"'
            )


def Equity(symbol: str, **facts: object) -> Instrument:  # noqa: N802 - reads as the noun it makes
    """A share: whole units, paid in full."""
    return Instrument(symbol, kind=EQUITY, **facts)  # type: ignore[arg-type]


def ETF(symbol: str, **facts: object) -> Instrument:  # noqa: N802 - reads as the noun it makes
    """A listed fund: whole units, paid in full."""
    return Instrument(symbol, kind=FUND, **facts)  # type: ignore[arg-type]


def Crypto(symbol: str, **facts: object) -> Instrument:  # noqa: N802 - reads as the noun it makes
    """A coin at spot: 8 decimals of quantity, paid in full, open around the clock."""
    return Instrument(symbol, kind=CRYPTO, **{"calendar": "24/7", **facts})  # type: ignore[arg-type]


def Perpetual(symbol: str, **facts: object) -> Instrument:  # noqa: N802 - reads as the noun it makes
    """A perpetual swap: margined, with funding given as actions, open around the clock."""
    return Instrument(symbol, kind=PERPETUAL, **{"calendar": "24/7", **facts})  # type: ignore[arg-type]


def Future(symbol: str, **facts: object) -> Instrument:  # noqa: N802 - reads as the noun it makes
    """A future: margined, with a multiplier and (unless it is a continuous series) an expiry."""
    return Instrument(symbol, kind=FUTURE, **facts)  # type: ignore[arg-type]
