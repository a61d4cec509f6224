"""What a stack costs a month, line by line, from a dated price book.

What comes in: the template's parameters, and what a month brings (events, orders, fills).  What goes out: lines, each
with its quantity, price, free share and source; what it costs while nothing happens stands apart from what work costs.
Why it is shaped so: an estimate that cannot be checked is an opinion.  Every price has its source and date, free shares
are subtracted once, amounts are exact decimals, and the quantities are the ones that the design has, not guesses.

List prices of us-east-1 in US dollars, a month of 730 hours.  Ignores: data sent out of AWS, taxes, support, discounts.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

from stratofold.adapters.aws.prices import BOOK_DATE, PRICES, Price

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

BOOK_DAYS_MAX = 180
HOURS = 730
SESSION_HOURS = 21 * 7  # 21 sessions a month, six and a half hours and the warm-up
MILLION = Decimal(1_000_000)

ALARM_METRICS = {"none": 0, "free": 10, "all": 18}
OWN_METRICS = 7  # names that the functions count under, each billed for the hours in which it is told of
SECRETS = 4
CACHE_GB_MIN = Decimal("0.1")

# What Lambda asks a queue that it reads, though nothing comes: five long polls at once, each of twenty seconds.
# Lambda developer guide, "Using Lambda with Amazon SQS" and its FAQ; SQS developer guide, "long polling".
POLLS = 5 * 3 * 60 * HOURS

# What one of each costs in the journal, in write units as benchmarks/bench_cloud_journal.py has them measured: an append's head,
# a kilobyte of records, an order (written down, claimed, answered, heard of), a fill (offered, heard, with its views).
WRITES_HEAD, WRITES_KILOBYTE, WRITES_ORDER, WRITES_FACT = 2, 2, 40, 24
READS_ORDER, READS_RUN = 8, 20
RECORD_BYTES = 700
EVENTS_TOGETHER = 64  # at most, in one append
LOG_BYTES = 1_000
MEMORY_MB = {
    "decide": 1769,
    "deliver": 1769,
    "ingest": 512,
    "webhook": 512,
    "reconcile": 512,
    "watch": 512,
    "archive": 512,
}
USUAL_MS = {"decide": 25, "deliver": 120, "ingest": 250, "webhook": 30, "reconcile": 400, "watch": 40, "archive": 2_000}


@dataclass(frozen=True, slots=True)
class Workload:
    """What a month brings; `batch` is how many market events come with one call, `event_bytes` how large one is."""

    name: str
    events: int
    orders: int
    fills: int
    runs: int = 78 * 21
    webhooks: int = 0
    batch: int = 1
    event_bytes: int = 250
    sessions: int = 21


WORKLOADS = (
    Workload("One symbol, a bar every five minutes, an order a day", events=78 * 21, orders=21, fills=21, webhooks=21),
    Workload("Fifty symbols, a bar a minute, a hundred orders a day", events=50 * 390 * 21, orders=2_100, fills=2_500, webhooks=2_500, batch=10),
    Workload("A desk: 500 quotes a second in one stream, ten thousand orders a day", events=500 * 23_400 * 21, orders=210_000, fills=260_000, batch=100),
)  # fmt: skip


class Line(NamedTuple):
    """One line of the bill; `rest`: it costs that while nothing happens, too."""

    item: str
    quantity: Decimal
    price: Price
    usd: Decimal
    rest: bool
    switch: str = ""


def line(
    item: str, price: str, quantity: Decimal | float, *, rest: bool = False, switch: str = "", free: bool = True,
    taken: int = 0,
) -> Line:  # fmt: skip
    """A line, its free share taken off, as far as others have not `taken` it; `switch` is the parameter that turns it off."""
    rate, amount = PRICES[price], Decimal(str(quantity))
    left = max(rate.free - taken, Decimal(0)) if free else Decimal(0)
    return Line(item, amount, rate, max(amount - left, Decimal(0)) * rate.usd, rest, switch)


def resting(parameters: Mapping[str, str], *, free: bool = True) -> list[Line]:
    """What the stack costs while nothing happens: by default nothing, and each switch that changes that."""
    shown = [line("alarms", "alarms", ALARM_METRICS[parameters["Alarms"]], rest=True, switch="Alarms=none", free=free)]
    if parameters["Dashboard"] == "on":
        shown.append(line("dashboard", "dashboards", 1, rest=True, switch="Dashboard=off", free=free))
    if parameters["SecretStore"] == "secretsmanager":
        shown.append(line("secrets", "secrets", SECRETS, rest=True, switch="SecretStore=ssm"))
    if parameters["KeyArn"]:
        shown.append(line("your own key", "own key", 1, rest=True, switch="KeyArn="))
    if parameters["Waf"] == "on":
        shown.append(line("web firewall", "firewall", 1, rest=True, switch="Waf=off"))
        shown.append(line("its rules", "firewall rules", 2, rest=True, switch="Waf=off"))
    return [
        *shown,
        *_polls(parameters, free=free),
        *_streams(parameters),
        *_network(parameters),
        *_provisioned(parameters),
    ]


def _polls(parameters: Mapping[str, str], *, free: bool) -> list[Line]:
    """Queues that are asked whether something came: the market's, always, and the push queue where it is read."""
    shown = [line("market queue, asked while nothing comes", "fifo requests", POLLS, rest=True, free=free)]
    if parameters["PushByQueue"] == "on":
        shown.append(
            line(
                "push queue, asked while nothing comes", "queue requests", POLLS, rest=True, switch="PushByQueue=off", free=free,
                taken=POLLS,
            )
        )  # fmt: skip
    return shown


