# %% [markdown]
# # Momentum over shares, bonds, commodities and Bitcoin, in one book
#
# Five years of daily prices, 2011 to 2015. Parameters are tuned for the Sharpe ratio on the first three years and
# reported on the two that follow. Everything runs offline: funds of shares and oil are in the package's sample, bond
# funds and Bitcoin in `data/` beside this file (`data/SOURCES.md` says where from).
#
# What the data are honest about: prices without dividends, so shares lack some 2 % a year and bond funds 2 to 4 %;
# bond funds have closes only, so their orders are filled at the next close; Bitcoin joins in 2015.

# %%
from array import array
from pathlib import Path

import polars as pl

import stratofold
from stratofold import ETF, Crypto, Strategy, at_close, param
from stratofold.events import SPLIT
from stratofold.indicators import SMA, STDDEV
from stratofold.portfolio import cap_classes

HERE = Path(__file__).parent if "__file__" in globals() else Path()  # a notebook has no file, and runs in its folder
SHARES, BONDS, COMMODITIES, COINS = range(4)
CLASS_OF = {
    "SPY": SHARES, "IWM": SHARES, "EEM": SHARES, "IEF": BONDS, "LQD": BONDS, "TLT": BONDS,
    "USO": COMMODITIES, "BNO": COMMODITIES, "BTCUSD": COINS,
}  # fmt: skip
COLUMNS = ("symbol", "time", "open", "high", "low", "close", "volume")

# %% [markdown]
# ## The universe
#
# New York's funds trade on weekdays until 16:00, Bitcoin always. One book needs one calendar: UTC weekdays (`24/5`).
# Each bar carries the true time of its close, and Bitcoin's weekend belongs to Monday's bar, so nothing is known early.

# %%
listed = stratofold.sample("SPY", "IWM", "EEM", "USO", "BNO", start="2010-10-01", end="2015-12-31")
funds = pl.concat(
    pl.DataFrame({"symbol": name, **listed.of(name)._asdict()}).with_columns(
        pl.from_epoch("time", "ns").dt.replace_time_zone("UTC")
    )
    for name in listed.symbols
).select(COLUMNS)

happened = (
    pl.DataFrame(listed.actions._asdict())
    .filter(kind=SPLIT)
    .select(
        pl.col("symbol").map_elements(lambda handle: listed.symbols[handle], pl.String),
        pl.from_epoch("time", "ns").dt.replace_time_zone("UTC"),
        kind=pl.lit("split"),
        value="value",
    )
)
closes = funds.filter(symbol="SPY").select(date=pl.col("time").dt.date(), time="time")
bonds = (
    pl.read_csv(HERE / "data" / "bond_funds.csv", try_parse_dates=True)
    .unpivot(index="date", variable_name="symbol", value_name="close")
    .join(closes, on="date")
    .with_columns(open="close", high="close", low="close", volume=pl.lit(0.0))
    .select(COLUMNS)
)

day = pl.col("date")
monday_or_itself = day + pl.duration(days=(pl.lit(8) - day.dt.weekday()) % 7 * (day.dt.weekday() > 5))
bitcoin = (
    pl.read_csv(HERE / "data" / "btcusd.csv", try_parse_dates=True)
    .group_by(monday_or_itself.alias("date"), maintain_order=True)
    .agg(pl.first("open"), pl.max("high"), pl.min("low"), pl.last("close"), pl.sum("volume"))
    .with_columns(
        symbol=pl.lit("BTCUSD"),
        time=day.cast(pl.Datetime("ns")).dt.offset_by("1d").dt.replace_time_zone("UTC"),
    )
    .filter(pl.col("time") < pl.datetime(2016, 1, 1, time_zone="UTC"))
    .select(COLUMNS)
)

market = stratofold.read(
    pl.concat([funds, bonds, bitcoin]),
    symbols=list(CLASS_OF),
    instruments=[Crypto(name) if kind == COINS else ETF(name) for name, kind in CLASS_OF.items()],
    actions=happened,
    calendar="24/5",
    stamped="close",
    span="1d",
)
print(market)
print(happened)

# %% [markdown]
# ## The rule
#
# Hold what trends: the fast average above the slow one. Sizes are in inverse proportion to volatility, no class takes
# more than its cap, and a position that closes `stop` below the highest close since it was bought is left and barred
# until its trend has ended. Decisions fall at the session's end, when every close is known.


