"""Alerts reach people: through mail, and as Slack and PagerDuty take them, each server being one on this machine."""

import asyncio
import email
import json
import socket
from email import policy
from uuid import uuid4

import pytest
from msgspec import structs

from stratofold.adapters import ports
from stratofold.adapters.aws.answers import field
from stratofold.adapters.aws.client import Client
from stratofold.adapters.aws.notifier import Notifier as Topics
from stratofold.adapters.embedded import notifier as announcing
from stratofold.adapters.embedded.notifier import Notifier
from stratofold.adapters.embedded.secrets import Secrets
from stratofold.adapters.ports import Alert
from stratofold.cloud.local.emulator import KEYS
from stratofold.errors import Setup
from tests.contracts.servers import Post, Web, certificate, serving
from tests.patience import PATIENCE_SECONDS, until_it
from tests.unit.aws.scripted import CLOSE, answer, scripted

ALERT = Alert(
    "fill_rate:SPY",
    "critical",
    "Fill rate has dropped",
    "2 of 40 orders were filled",
    1_700_000_000_000_000_000,
    {"expected": "0.8", "seen": "0.05"},
)
SLACK = "slack://T0AAAAAAA/B0BBBBBBB/abcdefghijklmnopqrstuvwx/?verify=no"
PAGER = "pagerduty://0123456789abcdef0123456789abcdef@fedcba98/stratofold/venue?verify=no"


@pytest.fixture
def notifier(tmp_path):
    """Makes a notifier of addresses by name."""

    def make(timeout_seconds=PATIENCE_SECONDS, **addresses):
        secrets = Secrets(tmp_path / "settings", use_keyring=False)
        for name, address in addresses.items():
            secrets.put(f"notify-{name}", address)
        return Notifier(secrets, addresses, timeout_seconds)

    return make


@pytest.fixture
def web(tmp_path, monkeypatch):
    """The web of one machine, which every HTTPS client of this process's children goes through."""
    with serving(Web, context=certificate(tmp_path), answers={}) as server:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{server.server_address[1]}")
        monkeypatch.setenv("NO_PROXY", "")
        yield server


@pytest.fixture
def post():
    with serving(Post) as server:
        yield server


def mail_to(server):
    return f"mailto://127.0.0.1:{server.server_address[1]}/?from=bot@example.org&to=desk@example.org&mode=insecure"


def tell(notifier, only=()):
    return asyncio.run(notifier.notify(ALERT, only))


def test_it_fulfils_the_port(notifier):
    assert isinstance(notifier(), ports.Notifier)


def test_mail_slack_and_pagerduty_hear_it_in_their_own_words(notifier, web, post):
    web.answers["events.pagerduty.com"] = (202, b'{"status": "success", "dedup_key": "1"}')
    assert tell(notifier(desk=mail_to(post), room=SLACK, duty=PAGER)) == []

    (letter,) = (email.message_from_bytes(heard, policy=policy.default) for heard in post.heard)
    assert letter["Subject"] == "Fill rate has dropped"
    assert "desk@example.org" in letter["To"]
    assert "2 of 40 orders were filled" in letter.get_body(("plain", "html")).get_content()

    heard = {host: (path, body) for host, path, body in web.heard}
    path, body = heard["hooks.slack.com"]
    assert path == "/services/T0AAAAAAA/B0BBBBBBB/abcdefghijklmnopqrstuvwx"
    assert "Fill rate has dropped" in str(body)
    assert "time: 2023-11-14T22:13:20+00:00" in str(body)
    path, body = heard["events.pagerduty.com"]
    assert path == "/v2/enqueue"
    assert (body["routing_key"], body["event_action"]) == ("0123456789abcdef0123456789abcdef", "trigger")
    assert body["payload"]["severity"] == "critical"
    assert "Fill rate has dropped" in body["payload"]["summary"]


def test_what_failed_is_named_and_can_be_tried_alone(notifier, web, post):
    web.answers["hooks.slack.com"] = (500, b"down")
    telling = notifier(desk=mail_to(post), room=SLACK)
    assert tell(telling) == ["room"]
    web.answers["hooks.slack.com"] = (200, b"ok")
    assert tell(telling, ["room"]) == []
    assert len(post.heard) == 1
    assert len(web.heard) == 2


def test_nobody_there_is_a_failure_and_not_an_error(notifier):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"json://127.0.0.1:{nobody.getsockname()[1]}/"
        assert tell(notifier(desk=address)) == ["desk"]


