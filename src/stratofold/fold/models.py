"""Fitted models as arrays: a linear score, a tree ensemble and a small recurrent network.

What comes in: weights once, then the features of each moment as an array of doubles.
What goes out: one double a moment, the same to the last bit in all three executions.
Why it is shaped so: a model is data, not a library.  Training happens elsewhere; what trading needs is a loop over
numbers that a live function can start in a millisecond and a kernel can hold.  The weights are an artifact: given to
the run, hashed into its record (`stratofold.models.content_hash`) and never written to.  Sums run in the order of
the arrays, and what is not a sum comes from `fold/maths`.

The constructors check shapes and numbers once, in plain Python; `predict`, `update` and `reset` are in the compilable
subset.
"""

from array import array
from math import isfinite, nan
from typing import Any

from stratofold.errors import Setup
from stratofold.fold.maths import sigmoid, tanh

_LINKS = ("identity", "logistic")


def _refuse(model: str, what: str, why: str, fix: str) -> Setup:
    """The error for a model that cannot be built."""
    return Setup("SF401", f"{model}: {what}", place=model, why=why, fix=fix)


def _flat(values: Any) -> list[Any]:
    """Numbers out of nested sequences or arrays of any shape, row by row."""
    if hasattr(values, "tolist"):
        values = values.tolist()
    if not isinstance(values, (list, tuple, array)):
        return [values]
    return [number for value in values for number in _flat(value)]


def _doubles(values: Any, name: str, model: str) -> "array[float]":
    """`values` as an array of finite doubles; raises `Setup` SF401 for anything else."""
    flat = _flat(values)
    for index, value in enumerate(flat):
        if isinstance(value, (str, bool)) or not hasattr(value, "__float__") or not isfinite(value):
            what = f"{name}[{index}] is {value!r}, and must be a finite number"
            raise _refuse(model, what, "every prediction would be wrong", f"pass finite numbers as {name}")
    return array("d", flat)


def _wholes(values: Any, name: str, model: str) -> "array[int]":
    """`values` as an array of whole numbers; raises `Setup` SF401 for anything else."""
    flat = _flat(values)
    for index, value in enumerate(flat):
        if not hasattr(value, "__index__"):
            what = f"{name}[{index}] is {value!r}, and must be a whole number"
            raise _refuse(model, what, "it counts or points", f"pass whole numbers as {name}")
    return array("q", flat)


def _logistic(link: str, model: str) -> bool:
    """Whether the link is the logistic function; raises `Setup` SF401 for an unknown one."""
    if link not in _LINKS:
        what = f"link is {link!r}, and must be 'identity' or 'logistic'"
        raise _refuse(model, what, "it turns the score into the prediction", "use 'logistic' for a probability")
    return link == "logistic"


def _same_length(model: str, **parts: "array[Any]") -> None:
    """Raise unless all arrays are equally long."""
    lengths = {name: len(part) for name, part in parts.items()}
    if len(set(lengths.values())) != 1:
        told = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise _refuse(
            model, f"the arrays have different lengths: {told}", "they are read side by side", "make them equal"
        )


class Linear:
    """A weighted sum of the features plus an intercept, or its logistic function.

    `weights` has one number a feature; `link` is "identity" (a regression) or "logistic" (a probability from 0 to 1).
    The sum runs over the features in order and the intercept is added last.  A NaN among the features gives NaN.
    """

    CONTENT = ("weights", "intercept", "logistic")

    def __init__(self, weights: Any, intercept: float = 0.0, link: str = "identity") -> None:
        """A model of these weights; raises `Setup` SF401 where one is not a finite number or the link is unknown."""
        self.weights: array[float] = _doubles(weights, "weights", "Linear")
        self.intercept: float = _doubles(intercept, "intercept", "Linear")[0]
        self.logistic: bool = _logistic(link, "Linear")

    def predict(self, features: "array[float]") -> float:
        """The score or probability of these features; raises ValueError when their number is not that of the weights."""
        if len(features) != len(self.weights):
            raise ValueError("the model has another number of features")
        score = 0.0
        for index in range(len(self.weights)):
            score += self.weights[index] * features[index]
        score += self.intercept
        return sigmoid(score) if self.logistic else score


