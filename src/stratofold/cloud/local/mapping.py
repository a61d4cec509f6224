"""What wakes a function from a queue or a stream, as it was deployed.

What comes in: an event source mapping in the service's words.  What goes out: the same as a record, with the service's defaults.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from stratofold.cloud.local.filters import check

if TYPE_CHECKING:
    from collections.abc import Mapping as Given

    from stratofold.adapters.aws.client import Client

FOR_EVER = -1
_API = "/2015-03-31/event-source-mappings"


class Mapping(NamedTuple):
    """One mapping; `retries` and `age_seconds` of -1 mean for ever; `filters` are patterns of which one must hold."""

    identity: str
    function: str
    source: str
    batch: int
    window_seconds: float = 0.0
    partial: bool = False
    bisect: bool = False
    retries: int = FOR_EVER
    age_seconds: int = FOR_EVER
    parallel: int = 1
    start: str = "LATEST"
    failed_to: str = ""
    filters: tuple[str, ...] = ()

    @property
    def service(self) -> str:
        """sqs, kinesis or dynamodb."""
        return self.source.split(":")[2]

    @property
    def patterns(self) -> list[dict[str, Any]]:
        """The filters, read."""
        return [json.loads(one) for one in self.filters]


def mappings(aws: Client) -> list[Mapping]:
    """Every mapping that is switched on; raises AwsError, and Setup SF773 for a filter that is not understood."""
    found: list[Mapping] = []
    query: dict[str, str] = {}
    while True:
        given = aws.rest("lambda", "GET", _API, query)
        rows = given["EventSourceMappings"]
        found += [_read(row) for row in rows if row.get("State", "Enabled") in {"Enabled", "Creating", "Updating"}]
        if not given.get("NextMarker"):
            return found
        query = {"Marker": given["NextMarker"]}


def _read(given: Given[str, Any]) -> Mapping:
    """One mapping."""
    queue = given["EventSourceArn"].split(":")[2] == "sqs"
    filters = tuple(one["Pattern"] for one in (given.get("FilterCriteria") or {}).get("Filters", []))
    for one in filters:
        check(json.loads(one))
    return Mapping(
        identity=given["UUID"],
        function=given["FunctionArn"],
        source=given["EventSourceArn"],
        batch=int(given.get("BatchSize") or (10 if queue else 100)),
        window_seconds=float(given.get("MaximumBatchingWindowInSeconds") or 0),
        partial="ReportBatchItemFailures" in (given.get("FunctionResponseTypes") or []),
        bisect=bool(given.get("BisectBatchOnFunctionError")),
        retries=_number(given.get("MaximumRetryAttempts"), FOR_EVER),
        age_seconds=_number(given.get("MaximumRecordAgeInSeconds"), FOR_EVER),
        parallel=_number((given.get("ScalingConfig") or {}).get("MaximumConcurrency"), 5)
        if queue
        else _number(given.get("ParallelizationFactor"), 1),
        start=given.get("StartingPosition") or "LATEST",
        failed_to=((given.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination", ""),
        filters=filters,
    )


def _number(given: Any, otherwise: int) -> int:
    return otherwise if given is None else int(given)
