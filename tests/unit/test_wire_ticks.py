"""Quotes, trades and changes of depth go over the wire and come back, and an older writer's rows are still read."""

from math import isnan

import pytest

from stratofold.events import Depth, Event, Quote, Trade
from stratofold.wire import FIELDS, event_of, event_row, pack, unpack


def filled(kind: type[Event], **values: object) -> Event:
    event = kind()
    for name, value in values.items():
        setattr(event, name, value)
    return event


EVENTS = [
    filled(Quote, time=5, known=6, symbol=2, bid=10.0, bid_size=3.0, ask=10.01, ask_size=4.0),
    filled(Trade, time=5, source_sequence=9, symbol=1, price=0.1 + 0.2, size=7.0, aggressor=-1),
    filled(Depth, time=5, symbol=1, side=-1, price=10.01, size=0.0, snapshot=True, last=False),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_comes_back_as_it_was(event):
    back = event_of(unpack(pack(event_row(event))))
    assert type(back) is type(event)
    assert {name: getattr(back, name) for name in FIELDS[type(event)]} == {
        name: getattr(event, name) for name in FIELDS[type(event)]
    }


def test_a_size_that_nobody_said_stays_none():
    assert isnan(event_of(unpack(pack(event_row(Quote())))).bid_size)


def test_a_change_that_was_written_before_messages_had_ends_is_whole():
    assert event_of(event_row(EVENTS[2])[:-1]).last is True
