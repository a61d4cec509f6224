"""The section `alerts`: what is stated counts, what is not stays, and everything wrong is said at once."""

import pytest

from stratofold.live.alert_config import read_alerts
from stratofold.live.alerts import Habits
from stratofold.live.watch import Figures, Thresholds, Watch

STATED = """
[alerts]
drawdown = 0.02
unknown_seconds = 60
repeat_seconds = 1800
[limits]
position_max = 5
"""


def test_what_is_stated_counts_and_the_rest_stays():
    thresholds, habits = read_alerts(STATED, "here.toml")
    assert thresholds == Thresholds(drawdown=0.02, unknown_seconds=60)
    assert habits == Habits(repeat_seconds=1800)
    assert read_alerts("", "here.toml") == (Thresholds(), Habits())


def test_a_stated_threshold_raises_where_the_usual_would_not():
    thresholds, _ = read_alerts(STATED, "here.toml")
    figures = Figures(drawdown=0.05)
    assert [one.key for one in Watch(None, thresholds).tick(0, figures)] == ["drawdown"]
    assert Watch().tick(0, figures) == []


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("[alerts]\ndrawdwon = 0.1", {"SF971"}),
        ("[alerts]\ndrawdown = -1\nbacklog_max = true\nlatency_factor = nan", {"SF972"}),
        ("alerts = 3", {"SF972"}),
        ("[alerts]\nquiet = 1\ndrawdown = 'x'", {"SF971", "SF972"}),
    ],
)
def test_everything_that_is_wrong_is_said_at_once(text, codes):
    with pytest.raises(ExceptionGroup) as caught:
        read_alerts(text, "here.toml")
    assert {error.code for error in caught.value.exceptions} == codes
    assert all(error.fix and "here.toml" in error.place for error in caught.value.exceptions)
