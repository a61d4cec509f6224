"""Every shipped strategy with the same costs, beside buying and holding the same symbols."""

import stratofold
from stratofold import strategies

costs = {"fees": stratofold.Fees(per_share=0.005, minimum=1.0), "slippage": stratofold.Slippage(proportional=0.0001)}
print(f"{'strategy':18} {'on':12} {'growth a year':>13} {'buy and hold':>13} {'drawdown':>9} {'trades':>7} {'fees':>9}")
for name, symbols in {
    "BuyAndHold": ("SPY",),
    "Crossover": ("SPY",),
    "RsiMeanReversion": ("SPY",),
    "Pairs": ("GOOG", "GOOGL"),
    "DonchianBreakout": ("us14",),
    "Momentum": ("us14",),
}.items():
    data = stratofold.sample(*symbols)
    stats = stratofold.backtest(getattr(strategies, name), data, **costs).stats
    held = stratofold.backtest(strategies.BuyAndHold, data, **costs).stats
    print(
        f"{name:18} {','.join(symbols):12} {stats['cagr']:13.2%} {held['cagr']:13.2%}"
        f" {stats['max_drawdown']:9.2%} {stats['trades']:7.0f} {stats['fees']:9,.2f}"
    )
