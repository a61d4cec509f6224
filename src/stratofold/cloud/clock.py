"""The clock of a stack: every moment that something is called, as schedules that AWS keeps.

What comes in: the session table and a range of days.  What goes out: cron expressions in the market's own time zone,
and the schedules as template text.
Why it is shaped so: a schedule that knows weekdays only would call on holidays and after the close of half days, and a
function that wakes up to go back to sleep costs little but is not nothing.  A month's sessions of one kind are one
expression that names its days, so a year is some thirty schedules a trigger, which have no price; the zone makes both
clock changes AWS's own business.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from stratofold.market.sessions import calendar
from stratofold.market.zones import NEW_YORK, local, midnight

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ZONE = NEW_YORK
BEGIN, END = "  # sessions: begin\n", "  # sessions: end\n"
WARM_BEGIN, WARM_END = "        # warm: begin\n", "        # warm: end\n"
MONTHS_AHEAD = 13
EVERY_MINUTES = 5
WARM_MINUTES_BEFORE = 5
ARCHIVE_MINUTES_AFTER = 10
PROVISIONED_MINUTES = 15  # before the opening, and after the close


class Hours(NamedTuple):
    """One session's date and its opening and close as minutes of the day in the market's zone."""

    day: date
    opens: int
    closes: int


class Trigger(NamedTuple):
    """What a schedule calls: the name of the trigger, the function's logical name, how late it may still come, seconds, and where."""

    name: str
    function: str
    late_seconds: int
    condition: str = "InSessions"


FETCH = Trigger("fetch", "Ingest", 240)
CLOSE = Trigger("close", "Ingest", 90, "BeforeClose")
RECONCILE = Trigger("reconcile", "Reconcile", 240)
WARM = Trigger("warm", "Warm", 240)
ARCHIVE = Trigger("archive", "Archiver", 3_600)


def sessions(first: date, last: date) -> list[Hours]:
    """The regular sessions from one day to another, both included."""
    table = calendar("XNYS")
    near = table.slice(midnight(first, ZONE), midnight(last + timedelta(days=1), ZONE))
    found = []
    for opens, closes in zip(near.opens, near.closes, strict=True):
        at, until = (local(one, ZONE) for one in (opens, closes))
        if first <= at.date() <= last:
            found.append(Hours(at.date(), at.hour * 60 + at.minute, until.hour * 60 + until.minute))
    return found


def every_five(hours: Iterable[Hours]) -> list[str]:
    """Every five minutes of each session, its close included and its opening not: 78 times on a regular day."""
    return [
        f"cron({minutes} {at} {days} {month} ? {year})"
        for (year, month, opens, closes), days in _by_month(hours).items()
        for minutes, at in _steps(opens, closes)
    ]


def once_a_session(hours: Iterable[Hours], *, before_open: int = 0, after_close: int = 0) -> list[str]:
    """Once a session: some minutes before its opening, or after its close."""
    expressions = []
    for (year, month, opens, closes), days in _by_month(hours).items():
        minute = opens - before_open if before_open else closes + after_close
        expressions.append(f"cron({minute % 60} {minute // 60} {days} {month} ? {year})")
    return sorted(set(expressions))


def before_close(hours: Iterable[Hours]) -> list[str]:
    """Once a session, as many minutes before its close as the stack's parameter says: `${Minute}` of the hour before.

    Every close of the table is on a full hour; raises ValueError for one that is not.
    """
    expressions = []
    for (year, month, _, closes), days in _by_month(hours).items():
        if closes % 60:
            raise ValueError(f"a session of {year}-{month:02} closes at {closes // 60}:{closes % 60:02}")
        expressions.append(f"cron(${{Minute}} {closes // 60 - 1} {days} {month} ? {year})")
    return sorted(set(expressions))


def provisioned(hours: Sequence[Hours]) -> str:
    """When environments are kept warm, as template text: from before each opening until after the close, and on no other day."""
    up = once_a_session(hours, before_open=PROVISIONED_MINUTES)
    down = once_a_session(hours, after_close=PROVISIONED_MINUTES)
    rows = [_action(f"up{number}", expression, "!Ref ProvisionedDecides") for number, expression in enumerate(up, 1)]
    rows += [_action(f"down{number}", expression, "0") for number, expression in enumerate(down, 1)]
    return "".join(f"{row}\n" for row in rows)


def _action(name: str, expression: str, count: str) -> str:
    """One change of how many environments are kept warm."""
    return (
        f'        - {{ScheduledActionName: {name}, Schedule: "{expression}", Timezone: {ZONE}, '
        f"ScalableTargetAction: {{MinCapacity: {count}, MaxCapacity: {count}}}}}"
    )


def _by_month(hours: Iterable[Hours]) -> dict[tuple[int, int, int, int], str]:
    """The days of each month that have the same hours."""
    days = defaultdict(list)
    for one in hours:
        days[one.day.year, one.day.month, one.opens, one.closes].append(one.day.day)
    return {key: ",".join(map(str, found)) for key, found in sorted(days.items())}


