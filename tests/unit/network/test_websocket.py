"""WebSocket frames, by the tables of RFC 6455."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratofold.adapters.network.http import Broken, address_of
from stratofold.adapters.network.websocket import (
    BINARY,
    CLOSE,
    MESSAGE_BYTES_MAX,
    PING,
    PONG,
    TEXT,
    FrameReader,
    check_handshake,
    close_code,
    frame,
    handshake,
    masked,
    new_key,
)
from stratofold.adapters.ports import Response

# RFC 6455, 5.7, as a server sends them (unmasked).
HELLO = bytes.fromhex("810548656c6c6f")
HELLO_IN_PARTS = bytes.fromhex("010348656c") + bytes.fromhex("80026c6f")
PING_HELLO = bytes.fromhex("890548656c6c6f")
LONG = bytes.fromhex("827e0100") + bytes(256)
LONGER = bytes.fromhex("827f0000000000010000") + bytes(65536)

SAID = [
    (HELLO, [(TEXT, "Hello")]),
    (HELLO_IN_PARTS, [(TEXT, "Hello")]),
    (HELLO_IN_PARTS[:5] + PING_HELLO + HELLO_IN_PARTS[5:], [(PING, b"Hello"), (TEXT, "Hello")]),
    (LONG, [(BINARY, bytes(256))]),
    (LONGER, [(BINARY, bytes(65536))]),
    (bytes.fromhex("8100") + bytes.fromhex("8200"), [(TEXT, ""), (BINARY, b"")]),
    (bytes.fromhex("880203e8"), [(CLOSE, b"\x03\xe8")]),
    (bytes.fromhex("8a00"), [(PONG, b"")]),
    (bytes.fromhex("0101e2") + bytes.fromhex("000182") + bytes.fromhex("8001ac"), [(TEXT, "€")]),
]


@pytest.mark.parametrize(("wire", "said"), SAID, ids=lambda value: str(value)[:20])
def test_what_a_server_says(wire, said):
    assert list(FrameReader().feed(wire)) == said


@pytest.mark.parametrize(("wire", "said"), SAID, ids=lambda value: str(value)[:20])
def test_the_size_of_the_pieces_does_not_matter(wire, said):
    reader = FrameReader()
    step = 1 if len(wire) < 1000 else 4099
    assert [one for at in range(0, len(wire), step) for one in reader.feed(wire[at : at + step])] == said


BROKEN = [
    ("a mask", "818537fa213d7f9f4d5158"),
    ("a reserved bit", "c10548656c6c6f"),
    ("a kind that is none", "830548656c6c6f"),
    ("a control frame in parts", "090548656c6c6f"),
    ("a long control frame", "897e0080"),
    ("a part of nothing", "8002ffff"),
    ("a message within another", "010348656c8100"),
    ("no UTF-8", "8102ffff"),
    ("too long", "827f" + (MESSAGE_BYTES_MAX + 1).to_bytes(8, "big").hex()),
]


@pytest.mark.parametrize(("why", "wire"), BROKEN)
def test_what_no_server_may_say(why, wire):
    with pytest.raises(Broken):
        list(FrameReader().feed(bytes.fromhex(wire)))


def test_what_came_before_the_fault_was_said():
    said = FrameReader().feed(HELLO + bytes.fromhex("ff00"))
    assert next(said) == (TEXT, "Hello")
    with pytest.raises(Broken):
        next(said)


@given(st.binary(max_size=400))
def test_any_bytes_are_messages_or_broken(noise):
    try:
        for said in FrameReader().feed(noise):
            assert said.kind in {TEXT, BINARY, CLOSE, PING, PONG}
    except Broken:
        pass


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536])
def test_our_frames_are_masked_and_hold_what_was_meant(size):
    data = bytes(number % 251 for number in range(size))
    wire = frame(BINARY, data)
    assert wire[0] == 0x82
    assert wire[1] & 0x80
    begin = {126: 4, 127: 10}.get(wire[1] & 0x7F, 2)
    assert masked(wire[begin + 4 :], wire[begin : begin + 4]) == data
    # Without its mask it is what a server would say.
    assert list(FrameReader().feed(bytes((wire[0], wire[1] & 0x7F)) + wire[2:begin] + data)) == [(BINARY, data)]


def test_the_masking_example_of_the_rfc():
    assert masked(b"Hello", bytes.fromhex("37fa213d")) == bytes.fromhex("7f9f4d5158")


AGREED = {
    "upgrade": "WebSocket", "connection": "Upgrade", "sec-websocket-accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
}  # fmt: skip
KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455, 1.3


def test_the_handshake_of_the_rfc():
    check_handshake(Response(101, AGREED, b""), KEY)
    wire = handshake(address_of("ws://venue/stream"), KEY, {"X": "1"})
    assert wire.startswith(b"GET /stream HTTP/1.1\r\nHost: venue\r\nX: 1\r\nUpgrade: websocket\r\n")
    assert f"Sec-WebSocket-Key: {KEY}\r\n".encode() in wire
    assert new_key() != new_key()


@pytest.mark.parametrize(
    ("status", "changes"),
    [
        (200, {}),
        (403, {}),
        (101, {"upgrade": "h2c"}),
        (101, {"sec-websocket-accept": "x"}),
        (101, {"sec-websocket-extensions": "permessage-deflate"}),
    ],
)
def test_a_server_that_agrees_to_something_else(status, changes):
    with pytest.raises(Broken):
        check_handshake(Response(status, {**AGREED, **changes}, b""), KEY)


def test_why_it_was_closed():
    assert [close_code(data) for data in (b"\x03\xe8bye", b"", b"\x03")] == [1000, 1005, 1005]
