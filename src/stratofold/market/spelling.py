"""Which column is which, whatever it is called, and the nearest name to one that is not there.

What comes in: the names of a table's columns.
What goes out: a mapping from our words to theirs, and a line of what was understood.
Why it is shaped so: a table of spellings is data that a reader can check; anything cleverer would guess.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from stratofold.errors import Setup

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# Spellings in order of preference, compared in lower case with everything but letters and digits removed.
SPELLINGS = {
    "time": (
        "time", "timestamp", "ts", "datetime", "date", "dt", "timeutc", "timestamputc", "datetimeutc", "closetime", "opentime",
        "tsevent", "eventtime", "tradedate", "tradingday", "day", "t", "epoch", "unix", "unixtime", "index", "unnamed0", "",
    ),
    "symbol": ("symbol", "ticker", "sym", "asset", "instrument", "code", "security", "secid", "name", "s"),
    "open": ("open", "o", "openprice", "priceopen", "pxopen", "firstprice"),
    "high": ("high", "h", "highprice", "pricehigh", "pxhigh"),
    "low": ("low", "l", "lowprice", "pricelow", "pxlow"),
    "close": ("close", "c", "closeprice", "priceclose", "pxclose", "pxlast", "lastprice", "last", "adjclose", "adjustedclose", "closeadj"),
    "volume": ("volume", "v", "vol", "qty", "size", "volumetraded", "tradedvolume", "sharevolume", "basevolume"),
}  # fmt: skip

ADJUSTED = ("adjclose", "adjustedclose", "closeadj")
PRICES = ("open", "high", "low", "close")


def plain(name: object) -> str:
    """A name without case, blanks and punctuation."""
    return "".join(letter for letter in str(name).lower() if letter.isalnum())


def recognise(names: Sequence[object]) -> dict[str, int]:
    """Our word to the position of the column that carries it; what is absent is absent here too."""
    positions: dict[str, int] = {}
    for position, name in enumerate(names):
        positions.setdefault(plain(name), position)
    found = {}
    for word, spellings in SPELLINGS.items():
        for spelling in spellings:
            if spelling in positions:
                found[word] = positions[spelling]
                break
    return found


def mapping_note(names: Sequence[object], found: dict[str, int]) -> str:
    """What was renamed, as one line; empty if every column has our own name."""
    renamed = [f"{names[position]} as {word}" for word, position in found.items() if names[position] != word]
    return "columns read: " + ", ".join(renamed) if renamed else ""


def missing_column(source: str, names: Sequence[object], missing: list[str]) -> Setup:
    """The error for columns that are not there, with the likeliest one to rename."""
    by_plain = {plain(name): name for name in names}
    near = {word: get_close_matches(word, by_plain, n=1, cutoff=0.6) for word in missing}
    guesses = [f"{by_plain[match[0]]!r} to {word!r}" for word, match in near.items() if match]
    if guesses:
        fix = f"did you mean it? rename {' and '.join(guesses)}"
    elif set(missing) <= {"open", "high", "low"} and "close" in (plain(name) for name in names):
        fix = "with closes only, say that each bar is its close: add open, high and low as copies of close"
    else:
        fix = f"add {'it' if len(missing) == 1 else 'them'}, or rename the column that holds {'it' if len(missing) == 1 else 'them'}"
    return Setup(
        "SF201",
        f"no column for {', '.join(missing)}",
        place=source,
        why=f"the columns are {', '.join(str(name) for name in names)}",
        fix=fix,
    )


def row_text(source: str, row: int) -> str:
    """A row as an error names it; of a CSV file with a heading also the line that an editor shows."""
    return f"row {row} (line {row + 2})" if is_text_file(source) else f"row {row}"


def is_text_file(source: str) -> bool:
    """Whether a table came from a file that has lines."""
    return source.lower().endswith(".csv")


def unknown_symbol(symbol: str, symbols: Iterable[str], place: str = "") -> Setup:
    """The error for a symbol that the data do not have."""
    known = list(symbols)
    folded = {name.upper(): name for name in known}
    near = get_close_matches(str(symbol).upper(), folded, n=1, cutoff=0.5)
    shown = ", ".join(known[:12]) + (f" and {len(known) - 12} more" if len(known) > 12 else "")
    return Setup(
        "SF209",
        f"the symbol {symbol!r} is not in the data",
        place=place,
        why=f"the symbols are {shown}",
        fix=f"did you mean {folded[near[0]]!r}?" if near else "ask for one of them",
    )
