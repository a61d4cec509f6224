"""The stated limits: read, refused all at once with lines, compared, named, acknowledged."""

from math import inf

import pytest

from stratofold.adapters.ports import AccountLimits
from stratofold.errors import Setup
from stratofold.live.risk.bounds import Bounds, RuleBounds, StopBounds, SymbolBounds
from stratofold.live.risk.limits_config import (
    LIMIT_NAMES,
    SUGGESTED,
    Stated,
    differences,
    digest,
    read_stated,
    require_acknowledged,
)
from stratofold.live.risk.verdict import FLATTEN, REDUCING_ONLY

TEXT = """\
[backtest]
cash = 5

[limits]
position_max = 100
leverage_max = inf

[risk.account]
orders_max = 7
self_match = false

[risk.stops]
drawdown_max = 0.2
action = "flatten"

[risk.rules]
account = "cash"
shortable = ["SPY"]
legacy_day_trades_until = 2027-10-20

[risk.symbols."BRK.B"]
position_max = 5
restricted = true
"""


def test_what_is_stated_is_read_and_what_is_not_allows_nothing():
    stated = read_stated(TEXT, "stratofold.toml", ["SPY", "BRK.B"])
    assert stated.limits == {"position_max": 100.0, "leverage_max": inf}
    assert stated.account == AccountLimits(orders_max=7)
    assert stated.bounds == Bounds(
        stops=StopBounds(drawdown_max=0.2, action=FLATTEN),
        rules=RuleBounds("cash", ("SPY",), "2027-10-20"),
        symbols={"BRK.B": SymbolBounds(position_max=5.0, restricted=True)},
    )
    assert read_stated("", "") == Stated({}, Bounds(), AccountLimits())


def test_a_date_may_be_written_as_text():
    text = '[risk.rules]\nlegacy_day_trades_until = "2027-10-20"\n'
    assert read_stated(text, "").bounds.rules.legacy_day_trades_until == "2027-10-20"


# line that replaces one of TEXT: number, words || code, line, what, fix
WRONG = (
    (5, "positions_max = 100", "SF891", 5, "there is no limit 'positions_max'", "did you mean position_max?"),
    (5, "position_max = -1", "SF892", 5, "position_max = -1 cannot be", "use a number, zero or above (inf lifts a limit)"),
    (5, "position_max = nan", "SF892", 5, "position_max = nan cannot be", "use a number, zero or above (inf lifts a limit)"),
    (5, "position_max = true", "SF892", 5, "position_max = True cannot be", "use a number, zero or above (inf lifts a limit)"),
    (8, "[risk.acount]", "SF891", 8, "there is no section 'acount'", "did you mean account?"),
    (9, "orders_max = 7.5", "SF892", 9, "orders_max = 7.5 cannot be", "use a whole number, zero or above"),
    (9, "orders_max = inf", "SF892", 9, "orders_max = inf cannot be", "use a whole number, zero or above"),
    (10, "self_match = 1", "SF892", 10, "self_match = 1 cannot be", "use true or false"),
    (13, 'drawdown_max = "20%"', "SF892", 13, "drawdown_max = '20%' cannot be", "use a number, zero or above (inf lifts a limit)"),
    (14, 'action = "panic"', "SF892", 14, "action = 'panic' cannot be", "use one of note, cancel, reducing_only, reduce, flatten, halt"),
    (17, 'account = "gold"', "SF892", 17, "account = 'gold' cannot be", "use one of cash, margin"),
    (18, 'shortable = "SPY"', "SF892", 18, "shortable = 'SPY' cannot be", 'use a list of names: ["SPY", "AAPL"]'),
    (19, "legacy_day_trades_until = 2027", "SF892", 19, "legacy_day_trades_until = 2027 cannot be", "use a date: 2027-10-20"),
    (21, "[risk.symbols.AAPL]", "SF893", 21, "AAPL is not one of the book's instruments", "they are SPY, BRK.B"),
    (22, "position_max = 'five'", "SF892", 22, "position_max = 'five' cannot be", "use a number, zero or above (inf lifts a limit)"),
)  # fmt: skip


@pytest.mark.parametrize(("number", "words", "code", "line", "what", "fix"), WRONG)
def test_what_cannot_be_is_refused_with_its_line_and_the_fix(number, words, code, line, what, fix):
    lines = TEXT.splitlines()
    lines[number - 1] = words
    with pytest.raises(ExceptionGroup) as raised:
        read_stated("\n".join(lines), "stratofold.toml", ["SPY", "BRK.B"])
    (error,) = raised.value.exceptions
    assert isinstance(error, Setup)
    assert (error.code, error.place, error.what, error.fix) == (code, f"stratofold.toml:{line}", what, fix)


