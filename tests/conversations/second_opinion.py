"""What ccxt makes of a server's answers: run by the nightly tests in an environment that has ccxt, which the others need not.

`python second_opinion.py VENUE URL SYMBOL BASE QUOTE` asks the server at URL for candles and trades with ccxt's own client, and
writes what it understood as JSON: {"bars": [[ms, open, high, low, close, volume]], "trades": [{...}]}.
"""

import json
import sys

import ccxt

ADDRESSES = {
    "binance": lambda url: {"public": f"{url}/api/v3", "v1": f"{url}/api/v1"},
    "coinbase": lambda url: {"rest": url},
}


def main(venue: str, url: str, symbol: str, base: str, quote: str) -> None:
    """Ask as a user of ccxt does; only the addresses, and the market that nobody need look up, are ours."""
    exchange = getattr(ccxt, venue)()
    exchange.urls["api"].update(ADDRESSES[venue](url))
    name = f"{base}/{quote}"
    exchange.set_markets([
        exchange.safe_market_structure({
            "id": symbol, "symbol": name, "base": base, "quote": quote, "baseId": base, "quoteId": quote, "type": "spot",
            "spot": True, "active": True, "contract": False, "precision": {"amount": 1e-8, "price": 0.01},
        })
    ])  # fmt: skip
    since = int(sys.stdin.read())
    bars = exchange.fetch_ohlcv(name, "1m", since=since, limit=2)
    trades = exchange.fetch_trades(name, since=since, limit=2, params={"until": since + 86_400_000})
    kept = ("id", "timestamp", "price", "amount", "side")
    json.dump({"bars": bars, "trades": [{word: trade[word] for word in kept} for trade in trades]}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
