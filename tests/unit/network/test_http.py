"""HTTP answers as pieces of bytes: whole, cut, contradictory, or nothing of the kind."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratofold.adapters.network.http import Address, AnswerReader, Broken, address_of, request_bytes

WHOLE = [
    # what comes                                                                       || status | body    | another request?
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", True),
    (b"HTTP/1.1 200 \r\ncontent-length:2\r\n\r\nok", 200, b"ok", True),
    (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", True),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", 200, b"ok", False),
    (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", False),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", True),
    (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
    (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, b"", True),
    (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", 201, b"", True),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200, b"ok", True),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\nA;x=1\r\n0123456789\r\n1\r\n!\r\n0\r\nX-Sum: 1\r\nY: 2\r\n\r\n", 200, b"0123456789!", True),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, b"", True),
    (b"HTTP/1.1 422 Unprocessable Entity\r\nContent-Length: 2\r\n\r\n{}", 422, b"{}", True),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokmore", 200, b"ok", False),
]  # fmt: skip


@pytest.mark.parametrize(("wire", "status", "body", "keep"), WHOLE)
def test_a_whole_answer_in_one_piece(wire, status, body, keep):
    reader = AnswerReader()
    answer = reader.feed(wire)
    assert (answer.status, answer.body, reader.keep) == (status, body, keep)


@pytest.mark.parametrize(("wire", "status", "body", "keep"), WHOLE)
def test_the_size_of_the_pieces_does_not_matter(wire, status, body, keep):
    reader = AnswerReader()
    answers = [reader.feed(wire[at : at + 1]) for at in range(len(wire))]
    (answer,) = [answer for answer in answers if answer is not None][:1]
    assert (answer.status, answer.body) == (status, body)


@pytest.mark.parametrize(("wire", "status", "body", "keep"), [row for row in WHOLE if row[3]])
def test_an_answer_cut_anywhere_is_not_whole(wire, status, body, keep):
    for cut in range(len(wire)):
        reader = AnswerReader()
        assert reader.feed(wire[:cut]) is None
        with pytest.raises(Broken):
            reader.end()


def test_an_answer_may_end_with_the_connection():
    reader = AnswerReader()
    assert reader.feed(b"HTTP/1.1 200 OK\r\nX: 1\r\nx: 2\r\n\r\nall of") is None
    assert reader.feed(b" it") is None
    answer = reader.end()
    assert (answer.body, answer.headers, reader.keep) == (b"all of it", {"x": "1, 2"}, False)


def test_the_answer_to_head_has_no_body():
    assert AnswerReader("HEAD").feed(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n").body == b""


BROKEN = [
    b"HTTP/2 200 OK\r\n\r\n",
    b"HTTP/1.1 20 OK\r\n\r\n",
    b"HTTP/1.1 2000 OK\r\n\r\n",
    b"HTTP/1.1 +20 OK\r\n\r\n",
    b"HTTP/1.1 099 OK\r\n\r\n",
    "HTTP/1.1 ²00 OK\r\n\r\n".encode("latin-1"),
    b"ICY 200 OK\r\n\r\n",
    b"\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n: empty\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nA: 1\r\n folded: 2\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nSpace : 1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2_0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\nok\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokay\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 70_000,
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: y" * 20_000,
    b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 12_000,
]


@pytest.mark.parametrize("wire", BROKEN, ids=lambda wire: repr(wire[:40]))
def test_what_is_no_answer_is_never_taken_for_one(wire):
    with pytest.raises(Broken):
        AnswerReader().feed(wire)


@given(st.binary(max_size=200), st.sampled_from([b"", b"HTTP/1.1 ", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"]))  # fmt: skip
def test_any_bytes_are_an_answer_or_broken(noise, begin):
    reader = AnswerReader()
    try:
        if reader.feed(begin + noise) is None:
            reader.end()
    except Broken:
        return
    assert (begin + noise).startswith(b"HTTP/1.")


ADDRESSES = [
    ("http://127.0.0.1:81/v2/orders?a=b%20c", Address("127.0.0.1", 81, False, "/v2/orders?a=b%20c"), "127.0.0.1:81"),
    ("https://paper-api.alpaca.markets", Address("paper-api.alpaca.markets", 443, True, "/"), "paper-api.alpaca.markets"),
    ("wss://stream.data.alpaca.markets/v2/iex", Address("stream.data.alpaca.markets", 443, True, "/v2/iex"), "stream.data.alpaca.markets"),
    ("ws://[::1]:8080/x", Address("::1", 8080, False, "/x"), "[::1]:8080"),
]  # fmt: skip


@pytest.mark.parametrize(("url", "address", "authority"), ADDRESSES)
def test_an_address(url, address, authority):
    assert address_of(url) == address
    assert address.authority == authority


@pytest.mark.parametrize("url", ["ftp://x/", "http:///path", "//x/y", "http://x/a b", "http://x/é", "http://x:99999/", "http://x:y/", "x"])  # fmt: skip
def test_what_is_no_address(url):
    with pytest.raises(ValueError, match=r"address|[Pp]ort"):
        address_of(url)


def test_a_request_to_the_byte():
    address = address_of("http://venue:81/v2/orders")
    assert request_bytes("POST", address, {"Accept": "*/*"}, b"{}") == (
        b"POST /v2/orders HTTP/1.1\r\nHost: venue:81\r\nAccept: */*\r\nContent-Length: 2\r\n\r\n{}"
    )
    assert request_bytes("DELETE", address, {}) == b"DELETE /v2/orders HTTP/1.1\r\nHost: venue:81\r\n\r\n"
    assert b"Content-Length: 0\r\n" in request_bytes("POST", address, {})


@pytest.mark.parametrize("headers", [{"A": "1\r\nB: 2"}, {"A\n": "1"}, {"A": "\0"}, {"A": "é"}])
def test_a_header_cannot_become_two(headers):
    with pytest.raises(ValueError, match="cannot"):
        request_bytes("GET", address_of("http://x/"), headers)
