"""From a strategy's class to an instance that can be folded: parameters, symbols, artefacts, and code that means one thing.

What comes in: a class, symbols by handle, parameters, artefacts.  What goes out: an instance after its `setup`.
Why it is shaped so: research and live begin with the same instance, and neither may import the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from stratofold.errors import Setup
from stratofold.fold.engine import (
    HEARS_BAR,
    HEARS_BARS,
    HEARS_DEPTH,
    HEARS_FILL,
    HEARS_OBSERVATION,
    HEARS_QUOTE,
    HEARS_TIMER,
    HEARS_TRADE,
)
from stratofold.fold.strategy import Strategy
from stratofold.owning import own, own_model
from stratofold.routing import adopt, route
from stratofold.sharing import refuse_shared

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_HOOKS = {
    "on_bar": HEARS_BAR,
    "on_bars": HEARS_BARS,
    "on_timer": HEARS_TIMER,
    "on_fill": HEARS_FILL,
    "on_observation": HEARS_OBSERVATION,
    "on_quote": HEARS_QUOTE,
    "on_trade": HEARS_TRADE,
    "on_depth": HEARS_DEPTH,
}
_routed: WeakSet[type[Strategy]] = WeakSet()  # walking a strategy's code costs more than a short run


def hooks_of(fold: Strategy) -> int:
    """Which hooks the strategy's class overrides, as a sum of `HEARS_...` flags."""
    return hooks_in(type(fold))


def hooks_in(strategy: type[Strategy]) -> int:
    """As `hooks_of`, of a class."""
    return sum(flag for hook, flag in _HOOKS.items() if getattr(strategy, hook) is not getattr(Strategy, hook))


def build_strategy(
    strategy: type[Strategy],
    symbols: tuple[str, ...],
    parameters: Mapping[str, Any],
    artifacts: Mapping[str, object],
    shelf: Callable[..., list[Any] | None] | None = None,
) -> Strategy:
    """An instance with its parameters, symbols and state made; its code means the same in every execution.

    `shelf` is asked first for what `per_symbol` would make, given its arguments and how many; None leaves it to do so.
    """
    if strategy not in _routed:
        _refuse_misspelt(strategy)
        adopt(strategy, Strategy)
        route(strategy)
        _routed.add(strategy)
    if artifacts:
        route(*artifacts.values())
    fold = strategy()
    declared = strategy.parameters()
    for name, value in parameters.items():
        if name not in declared:
            raise _unknown_parameter(strategy, name, list(declared))
        setattr(fold, name, declared[name].accept(value))
    fold.symbol_count = len(symbols)
    fold._edge_symbols = symbols  # noqa: SLF001  the edge's own attributes
    fold._edge_artifacts = {name: own_model(model) for name, model in artifacts.items()}  # noqa: SLF001
    if shelf is not None:
        fold._edge_shelf = shelf  # noqa: SLF001
    fold.setup()
    own(fold)
    refuse_shared(fold)
    return fold


def _refuse_misspelt(strategy: type[Strategy]) -> None:
    """Raise Setup SF114 for a method that looks like a hook and is none: it would never be called."""
    hooks = [*_HOOKS, "setup"]
    for name in vars(strategy):
        if not name.startswith(("on_", "set")) or name in hooks or not callable(vars(strategy)[name]):
            continue
        near = _near(name, hooks, 0.8)
        if near:
            what = f"{strategy.__name__}.{name} is not a hook, and nothing would call it"
            raise Setup("SF114", what, why=f"the hooks are {', '.join(hooks)}", fix=f"did you mean {near[0]}?")


def _near(name: str, known: Sequence[str], cutoff: float) -> list[str]:
    """The name that was meant, if there is one like it; what finds it is loaded by who has made a mistake."""
    from difflib import get_close_matches  # noqa: PLC0415 -- see above

    return get_close_matches(name, known, n=1, cutoff=cutoff)


def _unknown_parameter(strategy: type[Strategy], name: str, declared: list[str]) -> Setup:
    """The error for a parameter that the strategy does not declare."""
    near = _near(name, declared, 0.6)
    what = f"{strategy.__name__} has no parameter {name!r}"
    why = f"its parameters are {', '.join(declared)}" if declared else "it declares none"
    fix = f"did you mean {near[0]!r}?" if near else f"declare it: {name} = param(...)"
    return Setup("SF100", what, why=why, fix=fix)
