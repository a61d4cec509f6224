"""Which records of a source a function wants: the patterns of event filtering.

What comes in: a pattern as it was deployed, and a record as a function would see it.  What goes out: whether it is wanted.
Why it is shaped so: the same small language is used by mappings and by event buses; a rule in it that is not known here is
refused when the mapping is read, never passed over, since a filter that lets everything through is found out late.

Source: AWS Lambda Developer Guide, "Control which events Lambda sends to your function", its table of comparison operators.
"""

from __future__ import annotations

import operator
from typing import Any

from stratofold.errors import Setup

_COMPARE = {"<": operator.lt, "<=": operator.le, "=": operator.eq, ">": operator.gt, ">=": operator.ge}
_KNOWN = {"prefix", "suffix", "anything-but", "numeric", "exists", "equals-ignore-case"}
_ABSENT = object()


def wanted(pattern: dict[str, Any], record: Any) -> bool:
    """Whether a record holds for every field that the pattern names."""
    for name, rule in pattern.items():
        if name == "$or":
            if not any(wanted(each, record) for each in rule):
                return False
            continue
        value = record.get(name, _ABSENT) if isinstance(record, dict) else _ABSENT
        if isinstance(rule, dict):
            if not wanted(rule, {} if value is _ABSENT else value):
                return False
        elif not _any(rule, value):
            return False
    return True


def check(pattern: Any) -> None:
    """Refuse a pattern that is not understood, with Setup SF773."""
    if isinstance(pattern, dict):
        for name, rule in pattern.items():
            for each in rule if name == "$or" else [rule]:
                check(each)
        return
    if not isinstance(pattern, list):
        raise _unknown(pattern)
    for rule in pattern:
        if isinstance(rule, dict) and (len(rule) != 1 or not _KNOWN.issuperset(rule)):
            raise _unknown(rule)


def _unknown(rule: object) -> Setup:
    return Setup("SF773", f"a filter has a rule that is not known here: {rule!r}", fix="use another rule, or none")


def _any(rules: list[Any], value: Any) -> bool:
    """Whether one of the rules holds for a value, or for one of several values."""
    values = value if isinstance(value, list) else [value]
    return any(_holds(rule, one) for rule in rules for one in values)


def _holds(rule: Any, value: Any) -> bool:
    """Whether one rule holds for one value."""
    if not isinstance(rule, dict):
        return bool(value == rule) and isinstance(value, bool) == isinstance(rule, bool)
    ((kind, asked),) = rule.items()
    if kind == "exists":
        return bool(asked) == (value is not _ABSENT)
    if value is _ABSENT:
        return False
    if kind == "anything-but":
        if isinstance(asked, dict):
            return isinstance(value, str) and not _holds(asked, value)
        return value not in (asked if isinstance(asked, list) else [asked])
    if kind == "numeric":
        return _numeric(asked, value)
    if not isinstance(value, str):
        return False
    if kind == "equals-ignore-case":
        return bool(value.lower() == asked.lower())
    return bool(value.startswith(asked) if kind == "prefix" else value.endswith(asked))


def _numeric(asked: list[Any], value: Any) -> bool:
    """Comparisons and bounds, in pairs."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return all(_COMPARE[sign](value, bound) for sign, bound in zip(asked[::2], asked[1::2], strict=True))
