"""News, posts, macro figures and filings: recorded answers to observations, and bytes that are none to one typed error."""

import json
from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratofold.errors import Setup
from stratofold.market import alternative
from stratofold.market.sentiment import score

FRED = {
    "realtime_start": "2024-01-01", "units": "lin", "count": 3,
    "observations": [
        {"realtime_start": "2024-02-13", "realtime_end": "2024-03-11", "date": "2024-01-01", "value": "308.417"},
        {"realtime_start": "2025-02-12", "realtime_end": "9999-12-31", "date": "2024-01-01", "value": "309.685"},
        {"realtime_start": "2024-03-12", "realtime_end": "9999-12-31", "date": "2024-02-01", "value": "."},
    ],
}  # fmt: skip
EDGAR = {
    "cik": 320193, "entityName": "Apple Inc.",
    "facts": {"us-gaap": {"Revenues": {"label": "Revenues", "units": {"USD": [
        {"end": "2018-09-29", "val": 265595000000, "accn": "0000320193-18-000145", "fy": 2018, "fp": "FY", "form": "10-K", "filed": "2018-11-05"},
        {"end": "2018-09-29", "val": 265595000000, "accn": "0000320193-19-000119", "fy": 2019, "fp": "FY", "form": "10-K", "filed": "2019-10-31"},
    ]}}}},
}  # fmt: skip
RSS = b"""<?xml version="1.0"?><rss version="2.0"><channel><title>Wire</title>
<item><title>Apple beats estimates, shares surge</title><pubDate>Thu, 01 Feb 2024 16:31:00 -0500</pubDate></item>
<item><title>Undated</title></item>
<item><title>Regulator opens probe into Apple</title><pubDate>Wed, 31 Jan 2024 09:00:00 GMT</pubDate></item>
</channel></rss>"""
ATOM = b"""<feed xmlns="http://www.w3.org/2005/Atom"><entry><title>Profit warning</title><published>2024-02-01T21:31:00Z</published></entry></feed>"""
POSTS = {"version": "https://jsonfeed.org/version/1.1", "items": [
    {"id": "1", "content_text": "Huge rally not over", "date_published": "2024-02-01T16:31:00-05:00"},
    {"id": "2", "content_text": "no date"}, {"id": "3", "content_text": "no zone", "date_published": "2024-02-01T16:31:00"},
]}  # fmt: skip


def encoded(value):
    return json.dumps(value).encode()


def moment(*parts):
    return datetime(*parts, tzinfo=UTC)


def test_a_figure_is_known_when_it_was_published_and_revised_later():
    rows = alternative.fred(encoded(FRED), "CPIAUCSL").rows()
    assert rows == [
        ("CPIAUCSL", "", moment(2024, 2, 13, 22), moment(2024, 1, 1, 22), 308.417, ""),
        ("CPIAUCSL", "", moment(2025, 2, 12, 22), moment(2024, 1, 1, 22), 309.685, ""),
    ]


def test_a_filing_is_known_when_it_was_filed():
    rows = (
        alternative.edgar(encoded(EDGAR), ["Revenues", "Assets"], "AAPL")
        .select("series", "symbol", "known", "about")
        .rows()
    )
    assert rows == [
        ("Revenues USD", "AAPL", moment(2018, 11, 5, 22), moment(2018, 9, 29, 22)),
        ("Revenues USD", "AAPL", moment(2019, 10, 31, 22), moment(2018, 9, 29, 22)),
    ]


def test_headlines_in_order_of_their_publication():
    items = alternative.rss(RSS, "news", "AAPL")
    assert items["known"].to_list() == [moment(2024, 1, 31, 9), moment(2024, 2, 1, 21, 31)]
    assert items["value"][0] < 0.0 < items["value"][1]
    assert alternative.rss(ATOM, "news")["known"].to_list() == [moment(2024, 2, 1, 21, 31)]
    assert alternative.rss(RSS, "length", scorer=lambda text: float(len(text)))["value"].to_list() == [32.0, 35.0]


def test_posts_without_a_moment_are_left_out():
    assert alternative.posts(encoded(POSTS), "posts").select("known", "text").rows() == [
        (moment(2024, 2, 1, 21, 31), "Huge rally not over")
    ]


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("Profits soar on record growth", 1),
        ("Shares plunge after profit warning", -1),
        ("Board meets on Tuesday", 0),
        ("Sales are not strong", -1),
        ("Losses fell", -1),
        ("", 0),
    ],
)
def test_a_headline(text, sign):
    value = score(text)
    assert (value > 0) - (value < 0) == sign
    assert -1.0 < value < 1.0


def test_degrees_count():
    assert score("sales fell slightly and profit rose") > score("sales fell and profit rose") == 0.0 or score(
        "slightly weak"
    ) > score("weak")


def outcome(read, body):
    """The frame, or the code of the one error that may be."""
    try:
        return read(body)
    except Setup as error:
        return error.code


READERS = [
    lambda body: alternative.fred(body, "X"),
    lambda body: alternative.edgar(body, ["Revenues"], "X"),
    lambda body: alternative.rss(body, "X"),
    lambda body: alternative.posts(body, "X"),
]
SEEDS = [encoded(FRED), encoded(EDGAR), RSS, ATOM, encoded(POSTS)]


@given(st.sampled_from(READERS), st.sampled_from(SEEDS), st.data())
def test_bytes_in_observations_or_one_error_out(read, seed, data):
    body = bytearray(seed)
    for _ in range(data.draw(st.integers(0, 4))):
        place = data.draw(st.integers(0, len(body) - 1))
        body[place : place + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=6))
    frame = outcome(read, bytes(body))
    if not isinstance(frame, str):
        assert frame.columns == list(alternative.SCHEMA)
        assert (frame["known"] >= frame["about"]).all()
    else:
        assert frame == "SF656"


@given(st.sampled_from(READERS), st.binary(max_size=60))
def test_any_bytes(read, body):
    given_back = outcome(read, body)
    assert isinstance(given_back, pl.DataFrame) or given_back == "SF656"


def test_entities_are_refused():
    with pytest.raises(Setup, match="SF656"):
        alternative.rss(b'<!DOCTYPE x [<!ENTITY a "aaaa">]><rss><item><title>&a;</title></item></rss>', "x")