def _streams(parameters: Mapping[str, str]) -> list[Line]:
    """Kinesis while nothing flows."""
    if parameters["Stream"] == "on-demand":
        return [line("market stream", "stream hours", HOURS, rest=True, switch="Stream=off")]
    if parameters["Stream"] == "provisioned":
        return [
            line(
                "market stream's shards",
                "shard hours",
                HOURS * int(parameters["StreamShards"]),
                rest=True,
                switch="Stream=off",
            )
        ]
    return []


def _network(parameters: Mapping[str, str]) -> list[Line]:
    """The network's endpoints, and the cache in it."""
    shown = []
    if parameters["Network"] == "on":
        shown.append(
            line(
                "endpoints for queues and functions, two zones",
                "endpoint hours",
                HOURS * 4,
                rest=True,
                switch="Network=off",
            )
        )
    if parameters["Cache"] == "on":
        shown.append(
            line("cache, its least size", "cache storage", CACHE_GB_MIN * HOURS, rest=True, switch="Cache=off")
        )
    return shown


def _provisioned(parameters: Mapping[str, str]) -> list[Line]:
    """Environments kept warm in sessions."""
    count = int(parameters["ProvisionedDecides"])
    if not count:
        return []
    amount = Decimal(count * SESSION_HOURS * 3_600 * MEMORY_MB["decide"]) / 1024
    price = f"provisioned {parameters['Architecture']}"
    return [line("decide kept warm in sessions", price, amount, rest=True, switch="ProvisionedDecides=0")]


