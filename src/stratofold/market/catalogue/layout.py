"""Where rows of a catalogue lie: folders whose names say what is in them.

What comes in: kind, source, span (bars alone have one), symbol, year.
What goes out: `kind=bars/source=alpaca/span=1d/symbol=SPY/year=2020`, and back.
Why it is shaped so: DuckDB, polars, Athena and Spark read such names as columns and skip the folders that a filter rules
out.  Names are percent-encoded as Hive does it, so that BTC/USD is one folder and no symbol can lead out of the catalogue.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote, unquote

from stratofold.errors import Setup
from stratofold.market.catalogue.kinds import BARS, kind_of

SPANS_NS = {
    "1s": 1_000_000_000, "1min": 60_000_000_000, "5min": 300_000_000_000, "15min": 900_000_000_000,
    "30min": 1_800_000_000_000, "1h": 3_600_000_000_000, "4h": 14_400_000_000_000, "1d": 86_400_000_000_000,
    "1w": 604_800_000_000_000,
}  # fmt: skip
_NAME_BYTES_MAX = 200


class Series(NamedTuple):
    """The rows of one kind of one symbol from one source."""

    kind: str
    source: str
    span: str  # empty for everything but bars
    symbol: str

    @property
    def folder(self) -> str:
        """The folder of all its years."""
        span = f"span={encoded(self.span)}/" if self.span else ""
        return f"kind={self.kind}/source={encoded(self.source)}/{span}symbol={encoded(self.symbol)}"

    def partition(self, year: int) -> str:
        """The folder of a year."""
        return f"{self.folder}/year={year}"

    def __str__(self) -> str:
        """As a person says it."""
        return " ".join(filter(None, (self.source, self.span, self.kind, "of", self.symbol)))


def series_of(kind: str, source: str, symbol: str, span: str = "") -> Series:
    """A series by its parts; raises Setup for a kind that is not known, a name that cannot be, a span that is missing."""
    kind_of(kind)
    for what, name in (("source", source), ("symbol", symbol)):
        if not name or len(name.encode()) > _NAME_BYTES_MAX or not name.isprintable():
            raise Setup(
                "SFC01",
                f"the {what} {name[:40]!r} cannot name a folder",
                fix=f"use printable text of 1 to {_NAME_BYTES_MAX} bytes",
            )
    if (kind == BARS) != bool(span):
        raise Setup(
            "SFC02", f"{kind} with span {span!r}", fix='bars have a span, such as "1min" or "1d"; nothing else has one'
        )
    return Series(kind, source, span, symbol)


def parse(path: str) -> tuple[Series, int]:
    """Series and year of a file's path; the inverse of `Series.partition`."""
    parts = dict(part.split("=", 1) for part in path.split("/") if "=" in part)
    series = Series(parts["kind"], decoded(parts["source"]), decoded(parts.get("span", "")), decoded(parts["symbol"]))
    return series, int(parts["year"])


def encoded(name: str) -> str:
    """A name as part of a path; a lone dot or two would be the folder itself or the one above."""
    return (
        quote(name, safe="-_~ ").replace(" ", "%20").replace(".", "%2E")
        if name.strip(".") == ""
        else quote(name, safe="-_.~")
    )


def decoded(name: str) -> str:
    """The inverse of `encoded`."""
    return unquote(name)


def span_text(span_ns: int) -> str:
    """A span as it is written: "1min", "1d"; raises Setup SFC03 for one that is no whole number of seconds."""
    for word, length in SPANS_NS.items():
        if length == span_ns:
            return word
    for unit, length in (
        ("d", 86_400_000_000_000),
        ("h", 3_600_000_000_000),
        ("min", 60_000_000_000),
        ("s", 1_000_000_000),
    ):
        if span_ns > 0 and span_ns % length == 0:
            return f"{span_ns // length}{unit}"
    raise Setup("SFC03", f"bars of {span_ns:,} ns have no name", fix="a span is a whole number of seconds")


def span_ns(text: str) -> int:
    """The inverse of `span_text`; raises Setup SFC03 for text that names no span."""
    if text in SPANS_NS:
        return SPANS_NS[text]
    digits = "".join(letter for letter in text if letter.isdigit())
    one = SPANS_NS.get(f"1{text.removeprefix(digits)}")
    if not digits or one is None:
        raise Setup("SFC03", f"the span {text!r} cannot be read", fix='write "1min", "15min", "1h" or "1d"')
    return int(digits) * one
