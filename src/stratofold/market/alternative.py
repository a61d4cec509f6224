"""Alternative data as observations: news, posts, macro figures and filings, each with the time at which it became known.

What comes in: the bytes that a vendor, a feed or a file gave.
What goes out: a polars frame of observations: series, symbol, known, about, value, text; for `read(..., observations=)` and for
a catalogue.
Why it is shaped so: each is a pure function of bytes, so that it is tested on recorded answers and fuzzed; who fetches is
somebody else.  What has no time of becoming known is no observation and is refused.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import msgspec
import polars as pl

from stratofold.errors import Setup
from stratofold.market.sentiment import score

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Row = tuple[str, str, datetime, datetime, float, str]
SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "series": pl.String, "symbol": pl.String, "known": pl.Datetime("us", "UTC"), "about": pl.Datetime("us", "UTC"),
    "value": pl.Float64, "text": pl.String,
}  # fmt: skip
_ATOM = "{http://www.w3.org/2005/Atom}"
CLOSE_OF_DAY_HOUR = 22  # UTC: a date of publication counts from the evening, when every market of America has closed


def fred(body: bytes, series: str) -> pl.DataFrame:
    """The answer of FRED's `series/observations`: known on the first day of each vintage, about the period's first day.

    Ask for it with `output_type=2` or with real-time periods: then a revised figure is a later observation, and the first
    one is what was known first.  A value of "." is none.  Raises Setup SF656 for another answer.
    """
    rows: list[Row] = []
    for one in _listed(_json(body, "FRED"), "observations", "FRED"):
        if _text(one, "value", "FRED") != ".":
            known, about = _day(_text(one, "realtime_start", "FRED")), _day(_text(one, "date", "FRED"))
            rows.append((series, "", max(known, about), about, _number(one["value"], "FRED"), ""))
    return _frame(rows)


def edgar(body: bytes, concepts: Iterable[str], symbol: str) -> pl.DataFrame:
    """The answer of EDGAR's `companyfacts`: a company's own figures, known on the day they were filed, about their period's end.

    `concepts` are US-GAAP names ("Revenues"); each is a series of its name and unit ("Revenues USD").  The same period filed
    again is a later observation.  Raises Setup SF656 for another answer.
    """
    facts = _json(body, "EDGAR")
    gaap = facts.get("facts", {}).get("us-gaap") if isinstance(facts.get("facts"), dict) else None
    if not isinstance(gaap, dict):
        raise _unlike("EDGAR", "it has no facts of us-gaap")
    rows: list[Row] = []
    for concept in concepts:
        units = gaap.get(concept, {})
        for unit, filed in (units.get("units") or {}).items() if isinstance(units, dict) else ():
            for one in filed if isinstance(filed, list) else ():
                known, about = _day(_text(one, "filed", "EDGAR")), _day(_text(one, "end", "EDGAR"))
                rows.append(
                    (f"{concept} {unit}", symbol, max(known, about), about, _number(one.get("val"), "EDGAR"), "")
                )
    return _frame(rows)


def rss(body: bytes, series: str, symbol: str = "", scorer: Callable[[str], float] = score) -> pl.DataFrame:
    """The items of an RSS 2.0 or Atom feed, each headline scored; known when it was published.

    Items without a time are left out.  A document type is refused, for entities can be made to swell without end.
    Raises Setup SF656 for what is no feed.
    """
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise _unlike("the feed", "it has a document type")
    try:
        root = ET.fromstring(body)  # noqa: S314 - entities were refused above
    except (ET.ParseError, ValueError, LookupError) as error:
        raise _unlike("the feed", str(error)) from error
    rows: list[Row] = []
    for item in (*root.iter("item"), *root.iter(f"{_ATOM}entry")):
        title = (item.findtext("title") or item.findtext(f"{_ATOM}title") or "").strip()
        said = item.findtext("pubDate") or item.findtext(f"{_ATOM}published") or item.findtext(f"{_ATOM}updated")
        known = _moment(said) if said else None
        if title and known is not None:
            rows.append((series, symbol, known, known, scorer(title), title))
    return _frame(rows)


def posts(body: bytes, series: str, symbol: str = "", scorer: Callable[[str], float] = score) -> pl.DataFrame:
    """The items of a JSON feed (jsonfeed.org, version 1), each text scored; known when it was published.

    Raises Setup SF656 for what is no such feed.
    """
    rows: list[Row] = []
    for one in _listed(_json(body, "the feed"), "items", "the feed"):
        text = next((str(one[name]) for name in ("title", "content_text", "summary") if one.get(name)), "")
        known = _moment(str(one.get("date_published") or ""))
        if text and known is not None:
            rows.append((series, symbol, known, known, scorer(text), text))
    return _frame(rows)


def said(body: bytes, series: str, symbol: str = "") -> pl.DataFrame:
    """The observations in bytes, by what they look like: a feed, an answer of FRED or EDGAR, or a JSON list of rows.

    Of EDGAR's facts the concepts are those named in `series`, with commas.  A row of a list has known (RFC 3339), value or a
    title to be scored, and may have series, symbol, about.  Raises Setup SF656 for anything else.
    """
    if body.lstrip()[:1] == b"<":
        return rss(body, series, symbol)
    if body.lstrip()[:1] == b"[":
        listed = _listed(_json(b'{"rows":%b}' % body, "the file"), "rows", "the file")
        return _frame([_row(one, series, symbol) for one in listed])
    page = _json(body, "the file")
    if "facts" in page:
        return edgar(body, series.split(","), symbol)
    return fred(body, series) if "observations" in page else posts(body, series, symbol)


def _row(one: Any, series: str, symbol: str) -> Row:
    """A row of a list of JSON."""
    who = "the file"
    known = _moment(_text(one, "known", who))
    if known is None:
        raise _unlike(who, f"{one['known']!r} is no time with its zone")
    about = _moment(str(one.get("about") or "")) or known
    title = str(one.get("title") or one.get("text") or "")
    value = score(title) if one.get("value") is None and title else _number(one.get("value"), who)
    return (str(one.get("series") or series), str(one.get("symbol") or symbol), known, min(about, known), value, title)


def _frame(rows: list[Row]) -> pl.DataFrame:
    """Rows in the order in which they became known, each once."""
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    return frame.unique(maintain_order=True).sort("known", "about", maintain_order=True)


def _json(body: bytes, who: str) -> dict[str, Any]:
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _unlike(who, str(error)) from error
    if not isinstance(decoded, dict):
        raise _unlike(who, "it is no object")
    return decoded


def _listed(page: dict[str, Any], name: str, who: str) -> list[dict[str, Any]]:
    rows = page.get(name)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise _unlike(who, f"it has no list of {name}")
    return rows


def _text(row: Any, name: str, who: str) -> str:
    value = row.get(name) if isinstance(row, dict) else None
    if not isinstance(value, str):
        raise _unlike(who, f"a row has no {name}")
    return value


def _number(value: Any, who: str) -> float:
    """A number, or text of one; raises Setup for anything else and for what is not finite."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise _unlike(who, f"{str(value)[:40]!r} is no number") from error
    if not abs(number) < float("inf"):
        raise _unlike(who, f"{value!r} is not finite")
    return number


def _day(text: str) -> datetime:
    """The evening of a date, in UTC."""
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise _unlike("the answer", f"{text[:40]!r} is no date") from error
    return datetime(day.year, day.month, day.day, CLOSE_OF_DAY_HOUR, tzinfo=UTC)


def _moment(text: str) -> datetime | None:
    """A time after RFC 822 or RFC 3339; None where there is none, or it has no zone."""
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = read(text.strip())
            return moment.astimezone(UTC) if moment.tzinfo is not None else None
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None


def _unlike(who: str, why: str) -> Setup:
    return Setup(
        "SF656", f"this is not what {who} answers", why=why, fix="look at what was fetched; an error page is none"
    )
