"""What the cloud's journal costs: requests, write units and time of an event, and of an order from decision to fill.

Against the emulator on this machine, whose own answer to the smallest transaction stands beside; each function has a journal of
its own, as it has there.  Write units are counted as DynamoDB counts them (a transaction's item: two for each begun kilobyte; an
entry of the local index that is written or taken away: as many again), since no emulator does.
"""

import os
import time
from copy import deepcopy
from uuid import uuid4

from figures import Figure
from stratofold.adapters.aws.client import Client
from stratofold.adapters.aws.journal import Journal
from stratofold.adapters.aws.table import OPEN, definition, wrapped
from stratofold.adapters.ports import ACCEPTED, AccountLimits, Entry, Message, Offer
from stratofold.cloud.local.emulator import Emulator

NOW = 1_700_000_000_000_000_000
EVENTS = 500
ORDERS = 100
DOLLARS_A_MILLION_UNITS = 0.625  # on demand, us-east-1, the price list of 2026-09-11


def percentile(values, share):
    """The value that a share of all are not above."""
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


class Metered:
    """A client that counts requests and write units."""

    def __init__(self, aws):
        self.aws = aws
        self.requests = 0
        self.units = 0

    def json(self, service, operation, payload):
        self.requests += 1
        if operation == "TransactWriteItems":
            self.units += sum(units(each) for each in payload["TransactItems"])
        return self.aws.json(service, operation, payload)

    def close(self):
        self.aws.close()


def size(attributes):
    """Bytes of an item as DynamoDB counts them, nearly: names and values; a number is half a byte a digit."""
    return sum(len(name) + weight(*attribute.popitem()) for name, attribute in deepcopy(attributes).items())


