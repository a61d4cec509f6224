"""What a run remembers is its own: objects that outlive it are copied into it, as they were before anything was heard.

What comes in: a strategy whose `setup` is done, models that a run is given.  What goes out: the same strategy, holding
nothing with a state that its class, a module or a function around it holds too; models of the run's own.
Why so: a filter made once beside the class and put on `self` in `setup`, or left on the class, would begin the second
run where the first has ended.  Which names are asked is found once a class, and most classes have none.
"""

from __future__ import annotations

import copy
from array import array
from collections.abc import Mapping
from types import CellType, CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

from stratofold.errors import Setup
from stratofold.fold.costs import Fees, Latency, Slippage
from stratofold.fold.state import fields
from stratofold.fold.strategy import Param, Schedule, Strategy
from stratofold.routing import is_plain, route

if TYPE_CHECKING:
    from collections.abc import Iterator

_NOT_STATE = (int, float, str, bytes, type, FunctionType, ModuleType, Param, Schedule)
Model = TypeVar("Model")
Place = tuple[Mapping[str, Any], str]  # a namespace, and a name in it
_places: WeakKeyDictionary[type[Strategy], tuple[list[Place], list[CellType]]] = WeakKeyDictionary()


def own(fold: Strategy) -> None:
    """Exchange what `fold` shares with anything that outlives it for copies of its own."""
    kind = type(fold)
    known = _known(kind)
    if not known:
        return
    copies = Copies(known)
    for name in dir(kind):
        if name not in vars(fold) and (owned := copies.of(value := getattr(kind, name))) is not value:
            setattr(fold, name, owned)
    copies.exchange(fold)


def own_model(model: object) -> object:
    """A model for one run: a copy of what is the user's, in a list, a tuple or a dict too; anything else as it is.

    Of ours those with a state are made `fresh` where they are asked for; what a library has made hears nothing of a run.
    """
    if type(model) in (list, tuple):
        return type(model)(own_model(each) for each in model)  # type: ignore[attr-defined,call-arg]
    if type(model) is dict:
        return {key: own_model(each) for key, each in model.items()}
    kind = type(model)
    is_users = kind is array or (is_plain(kind) and not kind.__module__.startswith("stratofold."))
    return copied(model) if is_users and not hasattr(model, "fresh") else model


def own_fees(fees: Fees | None) -> Fees:
    """A schedule of the same numbers that has charged nothing yet; of a class of the user's a copy."""
    if fees is None:
        return Fees()
    if type(fees) is not Fees:
        return _own(fees, "fees", "steps", "book")
    tiers = tuple(zip(fees.tier_from, fees.tier_rate, strict=True))
    return Fees(
        per_share=fees.per_share,
        per_value=fees.per_value,
        minimum=fees.minimum,
        maximum_fraction=fees.maximum_fraction,
        maker=fees.maker,
        taker=fees.taker,
        tiers=tiers,
    )


def own_slippage(slippage: Slippage | None) -> Slippage:
    """The same numbers in a model of the run's own, which a seat may write to; of a class of the user's a copy."""
    if slippage is None:
        return Slippage()
    if type(slippage) is not Slippage:
        return _own(slippage, "slippage", "price")
    return Slippage(**{name: getattr(slippage, name) for name in Slippage.__slots__})


def own_latency(latency: Latency | None) -> Latency:
    """The same latencies from their seed on; of a class of the user's a copy."""
    if latency is None:
        return Latency()
    if type(latency) is not Latency:
        return _own(latency, "latency", "draw")
    return Latency(latency.constant, latency.samples, latency.seed_state)


def _own(model: Model, word: str, *verbs: str) -> Model:
    """A copy of a model of the user's, which keeps what it hears; its code means the same in every execution.

    Raises Setup SF118 for what is no model.
    """
    if not all(callable(getattr(model, verb, None)) for verb in verbs):
        like = f"stratofold.{word.capitalize()}"
        fix = f"{word}={like}(...), or an object of a class of your own that derives from {like}"
        raise Setup("SF118", f"{word}={model!r} is no model of {word}", fix=fix)
    route(model)
    own: Model = copied(model)
    return own


