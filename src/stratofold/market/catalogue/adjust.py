"""Raw prices as they would have been quoted after later splits and dividends, as of a day.

What comes in: raw bars of one symbol and its actions.
What goes out: the same bars with prices and volumes multiplied by factors.
Why it is shaped so: what is kept is raw, and an adjusted price is an opinion of a day: it changes with the next dividend.
So it is worked out when it is read, from the actions known by a stated day, and is never written down.

    split of r new for one old      prices before it / r, volumes * r
    dividend of D a share           prices before it * (1 - D / C), C the raw close before it   (CRSP's factor to adjust prices)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stratofold.errors import Setup
from stratofold.events import DIVIDEND, SPLIT

if TYPE_CHECKING:
    from stratofold.market.data import Actions, Columns, Floats

RAW, SPLITS, ALL = "raw", "splits", "all"


def check(mode: str) -> str:
    """The way of adjusting by its name; raises Setup SFC12 for one that is not known."""
    if mode not in (RAW, SPLITS, ALL):
        raise Setup(
            "SFC12", f"prices cannot be adjusted by {mode!r}", fix='use "raw", "splits" or "all" (splits and dividends)'
        )
    return mode


def adjusted(bars: Columns, actions: Actions, mode: str, until_ns: int | None) -> Columns:
    """Bars of one symbol adjusted by its own actions that took effect before `until_ns` (None: by all there are)."""
    price, volume = np.ones(len(bars.time)), np.ones(len(bars.time))
    for time, kind, value in zip(actions.time, actions.kind, actions.value, strict=True):
        if until_ns is not None and time >= until_ns:
            continue
        before = int(bars.time.searchsorted(time, side="right"))  # a bar complete at the open is of the session before
        if kind == SPLIT:
            price[:before] /= value
            volume[:before] *= value
        elif kind == DIVIDEND and mode == ALL and before:
            price[:before] *= 1.0 - value / bars.close[before - 1]
    open_, high, low, close = (_times(column, price) for column in (bars.open, bars.high, bars.low, bars.close))
    return bars._replace(open=open_, high=high, low=low, close=close, volume=bars.volume * volume)


def _times(column: Floats, factor: Floats) -> Floats:
    product: Floats = column * factor
    return product
