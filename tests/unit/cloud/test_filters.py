"""Event filters, rule by rule."""

import pytest

from stratofold.cloud.local.filters import check, wanted
from stratofold.errors import Setup

FACT = {"eventName": "INSERT", "dynamodb": {"Keys": {"pk": {"S": "inbox/B"}}, "n": 5, "tags": ["a", "b"], "on": True}}

# pattern | wanted
ROWS = [
    ({}, True),
    ({"eventName": ["INSERT"]}, True),
    ({"eventName": ["MODIFY", "INSERT"]}, True),
    ({"eventName": ["REMOVE"]}, False),
    ({"eventName": ["INSERT"], "dynamodb": {"Keys": {"pk": {"S": [{"prefix": "inbox/"}]}}}}, True),
    ({"eventName": ["INSERT"], "dynamodb": {"Keys": {"pk": {"S": [{"prefix": "outbox/"}]}}}}, False),
    ({"eventName": ["REMOVE"], "dynamodb": {"Keys": {"pk": {"S": [{"prefix": "inbox/"}]}}}}, False),
    ({"dynamodb": {"Keys": {"pk": {"S": [{"suffix": "/B"}]}}}}, True),
    ({"eventName": [{"anything-but": ["REMOVE"]}]}, True),
    ({"eventName": [{"anything-but": "INSERT"}]}, False),
    ({"eventName": [{"anything-but": {"prefix": "IN"}}]}, False),
    ({"eventName": [{"equals-ignore-case": "insert"}]}, True),
    ({"dynamodb": {"n": [{"numeric": [">", 4, "<=", 5]}]}}, True),
    ({"dynamodb": {"n": [{"numeric": [">", 5]}]}}, False),
    ({"dynamodb": {"on": [{"numeric": ["=", 1]}]}}, False),
    ({"dynamodb": {"on": [True]}}, True),
    ({"dynamodb": {"on": [1]}}, False),
    ({"dynamodb": {"tags": ["b"]}}, True),
    ({"dynamodb": {"tags": ["c"]}}, False),
    ({"dynamodb": {"NewImage": {"x": [{"exists": False}]}}}, True),
    ({"dynamodb": {"n": [{"exists": True}]}}, True),
    ({"dynamodb": {"m": [{"exists": True}]}}, False),
    ({"dynamodb": {"m": [{"prefix": "x"}]}}, False),
    ({"eventName": {"S": ["INSERT"]}}, False),
    ({"$or": [{"eventName": ["REMOVE"]}, {"dynamodb": {"n": [5]}}]}, True),
    ({"$or": [{"eventName": ["REMOVE"]}, {"dynamodb": {"n": [6]}}]}, False),
]


@pytest.mark.parametrize(("pattern", "expected"), ROWS)
def test_a_record_is_wanted(pattern, expected):
    check(pattern)
    assert wanted(pattern, FACT) is expected


@pytest.mark.parametrize(
    "pattern", [{"a": "INSERT"}, {"a": [{"wildcard": "x*"}]}, {"a": [{"prefix": "a", "suffix": "b"}]}]
)
def test_a_rule_that_is_not_known_is_refused(pattern):
    with pytest.raises(Setup, match="SF773"):
        check(pattern)
