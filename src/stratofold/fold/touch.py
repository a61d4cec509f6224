"""What the touch says besides its prices: spread, imbalance and microprice.  Each is a function of one quote."""

from math import nan


def spread(bid: float, ask: float) -> float:
    """The offer less the bid; NaN where a side is absent."""
    return ask - bid


def relative_spread(bid: float, ask: float) -> float:
    """The spread over the middle."""
    return (ask - bid) / ((bid + ask) / 2.0)


def imbalance(bid_size: float, ask_size: float) -> float:
    """(bid size - ask size) / their sum, from -1 to 1; NaN where nothing is shown.

    Source: R. Cont, A. Kukanov and S. Stoikov, The Price Impact of Order Book Events (2014).
    """
    shown = bid_size + ask_size
    return (bid_size - ask_size) / shown if shown > 0.0 else nan


def microprice(bid: float, bid_size: float, ask: float, ask_size: float) -> float:
    """The prices weighted by the sizes opposite: near the offer where the bid is the larger.

    NaN where nothing is shown.  Source: J. Gatheral and R. Oomen, Zero-intelligence realized variance estimation (2010).
    """
    shown = bid_size + ask_size
    return (bid * ask_size + ask * bid_size) / shown if shown > 0.0 else nan