# %%
class MultiAssetMomentum(Strategy):
    """Trending symbols of four classes, sized by volatility, capped by class, with a trailing stop on the close."""

    schedule = (at_close(),)

    fast = param(20, low=5, high=60)
    slow = param(50, low=20, high=250)
    stop = param(0.10, low=0.01, high=0.5)
    target = param(0.25, low=0.01, high=1.0, doc="of equity in a symbol whose volatility is one per cent a day")

    def setup(self):
        """One set of indicators a symbol, and the caps: 70 % shares, 50 % bonds, 20 % commodities, 5 % Bitcoin."""
        self.fast_average = self.per_symbol(SMA, self.fast)
        self.slow_average = self.per_symbol(SMA, self.slow)
        self.deviation = self.per_symbol(STDDEV, 40)
        self.kinds = array("q", [SHARES]) * self.symbol_count
        for name, kind in CLASS_OF.items():
            self.kinds[self.symbol(name)] = kind
        self.caps = array("d", [0.70, 0.50, 0.20, 0.05])
        self.last = array("d", [0.0]) * self.symbol_count
        self.spread = array("d", [0.0]) * self.symbol_count
        self.trending = array("q", [0]) * self.symbol_count
        self.barred = array("q", [0]) * self.symbol_count
        self.highest = array("d", [0.0]) * self.symbol_count
        self.weight = array("d", [0.0]) * self.symbol_count

    def on_bar(self, bar, book):
        """Follow each symbol, in the units of the first day: a split is no crash."""
        symbol = bar.symbol
        close = bar.close * book.split_factor(symbol)
        fast = self.fast_average[symbol].update(close)
        slow = self.slow_average[symbol].update(close)
        if self.last[symbol] > 0.0:
            self.spread[symbol] = self.deviation[symbol].update(close / self.last[symbol] - 1.0)
        self.last[symbol] = close
        self.trending[symbol] = 1 if fast > slow else 0
        if not fast > slow:
            self.barred[symbol] = 0
        self.highest[symbol] = max(self.highest[symbol], close) if book.position(symbol) > 0.0 else close
        if close < self.highest[symbol] * (1.0 - self.stop):
            self.barred[symbol] = 1

    def on_timer(self, timer, book):
        """The session is over: weights of all symbols at once."""
        for symbol in range(self.symbol_count):
            wished = self.trending[symbol] == 1 and self.barred[symbol] == 0 and self.spread[symbol] > 0.0
            self.weight[symbol] = min(self.target * 0.01 / self.spread[symbol], self.target) if wished else 0.0
        cap_classes(self.weight, self.kinds, self.caps)
        total = 0.0
        for symbol in range(self.symbol_count):
            total += self.weight[symbol]
        for symbol in range(self.symbol_count):
            if self.weight[symbol] > 0.0 or book.position(symbol) > 0.0:
                book.target_weight(symbol, self.weight[symbol] / max(total / 0.98, 1.0), drift=0.2)


# %% [markdown]
# ## Tuned on 2011 to 2013
#
# With what trading costs, and a limit on the book: its money, and no more. Four cells keep this example quick; longer lists,
# and `slow=` beside them, are tried the same way.

# %%
costs = {
    "fees": stratofold.Fees(per_share=0.005, minimum=1.0),
    "slippage": stratofold.Slippage(proportional=0.0005),
    "limits": stratofold.Limits(
        position_max=1e6, order_quantity_max=1e6, order_notional_max=1e6, gross_exposure_max=1e6,
        net_exposure_max=1e6, leverage_max=1.05, price_collar=0.5, orders_per_minute_max=100,
    ),
}  # fmt: skip
study = stratofold.sweep(
    MultiAssetMomentum, market, end="2013-12-31", execution="interpreted", **costs,
    fast=[10, 20], stop=[0.05, 0.10],
)  # fmt: skip
print(study)

# %% [markdown]
# ## Reported on 2014 and 2015
#
# The run begins in 2013, so that averages are warm; only the sessions from 2014 on are counted. Beside the choice
# stands what was there before any tuning: 20 and 50 days.

# %%
chosen = {name: study.best[name] for name in study.varied}


def reported(**parameters):
    """Sharpe ratio a year, growth, deepest fall of the sessions from 2014 on, and the run."""
    run = stratofold.backtest(
        MultiAssetMomentum, market, start="2013-07-01", execution="interpreted", **costs, **parameters
    )
    returns = run.daily_returns["2014-01-01":]
    growth = (1.0 + returns).cumprod()
    fall = (1.0 - growth / growth.cummax()).max()
    return returns.mean() / returns.std() * run.stats["sessions_per_year"] ** 0.5, growth.iloc[-1] - 1.0, fall, run


print(f"{'':<32}{'Sharpe':>8}{'growth':>9}{'deepest fall':>14}")
runs = {}
for name, parameters in {"as declared": {}, "tuned": chosen}.items():
    sharpe, growth, fall, runs[name] = reported(**parameters)
    words = " ".join(f"{key} {value:g}" for key, value in parameters.items())
    print(f"{f'{name} {words}':<32}{sharpe:8.2f}{growth:9.1%}{fall:14.1%}")
print(
    f"the tuned one had {study.best['sharpe']:.2f} where it was tuned; out of sample {sharpe:.2f} is what it was worth"
)

# %% [markdown]
# ## Where the money was, and what it could have lost

# %%
held = runs["tuned"].stress(classes={"IEF": "bond", "LQD": "bond", "TLT": "bond"})
names = ("shares", "bonds", "commodities", "bitcoin")
last = dict(zip(runs["tuned"].positions["symbol"], runs["tuned"].positions["value"], strict=True))
equity = runs["tuned"].stats["final_equity"]
for kind, name in enumerate(names):
    share = sum(value for symbol, value in last.items() if CLASS_OF[symbol] == kind) / equity
    print(f"{name:<12}{share:7.1%} at the end")
print(f"\n{held}")

# %%
print("reports:", study.report("multi_asset_study.html").name, runs["tuned"].report("multi_asset_momentum.html").name)
