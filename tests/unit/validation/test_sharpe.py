"""Sharpe ratios and their luck, against the papers' own examples and two libraries."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from purgedcv import min_track_record_length
from skfolio import measures

from stratofold.errors import Setup
from stratofold.research.validation import (
    Track,
    deflated_sharpe,
    effective_trials,
    expected_maximum_sharpe,
    minimum_backtest_length,
    minimum_track_record,
    probabilistic_sharpe,
    sharpe_ratios,
    track,
)

RETURNS = np.random.default_rng(7).standard_t(5, 750) * 0.01 + 0.0012


def test_the_papers_fund_is_less_sure_than_it_looks():
    """Bailey and López de Prado (2012), section 3: 24 months, and what skewness and kurtosis take away."""
    assert probabilistic_sharpe(Track(0.458, 24)) == pytest.approx(0.982, abs=5e-4)
    assert probabilistic_sharpe(Track(0.458, 24, -2.448, 10.164)) == pytest.approx(0.913, abs=5e-4)


@pytest.mark.parametrize(("per_year", "years"), [(252, 2.73), (52, 2.83), (12, 3.24)])
def test_the_papers_table_of_track_records(per_year, years):
    """The same paper, section 4: a yearly ratio of 2 against 1, normal returns, 95 %."""
    one = Track(2.0 / math.sqrt(per_year), per_year)
    assert minimum_track_record(one, 1.0 / math.sqrt(per_year)) / per_year == pytest.approx(years, abs=5e-3)


def test_the_papers_hundred_trials():
    """Bailey and López de Prado (2014), the numerical example: 1,250 days, variance of yearly ratios 1/2."""
    assert expected_maximum_sharpe(100, 0.5 / 250) == pytest.approx(0.1132, abs=5e-5)
    one = Track(2.5 / math.sqrt(250), 1250, -3.0, 10.0)
    assert probabilistic_sharpe(one, expected_maximum_sharpe(100, 0.5 / 250)) == pytest.approx(0.9004, abs=5e-5)
    assert probabilistic_sharpe(one, expected_maximum_sharpe(46, 0.5 / 250)) == pytest.approx(0.9505, abs=5e-5)


def test_the_papers_five_years():
    """Bailey and others (2014): with five years of data no more than 45 trials, or one of them reaches a ratio of 1."""
    assert minimum_backtest_length(45, 1.0) == pytest.approx(5.0, abs=0.06)
    assert minimum_backtest_length(46, 1.0) > minimum_backtest_length(45, 1.0)


def test_a_track_is_skfolios():
    one = track(RETURNS)
    assert one.sharpe == pytest.approx(measures.mean(RETURNS) / measures.standard_deviation(RETURNS), rel=1e-12)
    # Their moments are corrected for a sample and ours are the plain ones: a thousandth apart at 750 periods.
    theirs = measures.probabilistic_sharpe_ratio(RETURNS, benchmark_sharpe_ratio=0.01)
    assert probabilistic_sharpe(one, 0.01) == pytest.approx(theirs, rel=2e-3)
    trials = np.random.default_rng(2).normal(0.0, 0.03, 40)
    assert deflated_sharpe(one, trials) == pytest.approx(measures.deflated_sharpe_ratio(RETURNS, trials), rel=2e-3)
    assert expected_maximum_sharpe(40, trials.var(ddof=1)) == pytest.approx(
        measures.expected_max_sharpe_ratio(40, float(trials.std(ddof=1))), rel=1e-9
    )


def test_a_track_record_is_purgedcvs():
    one = track(RETURNS)
    for benchmark in (-0.02, 0.0, 0.02):
        theirs = min_track_record_length(one.sharpe, benchmark, 0.05, one.skewness, one.kurtosis)
        assert theirs - 1.0 < minimum_track_record(one, benchmark) <= theirs  # theirs are whole periods


def test_correlated_trials_count_less():
    chance = np.random.default_rng(3)
    shared = chance.normal(size=(500, 1))
    own = chance.normal(size=(500, 30))
    assert effective_trials(own) == pytest.approx(30.0, abs=1.0)
    assert effective_trials(shared + 0.0 * own) == pytest.approx(1.0)
    mixed = 0.8 * shared + 0.6 * own
    correlation = pd.DataFrame(mixed).corr().to_numpy()
    mean = correlation[np.triu_indices(30, 1)].mean()
    assert effective_trials(mixed) == pytest.approx(mean + (1.0 - mean) * 30)


@given(st.floats(-0.3, 0.3), st.integers(3, 5000), st.floats(-0.3, 0.3))
def test_a_probability_is_one(sharpe, periods, benchmark):
    assert 0.0 <= probabilistic_sharpe(Track(sharpe, periods, -1.0, 6.0), benchmark) <= 1.0


def test_more_trials_leave_less():
    one = track(RETURNS)
    left = [deflated_sharpe(one, np.random.default_rng(1).normal(0.0, 0.02, count)) for count in (2, 20, 200, 2000)]
    assert left == sorted(left, reverse=True)


def test_what_never_moves_has_no_ratio():
    assert track([0.0] * 10) == Track(0.0, 10)
    assert track([0.01] * 10).sharpe == 0.0
    assert sharpe_ratios(np.zeros((5, 2))).tolist() == [0.0, 0.0]
    assert minimum_track_record(track([0.0] * 10)) == math.inf
    assert effective_trials(np.zeros((5, 3))) == 1.0


def test_a_risk_free_rate_is_taken_off():
    assert track(RETURNS, 0.0001).sharpe == pytest.approx(track(RETURNS - 0.0001).sharpe)
    assert track(RETURNS).yearly(252) == pytest.approx(track(RETURNS).sharpe * 252**0.5)


@pytest.mark.parametrize(
    ("work", "code"),
    [
        (lambda: track([0.1, 0.2]), "SFS40"),
        (lambda: track([[0.1, 0.2, 0.3]]), "SFS40"),
        (lambda: track([0.1, math.nan, 0.2, 0.3]), "SFS40"),
        (lambda: sharpe_ratios([0.1, 0.2, 0.3]), "SFS40"),
        (lambda: sharpe_ratios(np.zeros((5, 0))), "SFS40"),
        (lambda: deflated_sharpe(track(RETURNS), []), "SFS41"),
        (lambda: deflated_sharpe(track(RETURNS), [0.1, math.nan]), "SFS41"),
        (lambda: minimum_track_record(track(RETURNS), confidence=1.0), "SFS42"),
        (lambda: minimum_backtest_length(10, 0.0), "SFS42"),
    ],
)
def test_nonsense_is_refused(work, code):
    with pytest.raises(Setup) as told:
        work()
    assert told.value.code == code
    assert told.value.fix
