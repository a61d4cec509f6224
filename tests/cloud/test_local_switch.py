"""Switches of a running stack are turned while bars come: the book hears each of them, once and in order."""

import json
import threading
import time

import pytest

import stratofold
from stratofold.cloud.local.cloud import LocalCloud
from stratofold.cloud.local.deployment import deploy
from stratofold.strategies import Crossover
from tests.cloud.local_stage import staged
from tests.cloud.test_functions import events_of
from tests.cloud.test_local_stack import QUICK, as_iam, posted
from tests.cloud.test_receipt import DAY_NS
from tests.patience import until

pytestmark = [pytest.mark.cloud, pytest.mark.nightly]
BEATS_A_SECOND = 10.0
SWITCHES = (
    {"Stream": "on-demand", "Dashboard": "on"},
    {"Network": "on"},
    {"Drain": "on"},
    {"Stream": "off", "Drain": "off", "Dashboard": "off", "Network": "off"},
)


class Bars:
    """One bar after another, each posted until it is taken, while this is open."""

    def __init__(self, stage):
        self.stage, self.first = stage, stage.run.clock.time
        self.taken, self.refused, self.stopping = [], [], False
        self.thread = threading.Thread(target=self.post)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping = True
        self.thread.join()

    def post(self):
        url = self.stage.outputs["EventsUrl"]
        while not self.stopping:
            when = self.first + (len(self.taken) + 1) * DAY_NS
            bar = {"book": "paper", "event": "bar", "symbol": "SPY", "time": when, "span": DAY_NS, "volume": 1e6}
            body = json.dumps(bar | dict.fromkeys(("open", "high", "low", "close"), 250.0 + len(self.taken) % 7))
            status = posted(url, body, **as_iam(url, body))
            (self.taken if status == 202 else self.refused).append(when)
            time.sleep(1.0 / BEATS_A_SECOND)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    with LocalCloud(log=tmp_path_factory.mktemp("switch") / "log") as running:
        yield running


def test_no_bar_is_lost_or_heard_out_of_turn_while_switches_are_turned(cloud):
    days = stratofold.sample("us14").subset(["SPY"], start="2020-03-02", end="2020-03-04")
    with staged(cloud, Crossover, days, DAY_NS, numbers=QUICK, name="turned") as stage:
        spec = f"{Crossover.__module__}:{Crossover.__name__}"
        with Bars(stage) as bars:
            for switch in SWITCHES:
                before = len(bars.taken)
                outputs = deploy(cloud, spec, "turned", switch)
                assert outputs["EventsUrl"] == stage.outputs["EventsUrl"]
                until_more(bars, before)
            until_more(bars, len(bars.taken))
        stage.settle()
        assert [bar.time for bar in events_of(stage)] == bars.taken
        assert len(bars.taken) > 50
        assert bars.refused == []
        assert stage.dead_letters() == []


def until_more(bars, before):
    """Until some bars were taken after a switch."""
    until(lambda: len(bars.taken) >= before + 20)
