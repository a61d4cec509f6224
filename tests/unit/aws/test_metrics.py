"""Numbers as lines that CloudWatch reads."""

import json

import pytest

from stratofold.adapters.aws.metrics import Metrics


@pytest.fixture
def lines():
    return []


@pytest.fixture
def metrics(lines):
    return Metrics({"stack": "book1"}, write=lines.append, now_ms=lambda: 1_700_000_000_000)


def test_a_line_holds_values_units_and_facts(metrics, lines):
    metrics.add("orders")
    metrics.add("latency_ms", 3.5)
    metrics.add("latency_ms", 4.5)
    metrics.flush(book="B", step=7)
    (line,) = lines
    assert line.endswith("}\n")
    assert json.loads(line) == {
        "book": "B",
        "step": 7,
        "stack": "book1",
        "orders": 1.0,
        "latency_ms": [3.5, 4.5],
        "_aws": {
            "Timestamp": 1_700_000_000_000,
            "CloudWatchMetrics": [
                {
                    "Namespace": "stratofold",
                    "Dimensions": [["stack"]],
                    "Metrics": [{"Name": "orders", "Unit": "Count"}, {"Name": "latency_ms", "Unit": "Milliseconds"}],
                }
            ],
        },
    }


def test_nothing_is_no_line(metrics, lines):
    metrics.flush()
    metrics.add("orders")
    metrics.flush()
    metrics.flush()
    assert len(lines) == 1


def test_a_line_is_never_longer_than_the_format_allows(metrics, lines):
    for number in range(250):
        metrics.add("latency_ms", number)
    metrics.flush()
    kept = [json.loads(line)["latency_ms"] for line in lines]
    assert [len(values) for values in kept] == [100, 100, 50]
    assert [value for values in kept for value in values] == list(range(250))


def test_what_is_no_number_is_refused(metrics):
    metrics.add("latency_ms", float("nan"))
    with pytest.raises(ValueError, match="JSON"):
        metrics.flush()
