"""ITCH 5.0: a synthetic session's books against the naive ones, pieces of any size, and noise."""

from __future__ import annotations

import gzip
from collections import Counter
from random import Random
from struct import pack
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stratofold.adapters.feeds.itch import LENGTHS, Itch, words_in
from stratofold.errors import Retry
from stratofold.events import HALT, RESUME, Depth, Event, Status, Trade
from tests.unit.feeds.itch_encoder import OPEN_NS, Session, added, directory, event, message

if TYPE_CHECKING:
    from pathlib import Path

    from stratofold.adapters.feeds.spoken import Named

MIDNIGHT = 1_704_171_600 * 10**9  # 2024-01-02 in New York


def fields(named: Named) -> tuple[object, ...]:
    """A word to compare."""
    symbol, word = named
    return (
        symbol,
        type(word),
        *(getattr(word, name, None) for name in ("time", "side", "price", "size", "last", "aggressor", "kind")),
    )


@pytest.mark.parametrize("seed", range(5))
def test_the_books_are_what_rests_after_every_message(seed: int) -> None:
    """Levels made of words equal the orders summed up, and so does what was traded."""
    session = Session(Random(seed))
    session.begin()
    itch, shown, traded = Itch(MIDNIGHT), dict[tuple[str, int, float], float](), Counter[str]()
    for _ in range(300):
        session.step()
        for symbol, word in itch.feed(bytes(session.data)):
            if isinstance(word, Depth):
                shown[symbol, word.side, word.price] = word.size
            elif isinstance(word, Trade):
                traded[symbol] += int(word.size)
            assert word.time <= MIDNIGHT + session.time
        session.data.clear()
        assert {place: size for place, size in shown.items() if size} == session.levels()
    assert traded == session.traded
    assert all(itch.level(*place) == size for place, size in session.levels().items())


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.lists(st.integers(1, 60), min_size=1, max_size=20))
def test_pieces_of_any_size_are_the_same_words(seed: int, sizes: list[int]) -> None:
    """A stream breaks where it likes."""
    session = Session(Random(seed))
    session.begin()
    for _ in range(30):
        session.step()
    whole = [fields(named) for named in Itch(MIDNIGHT).feed(bytes(session.data))]
    itch, found, begin, turn = Itch(MIDNIGHT), [], 0, 0
    while begin < len(session.data):
        size = sizes[turn % len(sizes)]
        found += [fields(named) for named in itch.feed(bytes(session.data[begin : begin + size]))]
        begin, turn = begin + size, turn + 1
    assert found == whole
    assert not itch.is_within_a_message


def test_each_message_is_its_word() -> None:
    """By the specification's table."""
    itch = Itch(MIDNIGHT, ["SPY"])
    assert itch.feed(event("O") + directory(1, "SPY") + directory(2, "QQQ")) == []
    said = [
        added(1, OPEN_NS, 7, "B", 100, "SPY", 4_750_000),
        added(2, OPEN_NS, 8, "B", 100, "QQQ", 4_000_000),
        message("E", 1, OPEN_NS + 1, pack(">QIQ", 7, 40, 5)),
        message("C", 1, OPEN_NS + 2, pack(">QIQcI", 7, 10, 6, b"N", 4_740_000)),
        message("U", 1, OPEN_NS + 3, pack(">QQII", 7, 9, 30, 4_760_000)),
        message("P", 1, OPEN_NS + 4, pack(">QcI8sIQ", 0, b"B", 5, b"SPY     ", 4_755_000, 7)),
        message("Q", 1, OPEN_NS + 5, pack(">Q8sIQc", 900, b"SPY     ", 4_700_000, 8, b"O")),
        message("H", 1, OPEN_NS + 6, pack(">8scx4s", b"SPY     ", b"H", b"T1  ")),
        message("H", 1, OPEN_NS + 7, pack(">8scx4s", b"SPY     ", b"T", b"    ")),
        message("D", 1, OPEN_NS + 8, pack(">Q", 9)),
    ]
    words = [word for named in said for _, word in itch.feed(named)]
    short = [
        (word.side, word.price, word.size, word.last) if isinstance(word, Depth)
        else (word.price, word.size, word.aggressor) if isinstance(word, Trade)
        else word.kind if isinstance(word, Status) else None
        for word in words
    ]  # fmt: skip
    assert short == [
        (1, 475.0, 100.0, True), (475.0, 40.0, -1), (1, 475.0, 60.0, True), (1, 475.0, 50.0, True),
        (1, 475.0, 0.0, False), (1, 476.0, 30.0, True), (475.5, 5.0, 0), (470.0, 900.0, 0), HALT, RESUME,
        (1, 476.0, 0.0, True),
    ]  # fmt: skip
    assert words[1].time == MIDNIGHT + OPEN_NS + 1


