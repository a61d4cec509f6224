"""A result: figures by name, frames in three libraries, and what it says about itself."""

import json
import subprocess
import sys
from array import array
from datetime import UTC, date, datetime
from math import inf, isnan, nan

import pytest

from stratofold.errors import Setup
from stratofold.research import frames_out
from stratofold.research.result import Result, session_days
from stratofold.research.stats import STATISTICS, Stats, as_text

DAY = 86_400_000_000_000
CLOSE = 1_577_998_800_000_000_000  # 2020-01-02 21:00 UTC


def result(**changes):
    """Two days, one filled and one working order, one trade."""
    columns = {
        "trades": {
            "symbol": array("q", [1]), "side": array("q", [-1]), "opened": array("q", [CLOSE]),
            "closed": array("q", [CLOSE + DAY]), "quantity": array("d", [3.0]), "entry_price": array("d", [10.0]),
            "exit_price": array("d", [9.0]), "profit": array("d", [2.5]), "fees": array("d", [0.5]),
            "bars": array("q", [1]),
        },
        "orders": lambda: {
            "number": array("q", [1, 2]), "symbol": array("q", [0, 1]), "side": array("q", [1, -1]),
            "kind": array("q", [0, 1]), "tif": array("q", [0, 1]), "state": array("q", [5, 2]),
            "limit": array("d", [nan, 12.5]), "decided": array("q", [CLOSE, CLOSE]), "done": array("q", [CLOSE + DAY, 0]),
        },
        "refusals": {"time": array("q", [CLOSE]), "reason": array("q", [1]), "observed": array("d", [7.0])},
        "equity": {"time": array("q", [CLOSE, CLOSE + DAY]), "equity": array("d", [101.0, 98.98])},
    }  # fmt: skip
    stats = {"sharpe": nan, "final_equity": 98.98, "total_return": -0.0102, "trades": 1.0, "profit_factor": inf,
             "start": datetime(2020, 1, 2, tzinfo=UTC), "end": datetime(2020, 1, 3, tzinfo=UTC)}  # fmt: skip
    settings = {
        "names": {"reason": ("none", "position limit")}, "assumed": ("unlimited", "free of costs"),
        "notices": ["Close was read as close"], "hashes": {"code": "ab12"}, **changes,
    }  # fmt: skip
    return Result("Crossover", {"fast": 20}, "interpreted", ("SPY", "QQQ"), stats, columns, **settings)


def test_the_first_line_says_what_was_assumed():
    assert result().first_line == (
        "Crossover on SPY, QQQ · 2020-01-02 to 2020-01-03 · interpreted · unlimited · free of costs"
    )


def test_many_symbols_are_counted():
    many = Result("S", {}, "compiled", tuple("ABCDEF"), {}, {})
    assert many.first_line == "S on A, B, C, D and 2 more · compiled"


def test_printing_shows_figures_with_units_and_notices():
    text = str(result())
    assert "Final equity" in text
    assert "98.98 USD" in text
    assert "-1.02 %" in text
    assert "note: Close was read as close" in text


def test_stats_keep_numbers_and_print_in_the_order_of_the_table():
    stats = Stats({"my_own": 2.0, "trades": 3.0, "final_equity": 5.0})
    assert list(stats) == ["final_equity", "trades", "my_own"]
    assert stats["trades"] == 3.0
    assert "My own" in str(stats)
    with pytest.raises(KeyError):
        stats["nothing"]


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("sharpe", nan, "—"), ("profit_factor", inf, "∞"), ("sharpe", 1.23456, "1.235"), ("trades", 12345.0, "12,345"),
        ("max_drawdown", 0.5, "50.00 %"), ("fees", 1234.5, "1,234.50 EUR"), ("max_drawdown_days", 12.4, "12 days"),
        ("sharpe", None, "—"), ("start", date(2020, 1, 2), "2020-01-02"),
    ],
)  # fmt: skip
def test_figures_for_people(key, value, text):
    assert as_text(key, value, "EUR") == text


def test_every_statistic_has_words():
    assert all(row.label and row.meaning.endswith(".") for row in STATISTICS)
    assert len({row.key for row in STATISTICS}) == len(STATISTICS)


def test_codes_become_names_and_times_become_aware():
    orders = result().orders
    assert orders["symbol"] == ["SPY", "QQQ"]
    assert orders["side"] == ["buy", "sell"]
    assert orders["kind"] == ["market", "limit"]
    assert orders["state"] == ["filled", "working"]
    assert orders["decided"][0] == datetime(2020, 1, 2, 21, tzinfo=UTC)
    assert orders["done"][1] is None
    assert result().trades["side"] == ["short"]
    assert result().refusals["reason"] == ["position limit"]


def test_a_code_without_a_name_shows_itself():
    assert result(names={"reason": ("none",)}).refusals["reason"] == ["1"]


def test_to_polars():
    polars = pytest.importorskip("polars")
    frame = result().orders.to_polars()
    assert frame["symbol"].to_list() == ["SPY", "QQQ"]
    assert frame.schema["decided"] == polars.Datetime("ns", "UTC")
    assert frame["done"].null_count() == 1
    assert frame["limit"].to_list() == [None, 12.5]


def test_to_pandas():
    pandas = pytest.importorskip("pandas")
    frame = result().orders.to_pandas()
    assert list(frame["symbol"]) == ["SPY", "QQQ"]
    assert frame["decided"][0] == pandas.Timestamp("2020-01-02 21:00", tz="UTC")
    assert frame["done"].isna().sum() == 1
    assert isnan(frame["limit"][0])