def weight(kind, value):
    """Bytes of one value."""
    if kind == "BOOL":
        return 1
    if kind == "L":
        return 3 + sum(1 + weight(*each.popitem()) for each in value)
    return {"N": len(value) // 2 + 2, "B": len(value) * 3 // 4}.get(kind, len(value))


def units(write):
    """Write units of one item of a transaction; what an update leaves is taken as its own words and 400 bytes."""
    ((verb, request),) = write.items()
    names = set(request.get("ExpressionAttributeNames", {}).values()) | set(request.get("Item", {}))
    whole = size(request["Item"]) if verb == "Put" else size(request.get("ExpressionAttributeValues", {})) + 400
    each = 2 * max(1, -(-whole // 1024))
    return each * (2 if OPEN in names and verb != "ConditionCheck" else 1)


def message(number):
    key = f"B-1-{number}"
    return Message(key, "submit", key, f"S{number % 10}", 1, 10.0, 100.0, 1_000.0, False, NOW * 2, os.urandom(60))


def new_table(aws):
    name = f"bench-{uuid4().hex[:8]}"
    aws.json("dynamodb", "CreateTable", definition(name))
    return name


def clocked(work, *given, **named):
    """Wall milliseconds of a call."""
    began = time.perf_counter()
    work(*given, **named)
    return (time.perf_counter() - began) * 1e3


def say(work, value, unit, **bounds):
    Figure(work, value, unit, better="less", **bounds).say()


def smallest(aws, table):
    """The emulator's own time for a transaction of one small item."""
    item = {name: wrapped(value) for name, value in {"pk": "bench", "sk": "one", "text": "x" * 200}.items()}
    request = {"TransactItems": [{"Put": {"TableName": table, "Item": item}}]}
    return [clocked(aws.json, "dynamodb", "TransactWriteItems", request) for _ in range(EVENTS)]


def begin(table, environment):
    """A journal of a function with its own client, and what counts it."""
    metered = Metered(Client(environment=environment))
    return Journal(metered, table), metered


def ticks(journal, metered, body, envelope):
    """Appends of events that want nothing sent."""
    step = journal.head("B").step
    metered.requests = metered.units = 0
    entries = [Entry("event", body, envelope)]
    began = time.thread_time()
    wall = [clocked(journal.append, "B", 1, at, entries, steps=1) for at in range(step, step + EVENTS)]
    cpu = (time.thread_time() - began) / EVENTS
    work = "an event that wants nothing"
    say(f"{work}: requests", metered.requests / EVENTS, "requests", floor=1.0)
    say(f"{work}: write units", metered.units / EVENTS, "units", floor=4.0)
    say(f"{work}: a million of them", metered.units / EVENTS * DOLLARS_A_MILLION_UNITS, "dollars")
    say(f"{work}, emulator included", percentile(wall, 0.5), "ms p50")
    say(f"{work}, emulator included", percentile(wall, 0.99), "ms p99")
    say(f"{work}: journal and client", cpu * 1e6, "CPU us", floor=2_000.0)


def orders(decide, deliver, webhook, body, envelope):
    """Orders from the decision to the fill, each function with a journal of its own."""
    meters = [metered for _, metered in (decide, deliver, webhook)]
    for metered in meters:
        metered.requests = metered.units = 0
    walls = {}
    for number in range(ORDERS):
        for name, wall in order(number, decide[0], deliver[0], webhook[0], body, envelope):
            walls.setdefault(name, []).append(wall)
    for name, wall in walls.items():
        say(f"an order, {name}, emulator included", percentile(wall, 0.5), "ms p50")
    requests, written = (sum(getattr(each, name) for each in meters) / ORDERS for name in ("requests", "units"))
    say("an order from decision to fill: requests", requests, "requests")
    say("an order from decision to fill: write units", written, "units")
    say("an order from decision to fill: a million of them", written * DOLLARS_A_MILLION_UNITS, "dollars")


def order(number, decides, delivers, hooks, body, envelope):
    """One order: what each function does for it, and how long it took."""
    sent, event, request = message(number), Entry("event", body, envelope), Entry("request", body[:60], envelope)
    working = {f"order/{sent.key}": {"state": "working", "quantity": "10", "symbol": sent.symbol}}
    yield (
        "decide: append",
        clocked(decides.append, "B", 1, decides.head("B").step, [event], steps=1, messages=[sent], views=working),
    )
    yield "deliver: claim", clocked(delivers.claim, "B", 1, [sent.key], NOW, [request])
    accepted, filled = (Offer(0, "venue", f"{name}:{sent.key}", body) for name in ("accepted", "fill"))
    yield "deliver: settle", clocked(delivers.settle, "B", sent.key, ACCEPTED, "v1", [request], [accepted])
    yield "decide: hear that it works", clocked(hear, decides, event, working, {})
    yield "webhook: offer the fill", clocked(hooks.offer, "B", [filled])
    gone = {f"order/{sent.key}": None, f"trade/{number}": {"price": "1", "quantity": "10"}}
    views = {f"position/{sent.symbol}": {"quantity": "10"}, "balance": {"cash": "1"}, **gone}
    yield "decide: hear the fill", clocked(hear, decides, event, views, {sent.client_id: 0.0})


def hear(journal, event, views, released):
    """What `decide` does when the inbox has woken it."""
    handled = [each.number for each in journal.inbox("B")]
    step = journal.head("B").step
    journal.append("B", 1, step, [event], steps=1, handled=handled, views=views, released=released)


def main():
    """Run."""
    with Emulator() as emulator:
        environment = emulator.environment()
        aws = Client(environment=environment)
        table = new_table(aws)
        say("the emulator's smallest transaction", percentile(smallest(aws, table), 0.5), "ms p50")
        decide = begin(table, environment)
        journal = decide[0]
        journal.create("B", "paper", "1", [])
        journal.limit("paper", AccountLimits(1e12, 1_000_000, 1e12, 1_000_000))
        journal.take("B", "cloud:bench", NOW)
        body, envelope = os.urandom(300), os.urandom(220)
        ticks(*decide, body, envelope)
        orders(decide, begin(table, environment), begin(table, environment), body, envelope)


if __name__ == "__main__":
    main()
