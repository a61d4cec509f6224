"""HTTP and WebSockets over loopback: one request, one answer, and the truth about what left."""

import asyncio
import shutil
import ssl
import subprocess

import pytest
from aiohttp import web

from stratofold.adapters.network.client import Network
from stratofold.adapters.ports import Http, NoAnswer, Socket, Sockets
from tests.patience import PATIENCE_SECONDS

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Request-ID: r1\r\n\r\nok"


class Scripted:
    """A server that answers each connection's requests with raw bytes, then hangs up; it counts what it got.

    The first `kept` requests have no answer while it stands."""

    def __init__(self, *answers, kept=0):
        self.answers = list(answers)
        self.requests = []
        self.kept = kept

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self.server.close()

    async def serve(self, reader, writer):
        try:
            while self.answers:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)  # fmt: skip
                self.requests.append(head + await reader.readexactly(length))
                answer = self.answers.pop(0)
                if len(self.requests) <= self.kept:
                    await asyncio.sleep(PATIENCE_SECONDS)
                if answer is None:
                    break
                writer.write(answer)
                await writer.drain()
                if answer is not GOOD:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def asked(server, *, method="POST", times=1, timeout_seconds=5.0):
    """What a client gets for each of some requests: the answer or the NoAnswer."""

    async def talk():
        found = []
        async with server, Network() as network:
            for _ in range(times):
                try:
                    found.append(await network.request(method, f"{server.url}/v2/orders", {"X-Key": "k"}, b"{}" if method == "POST" else b"", timeout_seconds))  # fmt: skip
                except NoAnswer as error:
                    found.append(error)
        return found

    return asyncio.run(talk())


def test_a_whole_answer():
    server = Scripted(GOOD)
    (answer,) = asked(server)
    assert (answer.status, answer.body, answer.headers["x-request-id"]) == (200, b"ok", "r1")
    assert server.requests[0].startswith(b"POST /v2/orders HTTP/1.1\r\n")
    assert server.requests[0].endswith(b"\r\n\r\n{}")
    assert b"X-Key: k\r\n" in server.requests[0]


@pytest.mark.parametrize("cut", range(0, len(GOOD), 3))
def test_an_answer_cut_at_any_byte_is_none_and_something_was_sent(cut):
    (error,) = asked(Scripted(GOOD[:cut] or None))
    assert isinstance(error, NoAnswer)
    assert error.sent


@pytest.mark.parametrize("method", ["GET", "DELETE", "POST", "PATCH"])
def test_a_kept_connection_that_is_closed_is_no_reason_to_send_again(method):
    """The library would send a GET or a DELETE a second time here; the server must see one."""
    server = Scripted(GOOD, None, GOOD)
    first, second = asked(server, method=method, times=2)
    assert first.status == 200
    assert isinstance(second, NoAnswer)
    assert second.sent
    assert len(server.requests) == 2


def test_a_redirect_is_an_answer():
    moved = b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"
    server = Scripted(moved, GOOD)
    (answer,) = asked(server)
    assert (answer.status, answer.headers["location"]) == (307, "/elsewhere")
    assert len(server.requests) == 1


def test_an_answer_that_is_late_is_none():
    server = Scripted(GOOD, kept=1)
    (error,) = asked(server, timeout_seconds=0.05)
    assert isinstance(error, NoAnswer)
    assert error.sent
    assert len(server.requests) == 1


UNREACHABLE = ["http://127.0.0.1:1/", "http://no-such-host.invalid/", "not an address", "http://127.0.0.1:99999/"]


@pytest.mark.parametrize("url", UNREACHABLE)
def test_what_has_no_connection_certainly_did_not_leave(url):
    async def talk():
        async with Network() as network:
            with pytest.raises(NoAnswer) as raised:
                await network.request("POST", url, {}, b"{}")
            with pytest.raises(NoAnswer):
                await network.connect(url)
            return raised.value

    error = asyncio.run(talk())
    assert not error.sent
    assert error.why


def test_it_is_what_the_ports_ask_for():
    network = Network()
    assert isinstance(network, Http)
    assert isinstance(network, Sockets)


# WebSockets.


def with_socket(handler, conversation, **options):
    """A conversation with a WebSocket server."""

    async def served(request):
        socket = web.WebSocketResponse(autoping=options.get("answers_pings", True))
        await socket.prepare(request)
        await handler(socket)
        return socket

    async def talk():
        application = web.Application()
        application.router.add_get("/", served)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            async with Network(ping_seconds=options.get("ping_seconds", 15.0)) as network:
                socket = await network.connect(f"http://127.0.0.1:{runner.addresses[0][1]}/")
                assert isinstance(socket, Socket)
                return await conversation(socket)
        finally:
            await runner.cleanup()

    return asyncio.run(talk())


