"""The clock of the cloud on one machine: a weekend passes, and nobody is called; what is due is called with its own moment."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from stratofold.adapters.aws.answers import AwsError
from stratofold.cloud.local.cloud import LocalCloud
from stratofold.cloud.local.schedules import Schedules
from stratofold.errors import Setup
from tests.cloud.deployed import Deployed, Standing, pass_by
from tests.patience import until

pytestmark = pytest.mark.cloud
FRIDAY = datetime(2026, 11, 20, 14, 28, tzinfo=UTC)  # two minutes before New York's market opens
POLICY = {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 240}


@pytest.fixture(scope="module")
def clock():
    """The cloud's own."""
    return Standing(FRIDAY)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory, clock):
    with LocalCloud(log=tmp_path_factory.mktemp("schedules") / "log", now=clock) as running:
        yield running


@pytest.fixture
def function(cloud, tmp_path):
    return Deployed(cloud, tmp_path)


@pytest.fixture
def time():
    """Of another reader of the same schedules, which nobody but the test asks; the cloud's own stands meanwhile."""
    return Standing(FRIDAY)


@pytest.fixture
def schedules(cloud, time):
    return Schedules(cloud.client(), time)


def scheduled(function, expression, told="{}", name="", **settings):
    """A schedule of a function; what takes it away."""
    arn = f"arn:aws:lambda:eu-central-1:000000000000:function:{name or function.name}"
    target = {"Arn": arn, "RoleArn": "arn:aws:iam::000000000000:role/r", "Input": told, "RetryPolicy": POLICY}
    body = {
        "ScheduleExpression": expression,
        "ScheduleExpressionTimezone": "America/New_York",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": target,
        **settings,
    }
    path = f"/schedules/{function.name}"
    function.aws.rest("scheduler", "POST", path, body=json.dumps(body).encode())
    return lambda: function.aws.rest("scheduler", "DELETE", path, {"groupName": "default"})


def times(function):
    return sorted(one["event"]["time"][5:16] for one in function.heard())


def test_a_session_is_called_in_its_zone_with_its_moment_and_a_weekend_not_at_all(cloud, clock, function):
    told = '{"time": "<aws.scheduler.scheduled-time>", "by": "<aws.scheduler.schedule-arn>"}'
    take_away = scheduled(function, "cron(35/5 9 ? * MON-FRI *)", told)
    cloud.schedules.look()
    pass_by(cloud.schedules, clock, hours=1)
    until(lambda: len(function.heard()) == 5)
    assert times(function) == [f"11-20T14:{minute}" for minute in (35, 40, 45, 50, 55)]
    assert function.heard()[0]["event"]["by"].endswith(f"schedule/default/{function.name}")
    begun = cloud.pool.begun
    pass_by(cloud.schedules, clock, days=2, hours=23)  # until Monday, 09:28
    assert cloud.settle()
    assert cloud.pool.begun == begun
    pass_by(cloud.schedules, clock, minutes=10)
    until(lambda: times(function)[5:] == ["11-23T14:35"])
    take_away()
    cloud.schedules.look()


def test_a_machine_that_slept_calls_what_is_not_too_old(schedules, time, function):
    take_away = scheduled(function, "cron(0/1 * * * ? *)", '{"time": "<aws.scheduler.scheduled-time>"}')
    schedules.look()
    time.moment += timedelta(hours=5)
    assert schedules.beat() == 5  # 240 seconds back
    until(lambda: len(function.heard()) == 5)
    assert times(function)[0] == "11-20T19:24"
    take_away()


@pytest.mark.parametrize(("state", "calls"), [("ENABLED", 3), ("DISABLED", 0)])
def test_what_is_switched_off_or_taken_away_is_not_called(schedules, time, function, state, calls):
    take_away = scheduled(function, "rate(1 minute)", State=state)
    schedules.look()
    assert pass_by(schedules, time, minutes=3) == calls
    take_away()
    schedules.look()
    assert pass_by(schedules, time, minutes=3) == 0


def test_what_could_not_be_called_is_tried_again_within_its_bounds(schedules, time, function):
    """The function is not there at first: two further tries, and then it is given up."""
    told = '{"attempt": "<aws.scheduler.attempt-number>"}'
    take_away = scheduled(function, "cron(30 9 20 11 ? 2026)", told, name="nobody")
    schedules.look()
    time.moment += timedelta(minutes=2)
    asked = [(schedules.beat(), len(schedules._again)) for _ in range(4)]
    assert asked == [(0, 1), (0, 1), (0, 0), (0, 0)]
    take_away()


def test_a_schedule_that_is_not_understood_is_said_once_and_keeps_no_other(cloud, schedules, time, function):
    take_strange = scheduled(function, "cron(0 0 L * ? *)")
    take_away = scheduled(Deployed(cloud, function.file.parent), "rate(1 minute)")
    with pytest.raises(Setup) as caught:
        schedules.look()
    assert caught.value.code == "SF775"
    schedules.look()
    assert pass_by(schedules, time, minutes=1) == 1
    take_strange(), take_away()


def test_a_schedule_that_could_not_be_read_is_read_again(schedules, time, function, monkeypatch):
    take_away, read = scheduled(function, "rate(1 minute)"), schedules._read

    def throttled(row):
        monkeypatch.setattr(schedules, "_read", read)
        raise AwsError("ThrottlingException", "slow down", 400)

    monkeypatch.setattr(schedules, "_read", throttled)
    with pytest.raises(AwsError):
        schedules.look()
    schedules.look()
    assert pass_by(schedules, time, minutes=1) == 1
    take_away()
