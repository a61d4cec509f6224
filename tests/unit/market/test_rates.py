"""Rates of currencies and halts: from numbers and tables to columns, and what is refused."""

from datetime import UTC, date, datetime

import polars as pl
import pytest

from stratofold import events
from stratofold.errors import Setup
from stratofold.market.frames import read
from stratofold.market.instruments import Equity

DAYS = [date(2020, 11, 25), date(2020, 11, 27), date(2020, 11, 30)]
FRAME = {"date": DAYS, **{word: [5.0, 6.0, 7.0] for word in ("open", "high", "low", "close")}}
DATA = {"SAP": FRAME, "SONY": FRAME, "IBM": FRAME}
INSTRUMENTS = [Equity("SAP", currency="EUR"), Equity("SONY", currency="JPY"), Equity("IBM")]


def moment(*parts):
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 10**9


def test_a_number_holds_from_before_the_first_bar():
    market = read(DATA, instruments=INSTRUMENTS, rates={"JPY": 0.0096})
    assert market.currencies == ("EUR", "JPY", "USD")
    assert [column.tolist() for column in market.rates] == [[market.time[0] - market.span_ns], [1], [0.0096]]


TABLES = {
    "dates": {"date": DAYS[:2], "rate": [1.19, 1.2]},
    "a frame with other names": pl.DataFrame({"Date": DAYS[:2], "Close": [1.19, 1.2]}),
    "moments": {
        "time": [datetime(2020, 11, 25, 21, tzinfo=UTC), datetime(2020, 11, 27, 18, tzinfo=UTC)],
        "value": [1.19, 1.2],
    },
}


@pytest.mark.parametrize("shape", TABLES)
def test_a_rate_of_a_date_is_known_at_its_close(shape):
    market = read(DATA, instruments=INSTRUMENTS, rates={"EUR": TABLES[shape], "JPY": 0.0096})
    assert market.rates.time.tolist()[1:] == [moment(2020, 11, 25, 21), moment(2020, 11, 27, 18)]
    assert market.rates.currency.tolist() == [1, 0, 0]
    assert market.rates.value.tolist() == [0.0096, 1.19, 1.2]


def test_halts_of_a_date_hold_from_its_open():
    table = {"symbol": ["SAP", "IBM", "SAP"], "date": [DAYS[1], DAYS[1], DAYS[2]], "kind": ["halt", "Halt", "resume"]}
    statuses = read(DATA, instruments=INSTRUMENTS, statuses=table).statuses
    assert statuses.time.tolist() == [moment(2020, 11, 27, 14, 30)] * 2 + [moment(2020, 11, 30, 14, 30)]
    assert statuses.kind.tolist() == [events.HALT, events.HALT, events.RESUME]
    assert statuses.symbol.tolist() == [0, 2, 0]


REFUSED = [
    ("a currency of nobody", {"rates": {"CHF": 1.1}}, "no instrument trades in CHF"),
    ("a currency with a slip", {"rates": {"eur": 1.1}}, "did you mean 'EUR'"),
    ("a rate of nothing", {"rates": {"EUR": 0.0}}, r"the rate 0.0 of EUR cannot be"),
    (
        "a rate that is not a number",
        {"rates": {"EUR": {"date": DAYS[:2], "rate": [1.1, float("nan")]}}},
        r"rates, EUR, row 1",
    ),
    ("a table without rates", {"rates": {"EUR": {"date": DAYS}}}, "no column for rate"),
    (
        "a status nobody knows",
        {"statuses": {"symbol": ["SAP"], "date": DAYS[:1], "kind": ["pause"]}},
        "the status 'pause'",
    ),
    ("a halt of nobody", {"statuses": {"symbol": ["SPA"], "date": DAYS[:1], "kind": ["halt"]}}, "did you mean 'SAP'"),
    ("a halt without a kind", {"statuses": {"symbol": ["SAP"], "date": DAYS[:1]}}, "no column for kind"),
]


@pytest.mark.parametrize(("given", "message"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_refused(given, message):
    with pytest.raises(Setup, match=message):
        read(DATA, instruments=INSTRUMENTS, **given)