def working(parameters: Mapping[str, str], load: Workload, *, free: bool = True) -> list[Line]:
    """What a month's work costs."""
    calls = calls_of(load)
    seconds = sum(Decimal(calls[verb] * USUAL_MS[verb] * MEMORY_MB[verb]) / 1_024_000 for verb in calls)
    total = sum(calls.values())
    together = min(load.batch, EVENTS_TOGETHER)
    each = WRITES_HEAD + WRITES_KILOBYTE * ceil(together * RECORD_BYTES / 1_024)
    writes = ceil(load.events / together) * each + load.orders * WRITES_ORDER + load.fills * WRITES_FACT
    reads = load.orders * READS_ORDER + load.runs * READS_RUN + total
    gigabytes = Decimal((load.events + 4 * load.orders + load.fills) * RECORD_BYTES) / 10**9
    shown = [
        line("calls of functions", "lambda requests", total, free=free),
        line("time of functions", f"lambda {parameters['Architecture']}", seconds, free=free),
        line("journal, writes", "table writes", writes),
        line("journal, reads", "table reads", reads),
        line("journal, a month's records", "table storage", gigabytes, free=free),
        line("journal, recovery to any second", "table recovery", gigabytes),
        line("archive, a month's records", "archive storage", gigabytes),
        line("archive, segments", "archive puts", load.sessions * 4),
        line("schedules", "schedules", load.runs * 2 + load.sessions * 3, free=free),
        line("logs", "logs in", Decimal(total * LOG_BYTES) / 10**9, free=free),
        line("alerts", "notices", load.sessions, free=free),
        line(
            "our own metrics, in sessions", "own metrics", Decimal(OWN_METRICS * 7 * load.sessions) / HOURS, free=free
        ),
        *_carried(parameters, load, free=free),
    ]
    if load.webhooks:
        shown.append(line("webhooks", "api requests", load.webhooks))
    if load.webhooks and parameters["Waf"] == "on":
        shown.append(line("webhooks at the firewall", "firewall requests", load.webhooks))
    if parameters["Tracing"] == "Active":
        shown.append(line("traces", "traces", Decimal(total) / 20, free=free))
    return shown


def _carried(parameters: Mapping[str, str], load: Workload, *, free: bool) -> list[Line]:
    """How market events come: by queue (sent, received and deleted by tens at most) or by stream."""
    if parameters["Stream"] == "off":
        asked, polls = 3 * ceil(load.events / min(load.batch, 10)), POLLS * (1 + (parameters["PushByQueue"] == "on"))
        return [line("market queue", "fifo requests", asked, free=free, taken=polls)]
    rounded = Decimal(load.events * 1_024 * ceil(load.event_bytes / 1_024)) / 10**9
    if parameters["Stream"] == "on-demand":
        return [line("market stream, each event a kilobyte at least", "stream bytes", rounded)]
    return [line("market stream, puts", "shard puts", load.events * ceil(load.event_bytes / 25_600))]


def calls_of(load: Workload) -> dict[str, int]:
    """How often each function is called in a month."""
    return {
        "ingest": load.runs, "decide": ceil(load.events / load.batch) + load.orders + 2 * load.fills, "deliver": load.orders,
        "webhook": load.webhooks, "reconcile": load.runs, "watch": load.fills, "archive": load.sessions,
    }  # fmt: skip


def total(lines: Iterable[Line]) -> Decimal:
    """The sum, exact."""
    return sum((one.usd for one in lines), Decimal(0))


def largest(lines: Sequence[Line], count: int = 3) -> list[Line]:
    """What costs most."""
    return sorted(lines, key=lambda one: -one.usd)[:count]


def warnings(parameters: Mapping[str, str], load: Workload, today: str) -> list[str]:
    """What a reader of the bill should know: an old price book, records that are paid as if they were larger."""
    said = []
    if days_between(BOOK_DATE, today) > BOOK_DAYS_MAX:
        said.append(f"the price book is of {BOOK_DATE}, more than {BOOK_DAYS_MAX} days old")
    if parameters["Stream"] == "on-demand" and load.event_bytes < 1_024:
        said.append("Kinesis on demand counts each event as a kilobyte: pack several into one, or provision shards")
    return said


def days_between(first: str, last: str) -> int:
    """Days from one ISO date to another."""
    from datetime import date

    return (date.fromisoformat(last) - date.fromisoformat(first)).days


def as_rows(lines: Iterable[Line]) -> list[dict[str, str]]:
    """Lines for JSON: decimal strings, nothing rounded but the dollars."""
    return [
        {
            "item": one.item, "quantity": f"{one.quantity:f}", "unit": one.price.unit, "price_usd": f"{one.price.usd:f}",
            "free": f"{one.price.free:f}", "usd": f"{one.usd:.4f}", "at_rest": str(one.rest).lower(), "off": one.switch,
            "source": one.price.source,
        }
        for one in lines
    ]  # fmt: skip