def test_to_arrow():
    arrow = pytest.importorskip("pyarrow")
    table = result().orders.to_arrow()
    assert table.column("symbol").to_pylist() == ["SPY", "QQQ"]
    assert table.schema.field("decided").type == arrow.timestamp("ns", "UTC")
    assert table.column("limit").to_pylist() == [None, 12.5]


def test_numpy_columns_work_as_well():
    numpy = pytest.importorskip("numpy")
    polars = pytest.importorskip("polars")
    columns = {"fills": {"time": numpy.array([CLOSE]), "symbol": numpy.array([0]), "price": numpy.array([1.5])}}
    fills = Result("S", {}, "compiled", ("SPY",), {}, columns).fills
    assert fills["symbol"] == ["SPY"]
    assert fills.to_polars()["price"].to_list() == [1.5]
    assert fills.to_polars().schema["time"] == polars.Datetime("ns", "UTC")


def test_empty_frames_have_no_rows_and_say_so():
    empty = Result("S", {}, "compiled", ("SPY",), {}, {}).fills
    assert len(empty) == 0
    assert "0 rows" in repr(empty)
    assert "(none)" in repr(empty)


def test_long_frames_show_both_ends():
    columns = {"equity": {"time": array("q", range(DAY, 31 * DAY, DAY)), "equity": array("d", range(30))}}
    text = repr(Result("S", {}, "compiled", ("SPY",), {}, columns).equity)
    assert "30 rows" in text
    assert "… 20 more …" in text
    assert len(text.splitlines()) == 13


def test_rich_prints_markup_as_text():
    console_of = pytest.importorskip("rich.console")
    console = console_of.Console(width=120, record=True, file=open("/dev/null", "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - the sink
    symbols = ("[red]SPY[/red]", "QQQ")
    columns = {"fills": {"symbol": array("q", [0])}}
    console.print(Result("S", {}, "compiled", symbols, {}, columns).fills)
    assert "[red]SPY[/red]" in console.export_text()


def test_a_missing_library_is_a_kind_error(monkeypatch):
    def refuse(name):
        raise ImportError(name)

    monkeypatch.setattr(frames_out, "import_module", refuse)
    with pytest.raises(Setup, match="polars is not installed") as caught:
        result().orders.to_polars()
    assert caught.value.code == "SF501"
    assert caught.value.fix == "pip install polars"


def test_notebook_html_escapes_what_users_name():
    named = Result(
        "<script>alert(1)</script>", {}, "compiled", ("<b>",), {"trades": 1.0}, {"fills": {"symbol": array("q", [0])}}
    )
    assert "<script>" not in named._repr_html_()
    assert "&lt;script&gt;" in named._repr_html_()
    assert "<b>" not in named.fills._repr_html_()


def test_json_has_decimal_strings_for_money_and_null_for_nothing():
    told = json.loads(json.dumps(result().as_dict(), allow_nan=False))
    assert told["stats"]["final_equity"] == "98.98"
    assert told["stats"]["sharpe"] is None
    assert told["stats"]["trades"] == 1
    assert told["stats"]["start"] == "2020-01-02T00:00:00+00:00"
    assert told["rows"]["orders"] == 2
    assert told["hashes"] == {"code": "ab12"}


def test_daily_returns_count_from_the_starting_money():
    pytest.importorskip("pandas")
    told = result()
    started = Result("S", {}, "compiled", ("SPY",), {"initial_equity": 100.0}, {"equity": told.equity.raw})
    assert list(started.daily_returns.index.strftime("%Y-%m-%d")) == ["2020-01-02", "2020-01-03"]
    assert started.daily_returns.tolist() == pytest.approx([0.01, -0.02])
    assert told.daily_returns.tolist() == pytest.approx([0.0, -0.02])


def test_several_events_of_a_session_make_one_return():
    times = array("q", [CLOSE - 60, CLOSE, CLOSE + DAY - 60, CLOSE + DAY])
    columns = {"equity": {"time": times, "equity": array("d", [1.0, 2.0, 3.0, 4.0])}}
    days, money = Result("S", {}, "compiled", ("SPY",), {}, columns).session_equity()
    assert [date.fromordinal(day).isoformat() for day in days] == ["2020-01-02", "2020-01-03"]
    assert money == [2.0, 4.0]


def test_midnight_closes_the_day_that_ends_there():
    assert date.fromordinal(session_days([DAY], None)[0]) == date(1970, 1, 1)
    assert date.fromordinal(session_days([DAY + 1], None)[0]) == date(1970, 1, 2)


def test_a_result_imports_no_table_library():
    code = (
        "import sys; from stratofold.research.result import Result; "
        "r = Result('S', {}, 'compiled', ('SPY',), {'trades': 1.0}, {'fills': {'symbol': [0]}}); str(r); repr(r.fills); "
        "print([m for m in ('numpy', 'polars', 'pandas', 'pyarrow', 'rich') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": ":".join(sys.path)}
    )
    assert done.stdout.strip() == "[]"


def test_money_has_the_decimals_of_its_currency():
    assert result(currency="JPY").stats.text("final_equity") == "99 JPY"
    assert result(currency="BTC").as_dict()["stats"]["final_equity"] == "98.98000000"
