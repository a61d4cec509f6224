"""The statistics of a run: numbers under stable names, with a label, a unit and plain words for each.

What comes in: the tally's figures as a plain dictionary.
What goes out: `Stats`, a mapping that prints itself, and `STATISTICS`, the table of words behind it.
Why it is shaped so: the terminal, the notebook, the report and the documentation all read the same table, so that a
figure has one name, one unit and one definition.
"""

from collections.abc import Iterator, Mapping
from html import escape
from math import isfinite
from typing import Any, NamedTuple

from stratofold.market.instruments import CURRENCY_DECIMALS


def money_decimals(currency: str) -> int:
    """Decimals of an account's currency, 2 where it is not known."""
    return CURRENCY_DECIMALS.get(currency, 2)


class Statistic(NamedTuple):
    """The words for one figure; `unit` is money, share, ratio, count, days, date or text."""

    key: str
    label: str
    unit: str
    group: str
    meaning: str


STATISTICS = tuple(
    Statistic(*row)
    for row in (
        ("final_equity", "Final equity", "money", "Return", "Cash and everything held, at the last prices."),
        (
            "total_return",
            "Total return",
            "share",
            "Return",
            "Growth from the starting money to the end: the product of all (1 + return), less 1.",
        ),
        (
            "cagr",
            "Growth a year",
            "share",
            "Return",
            "The steady yearly growth that would have led to the same end (CAGR).",
        ),
        ("volatility", "Volatility", "share", "Risk", "Standard deviation of the session returns, scaled to a year."),
        (
            "sharpe",
            "Sharpe ratio",
            "ratio",
            "Risk",
            "Mean return above the risk-free rate for each unit of volatility, a year.",
        ),
        ("sortino", "Sortino ratio", "ratio", "Risk", "As Sharpe, but only returns below the target count as risk."),
        ("calmar", "Calmar ratio", "ratio", "Risk", "Growth a year divided by the deepest drawdown."),
        (
            "max_drawdown",
            "Deepest drawdown",
            "share",
            "Risk",
            "The largest fall from a high of equity, watched at every event.",
        ),
        (
            "max_drawdown_days",
            "Longest drawdown",
            "days",
            "Risk",
            "The longest time between a high of equity and its recovery, in calendar days.",
        ),
        (
            "exposure",
            "Exposure",
            "share",
            "Activity",
            "Gross value held as a share of equity, on average over the sessions' closes.",
        ),
        (
            "time_in_market",
            "Time in market",
            "share",
            "Activity",
            "The share of sessions that closed with something held.",
        ),
        ("turnover", "Turnover a year", "ratio", "Activity", "Value traded in a year, in multiples of average equity."),
        ("traded_value", "Value traded", "money", "Activity", "The value of all fills, bought and sold."),
        ("trades", "Trades", "count", "Trades", "Round trips, from flat to flat."),
        ("win_rate", "Win rate", "share", "Trades", "The share of trades that ended with a profit after fees."),
        ("profit_factor", "Profit factor", "ratio", "Trades", "What the winners made divided by what the losers lost."),
        ("gross_profit", "Made by winners", "money", "Trades", "The profits of all trades that ended with one."),
        ("gross_loss", "Lost by losers", "money", "Trades", "The losses of all the other trades."),
        ("orders", "Orders", "count", "Trades", "Orders that risk approved."),
        ("fills", "Fills", "count", "Trades", "Executions; an order may need several."),
        ("refusals", "Refusals", "count", "Trades", "Orders that risk or the account turned down."),
        ("fees", "Fees", "money", "Trades", "Everything paid to the venue."),
        ("initial_equity", "Starting money", "money", "Run", "What the account held before the first event."),
        ("start", "Start", "date", "Run", "The first event."),
        ("end", "End", "date", "Run", "The last event."),
        ("sessions", "Sessions", "count", "Run", "Trading days in the run."),
        ("sessions_per_year", "Sessions a year", "count", "Run", "What a year means in the figures above."),
        ("bars", "Bars", "count", "Run", "Bars, or ticks, that the strategy could hear."),
        ("risk_free", "Risk-free rate", "share", "Run", "A year; subtracted before the Sharpe and Sortino ratios."),
    )
)
LESS_IS_BETTER = frozenset(("volatility", "max_drawdown", "max_drawdown_days", "gross_loss", "refusals", "fees"))
WORDS = {statistic.key: statistic for statistic in STATISTICS}
HEADLINES = ("total_return", "cagr", "sharpe", "max_drawdown", "trades", "final_equity")


def words_for(key: str) -> Statistic:
    """The words for `key`; a figure outside the table gets its own name and no definition."""
    return WORDS.get(key) or Statistic(key, key.replace("_", " ").capitalize(), "ratio", "More", "")


def as_text(key: str, value: Any, currency: str = "") -> str:
    """One figure for people: `0.1234` of a share is `12.34 %`; what is not a number is a dash."""
    unit = words_for(key).unit
    if value is None or (isinstance(value, float) and not isfinite(value)):
        return "∞" if value == float("inf") else "—"
    if not isinstance(value, int | float) or isinstance(value, bool):
        return f"{value:%Y-%m-%d}" if hasattr(value, "strftime") else str(value)
    return _number_text(float(value), unit, currency)


def _number_text(value: float, unit: str, currency: str) -> str:
    """A finite number in its unit."""
    if unit == "share":
        return f"{100.0 * value:,.2f} %"
    if unit == "money":
        return f"{value:,.{money_decimals(currency)}f} {currency}".rstrip()
    if unit == "days":
        return f"{value:,.0f} days"
    if unit == "count" or value.is_integer():
        return f"{value:,.0f}"
    return f"{value:,.3f}"


class Stats(Mapping[str, Any]):
    """Figures by name, in the order of `STATISTICS`; prints as a table.

    `stats["sharpe"]` is the number itself.  Shares are fractions (0.1 is 10 %), times are aware datetimes in UTC.
    """

    def __init__(self, values: Mapping[str, Any], currency: str = "") -> None:
        """Keep the figures; `currency` names the unit of the money among them."""
        self._values = dict(values)
        self.currency = currency

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        known = [key for key in WORDS if key in self._values]
        return iter(known + [key for key in self._values if key not in WORDS])

    def __len__(self) -> int:
        return len(self._values)

    def text(self, key: str) -> str:
        """The figure `key` for people, with its unit; a dash where there is none."""
        return as_text(key, self._values.get(key), self.currency)

    def __str__(self) -> str:
        rows = [(words_for(key).label, self.text(key)) for key in self]
        left = max((len(label) for label, _ in rows), default=0)
        right = max((len(text) for _, text in rows), default=0)
        return "\n".join(f"{label:<{left}}  {text:>{right}}" for label, text in rows)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        """The same table in a notebook."""
        rows = "".join(
            f'<tr><th scope="row" style="text-align:left">{escape(words_for(key).label)}</th>'
            f'<td style="text-align:right">{escape(self.text(key))}</td></tr>'
            for key in self
        )
        return f"<table><tbody>{rows}</tbody></table>"
