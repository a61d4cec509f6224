"""The price book: what Amazon's services cost, each price with its unit, what of it is free, its source and date.

What comes in: nothing.  What goes out: `PRICES`, list prices of us-east-1 in US dollars, as exact decimals.
Why so: what a stack costs a month and what a sweep costs an hour are asked of the same figures.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

BOOK_DATE = "2026-09-20"  # when the newest of the sources below was read

_LAMBDA = "AWS Lambda pricing page, 2026-09-20"
_LIST = "AWS price list in infracost's golden files, 2024-11-15"
_DYNAMODB = "AWS price list API, DynamoDB offer of 2026-09-11"
_SURVEY = "survey of the official pages, 2026-04-07"
_CACHE = "usage.ai, June 2026, from AWS's database blog"
_STATES = "AWS price list in infracost's golden files, 2024-07-01, and the Step Functions pricing page"
_WAF = "c3x.dev and awsnegotiations.com, 2026"


class Price(NamedTuple):
    """Dollars a unit, what of it is free in a month (for ever, once an account), and who says so."""

    usd: Decimal
    unit: str
    free: Decimal
    source: str


def _price(usd: str, unit: str, source: str, free: str = "0") -> Price:
    """A price of the book."""
    return Price(Decimal(usd), unit, Decimal(free), source)


PRICES = {
    "lambda requests": _price("0.0000002", "request", _LAMBDA, "1000000"),
    "lambda arm64": _price("0.0000133334", "GB-second", _LAMBDA, "400000"),
    "lambda x86_64": _price("0.0000166667", "GB-second", _LAMBDA, "400000"),
    "provisioned arm64": _price("0.0000033334", "GB-second", _LIST),
    "provisioned x86_64": _price("0.0000041667", "GB-second", _LAMBDA),
    "table writes": _price("0.000000625", "write unit", _DYNAMODB),
    "table reads": _price("0.000000125", "read unit", _DYNAMODB),
    "table storage": _price("0.25", "GB-month", _DYNAMODB, "25"),
    "table recovery": _price("0.20", "GB-month", _LIST),
    "fifo requests": _price("0.0000005", "request", _LIST, "1000000"),  # the free share is one for both kinds
    "queue requests": _price("0.0000004", "request", _LIST, "1000000"),
    "archive storage": _price("0.023", "GB-month", _LIST),
    "archive gets": _price("0.0000004", "get", _LIST),
    "archive puts": _price("0.000005", "put", _LIST),
    "api requests": _price("0.0000035", "request", _LIST),
    "express workflows": _price("0.000001", "workflow", _STATES),
    "express time": _price("0.00001667", "GB-second", _STATES),
    "schedules": _price("0.000001", "call", _SURVEY, "14000000"),
    "logs in": _price("0.50", "GB", _SURVEY, "5"),
    "alarms": _price("0.10", "alarm metric", _SURVEY, "10"),
    "own metrics": _price("0.30", "metric", _SURVEY, "10"),
    "dashboards": _price("3.00", "dashboard", _LIST, "3"),
    "secrets": _price("0.40", "secret", _LIST),
    "own key": _price("1.00", "key", _LIST),
    "stream hours": _price("0.04", "hour", _LIST),
    "stream bytes": _price("0.08", "GB", _LIST),
    "shard hours": _price("0.015", "hour", _LIST),
    "shard puts": _price("0.000000014", "put of 25 kB", _LIST),
    "endpoint hours": _price("0.01", "hour and zone", _LIST),
    "cache storage": _price("0.084", "GB-hour", _CACHE),
    "firewall": _price("5.00", "firewall", _WAF),
    "firewall rules": _price("1.00", "rule", _WAF),
    "firewall requests": _price("0.0000006", "request", _WAF),
    "traces": _price("0.000005", "trace", _LIST, "100000"),
    "notices": _price("0.0000005", "notice", _LIST, "1000000"),
}