@pytest.fixture
def hanging():
    """An address at which somebody listens who never answers."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        yield f"json://127.0.0.1:{silent.getsockname()[1]}/?rto=3600"


def test_a_channel_that_hangs_does_not_keep_the_others(notifier, post, hanging, monkeypatch):
    """The time is over as soon as somebody was told."""
    converse = announcing._converse

    async def until_one_was_told(process, request, told):
        talking = asyncio.create_task(converse(process, request, told))
        await until_it(lambda: told)
        talking.cancel()
        raise TimeoutError

    monkeypatch.setattr(announcing, "_converse", until_one_was_told)
    assert tell(notifier(desk=mail_to(post), slow=hanging)) == ["slow"]
    assert len(post.heard) == 1


def test_a_channel_that_hangs_does_not_keep_us(notifier, hanging):
    telling = notifier(0.1, slow=hanging)
    assert asyncio.run(asyncio.wait_for(telling.notify(ALERT), PATIENCE_SECONDS)) == ["slow"]


def test_no_channel_is_no_failure(notifier):
    assert tell(notifier()) == []


def test_addresses_are_looked_at_before_they_are_needed(notifier, post):
    asyncio.run(notifier(desk=mail_to(post)).check())
    assert post.heard == []
    with pytest.raises(Setup, match=r"SF824(.|\n)*stratofold secret notify-room") as error:
        asyncio.run(notifier(desk=mail_to(post), room="slak://s3cret").check())
    assert "s3cret" not in str(error.value)


def test_a_channel_without_an_address_is_an_error_at_once(tmp_path):
    with pytest.raises(Setup, match="stratofold secret notify-desk"):
        Notifier(Secrets(tmp_path, use_keyring=False), ["desk"])


def test_an_address_is_in_no_text(notifier):
    assert "s3cret" not in repr(notifier(room="json://user:s3cret@127.0.0.1/"))


class TestTopic:
    """Alerts through SNS, heard in a queue that subscribed."""

    @pytest.fixture(params=["ministack", "moto"])
    def server(self, request):
        return request.getfixturevalue(request.param)

    def topic(self, server):
        """A topic, and what hears it: the messages that arrived so far."""
        aws, name = server.client(), f"t{uuid4().hex[:10]}"
        topic = field(aws.query("sns", "CreateTopic", {"Name": name}), "TopicArn")
        queue = aws.json("sqs", "CreateQueue", {"QueueName": name})["QueueUrl"]
        asked = {"QueueUrl": queue, "AttributeNames": ["QueueArn"]}
        arn = aws.json("sqs", "GetQueueAttributes", asked)["Attributes"]["QueueArn"]
        aws.query("sns", "Subscribe", {"TopicArn": topic, "Protocol": "sqs", "Endpoint": arn})

        def heard():
            asked = {"QueueUrl": queue, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 1}
            return [json.loads(one["Body"]) for one in aws.json("sqs", "ReceiveMessage", asked).get("Messages", [])]

        return topic, heard

    def test_who_subscribed_hears_it(self, server):
        topic, heard = self.topic(server)
        telling = Topics(server.client(), topic)
        assert isinstance(telling, ports.Notifier)
        assert tell(telling) == []
        (letter,) = heard()
        assert letter["Subject"] == "Fill rate has dropped"
        assert letter["Message"].startswith("2 of 40 orders were filled")
        assert "time: 2023-11-14T22:13:20+00:00" in letter["Message"]
        assert "seen: 0.05" in letter["Message"]
        values = {name: given["Value"] for name, given in letter["MessageAttributes"].items()}
        assert values == {"key": "fill_rate:SPY", "level": "critical"}

    def test_what_failed_is_named_and_can_be_tried_alone(self, server):
        topic, heard = self.topic(server)
        telling = Topics(server.client(), {"desk": topic, "gone": topic + "-none"})
        assert tell(telling) == ["gone"]
        assert tell(telling, ["gone"]) == ["gone"]
        assert len(heard()) == 1
        assert repr(telling) == "Notifier(['desk', 'gone'])"

    def test_any_title_is_a_subject(self, server):
        topic, heard = self.topic(server)
        title = "Verlust überschritten:\n" + "x" * 200
        assert Topics(server.client(), topic).tell(structs.replace(ALERT, title=title)) == []
        (letter,) = heard()
        assert letter["Subject"] == ("Verlust ?berschritten: " + "x" * 200)[:99]


def test_nobody_knows_whether_a_topic_heard_so_it_is_told_again():
    with scripted(CLOSE, answer(body=b"<MessageId>1</MessageId>")) as server:
        assert Topics(Client("eu-central-1", server.url, environment=KEYS), "arn").tell(ALERT) == []
        assert len(server.requests) == 2