class TreeEnsemble:
    """A sum or mean of binary decision trees: gradient boosting, a random forest.

    All trees lie in one set of arrays, one element a node.  Node `i` is a leaf worth `value[i]` where `feature[i]` is
    -1; else features[feature[i]] is compared with `threshold[i]` and the walk goes on at node `left[i]` or `right[i]`,
    which lie after `i`.  A feature at most the threshold goes left (scikit-learn, LightGBM); with `strict` only one
    below it does (XGBoost).  NaN goes left where `missing_left[i]` is 1, else right.  `roots` has the first node of
    each tree.  The result is `base` plus the leaves in order of `roots` (a learning rate belongs into the leaves);
    with `averaged`, `base` plus their mean.  Then the link, as in `Linear`.

    scikit-learn compares features rounded to single precision: round yours likewise to walk the same way.
    """

    CONTENT = (
        "feature", "threshold", "left", "right", "value", "roots", "missing_left", "base", "averaged", "strict", "logistic",
    )  # fmt: skip

    def __init__(
        self,
        feature: Any,
        threshold: Any,
        left: Any,
        right: Any,
        value: Any,
        roots: Any,
        base: float = 0.0,
        *,
        missing_left: Any = None,
        averaged: bool = False,
        strict: bool = False,
        link: str = "identity",
    ) -> None:
        """An ensemble of these nodes; raises `Setup` SF401 where the arrays do not make trees."""
        name = "TreeEnsemble"
        self.feature: array[int] = _wholes(feature, "feature", name)
        self.threshold: array[float] = _doubles(threshold, "threshold", name)
        self.left: array[int] = _wholes(left, "left", name)
        self.right: array[int] = _wholes(right, "right", name)
        self.value: array[float] = _doubles(value, "value", name)
        self.roots: array[int] = _wholes(roots, "roots", name)
        self.missing_left: array[int] = (
            array("q", bytes(8 * len(self.feature)))
            if missing_left is None
            else _wholes(missing_left, "missing_left", name)
        )
        self.base: float = _doubles(base, "base", name)[0]
        self.averaged: bool = bool(averaged)
        self.strict: bool = bool(strict)
        self.logistic: bool = _logistic(link, name)
        self.feature_count: int = max(self.feature, default=-1) + 1
        self._check()

    def _check(self) -> None:
        """Raise unless every walk from a root ends at a leaf."""
        name = "TreeEnsemble"
        nodes = len(self.feature)
        _same_length(
            name, feature=self.feature, threshold=self.threshold, left=self.left, right=self.right, value=self.value,
            missing_left=self.missing_left,
        )  # fmt: skip
        if not self.roots or any(not 0 <= root < nodes for root in self.roots):
            fix = "pass the number of each tree's first node as roots"
            raise _refuse(name, "roots names no node, or one that is not there", "each tree starts at its root", fix)
        for node in range(nodes):
            if self.feature[node] >= 0 and not (node < self.left[node] < nodes and node < self.right[node] < nodes):
                what = f"node {node} leads to {self.left[node]} and {self.right[node]} of {nodes} nodes"
                raise _refuse(name, what, "a walk must go forward to end", "number every node before its children")

    def predict(self, features: "array[float]") -> float:
        """The ensemble's result for these features; raises ValueError when there are fewer than the trees ask for."""
        if len(features) < self.feature_count:
            raise ValueError("the model has another number of features")
        score = 0.0 if self.averaged else self.base
        for root in self.roots:
            score += self.value[self._leaf(root, features)]
        if self.averaged:
            score = self.base + score / len(self.roots)
        return sigmoid(score) if self.logistic else score

    def _leaf(self, node: int, features: "array[float]") -> int:
        """The leaf that the features reach from `node`."""
        while self.feature[node] >= 0:
            value = features[self.feature[node]]
            threshold = self.threshold[node]
            if value != value:
                goes_left = self.missing_left[node] == 1
            elif self.strict:
                goes_left = value < threshold
            else:
                goes_left = value <= threshold
            node = self.left[node] if goes_left else self.right[node]
        return node


