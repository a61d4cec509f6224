# %% [markdown]
# # From an idea to a strategy that one may believe, in ten cells
#
# The idea: a market that fell for some days in a rising trend tends to come back. We write it down, look whether it
# cheats, try variants, and then spend most of the time on the question that matters: how much of it is luck.

# %% [markdown]
# **1. The idea**, as a class. State is made in `setup`, and `on_bar` hears one bar after the other.

# %%
import stratofold
from stratofold import Strategy, param
from stratofold.indicators import RSI, SMA
from stratofold.research import validation


class Dip(Strategy):
    """Buys what is oversold above its long average; sells when it is no longer."""

    days = param(3, low=2, high=30)
    entry = param(25.0, low=1.0, high=50.0)
    leave = param(65.0, low=50.0, high=99.0)
    trend = param(100, low=20, high=300)

    def setup(self):
        self.strength = self.per_symbol(RSI, self.days)
        self.average = self.per_symbol(SMA, self.trend)

    def on_bar(self, bar, book):
        close = bar.close * book.split_factor(bar.symbol)
        strength = self.strength[bar.symbol].update(close)
        average = self.average[bar.symbol].update(close)
        if strength < self.entry and close > average:
            book.target_weight(bar.symbol, 0.95)
        elif strength > self.leave:
            book.target_weight(bar.symbol, 0.0)


# %% [markdown]
# **2. Data, costs and limits.** The years from 2016 on are put away: nobody looks at them before the last cell.

# %%
everything = stratofold.sample("SPY", start="2008-01-01", end="2019-12-31")
seen = everything.subset(end="2015-12-31")
terms = {
    "fees": stratofold.Fees(per_share=0.005, minimum=1.0),
    "slippage": stratofold.Slippage(proportional=0.0002),
    "limits": stratofold.Limits(
        position_max=1e6, order_quantity_max=1e6, order_notional_max=1e6, gross_exposure_max=1e6,
        net_exposure_max=1e6, leverage_max=1.05, price_collar=0.2, orders_per_minute_max=60,
    ),
    "execution": "interpreted",
}  # fmt: skip
print(seen)

# %% [markdown]
# **3. One backtest**, as it was thought of, before any tuning.

# %%
first = stratofold.backtest(Dip, seen, **terms)
print(first)

# %% [markdown]
# **4. Does it cheat?** The future is cut off, and nothing that was done before may move. `stratofold check` looks at
# every event, at restarts and at machine code too.

# %%
short = stratofold.backtest(Dip, seen, end="2010-12-31", **terms)
before = len(short.fills)
assert first.fills.to_polars().head(before).equals(short.fills.to_polars())
print(f"{before} fills until 2010 are the same, whether or not the years after are known")

# %% [markdown]
# **5. Variants**, ranked. Each cell is the backtest with those parameters, to the bit.

# %%
study = stratofold.sweep(Dip, seen, days=[2, 3, 5], entry=[15.0, 30.0], **terms)
print(study)

# %% [markdown]
# **6. A hill or a needle?** A good cell among bad ones is an accident; the share of each parameter says what matters.

# %%
cells = study.table
hill = validation.stability({name: cells[name].to_list() for name in study.varied}, cells["sharpe"].to_list())
print(f"the best cell {hill.best}; with its neighbours {hill.robust}; {hill.kept:.0%} of the best is left around it")
print({share.text: round(share.share, 2) for share in study.importance()})

# %% [markdown]
# **7. Walked forward**: chosen on three years, traded on the next, again and again. Only what was not seen counts.

# %%
walk = stratofold.walk_forward(Dip, seen, train=756, test=378, days=[2, 5], **terms)
print(walk)

# %% [markdown]
# **8. How sure is it?** An interval for the Sharpe ratio, how long a track it takes, and other orders of the trades.

# %%
best = study.result()
returns = best.daily_returns.to_numpy()
year = best.stats["sessions_per_year"] ** 0.5
between = validation.interval(returns, "sharpe", resamples=500)
needed = validation.minimum_track_record(validation.track(returns))
shuffled = validation.trade_order(best.trades["profit"], best.stats["initial_equity"], resamples=500)
print(f"Sharpe {between.value * year:.2f}, with 95 % between {between.low * year:.2f} and {between.high * year:.2f}")
print(f"{needed:,.0f} sessions are needed to call it above 0, and there are {len(returns):,}")
print(
    f"the deepest fall was {shuffled.max_drawdown:.1%}; in another order one of twenty passes {shuffled.quantile(0.95):.1%}"
)

# %% [markdown]
# **9. What could it lose?** Shocks of history on every close's position, and gaps through stops.

# %%
test = best.stress()
print("\n".join(f"{shock.scenario.name:<32}{shock.worst:8.1%}" for shock in test.shocks))
print(f"{test.overnight:.0%} of its losses came overnight, when no stop can act")

# %% [markdown]
# **10. The years nobody has looked at.** Once, and then never again: whoever looks twice has tuned on them.

# %%
chosen = study.parameters_of(study.best)
whole = stratofold.backtest(Dip, everything, start="2015-01-01", **terms, **chosen)  # 2015 warms the averages
unseen = whole.daily_returns["2016-01-01":]
print(f"chosen {chosen}: Sharpe {study.best['sharpe']:.2f} where it was chosen")
print(f"2016 to 2019, unseen: Sharpe {unseen.mean() / unseen.std() * year:.2f}, {(1.0 + unseen).prod() - 1.0:.1%}")
print("pages:", study.report("study.html").name, test.report("stress.html").name)
