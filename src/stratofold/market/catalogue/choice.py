"""Which series answer a question: one source and one span, stated or the only ones there are.

What comes in: every series of a catalogue, and what was stated.
What goes out: the series by symbol, or an error that lists the choice.
Why it is shaped so: the bars of two vendors differ, so a backtest that mixed them unseen would be of neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stratofold.errors import Setup
from stratofold.market.catalogue.kinds import kind_of
from stratofold.market.spelling import unknown_symbol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stratofold.market.catalogue.layout import Series


def chosen_series(
    series: Iterable[Series], kind: str, source: str | None, span: str | None, place: str
) -> tuple[str, str, dict[str, Series]]:
    """Source, span and series by symbol of a kind; raises Setup SFC11 where none or more than one would answer."""
    kind_of(kind)
    of_kind = [one for one in series if one.kind == kind]
    found = [one for one in of_kind if source in (None, one.source) and span in (None, one.span)]
    choices = sorted({(one.source, one.span) for one in found})
    if len(choices) == 1:
        return *choices[0], {one.symbol: one for one in found}
    all_choices = sorted({(one.source, one.span) for one in of_kind})
    listed = ", ".join("/".join(filter(None, one)) for one in choices or all_choices) or f"no {kind} at all"
    asked = "/".join(filter(None, (source, span)))
    what = (
        f"more than one source has {kind}" if choices else f"no {kind} {f'of {asked}' if asked else 'in the catalogue'}"
    )
    fix = "import some first: stratofold data import"
    if all_choices:
        one, length = (choices or all_choices)[0]
        options = f"--source {one} --span {length}" if length else f"--source {one}"
        stated = f'source="{one}", span="{length}"' if length else f'source="{one}"'
        fix = f"name one: {options}, CATALOGUE#{'/'.join(filter(None, (one, length)))}, or choose({stated})"
    raise Setup("SFC11", what, place=place, why=f"there are {listed}", fix=fix)


def missing(symbol: str, there: Mapping[str, Series], place: str) -> Setup:
    """The error for a symbol that the catalogue does not have."""
    return unknown_symbol(symbol, sorted(there), place)
