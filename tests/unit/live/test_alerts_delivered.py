"""From a venue in trouble to the people who must hear of it: mail, Slack and PagerDuty as servers on this machine."""

import asyncio
import email
import random
from email import policy

import pytest

from stratofold.adapters.embedded.notifier import Notifier
from stratofold.adapters.embedded.secrets import Secrets
from stratofold.adapters.ports import ACCEPTED, REJECTED
from stratofold.live.alerts import Alerts, deliver_alerts
from stratofold.live.watch import Figures, Watch
from tests.contracts.servers import Post, Web, certificate, serving

SECOND = 1_000_000_000
START = 1_767_225_600 * SECOND
SLACK = "slack://T0AAAAAAA/B0BBBBBBB/abcdefghijklmnopqrstuvwx/?verify=no"
PAGER = "pagerduty://0123456789abcdef0123456789abcdef@fedcba98/stratofold/venue?verify=no"


@pytest.fixture
def people(tmp_path, monkeypatch):
    """Three channels; Slack is down."""
    with serving(Post) as post, serving(Web, context=certificate(tmp_path), answers={}) as web:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{web.server_address[1]}")
        monkeypatch.setenv("NO_PROXY", "")
        web.answers.update(
            {
                "events.pagerduty.com": (202, b'{"status": "success", "dedup_key": "1"}'),
                "hooks.slack.com": (503, b"no service"),
            }
        )
        secrets = Secrets(tmp_path / "settings", use_keyring=False)
        mail = f"mailto://127.0.0.1:{post.server_address[1]}/?from=bot@example.org&to=desk@example.org&mode=insecure"
        addresses = {"desk": mail, "room": SLACK, "duty": PAGER}
        for name, address in addresses.items():
            secrets.put(f"notify-{name}", address)
        yield Notifier(secrets, addresses), post, web


def trouble():
    """A watch that has seen two hundred answers as usual and then eight rejections."""
    watch, chance = Watch(), random.Random(1)
    for _ in range(200):
        watch.answered(ACCEPTED, chance.lognormvariate(4.4, 0.3))
    for _ in range(8):
        watch.answered(REJECTED, 80.0)
    return watch


def test_a_drop_of_the_acceptance_rate_reaches_every_channel_once_although_one_was_down(people):
    notifier, post, web = people
    alerts, watch = Alerts(), trouble()
    told = alerts.update(START, watch.tick(START, Figures()))
    assert [one.key for one in told] == ["acceptance"]
    assert asyncio.run(deliver_alerts(alerts, notifier, START)) == 0
    web.answers["hooks.slack.com"] = (200, b"ok")
    later = START + 5 * SECOND
    assert alerts.update(later, watch.tick(later, Figures())) == []  # the same trouble is no second alert
    assert asyncio.run(deliver_alerts(alerts, notifier, later)) == 1
    assert alerts.due(later + 3600 * SECOND) == []
    (letter,) = (email.message_from_bytes(heard, policy=policy.default) for heard in post.heard)
    assert letter["Subject"] == "Orders are being rejected"
    hosts = [host for host, _, _ in web.heard]
    assert (hosts.count("events.pagerduty.com"), hosts[-1]) == (1, "hooks.slack.com")