class Recurrent:
    """A gated recurrent unit with a linear read-out: what it remembers is its own, the weights are given.

    For features `x` (length I) and state `h` (length H):

        r = sigmoid(W_r x + b_r + U_r h + c_r)
        z = sigmoid(W_z x + b_z + U_z h + c_z)
        n = tanh(W_n x + b_n + r * (U_n h + c_n))
        h = (1 - z) * n + z * h
        result = link(output_weights . h + output_intercept)

    `input_weights` holds W_r, W_z, W_n one below the other (3H rows of I), `hidden_weights` U likewise (3H rows of H),
    `input_bias` b and `hidden_bias` c (3H each): PyTorch's `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`, `bias_hh_l0`.
    Nested or flat, row by row.  Source: Cho et al. 2014; the reset gate after the product, as in cuDNN.
    """

    CONTENT = (
        "input_weights", "hidden_weights", "input_bias", "hidden_bias", "output_weights", "output_intercept", "logistic",
    )  # fmt: skip

    def __init__(
        self,
        input_weights: Any,
        hidden_weights: Any,
        input_bias: Any,
        hidden_bias: Any,
        output_weights: Any,
        output_intercept: float = 0.0,
        link: str = "identity",
    ) -> None:
        """A network of these weights with an empty state; raises `Setup` SF401 where the shapes do not fit."""
        name = "Recurrent"
        self.input_weights: array[float] = _doubles(input_weights, "input_weights", name)
        self.hidden_weights: array[float] = _doubles(hidden_weights, "hidden_weights", name)
        self.input_bias: array[float] = _doubles(input_bias, "input_bias", name)
        self.hidden_bias: array[float] = _doubles(hidden_bias, "hidden_bias", name)
        self.output_weights: array[float] = _doubles(output_weights, "output_weights", name)
        self.output_intercept: float = _doubles(output_intercept, "output_intercept", name)[0]
        self.logistic: bool = _logistic(link, name)
        self.hidden_count: int = len(self.output_weights)
        self.input_count: int = len(self.input_weights) // max(3 * self.hidden_count, 1)
        self.state: array[float] = array("d", bytes(8 * self.hidden_count))
        self._next: array[float] = array("d", bytes(8 * self.hidden_count))
        self._check()

    def _check(self) -> None:
        """Raise unless the arrays have the shapes of one network."""
        rows = 3 * self.hidden_count
        wanted = {
            "input_weights": (len(self.input_weights), rows * self.input_count),
            "hidden_weights": (len(self.hidden_weights), rows * self.hidden_count),
            "input_bias": (len(self.input_bias), rows),
            "hidden_bias": (len(self.hidden_bias), rows),
        }
        wrong = [
            f"{name} has {found} numbers, not {right}" for name, (found, right) in wanted.items() if found != right
        ]
        if wrong or not self.input_count:
            what = "; ".join(wrong) or "there are no weights"
            why = f"output_weights has {self.hidden_count} numbers, so there are {rows} rows of weights"
            raise _refuse(
                "Recurrent", what, why, "pass the three gates' weights one below the other: reset, update, new"
            )

    def reset(self) -> None:
        """Forget everything: the state is zero again."""
        for index in range(self.hidden_count):
            self.state[index] = 0.0

    def fresh(self) -> "Recurrent":
        """A network of the same weights with an empty state of its own, for another run."""
        return Recurrent(
            self.input_weights, self.hidden_weights, self.input_bias, self.hidden_bias, self.output_weights,
            self.output_intercept, _LINKS[self.logistic],
        )  # fmt: skip

    def update(self, features: "array[float]") -> float:
        """Take the next features and return the result; with a NaN among them NaN, and the state stays.

        Raises ValueError when their number is not that of the weights.
        """
        if len(features) != self.input_count:
            raise ValueError("the model has another number of features")
        for index in range(self.input_count):
            if features[index] != features[index]:
                return nan
        for index in range(self.hidden_count):
            self._next[index] = self._unit(index, features)
        for index in range(self.hidden_count):
            self.state[index] = self._next[index]
        return self.value

    @property
    def value(self) -> float:
        """The result for the present state."""
        score = 0.0
        for index in range(self.hidden_count):
            score += self.output_weights[index] * self.state[index]
        score += self.output_intercept
        return sigmoid(score) if self.logistic else score

    def _unit(self, index: int, features: "array[float]") -> float:
        """The next state of one unit."""
        count = self.hidden_count
        reset = sigmoid(self._from_features(index, features) + self._from_state(index))
        keep = sigmoid(self._from_features(count + index, features) + self._from_state(count + index))
        row = 2 * count + index
        new = tanh(self._from_features(row, features) + reset * self._from_state(row))
        return (1.0 - keep) * new + keep * self.state[index]

    def _from_features(self, row: int, features: "array[float]") -> float:
        """One row of the input weights times the features, plus its bias."""
        result = 0.0
        start = row * self.input_count
        for index in range(self.input_count):
            result += self.input_weights[start + index] * features[index]
        return result + self.input_bias[row]

    def _from_state(self, row: int) -> float:
        """One row of the hidden weights times the state, plus its bias."""
        result = 0.0
        start = row * self.hidden_count
        for index in range(self.hidden_count):
            result += self.hidden_weights[start + index] * self.state[index]
        return result + self.hidden_bias[row]
