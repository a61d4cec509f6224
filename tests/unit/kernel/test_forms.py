"""A kernel's forms: what each has inside its quick loop, and that a feed finds its own."""

import numpy as np
import polars as pl
import pytest

import stratofold
from stratofold import kernel
from stratofold.kernel import compile as compiling
from stratofold.kernel import emit, forms, hot
from stratofold.kernel.apart import set_apart
from stratofold.kernel.kinds import INT, ObjectKind
from stratofold.kernel.layout import Survey
from stratofold.kernel.unit import compile_text
from stratofold.kernel.ways import read
from stratofold.research.prepare import Options, prepare
from stratofold.strategies import Crossover, DonchianBreakout

_MINUTE, _DAY = 60_000_000_000, 86_400_000_000_000


def feed_of(span, symbols=1, strategy=Crossover):
    """A run over a few bars."""
    times = np.repeat(1_514_851_200_000_000_000 + span * np.arange(5), symbols)
    close = np.full(len(times), 100.0)
    columns = {"time": times} | dict.fromkeys(("open", "high", "low", "close", "volume"), close)
    names = {"symbol": np.tile([f"S{number}" for number in range(symbols)], 5)} if symbols > 1 else {}
    return prepare(strategy, stratofold.read(pl.DataFrame(columns | names)), Options(), {})


@pytest.mark.parametrize(
    ("span", "symbols", "out", "form"),
    [(_DAY, 1, True, "days"), (_DAY, 2, True, "out"), (_MINUTE, 1, True, "alone"), (_DAY, 1, False, "")],
)
def test_a_feed_finds_its_form(span, symbols, out, form):
    assert forms.form_of(feed_of(span, symbols).feed, out=out) == form


@pytest.mark.parametrize(("strategy", "is_inside"), [(Crossover, False), (DonchianBreakout, True)])
def test_the_range_of_a_bar_is_looked_at_in_the_loop_where_orders_may_rest(strategy, is_inside):
    """Crossover's go to market: its loop would read three more columns with every bar, for nothing."""
    run = feed_of(_MINUTE, strategy=strategy)
    survey = Survey([run.engine, run.strategy, run.feed], {2}, set())
    kinds = (*(ObjectKind(root) for root in survey.roots), INT)
    text, unit = compile_text(forms.entry_of(run.feed, out=True), survey, kinds, compiling.ENTRY)
    assert unit.has("Book._submit") is is_inside
    heads = [line for line in text.split("\n") if line.startswith("define ") and ".reach(" in line]
    assert [("alwaysinline" in head, "noinline" in head) for head in heads] == [(is_inside, not is_inside)]


@pytest.mark.parametrize(("span", "is_fetched"), [(_MINUTE, True), (_DAY, False)])
def test_what_lies_in_the_cache_is_not_fetched_to_it(span, is_fetched):
    run = feed_of(span)
    survey = Survey([run.engine, run.strategy, run.feed], {2}, set())
    kinds = (*(ObjectKind(root) for root in survey.roots), INT)
    form = forms.form_of(run.feed, out=True)
    without = forms.WITHOUT.get(form, frozenset())
    text, _ = compile_text(forms.entry_of(run.feed, out=True), survey, kinds, compiling.ENTRY, without=without)
    assert (".look_5f_ahead(" in text) is is_fetched


def quick_loops(span, monkeypatch):
    """The blocks of the quick copy of each loop over bars, as a sweep's kernel has them."""
    run = feed_of(span)
    objects = [run.engine, run.strategy, run.feed]
    survey = Survey(objects, {2}, set())
    kinds = (*(ObjectKind(root) for root in survey.roots), INT)
    often = forms.OFTEN[forms.form_of(run.feed, out=True)]
    text, unit = compile_text(forms.entry_of(run.feed, out=True), survey, kinds, compiling.ENTRY, often)
    text, _ = set_apart(text, compiling.ENTRY, unit.own)
    seen = []

    def split(text, name):
        seen.append(text)
        return text

    monkeypatch.setattr(hot, "split", split)
    target = emit.resolve("native")
    emit._doubled(text, compiling.ENTRY, target, emit._machine(target))
    begin = seen[0].index("define i32 @stratofold_run(")
    function = read(seen[0][begin : seen[0].index("\n}\n", begin)], seen[0])
    loops = hot._worth_doubling(function)
    return [[line for label in hot._quick(function, loop) for line in function.blocks[label]] for loop in loops]


@pytest.mark.parametrize(("span", "turns"), [pytest.param(_MINUTE, False, marks=pytest.mark.nightly), (_DAY, True)])
def test_the_quick_loop_of_a_sweep_has_what_its_bars_do_often(span, turns, monkeypatch):
    """Both are doubled; daily bars turn their sessions inside: the two averages divide, and so do a session's return and mean."""
    loops = quick_loops(span, monkeypatch)
    assert loops
    for lines in loops:
        divisions = sum(" fdiv double" in line for line in lines)
        assert divisions > 3 if turns else divisions <= 3


@pytest.mark.nightly
def test_kernels_of_both_forms_are_found_by_their_feeds():
    """A kernel of the other form would do each bar's work the longer way."""
    found = {}
    for span in (_DAY, _MINUTE):
        run = feed_of(span)
        found[span] = kernel.build(run.engine, run.strategy, run.feed, out=True)
    for span in (_DAY, _MINUTE):
        run = feed_of(span)
        assert kernel.build(run.engine, run.strategy, run.feed, out=True) is found[span]
    assert found[_DAY] is not found[_MINUTE]
