"""Whatever a vendor answers, its reader gives rows or an error that is expected of it; nothing else, and no hang."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratofold.adapters.network.calls import UNREADABLE
from stratofold.adapters.sources.alpaca import AlpacaHistory
from stratofold.adapters.sources.binance import BinanceHistory
from stratofold.adapters.sources.coinbase import CoinbaseHistory
from stratofold.adapters.sources.massive import MassiveHistory
from stratofold.adapters.sources.question import DAY_NS, Page, Question

SOURCES = (AlpacaHistory("K", "S"), MassiveHistory("K"), BinanceHistory(), CoinbaseHistory())
CASES = [(source, kind) for source in SOURCES for kind in source.kinds]
WORDS = (
    "bars",
    "trades",
    "quotes",
    "results",
    "candles",
    "next_page_token",
    "next_url",
    "X",
    "t",
    "T",
    "time",
    "start",
    "o",
    "p",
    "corporate_actions",
)
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(("2020-01-02T00:00:00Z", "1e999", "http://[")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5),
    max_leaves=12,
)


def read(source, kind, body):
    question = Question(kind, "X", 0, 10 * DAY_NS, DAY_NS if kind == "bars" else 0, source.calendar)
    try:
        assert isinstance(source.read(question, source.first(question), body), Page)
    except (*UNREADABLE, AttributeError):
        pass


@pytest.mark.parametrize(("source", "kind"), CASES, ids=lambda one: str(getattr(one, "name", one)))
@given(body=ANYTHING.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=40))
def test_any_answer(source, kind, body):
    read(source, kind, body)
