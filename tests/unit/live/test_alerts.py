"""Alerts: one for each thing, louder when nobody answers, told again when a channel failed, over when it is over."""

import asyncio

import pytest

from stratofold.live.alerts import (
    CRITICAL,
    INFO,
    STORM,
    WARNING,
    Alerts,
    Condition,
    Habits,
    alert_body,
    deliver_alerts,
)
from stratofold.wire import unpack

SECOND = 1_000_000_000
SLOW = Condition("latency", WARNING, "Answers are slow", "900 ms")
MUTE = Condition("silence", CRITICAL, "The feed is mute", "no event")


class Channels:
    """Channels that hear, or fail for a while; what each has heard is kept."""

    def __init__(self, **failures):
        self.failures = failures
        self.heard = {name: [] for name in failures}

    async def notify(self, alert, only=()):
        failed = []
        for name in only or self.heard:
            if self.failures[name] > 0:
                self.failures[name] -= 1
                failed.append(name)
            else:
                self.heard[name].append((alert.title, alert.level))
        return failed


def play(alerts, channels, conditions_by_second, until, every=1):
    """Tick from second 0 to `until`; returns when each alert was put on its way: (second, level, title)."""
    told = []
    for second in range(0, until, every):
        conditions = conditions_by_second(second)
        told += [(second, one.level, one.title) for one in alerts.update(second * SECOND, conditions)]
        asyncio.run(deliver_alerts(alerts, channels, second * SECOND))
    return told


def test_a_condition_that_lasts_is_told_once_then_louder_then_seldom_and_at_last_that_it_is_over():
    channels = Channels(mail=0)
    told = play(Alerts(), channels, lambda second: [SLOW] if second < 2000 else [], 2100)
    assert told == [
        (0, WARNING, "Answers are slow"),
        (300, CRITICAL, "Answers are slow"),
        (1200, CRITICAL, "Answers are slow"),
        (2059, INFO, "Over: Answers are slow"),
    ]
    assert channels.heard["mail"] == [(title, level) for _, level, title in told]


def test_a_condition_that_flickers_is_one_alert():
    told = play(Alerts(), Channels(mail=0), lambda second: [SLOW] if second % 50 == 0 else [], 290)
    assert told == [(0, WARNING, "Answers are slow")]


def test_what_grows_worse_is_told_at_once():
    worse = SLOW._replace(level=CRITICAL)
    told = play(Alerts(), Channels(mail=0), lambda second: [worse if second >= 10 else SLOW], 60)
    assert told == [(0, WARNING, "Answers are slow"), (10, CRITICAL, "Answers are slow")]


def test_what_somebody_knows_is_told_no_more_until_it_is_over():
    alerts, channels = Alerts(), Channels(mail=0)
    play(alerts, channels, lambda _: [SLOW], 5)
    assert alerts.acknowledge("latency")
    assert not alerts.acknowledge("nothing")
    told = []
    for second in range(5, 3000):
        told += alerts.update(second * SECOND, [SLOW] if second < 2500 else [])
    assert [(one.level, one.title) for one in told] == [(INFO, "Over: Answers are slow")]


def test_information_grows_no_louder():
    note = Condition("note", INFO, "For your information", "")
    assert [level for _, level, _ in play(Alerts(), Channels(mail=0), lambda _: [note], 800, 10)] == [INFO]


def test_what_merely_happened_is_told_once_and_is_not_said_to_be_over():
    alerts = Alerts()
    happened = Condition("foreign:v-1", CRITICAL, "An order that is not ours", "v-1")
    told = [one for second in range(0, 800, 10) for one in alerts.tell(second * SECOND, happened)]
    told += [one for second in range(800, 3000, 10) for one in alerts.update(second * SECOND, [])]
    assert [(one.time // SECOND, one.title) for one in told] == [(0, "An order that is not ours")]
    assert [one.title for one in alerts.tell(4000 * SECOND, happened)] == ["An order that is not ours"]


def test_a_channel_that_failed_is_tried_again_alone():
    channels = Channels(mail=0, chat=3)
    play(Alerts(), channels, lambda _: [MUTE], 30)
    assert channels.heard == {"mail": [("The feed is mute", CRITICAL)], "chat": [("The feed is mute", CRITICAL)]}


def test_tries_come_later_each_time_and_do_not_end():
    alerts, tries = Alerts(), []

    class Down:
        async def notify(self, alert, only=()):
            tries.append(second)
            return ["mail"]

    alerts.update(0, [MUTE])
    for second in range(300):
        asyncio.run(deliver_alerts(alerts, Down(), second * SECOND))
    assert tries == [0, 1, 3, 7, 15, 31, 63, 123, 183, 243]


def test_a_notifier_that_raises_stops_nothing_and_is_tried_again():
    alerts, channels = Alerts(), Channels(mail=0)

    class Broken:
        async def notify(self, alert, only=()):
            raise OSError("no route")

    alerts.update(0, [MUTE])
    assert asyncio.run(deliver_alerts(alerts, Broken(), 0)) == 0
    assert asyncio.run(deliver_alerts(alerts, channels, SECOND)) == 1
    assert channels.heard["mail"] == [("The feed is mute", CRITICAL)]
    assert alerts.due(3600 * SECOND) == []


def test_an_answer_for_an_alert_that_has_a_newer_one_is_no_answer():
    alerts = Alerts()
    alerts.update(0, [SLOW])
    (old,) = alerts.due(0)
    alerts.update(300 * SECOND, [SLOW])  # louder now
    alerts.delivered(old, [], 300 * SECOND)
    assert [delivery.alert.level for delivery in alerts.due(300 * SECOND)] == [CRITICAL]


@pytest.mark.parametrize("count", [20, 21, 10_000])
def test_a_storm_is_told_as_one(count):
    alerts, channels = Alerts(), Channels(mail=0)
    told = alerts.update(0, [Condition(f"k{k}", WARNING, f"title {k}", "") for k in range(count)])
    assert len(told) == count  # every one of them is recorded
    asyncio.run(deliver_alerts(alerts, channels, 0))
    storms = [title for title, _ in channels.heard["mail"] if title == "Many alerts at once"]
    assert len(channels.heard["mail"]) == min(count, 21)
    assert len(storms) == (1 if count > 20 else 0)


def test_a_storm_that_goes_on_is_told_again_but_seldom():
    alerts, channels = Alerts(Habits(each_minute_max=2)), Channels(mail=0)
    for second in range(900):
        alerts.update(second * SECOND, [Condition(f"k{second}", WARNING, "one of many", "")])
        asyncio.run(deliver_alerts(alerts, channels, second * SECOND))
    assert 2 <= sum(title == "Many alerts at once" for title, _ in channels.heard["mail"]) <= 4
    assert STORM not in alerts.holding


def test_identical_alerts_by_the_thousand_are_one():
    alerts = Alerts()
    told = [one for k in range(20_000) for one in alerts.update(k, [MUTE])]
    assert len(told) == 1


def test_an_alert_is_a_record():
    (alert,) = Alerts().update(7, [SLOW._replace(facts=(("seen", "900"),))])
    assert unpack(alert_body(alert)) == ["latency", WARNING, "Answers are slow", "900 ms", 7, {"seen": "900"}]
