"""Instruments: what follows from the kind, and what is refused."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from stratofold.errors import Setup
from stratofold.market.instruments import (
    CURRENCY_DECIMALS,
    ETF,
    Crypto,
    Equity,
    Future,
    Instrument,
    Perpetual,
    currency_decimals,
    nanoseconds,
)

# maker     | kind      | paid | quantity decimals | lot  | calendar
KINDS = [
    (Equity, "equity", True, 0, 1.0, None),
    (ETF, "etf", True, 0, 1.0, None),
    (Crypto, "crypto", True, 8, 1e-8, "24/7"),
    (Perpetual, "perpetual", False, 8, 1e-8, "24/7"),
    (Future, "future", False, 0, 1.0, None),
]


@pytest.mark.parametrize(("maker", "kind", "paid", "decimals", "lot", "calendar"), KINDS)
def test_kind(maker, kind, paid, decimals, lot, calendar):
    item = maker("X")
    assert (item.kind, item.paid, item.quantity_decimals, item.lot, item.calendar) == (
        kind,
        paid,
        decimals,
        lot,
        calendar,
    )
    assert (item.quantity_scale, item.money_scale) == (10.0**decimals, 100.0)


def test_facts_can_be_stated():
    item = Future(
        "ESZ5",
        multiplier=50.0,
        margin=0.05,
        maintenance=0.045,
        price_decimals=2,
        expiry=datetime(2025, 12, 19, 14, 30, tzinfo=UTC),
    )
    assert item.expiry == 1_766_154_600_000_000_000
    assert (item.price_scale, item.multiplier) == (100.0, 50.0)


def test_decimals_already_stated_are_kept():
    assert Equity("X", price_decimals=2).with_price_decimals(4).price_decimals == 2
    assert Equity("X").with_price_decimals(4).price_scale == 1e4
    assert Equity("X").price_scale == 1e8


def test_a_moment_is_exact_to_the_microsecond():
    zone = timezone(timedelta(hours=-5))
    assert nanoseconds(datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=zone)) == 5 * 3_600_000_000_000 + 1_000
    assert nanoseconds(datetime(2262, 1, 1, tzinfo=UTC)) == 9_214_646_400_000_000_000


# what                        | arguments                                          | part of the message
REFUSED = [
    ("an option", {"kind": "option"}, "options are not simulated yet"),
    ("an unknown kind", {"kind": "equty"}, "did you mean 'equity'"),
    ("a kind without a likeness", {"kind": "zzz"}, "use one of equity, etf, crypto, perpetual, future"),
    ("no symbol", {"symbol": ""}, "needs a symbol"),
    ("nine decimals", {"price_decimals": 9}, "price_decimals is 9"),
    ("half a decimal", {"quantity_decimals": 0.5}, "quantity_decimals is 0.5"),
    ("a lot off the grid", {"lot": 0.5}, "the lot 0.5 cannot be"),
    ("a lot of nothing", {"lot": 0.0}, "the lot 0.0 cannot be"),
    ("a negative multiplier", {"multiplier": -1.0}, "the multiplier -1.0 cannot be"),
    ("a margin that is not a number", {"margin": float("nan")}, "the margin nan cannot be"),
    ("maintenance above the margin", {"margin": 0.1, "maintenance": 0.2}, "the maintenance 0.2 cannot be"),
    ("a currency in lower case", {"currency": "usd"}, "did you mean 'USD'"),
    ("a currency nobody knows", {"currency": "###"}, "the currency '###' is not known"),
    ("a perpetual that expires", {"kind": "perpetual", "expiry": 1}, "does not expire"),
    ("a naive expiry", {"expiry": datetime(2025, 1, 1)}, "has no time zone"),  # noqa: DTZ001 - the mistake itself
]


@pytest.mark.parametrize(("facts", "message"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_refused(facts, message):
    with pytest.raises(Setup, match=message.replace("(", r"\(")):
        Instrument(**{"symbol": "X", **facts})


def test_currencies_keep_the_decimals_of_the_fill_contract():
    assert [currency_decimals(name) for name in ("USD", "EUR", "JPY", "BTC", "ETH", "USDT", "USDC")] == [
        2,
        2,
        0,
        8,
        8,
        8,
        8,
    ]
    assert set(CURRENCY_DECIMALS.values()) <= set(range(9))