async def echo(socket):
    async for message in socket:
        await (socket.send_str(message.data) if isinstance(message.data, str) else socket.send_bytes(message.data))


def test_messages_both_ways():
    async def conversation(socket):
        await socket.send("text")
        await socket.send(b"\x00\x01")
        said = [
            await socket.receive(PATIENCE_SECONDS),
            await socket.receive(PATIENCE_SECONDS),
            await socket.receive(0.01),
        ]
        await socket.send("again")  # the time that was over has not hurt the socket
        said.append(await socket.receive(PATIENCE_SECONDS))
        await socket.close()
        return said

    assert with_socket(echo, conversation) == ["text", b"\x00\x01", None, "again"]


def test_a_socket_that_is_closed_says_so_both_ways():
    async def hang_up(socket):
        await socket.close(code=1001)

    async def conversation(socket):
        with pytest.raises(NoAnswer, match="1001"):
            await socket.receive(PATIENCE_SECONDS)
        with pytest.raises(NoAnswer):
            await socket.receive(PATIENCE_SECONDS)
        with pytest.raises(NoAnswer):
            await socket.send("anybody?")

    with_socket(hang_up, conversation)


def test_a_connection_that_is_dead_but_open_is_noticed():
    """The peer holds the connection and answers no ping, as a network does that forgot it."""

    over = asyncio.Event()

    async def deaf(socket):
        await over.wait()

    async def conversation(socket):
        with pytest.raises(NoAnswer):
            await asyncio.wait_for(socket.receive(None), PATIENCE_SECONDS)
        over.set()

    with_socket(deaf, conversation, ping_seconds=0.2, answers_pings=False)


def test_a_flood_makes_the_server_wait_and_nothing_is_lost():
    count = 25_000

    async def flood(socket):
        for number in range(count):
            await socket.send_str(str(number))
        await socket.close()

    async def conversation(socket):
        await asyncio.sleep(0.3)  # more comes than is kept for later
        return [await socket.receive(PATIENCE_SECONDS) for _ in range(count)]

    assert with_socket(flood, conversation) == [str(number) for number in range(count)]


def test_close_says_goodbye():
    codes = []

    async def listen(socket):
        async for _ in socket:
            pass
        codes.append(socket.close_code)

    async def conversation(socket):
        await socket.close()
        with pytest.raises(NoAnswer, match="closed"):
            await socket.receive()

    with_socket(listen, conversation)
    assert codes == [1000]


def test_an_answer_to_no_question_spoils_the_connection():
    """A second answer on a kept connection would be taken for the next request's."""
    server = Scripted(GOOD + GOOD, GOOD)
    first, second = asked(server, times=2)
    assert (first.status, second.status) == (200, 200)
    assert len(server.requests) == 2


def test_many_requests_at_once_share_nothing():
    async def talk():
        async def serve(reader, writer):
            while head := await reader.readline():
                target = head.split()[1]
                await reader.readuntil(b"\r\n\r\n")
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(target), target))
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with Network() as network:
            for _ in range(5):
                targets = [f"/{number}" for number in range(20)]
                answers = await asyncio.gather(*[network.request("GET", url + target, {}) for target in targets])
                assert [answer.body.decode() for answer in answers] == targets
        server.close()

    asyncio.run(talk())


def test_a_request_that_is_given_up_leaves_nothing_behind_for_the_next():
    async def talk():
        server = Scripted(GOOD, GOOD, kept=1)
        async with server, Network() as network:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(network.request("GET", server.url + "/1", {}), 0.05)
            return await network.request("GET", server.url + "/2", {})

    assert asyncio.run(talk()).body == b"ok"


# TLS.


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate of our own for 127.0.0.1, as files: certificate, key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl makes the certificate")
    folder = tmp_path_factory.mktemp("tls")
    files = [str(folder / name) for name in ("certificate.pem", "key.pem")]
    command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=loopback", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command, *names, "-out", files[0], "-keyout", files[1]], check=True, capture_output=True)
    return files


def test_tls_is_spoken_with_whom_the_certificate_names_only(certificate):
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(*certificate)
    trusting = ssl.create_default_context(cafile=certificate[0])

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(GOOD)
        await writer.drain()
        writer.close()

    async def talk():
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server_side)
        port = server.sockets[0].getsockname()[1]
        async with Network(tls=trusting) as network, Network() as stranger:
            answer = await network.request("GET", f"https://127.0.0.1:{port}/", {})
            refused = []
            for who, host in ((stranger, "127.0.0.1"), (network, "localhost")):
                with pytest.raises(NoAnswer, match="certificate") as raised:
                    await who.request("POST", f"https://{host}:{port}/", {}, b"{}")
                refused.append(raised.value.sent)
        server.close()
        return answer, refused

    answer, refused = asyncio.run(talk())
    assert answer.body == b"ok"
    assert refused == [False, False]
