"""The bill: at rest it is nothing, its laws hold, and its figures are those that were worked out by hand."""

import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratofold.cloud import cost
from stratofold.cloud.deploy import template_parameters

USUAL = template_parameters()
SWITCHES = {
    "Alarms": "all", "Dashboard": "on", "SecretStore": "secretsmanager", "KeyArn": "arn:aws:kms:us-east-1:123456789012:key/k",
    "Waf": "on", "Stream": "on-demand", "Network": "on", "Cache": "on", "ProvisionedDecides": "1", "PushByQueue": "on",
}  # fmt: skip


def test_at_rest_the_stack_as_it_comes_costs_nothing():
    assert cost.total(cost.resting(USUAL)) == 0


@pytest.mark.parametrize("name", sorted(set(SWITCHES) - {"Dashboard"}))
def test_what_has_a_price_at_rest_is_listed_and_says_how_it_is_turned_off(name):
    lines = cost.resting(USUAL | {name: SWITCHES[name]})
    assert cost.total(lines) > 0
    assert {one.switch.partition("=")[0] for one in lines if one.usd} == {name}


def test_the_first_dashboards_are_free_and_listed_all_the_same():
    (found,) = [one for one in cost.resting(USUAL | {"Dashboard": "on"}) if one.item == "dashboard"]
    assert found.usd == 0


# parameter | value | dollars a month, by hand
BY_HAND = [
    ("Stream", "on-demand", "29.20"),  # 730 hours at 0.04
    ("Stream", "provisioned", "10.95"),  # 730 hours at 0.015
    ("Network", "on", "29.20"),  # two endpoints, 730 hours, two zones, at 0.01
    ("Waf", "on", "7.00"),  # five and two rules
    ("KeyArn", "arn", "1.00"),
    ("SecretStore", "secretsmanager", "1.60"),  # four at 0.40
    ("Alarms", "all", "0.80"),  # eighteen metrics, ten of them free
    ("PushByQueue", "on", "0.1256"),  # twice 657,000 requests, a million of them free, at 0.40 a million
]


@pytest.mark.parametrize(("name", "value", "dollars"), BY_HAND)
def test_a_price_at_rest_by_hand(name, value, dollars):
    assert cost.total(cost.resting(USUAL | {name: value})) == Decimal(dollars)


def test_the_free_requests_of_queues_are_taken_off_once():
    """A million for all queues of an account: what asking idle queues takes of them is not there for what is sent."""
    load = cost.Workload("any", events=200_000, orders=0, fills=0)  # sent, received, deleted: 600,000 requests
    (found,) = [one for one in cost.working(USUAL, load) if one.item == "market queue"]
    assert found.usd == (657_000 + 600_000 - 1_000_000) * Decimal("0.0000005")
    both = USUAL | {"PushByQueue": "on"}
    (found,) = [one for one in cost.working(both, load) if one.item == "market queue"]
    assert found.usd == 600_000 * Decimal("0.0000005")
    assert cost.total(cost.resting(USUAL, free=False)) == 657_000 * Decimal("0.0000005") + 10 * Decimal("0.10")


def test_the_time_of_functions_is_what_amazon_bills():
    """128 MB for 100 ms a million times: 12,500 GB-seconds, 0.21 dollars and 0.20 for the calls, without the free tier."""
    seconds = cost.line("time", "lambda x86_64", 12_500, free=False)
    calls = cost.line("calls", "lambda requests", 1_000_000, free=False)
    assert round(cost.total([seconds, calls]), 2) == Decimal("0.41")


loads = st.builds(
    cost.Workload, st.just("any"), events=st.integers(0, 10**8), orders=st.integers(0, 10**6), fills=st.integers(0, 10**6),
    webhooks=st.integers(0, 10**6), batch=st.integers(1, 100), event_bytes=st.integers(1, 10_000),
)  # fmt: skip
chosen = st.fixed_dictionaries(
    {
        "Stream": st.sampled_from(["off", "on-demand", "provisioned"]),
        "Tracing": st.sampled_from(["Active", "PassThrough"]),
        "Architecture": st.sampled_from(["arm64", "x86_64"]),
    }
)


@given(loads, chosen)
def test_no_line_is_negative_and_the_free_tier_only_takes_off(load, other):
    parameters = USUAL | other
    with_free, without = cost.working(parameters, load), cost.working(parameters, load, free=False)
    assert all(one.usd >= 0 for one in with_free)
    assert all(less.usd <= more.usd for less, more in zip(with_free, without, strict=True))


@given(loads, st.integers(1, 1_000))
def test_more_work_never_costs_less(load, more):
    again = cost.Workload(
        "more",
        load.events + more,
        load.orders + more,
        load.fills + more,
        webhooks=load.webhooks,
        batch=load.batch,
        event_bytes=load.event_bytes,
    )
    assert cost.total(cost.working(USUAL, again)) >= cost.total(cost.working(USUAL, load))


def test_every_price_has_a_source_with_its_date():
    assert all(any(char.isdigit() for char in price.source) for price in cost.PRICES.values())


def test_every_price_is_on_some_bill():
    every = [USUAL, *(USUAL | {name: value} for name, value in SWITCHES.items())]
    every += [USUAL | {"Stream": "provisioned"}, USUAL | {"Architecture": "x86_64", "ProvisionedDecides": "1"}]
    lines = [one for given in every for one in cost.resting(given)]
    lines += [one for given in every for one in cost.working(given | {"Tracing": "Active"}, cost.WORKLOADS[1])]
    shown = {one.price for one in lines}
    of_sweeps = {"archive gets", "express workflows", "express time"}  # see research/sweep/executors/tariffs.py
    assert {name for name, price in cost.PRICES.items() if price not in shown} == of_sweeps


def test_the_metrics_that_are_billed_are_those_that_the_functions_tell_of():
    folder = Path(cost.__file__).parent
    told = {name for file in folder.rglob("*.py") for name in re.findall(r'metrics\.add\("(\w+)"', file.read_text())}
    assert len(told) == cost.OWN_METRICS
    lines = cost.working(USUAL, cost.WORKLOADS[0], free=False)
    (found,) = [one for one in lines if one.price == cost.PRICES["own metrics"]]
    assert round(found.usd, 2) == Decimal("0.42")  # seven at 0.30, for 147 of 730 hours


def test_an_old_price_book_says_so():
    said = cost.warnings(USUAL, cost.WORKLOADS[0], "2027-12-01")
    assert said == [f"the price book is of {cost.BOOK_DATE}, more than {cost.BOOK_DAYS_MAX} days old"]
    assert cost.warnings(USUAL, cost.WORKLOADS[0], cost.BOOK_DATE) == []


def test_small_records_in_an_on_demand_stream_are_warned_of():
    assert "kilobyte" in cost.warnings(USUAL | {"Stream": "on-demand"}, cost.WORKLOADS[2], cost.BOOK_DATE)[0]