def test_all_that_is_wrong_is_told_at_once():
    text = "risk = 5\n[limits]\nfoo = 1\nleverage_max = 'x'\n"
    with pytest.raises(ExceptionGroup) as raised:
        read_stated(text, "here.toml")
    assert [error.code for error in raised.value.exceptions] == ["SF891", "SF892", "SF892"]


def test_a_section_that_is_a_value_is_refused():
    for text in ("limits = 5", "[risk]\nstops = 5", "[risk.symbols]\nSPY = 5"):
        with pytest.raises(ExceptionGroup) as raised:
            read_stated(text, "here.toml")
        assert [error.code for error in raised.value.exceptions] == ["SF892"]


def test_text_that_is_no_toml_is_refused():
    with pytest.raises(ExceptionGroup) as raised:
        read_stated("[limits\n", "here.toml")
    assert raised.value.exceptions[0].code == "SF890"


def test_the_suggested_limits_can_be_read_and_state_every_section():
    stated = read_stated(SUGGESTED, "suggested")
    assert set(stated.limits) == set(LIMIT_NAMES)
    untouched = Bounds()
    for name in Bounds.__struct_fields__:
        if name not in ("symbols", "rules"):
            assert getattr(stated.bounds, name) != getattr(untouched, name)
    assert min(value for name, value in stated.limits.items() if name != "duplicate_seconds") > 0.0


def rows(text):
    return read_stated(text, "").rows()


# before | after || name and looser?
CHANGES = (
    ("[risk.stops]\ndrawdown_max = 0.1", "[risk.stops]\ndrawdown_max = 0.2", ("risk.stops.drawdown_max", True)),
    ("[risk.stops]\ndrawdown_max = 0.1", "", ("risk.stops.drawdown_max", False)),
    ("[risk.stops]\naction = 'halt'", "[risk.stops]\naction = 'note'", ("risk.stops.action", True)),
    ("[risk.stops]\naction = 'note'", "[risk.stops]\naction = 'halt'", ("risk.stops.action", False)),
    ("[limits]\nduplicate_seconds = 5", "[limits]\nduplicate_seconds = 1", ("limits.duplicate_seconds", True)),
    ("", "[risk.account]\nself_match = true", ("risk.account.self_match", True)),
    ("[risk.session]\nclose_cutoff_seconds = 900", "", ("risk.session.close_cutoff_seconds", True)),
    ("[risk.rules]\nshortable = ['A']", "[risk.rules]\nshortable = ['A', 'B']", ("risk.rules.shortable", True)),
    ("[risk.rules]\nshortable = ['A', 'B']", "[risk.rules]\nshortable = ['A']", ("risk.rules.shortable", False)),
    ("[risk.rules]\naccount = 'cash'", "", ("risk.rules.account", True)),
    ("[risk.symbols.A]\nposition_max = 5", "", ("risk.symbols.A.position_max", True)),
    ("", "[risk.symbols.A]\nrestricted = true", ("risk.symbols.A.restricted", False)),
)  # fmt: skip


@pytest.mark.parametrize(("before", "after", "outcome"), CHANGES)
def test_a_difference_says_whether_it_allows_more(before, after, outcome):
    changed = differences(rows(before), rows(after))
    assert [(one.name, one.looser) for one in changed] == [outcome]
    assert differences(rows(after), rows(after)) == []


def test_a_difference_reads_as_the_file_does():
    (one,) = differences(rows("[risk.stops]\naction = 'halt'"), rows("[risk.stops]\naction = 'cancel'"))
    assert str(one) == "risk.stops.action: halt -> cancel (looser)"
    (one,) = differences(rows("[limits]\nleverage_max = inf"), rows("[limits]\nleverage_max = 2"))
    assert str(one) == "limits.leverage_max: inf -> 2.0"


def test_a_configuration_has_one_name_however_it_is_written():
    assert digest(rows("[limits]\nposition_max = 5\nleverage_max = 1")) == digest(
        rows("[limits]\nleverage_max = 1.0\nposition_max = 5.0")
    )
    assert digest(rows("")) != digest(rows("[limits]\nposition_max = 5"))


def test_limits_that_differ_from_the_last_run_must_be_acknowledged():
    before, after = rows(""), rows("[risk.stops]\ndrawdown_max = 0.2\naction = 'flatten'")
    assert require_acknowledged(before, before, acknowledged=False) == []
    with pytest.raises(Setup) as raised:
        require_acknowledged(before, after, acknowledged=False)
    assert raised.value.code == "SF894"
    assert "risk.stops.drawdown_max: 0.0 -> 0.2 (looser)" in raised.value.why
    assert "risk.stops.action: reducing_only -> flatten" in raised.value.why
    assert len(require_acknowledged(before, after, acknowledged=True)) == 2
    assert after["risk.exposure.action"] == REDUCING_ONLY