BEGUN = directory(1, "SPY") + added(1, 1, 7, "B", 100, "SPY", 10_000)
WRONG = {
    "an order that does not rest": message("D", 1, 2, pack(">Q", 8)),
    "more than rests": message("E", 1, 2, pack(">QIQ", 7, 101, 1)),
    "another's order": directory(2, "QQQ") + message("D", 2, 2, pack(">Q", 7)),
    "an order twice": added(1, 2, 7, "B", 100, "SPY", 10_000),
    "no side": added(1, 2, 9, "Z", 100, "SPY", 10_000),
    "no price": added(1, 2, 9, "B", 100, "SPY", 0),
    "no such message": message("Z", 1, 2, b""),
    "too short": message("D", 1, 2, b"\0"),
    "nothing": b"\0\0",
    "longer than any": b"\xff\xff\0",
}


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_fit_is_a_typed_error(name: str) -> None:
    """A book that lacks a message is none."""
    with pytest.raises(Retry, match="SF980"):
        Itch(0).feed(BEGUN + WRONG[name])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.builds(
    lambda kind, locate, rest, cut: (LENGTHS[kind] + cut).to_bytes(2, "big")
    + (kind.encode() + bytes((0, locate)) + rest.ljust(64, b"\0"))[: LENGTHS[kind] + cut],
    st.sampled_from(sorted(LENGTHS)), st.integers(0, 2), st.binary(max_size=60), st.sampled_from([0, 0, 0, 0, 1, -1]),
), max_size=12), st.binary(max_size=8))  # fmt: skip
def test_bytes_in_words_or_a_typed_error_out(messages: list[bytes], tail: bytes) -> None:
    """Messages of the right length with anything in them, some too long, and noise."""
    try:
        words = Itch(MIDNIGHT).feed(BEGUN + b"".join(messages) + tail)
    except Retry as error:
        assert error.code == "SF980"  # noqa: PT017 - either is right
        return
    assert all(isinstance(word, Event) and MIDNIGHT <= word.time < 2**63 for _, word in words)


def test_a_file_is_read_and_one_that_breaks_off_is_told(tmp_path: Path) -> None:
    """Compressed or not."""
    session = Session(Random(9))
    session.begin()
    for _ in range(50):
        session.step()
    plain, packed, torn = (tmp_path / name for name in ("day.itch", "day.itch.gz", "torn.itch"))
    plain.write_bytes(session.data)
    packed.write_bytes(gzip.compress(bytes(session.data)))
    torn.write_bytes(session.data[:-3])
    whole = [fields(named) for named in words_in(plain, MIDNIGHT)]
    assert [fields(named) for named in words_in(packed, MIDNIGHT)] == whole
    assert {symbol for symbol, *_ in whole} == {"SPY", "QQQ"}
    assert {named[0] for named in words_in(plain, MIDNIGHT, ["QQQ"])} == {"QQQ"}
    with pytest.raises(Retry, match="ends within a message"):
        list(words_in(torn, MIDNIGHT))
    packed.write_bytes(gzip.compress(bytes(session.data))[:-9])
    with pytest.raises(Retry, match="SF980"):
        list(words_in(packed, MIDNIGHT))