def owns_all(kind: type[Strategy]) -> bool:
    """Whether nothing with a state lies outside of a run where a strategy of this class could find it."""
    return not _known(kind)


def _known(kind: type[Strategy]) -> set[int]:
    """What a strategy of this class may share: the ids of objects with a state, as they are now."""
    if kind not in _places:
        _places[kind] = _looked_for(kind)
    places, cells = _places[kind]
    values = [scope.get(name) for scope, name in places] + [_content(cell) for cell in cells]
    return {id(each) for value in values for each in _with_state(value)}


class Copies:
    """Copies of what is known from outside, one of each, whatever holds it."""

    def __init__(self, known: set[int]) -> None:
        """None yet of the objects with these ids."""
        self._known = known
        self._made: dict[int, Any] = {}
        self._seen: set[int] = set()

    def exchange(self, thing: Any) -> None:
        """Put copies in the place of what is known from outside, in `thing` and all that it holds."""
        self._seen.add(id(thing))
        for name in _names(thing):
            value = getattr(thing, name, None)
            owned = self.of(value)
            if owned is not value:
                setattr(thing, name, owned)

    def of(self, value: Any) -> Any:
        """The copy of what is known from outside, a list of copies for a list that holds such; anything else as it is."""
        if type(value) in (list, tuple):
            own = [self.of(each) for each in value]
            return type(value)(own) if any(one is not other for one, other in zip(value, own, strict=True)) else value
        if type(value) is dict:
            owned = {key: self.of(each) for key, each in value.items()}
            return owned if any(owned[key] is not value[key] for key in value) else value
        if id(value) in self._known:
            if id(value) not in self._made:
                self._made[id(value)] = copied(value)
            return self._made[id(value)]
        if id(value) not in self._seen and _is_state(value):
            self.exchange(value)
        return value


def copied(value: Any) -> Any:
    """Another that knows what `value` knows now, and hears for itself; raises Setup SF117 for what has no copy."""
    if hasattr(value, "fresh"):
        return value.fresh()
    try:
        return copy.deepcopy(value)
    except Exception as raised:  # whatever it holds may refuse in its own way: a lock, a file, a session
        name = type(value).__name__
        raise Setup(
            "SF117",
            f"a {name} cannot be copied: {raised}",
            why="each run has one of its own, or it would begin where the run before has ended",
            fix=f"give {name} a method fresh() that returns another; one without a state may return self",
        ) from raised


def _looked_for(kind: type[Strategy]) -> tuple[list[Place], list[CellType]]:
    """Where a state may lie outside of a run: in the class, and under what names its functions look for beyond themselves."""
    places: list[Place] = []
    cells: list[CellType] = []
    for base in kind.__mro__:
        if base is Strategy or not issubclass(base, Strategy):
            continue
        for name, member in vars(base).items():
            if isinstance(member, FunctionType):
                names = {each for code in _codes(member.__code__) for each in code.co_names}
                places += [(member.__globals__, each) for each in names & member.__globals__.keys()]
                cells += [cell for cell in member.__closure__ or () if not isinstance(_content(cell), _NOT_STATE)]
            else:
                places.append((vars(base), name))
    return [(scope, name) for scope, name in places if not isinstance(scope[name], _NOT_STATE)], cells


def _content(cell: CellType) -> Any:
    """What a function around found; None before it has."""
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _codes(code: CodeType) -> Iterator[CodeType]:
    """Code and the code inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _with_state(value: Any) -> Iterator[Any]:
    """The objects with a state in a value: itself, or what a list, tuple or dict holds."""
    if isinstance(value, dict):
        value = [*value.values()]
    if isinstance(value, list | tuple):
        for each in value:
            yield from _with_state(each)
    elif isinstance(value, array) or _is_state(value):
        yield value


def _is_state(value: Any) -> bool:
    """Whether a value is an object with attributes that may change."""
    return value is not None and not isinstance(value, _NOT_STATE) and is_plain(type(value)) and bool(_names(value))


def _names(thing: Any) -> tuple[str, ...]:
    """The names of an object's state; none for what holds none."""
    return fields(thing) if hasattr(thing, "__dict__") or hasattr(type(thing), "__slots__") else ()
