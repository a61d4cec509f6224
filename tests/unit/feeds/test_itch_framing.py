"""MoldUDP64 and SoupBinTCP: a session over a bad network, or a cut stream, is the session as it was written."""

from __future__ import annotations

from contextlib import suppress
from random import Random
from struct import pack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stratofold.adapters.feeds.itch import Itch
from stratofold.adapters.feeds.itch_framing import Missing, MoldUdp64, SoupBinTcp
from stratofold.errors import Retry, Stop
from tests.unit.feeds.itch_encoder import Session

NAME = b"20240102AB"


def session_messages(seed: int, steps: int = 120) -> list[bytes]:
    """A session's messages, each with its length before it."""
    session = Session(Random(seed))
    session.begin()
    for _ in range(steps):
        session.step()
    data, out = bytes(session.data), []
    while data:
        end = 2 + int.from_bytes(data[:2], "big")
        out.append(data[:end])
        data = data[end:]
    return out


def datagram(first: int, messages: list[bytes], count: int | None = None) -> bytes:
    return pack(">10sQH", NAME, first, len(messages) if count is None else count) + b"".join(messages)


def packet(kind: bytes, payload: bytes = b"") -> bytes:
    return (len(payload) + 1).to_bytes(2, "big") + kind + payload


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_datagrams_that_are_lost_doubled_and_late_are_the_session_in_its_order(seed: int) -> None:
    """What is missing is asked for, and the answer is a datagram like any other."""
    draw, messages = Random(seed), session_messages(seed % 7)
    sent, at = [], 0
    while at < len(messages):
        count = draw.randrange(1, 6)
        sent.append(datagram(at + 1, messages[at : at + count]))
        at += count
    network = [one for one in sent if draw.random() > 0.15 for _ in range(1 + (draw.random() < 0.1))]
    for _ in range(len(network) // 5):
        j = draw.randrange(len(network) - 1)
        network[j], network[j + 1] = network[j + 1], network[j]
    mold, heard = MoldUdp64(), b""
    for one in [*network, datagram(len(messages) + 1, []), datagram(len(messages) + 1, [], 0xFFFF)]:
        heard += mold.take(one)
        while (missing := mold.missing) is not None and draw.random() < 0.7:
            assert mold.request(missing) == pack(">10sQH", NAME, missing.first, missing.messages)
            first = missing.first - 1
            heard += mold.take(datagram(missing.first, messages[first : first + missing.messages]))
    while (missing := mold.missing) is not None:
        heard += mold.take(datagram(missing.first, messages[missing.first - 1 : missing.first - 1 + missing.messages]))
    assert mold.ended
    assert heard == b"".join(messages)
    Itch(0).feed(heard)


def test_what_is_missing_is_said_by_what_comes_after_it() -> None:
    """A later datagram, or a heartbeat with the number that is next."""
    one, two, three = session_messages(1, 5)[:3]
    mold = MoldUdp64()
    assert mold.missing is None
    assert mold.take(datagram(3, [three])) == b""
    assert mold.missing == Missing(1, 2)
    assert mold.take(datagram(1, [one, two])) == one + two + three
    assert mold.missing is None
    mold.take(datagram(6, []))
    assert mold.missing == Missing(4, 2)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 6), st.lists(st.integers(1, 90), min_size=1, max_size=30))
def test_a_stream_in_pieces_of_any_size_is_the_session(seed: int, sizes: list[int]) -> None:
    """Among heartbeats and notes; the number counts, so that another connection can go on."""
    messages = session_messages(seed, 40)
    soup = SoupBinTcp("USER", "PASSWORD")
    assert soup.outgoing == [packet(b"L", b"USER  PASSWORD  " + b" " * 10 + b"1".rjust(20))]
    assert "PASSWORD" not in repr(soup)
    data = packet(b"A", NAME + b"1".rjust(20)) + packet(b"+", b"hello")
    data += b"".join(packet(b"S", one[2:]) + packet(b"H") for one in messages) + packet(b"Z")
    heard, at, turn = b"", 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        heard += soup.feed(data[at : at + size])
        at, turn = at + size, turn + 1
    assert heard == b"".join(messages)
    assert (soup.session, soup.following, soup.ended) == (NAME.decode(), len(messages) + 1, True)
    again = SoupBinTcp("USER", "PASSWORD", soup.session, soup.following)
    assert again.outgoing[0].endswith(NAME + str(len(messages) + 1).rjust(20).encode())
    with pytest.raises(Retry, match="comes next"):
        again.feed(packet(b"A", NAME + b"1".rjust(20)))
    again.beat()
    assert again.outgoing[-1] == packet(b"R")


def test_a_login_that_is_refused_is_told() -> None:
    for letter, why in ((b"A", "authorised"), (b"S", "no such session")):
        with pytest.raises(Stop, match="SF983") as refused:
            SoupBinTcp("USER", "WRONG").feed(packet(b"J", letter))
        assert why in str(refused.value)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_messages_or_a_typed_error(noise: bytes) -> None:
    """Nothing else is raised; what is cut off is an error in a datagram, and waits in a stream."""
    for hear in (MoldUdp64().take, MoldUdp64(NAME).take, SoupBinTcp("U", "P").feed):
        with suppress(Retry, Stop):
            assert isinstance(hear(noise), bytes)


@pytest.mark.parametrize(
    "wrong",
    [
        datagram(1, [b"\x00\x05ab"]),
        datagram(1, [b"\x00\x02ab"]) + b"x",
        datagram(1, [])[:12],
        datagram(10**9, [b"\x00\x02ab"]),
        datagram(1, [b"\x00\x02ab"]).replace(NAME, b"ANOTHERONE"),
    ],
)
def test_a_datagram_that_cannot_be_is_refused(wrong: bytes) -> None:
    with pytest.raises(Retry, match="SF980"):
        MoldUdp64(NAME).take(wrong)