def _steps(opens: int, closes: int) -> list[tuple[str, str]]:
    """Minutes and hours of cron for every step after the opening up to the close."""
    first, last = opens + EVERY_MINUTES, closes
    parts = []
    if first % 60:
        parts.append((f"{first % 60}/{EVERY_MINUTES}", str(first // 60)))
        first += 60 - first % 60
    whole = range(first // 60, last // 60)
    if whole:
        parts.append((f"0/{EVERY_MINUTES}", f"{whole[0]}-{whole[-1]}" if len(whole) > 1 else str(whole[0])))
    rest = last % 60
    minutes = ",".join(str(minute) for minute in range(0, rest + 1, EVERY_MINUTES))
    return [*parts, (minutes, str(last // 60))]


def schedules(hours: Sequence[Hours]) -> str:
    """Every schedule as template text."""
    rows = [
        *_rows(WARM, once_a_session(hours, before_open=WARM_MINUTES_BEFORE)),
        *_rows(FETCH, every_five(hours)),
        *_rows(CLOSE, before_close(hours)),
        *_rows(RECONCILE, every_five(hours)),
        *_rows(ARCHIVE, once_a_session(hours, after_close=ARCHIVE_MINUTES_AFTER)),
    ]
    return "".join(f"{row}\n" for row in rows)


def _rows(trigger: Trigger, expressions: Sequence[str]) -> list[str]:
    """One trigger's schedules, a line each; a name says the year and month and is the same in every deploy."""
    counted: dict[str, int] = defaultdict(int)
    rows = []
    for expression in expressions:
        *_, month, _, year = expression.removesuffix(")").split()
        stem = f"{trigger.name.capitalize()}{year}{int(month):02}"
        counted[stem] += 1
        rows.append(_row(trigger, f"{stem}N{counted[stem]}", expression))
    return rows


def _row(trigger: Trigger, name: str, expression: str) -> str:
    """One schedule."""
    which = ', "symbols": "${Symbols}"' if trigger in (FETCH, CLOSE) else ""
    told = f"""'{{"trigger": "{trigger.name}"{which}, "time": "<aws.scheduler.scheduled-time>"}}'"""
    if which:
        told = f"!Sub {told}"
    when = f'"{expression}"'
    if "${Minute}" in expression:
        when = f"!Sub [{when}, {{Minute: !FindInMap [MinuteBeforeClose, !Ref CloseMinutes, Minute]}}]"
    return (
        f"  {name}: {{Type: AWS::Scheduler::Schedule, Condition: {trigger.condition}, Properties: {{GroupName: !Ref Clock, "
        f'ScheduleExpression: {when}, ScheduleExpressionTimezone: {ZONE}, FlexibleTimeWindow: {{Mode: "OFF"}}, '
        f"Target: {{Arn: !Ref {trigger.function}.Alias, RoleArn: !GetAtt ClockRole.Arn, Input: {told}, "
        f"RetryPolicy: {{MaximumRetryAttempts: 2, MaximumEventAgeInSeconds: {trigger.late_seconds}}}}}}}}}"
    )


def weekdays() -> str:
    """What stands in the template itself: every weekday as a regular one, for who deploys it without this program."""
    hours = "? * MON-FRI *"
    rows = [_row(WARM, "WarmWeekdays", f"cron(25 9 {hours})")]
    for trigger in (FETCH, RECONCILE):
        steps = (("35/5", "9"), ("0/5", "10-15"), ("0", "16"))
        rows += [
            _row(trigger, f"{trigger.name.capitalize()}Weekdays{k}", f"cron({minutes} {at} {hours})")
            for k, (minutes, at) in enumerate(steps, 1)
        ]
    rows.append(_row(CLOSE, "CloseWeekdays", f"cron(${{Minute}} 15 {hours})"))
    rows.append(_row(ARCHIVE, "ArchiveWeekdays", f"cron(10 16 {hours})"))
    return "".join(f"{row}\n" for row in rows)


def provisioned_weekdays() -> str:
    """The same of what is kept warm."""
    up, down = "cron(15 9 ? * MON-FRI *)", "cron(15 16 ? * MON-FRI *)"
    return f"{_action('up', up, '!Ref ProvisionedDecides')}\n{_action('down', down, '0')}\n"


def with_sessions(template: str, now_seconds: int, months: int = MONTHS_AHEAD) -> str:
    """The template with the sessions of this month and the ones to come in place of plain weekdays.

    Whole months, so that two deploys of one month say the same.
    """
    first = datetime.fromtimestamp(now_seconds, UTC).date().replace(day=1)
    after = first.month - 1 + months
    last = date(first.year + after // 12, after % 12 + 1, 1) - timedelta(days=1)
    hours = sessions(first, last)
    return between(between(template, schedules(hours)), provisioned(hours), WARM_BEGIN, WARM_END)


def between(template: str, text: str, begin: str = BEGIN, end: str = END) -> str:
    """The template with `text` between two marks."""
    before, _, rest = template.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}{text}{end}{after}"
