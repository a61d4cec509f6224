"""The page of a study: what it draws is what the cells came to, and nobody's name becomes markup."""

import re
from html.parser import HTMLParser

import numpy as np
import polars as pl
import pytest
from scipy.stats import f_oneway

from stratofold import Strategy, param, sample
from stratofold.errors import Setup
from stratofold.research import figures
from stratofold.research.sweep.chance import FILE
from stratofold.research.sweep.columns import STATISTICS
from stratofold.research.sweep.forward import walk_forward
from stratofold.research.sweep.importance import importance
from stratofold.research.sweep.report import best_of, medians_of, unbeaten
from stratofold.research.sweep.store import Store
from stratofold.research.sweep.study import Study, open_study
from stratofold.research.sweep.sweep import sweep
from stratofold.research.validation.sharpe import expected_maximum_sharpe
from stratofold.strategies import Crossover

SPACE = {"fast": [3, 5, 8], "slow": [20, 30], "execution": "interpreted"}


@pytest.fixture(scope="module")
def market():
    return sample("SPY", start="2014-01-01", end="2014-12-31")


@pytest.fixture(scope="module")
def study(market, tmp_path_factory):
    return sweep(Crossover, market, study=tmp_path_factory.mktemp("kept") / "study", **SPACE)


class Balanced(HTMLParser):
    """Counts what is opened and not closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.links = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        self.ids += [named["id"]] if "id" in named else []
        self.links += [named["href"]] if tag == "a" else []
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_a_page_is_whole_and_each_link_leads_somewhere(study, tmp_path):
    text = study.report(tmp_path / "page.html").read_text()
    seen = Balanced(text)
    assert seen.open == []
    assert [link for link in seen.links if link[1:] not in seen.ids] == []
    assert {"best", "luck", "maps", "matters", "parallel", "front", "made"} <= set(seen.ids)
    assert "<script" not in text
    assert not re.search(r"https?:", text)
    assert str(study.luck()) in text
    assert "Nothing here promises a profit" in text


def test_a_field_of_the_map_says_its_median(study, tmp_path):
    text = study.report(tmp_path / "page.html").read_text()
    for row in study.table.iter_rows(named=True):
        assert f"fast {row['fast']}, slow {row['slow']}: {figures.plain(row['sharpe'])}<" in text


def test_a_study_of_another_day_knows_its_luck(study, tmp_path):
    opened = open_study(study.store.folder)
    assert opened.luck() == study.luck()
    assert str(study.luck()) in opened.report(tmp_path / "page.html").read_text()
    (study.store.folder / FILE).write_text('{"about": {"best": "another", "cells": 6}, "luck": {}}')
    assert open_study(study.store.folder).luck() is None
    (study.store.folder / FILE).write_text("{")
    assert open_study(study.store.folder).luck() is None


def test_the_walk_is_drawn_with_what_was_chosen(market, tmp_path):
    walk = walk_forward(Crossover, market, train=80, test=40, fast=[3, 5], slow=[20, 30], execution="interpreted")
    text = walk.report(tmp_path / "walk.html").read_text()
    assert Balanced(text).open == []
    for each in walk.stretches:
        assert f"{each.test[0]} to {each.test[1]}" in text
    assert f"Sharpe {walk.stats['sharpe']:.2f}" in text
    assert f"<dt>Unseen: sharpe ratio</dt><dd>{walk.stats['sharpe']:.3f}</dd>" in text
    assert "<dt>Best" not in text  # what was best where it was chosen is no headline


class Windowed(Strategy):
    """Buys once, after a while."""

    window = param(5, low=1, high=50)

    def setup(self):
        self.heard = 0

    def on_bar(self, bar, book):
        self.heard += 1
        if self.heard == self.window:
            book.buy(bar.symbol, 10.0)


def test_a_parameter_called_as_a_column_is_goes_by_its_own_name(market, tmp_path):
    walk = walk_forward(Windowed, market, train=80, test=80, window=[3, 9], execution="interpreted")
    assert {"window=3", "window=9"} & set(str(walk).split())
    assert re.search(r"window [39]<", walk.report(tmp_path / "walk.html").read_text())
    assert set(walk.study.varied_of(walk.study.best)) == {"window"}
    assert walk.study.compared()["parameters"] in {"window 3", "window 9"}


def test_names_stay_text(study, tmp_path, monkeypatch):
    monkeypatch.setattr(type(study), "name", "</script><img src=x onerror=alert(1)>")
    text = study.report(tmp_path / "page.html").read_text()
    assert "<img" not in text
    assert "&lt;img" in text


def test_a_page_that_cannot_be_written_is_told(study, tmp_path):
    with pytest.raises(Setup) as error:
        study.report(tmp_path / "nowhere" / "page.html")
    assert error.value.code == "SF502"


def test_a_single_cell_has_a_page_too(market, tmp_path):
    days = [("2014-01-01", "2014-06-30")]
    single = sweep(Crossover, market, fast=[3], slow=20, windows=days, execution="interpreted")
    assert Balanced(single.report(tmp_path / "page.html").read_text()).open == []


def test_importance_finds_the_indices_of_ishigamis_function():
    """Ishigami and Homma 1990, a = 7, b = 0.1: first-order 0.3139, 0.4424, 0; the first and third together 0.2437."""
    chance = np.random.default_rng(5)
    x = chance.uniform(-np.pi, np.pi, (20_000, 3))
    values = np.sin(x[:, 0]) + 7.0 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])
    found = {each.names: each.share for each in importance({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2]}, values)}
    expected = {("a",): 0.3139, ("b",): 0.4424, ("c",): 0.0, ("a", "c"): 0.2437, ("a", "b"): 0.0, ("b", "c"): 0.0}
    assert {names: found[names] for names in expected} == pytest.approx(expected, abs=0.025)
    assert sum(found.values()) == pytest.approx(1.0)


def test_shares_follow_from_scipys_analysis_of_variance():
    """Kelley's epsilon squared out of the F of a one-way analysis, for each parameter and for both of a pair together."""
    chance = np.random.default_rng(9)
    columns = {name: chance.integers(0, count, 600) for name, count in (("a", 4), ("b", 3), ("c", 5))}
    values = columns["a"] ** 1.5 + columns["a"] * columns["c"] + chance.normal(size=600)

    def explained(classes):
        different = np.unique(classes)
        f = f_oneway(*(values[classes == each] for each in different)).statistic
        between, within = len(different) - 1, 600 - len(different)
        return between * (f - 1.0) / (between * f + within)

    alone = {name: explained(column) for name, column in columns.items()}
    both = explained(10 * columns["a"] + columns["c"]) - alone["a"] - alone["c"]
    found = {each.names: each.share for each in importance(columns, values)}
    assert {name: found[name,] for name in "ac"} == pytest.approx({name: alone[name] for name in "ac"})
    assert found["a", "c"] == pytest.approx(both)
    assert found["b",] == pytest.approx(max(alone["b"], 0.0))


