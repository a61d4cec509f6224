"""Times of Alpaca's stream, which come as MessagePack's timestamps."""

import msgspec
import pytest

from stratofold.adapters.feeds.alpaca_translate import time_of

SECOND = 10**9


def stamp(data, code=-1):
    return msgspec.msgpack.Ext(code, bytes(data))


@pytest.mark.parametrize(
    ("data", "time"),
    [
        ((1_709_294_400).to_bytes(4, "big"), 1_709_294_400 * SECOND),
        ((7 << 34 | 1_709_294_400).to_bytes(8, "big"), 1_709_294_400 * SECOND + 7),
        ((7).to_bytes(4, "big") + (1_709_294_400).to_bytes(8, "big"), 1_709_294_400 * SECOND + 7),
    ],
)
def test_each_of_the_three_lengths_is_read(data, time):
    assert time_of(stamp(data)) == time


@pytest.mark.parametrize(
    "data",
    [
        (9_300_000_000).to_bytes(8, "big"),  # the year 2264, past what nanoseconds in 63 bits hold
        bytes(4) + (-1).to_bytes(8, "big", signed=True),  # 1969
        bytes(4) + (1 << 62).to_bytes(8, "big"),
        bytes(5),
    ],
)
def test_what_is_no_time_of_an_event_is_refused(data):
    with pytest.raises(ValueError, match="time"):
        time_of(stamp(data))


def test_another_extension_is_no_time():
    with pytest.raises(ValueError, match="no timestamp"):
        time_of(stamp(bytes(4), code=3))