def test_noise_matters_to_nobody():
    chance = np.random.default_rng(3)
    found = importance({"a": chance.integers(0, 10, 400), "b": chance.integers(0, 10, 400)}, chance.normal(size=400))
    assert all(each.share < 0.03 for each in found if each.names)
    assert importance({"a": [1, 2]}, [5.0, 5.0]) == []


def test_medians_of_fields_are_numpys():
    chance = np.random.default_rng(8)
    fields, values = chance.integers(0, 40, 500), chance.normal(size=500)
    different, medians = medians_of(fields, values)
    assert different.tolist() == sorted(set(fields.tolist()))
    assert medians == pytest.approx([np.median(values[fields == each]) for each in different])


def test_the_frontier_is_what_no_cell_beats():
    chance = np.random.default_rng(11)
    goods = [chance.integers(0, 12, 60).astype(float), chance.integers(0, 12, 60).astype(float)]
    beats = lambda a, b: all(g[a] >= g[b] for g in goods) and any(g[a] > g[b] for g in goods)  # noqa: E731 - one line
    best = {tuple(g[k] for g in goods) for k in range(60) if not any(beats(other, k) for other in range(60))}
    found = unbeaten(goods)
    assert {tuple(g[k] for g in goods) for k in found} == best
    assert len(found) == len(best)


def test_the_density_of_the_luckiest_is_one_and_has_the_papers_mean():
    x = np.linspace(-3.0, 6.0, 4_001)
    density = best_of(x, 50.0, 0.8)
    assert np.trapezoid(density, x) == pytest.approx(1.0, abs=1e-6)
    mean = np.trapezoid(density * x, x)
    assert mean == pytest.approx(0.8 * 2.24907, rel=1e-5)  # Harter 1961, the largest of fifty
    assert mean == pytest.approx(expected_maximum_sharpe(50.0, 0.64), rel=0.02)  # which is an approximation


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-3.7, 12.4), (0.00012, 0.00031), (99.0, 101.0), (-1e6, 2e6)])
def test_ticks_are_round_and_inside(low, high):
    found = figures.ticks(low, high)
    assert 2 <= len(found) <= 7
    assert low - 1e-9 <= min(found) <= max(found) <= high + 1e-9 * abs(high)
    steps = np.diff(found)
    assert steps == pytest.approx([steps[0]] * len(steps))


def test_four_thousand_cells_make_a_page_under_a_megabyte(tmp_path):
    chance, count = np.random.default_rng(2), 4_000
    store = Store(None)
    store.page |= {"current": ["p"], "varied": ["a", "b", "c", "d"], "objective": ["sharpe"]}
    store.page["places"] = {"p": {"strategy": "Made", "symbols": "SPY", "window": "all", "costs": "stated"}}
    swept = {name: chance.uniform(0.0, 100.0, count) for name in "abcd"}
    numbers = {name: chance.normal(size=count) for name in STATISTICS}
    known = {"cell": [f"{k:064x}" for k in range(count)], "place": ["p"] * count, "error": [None] * count}
    known |= {name: [store.page["places"]["p"][name]] * count for name in ("strategy", "symbols", "window", "costs")}
    store.add(pl.DataFrame({**known, **swept, **numbers}, schema_overrides={"error": pl.String}))
    text = Study(store).report(tmp_path / "page.html").read_text()
    assert Balanced(text).open == []
    assert len(text.encode()) < 1_000_000
