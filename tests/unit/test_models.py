"""Models: agreement with scikit-learn and a network in NumPy, refusals, hashes, and one last bit in machine code."""

import ctypes
import math
import random
import struct
from array import array

import pytest

from stratofold import Strategy, kernel, sample
from stratofold.errors import Setup
from stratofold.fold.state import save
from stratofold.models import Linear, Recurrent, TreeEnsemble, content_hash
from stratofold.research.execute import carry, drive, rest
from stratofold.research.prepare import Options, prepare

STUMP = {
    "feature": [0, -1, -1],
    "threshold": [1.5, 0, 0],
    "left": [1, 0, 0],
    "right": [2, 0, 0],
    "value": [0, -1, 1],
    "roots": [0],
}
# A network of two units over one feature, small enough for a hand calculation.
SMALL = {
    "input_weights": [[0.5], [-0.25], [0.1], [0.2], [1.0], [-1.0]],
    "hidden_weights": [[0.1, 0.2], [0.3, -0.1], [0.0, 0.4], [-0.2, 0.1], [0.5, 0.5], [-0.3, 0.2]],
    "input_bias": [0.0, 0.1, -0.1, 0.2, 0.0, 0.05],
    "hidden_bias": [0.02, 0.0, 0.1, -0.1, 0.3, -0.2],
    "output_weights": [1.5, -2.0],
    "output_intercept": 0.25,
}


def doubles(*values):
    """An array of doubles."""
    return array("d", values)


def test_a_linear_model_by_hand():
    """2 * 3 - 4 * 0.5 + 1 is 5."""
    assert Linear([2.0, -4.0], 1.0).predict(doubles(3.0, 0.5)) == 5.0
    assert Linear([0.0], 0.0, link="logistic").predict(doubles(7.0)) == 0.5
    assert math.isnan(Linear([1.0]).predict(doubles(math.nan)))


def test_a_stump_by_hand():
    """At most the threshold goes left; with strict only below it; NaN as told."""
    assert [TreeEnsemble(**STUMP).predict(doubles(x)) for x in (1.0, 1.5, 2.0, math.nan)] == [-1.0, -1.0, 1.0, 1.0]
    assert TreeEnsemble(**STUMP, strict=True).predict(doubles(1.5)) == 1.0
    assert TreeEnsemble(**STUMP, missing_left=[1, 0, 0]).predict(doubles(math.nan)) == -1.0
    assert TreeEnsemble(**{**STUMP, "roots": [0, 0, 1]}, base=10.0).predict(doubles(2.0)) == 11.0
    assert TreeEnsemble(**{**STUMP, "roots": [0, 1]}, base=10.0, averaged=True).predict(doubles(2.0)) == 10.0


def numpy_network(numpy, weights, state, features):
    """One step of the same network in NumPy."""
    rows = len(state)
    inputs = numpy.reshape(weights["input_weights"], (3 * rows, -1)) @ features + weights["input_bias"]
    hidden = numpy.reshape(weights["hidden_weights"], (3 * rows, rows)) @ state + weights["hidden_bias"]
    reset = 1 / (1 + numpy.exp(-(inputs[:rows] + hidden[:rows])))
    keep = 1 / (1 + numpy.exp(-(inputs[rows : 2 * rows] + hidden[rows : 2 * rows])))
    new = numpy.tanh(inputs[2 * rows :] + reset * hidden[2 * rows :])
    state = (1 - keep) * new + keep * state
    return state, weights["output_weights"] @ state + weights["output_intercept"]


@pytest.mark.parametrize(("inputs", "units"), [(1, 1), (3, 4), (8, 16)])
def test_the_network_is_numpys(inputs, units):
    """A hundred steps of random networks, to 1e-12."""
    numpy = pytest.importorskip("numpy")
    chance = numpy.random.default_rng(units)
    weights = {
        "input_weights": chance.normal(size=(3 * units, inputs)),
        "hidden_weights": chance.normal(size=(3 * units, units)) / units**0.5,
        "input_bias": chance.normal(size=3 * units),
        "hidden_bias": chance.normal(size=3 * units),
        "output_weights": chance.normal(size=units),
        "output_intercept": 0.5,
    }
    network, state = Recurrent(**weights), numpy.zeros(units)
    for _ in range(100):
        features = chance.normal(size=inputs)
        state, expected = numpy_network(numpy, weights, state, features)
        assert network.update(array("d", features)) == pytest.approx(expected, abs=1e-12)


def test_a_network_forgets_and_passes_over_nan():
    """`reset` empties the state, `fresh` makes another network, NaN changes nothing."""
    network = Recurrent(**SMALL)
    first = network.update(doubles(0.7))
    second = network.update(doubles(0.7))
    assert first != second == network.value
    assert math.isnan(network.update(doubles(math.nan)))
    assert network.value == second
    other = network.fresh()
    assert other.update(doubles(0.7)) == first
    network.reset()
    assert network.update(doubles(0.7)) == first
    assert other.state == network.state is not other.state


def test_scikit_learns_linear_models():
    """Least squares and logistic regression."""
    numpy = pytest.importorskip("numpy")
    linear_model = pytest.importorskip("sklearn.linear_model", reason="scikit-learn, the oracle, is not installed")
    chance = numpy.random.default_rng(1)
    features = chance.normal(size=(300, 6))
    target = features @ chance.normal(size=6) + chance.normal(size=300)
    line = linear_model.LinearRegression().fit(features, target)
    odds = linear_model.LogisticRegression().fit(features, target > 0)
    ours_line, ours_odds = Linear(line.coef_, line.intercept_), Linear(odds.coef_, odds.intercept_[0], link="logistic")
    for row, expected, chances in zip(
        features, line.predict(features), odds.predict_proba(features)[:, 1], strict=True
    ):
        assert ours_line.predict(array("d", row)) == pytest.approx(expected, abs=1e-12)
        assert ours_odds.predict(array("d", row)) == pytest.approx(chances, abs=1e-12)


def flattened(trees, worth):
    """The arrays of an ensemble out of scikit-learn's trees, `worth` of each node's value."""
    rows = {"feature": [], "threshold": [], "left": [], "right": [], "value": [], "roots": []}
    for tree in trees:
        start = len(rows["feature"])
        leaf = tree.children_left < 0
        rows["roots"].append(start)
        rows["feature"] += [-1 if end else int(number) for end, number in zip(leaf, tree.feature, strict=True)]
        rows["threshold"] += tree.threshold.tolist()
        rows["left"] += (tree.children_left + start).tolist()
        rows["right"] += (tree.children_right + start).tolist()
        rows["value"] += [worth * value for value in tree.value.ravel().tolist()]
    return rows


@pytest.mark.parametrize("kind", ["boosted", "classes", "forest"])
def test_scikit_learns_trees(kind):
    """Gradient boosting of numbers and of classes, and a random forest."""
    numpy = pytest.importorskip("numpy")
    ensemble = pytest.importorskip("sklearn.ensemble", reason="scikit-learn, the oracle, is not installed")
    chance = numpy.random.default_rng(2)
    features = chance.normal(size=(400, 5)).astype("float32")
    target = numpy.sin(features[:, 0]) + features[:, 1] * features[:, 2] + chance.normal(size=400) / 10
    if kind == "forest":
        model = ensemble.RandomForestRegressor(20, max_depth=6, random_state=1).fit(features, target)
        ours = TreeEnsemble(**flattened([tree.tree_ for tree in model.estimators_], 1.0), averaged=True)
        expected = model.predict(features)
    elif kind == "boosted":
        model = ensemble.GradientBoostingRegressor(n_estimators=30, random_state=1).fit(features, target)
        trees = [tree.tree_ for tree in model.estimators_[:, 0]]
        ours = TreeEnsemble(**flattened(trees, model.learning_rate), base=model.init_.constant_[0, 0])
        expected = model.predict(features)
    else:
        model = ensemble.GradientBoostingClassifier(n_estimators=30, random_state=1).fit(features, target > 0)
        share = model.init_.class_prior_[1]
        trees = [tree.tree_ for tree in model.estimators_[:, 0]]
        base = math.log(share / (1 - share))
        ours = TreeEnsemble(**flattened(trees, model.learning_rate), base=base, link="logistic")
        expected = model.predict_proba(features)[:, 1]
    for row, value in zip(features, expected, strict=True):
        assert ours.predict(array("d", row)) == pytest.approx(value, abs=1e-12)


# what is asked for | what the message says
REFUSED = (
    (lambda: Linear([1.0, math.nan]), "weights[1] is nan"),
    (lambda: Linear(["1.0"]), "weights[0] is '1.0'"),
    (lambda: Linear([1.0], link="probit"), "link is 'probit'"),
    (lambda: TreeEnsemble(**{**STUMP, "left": [0, 0, 0]}), "node 0 leads to 0 and 2 of 3 nodes"),
    (lambda: TreeEnsemble(**{**STUMP, "right": [3, 0, 0]}), "node 0 leads to 1 and 3 of 3 nodes"),
    (lambda: TreeEnsemble(**{**STUMP, "roots": [3]}), "roots names no node"),
    (lambda: TreeEnsemble(**{**STUMP, "roots": []}), "roots names no node"),
    (lambda: TreeEnsemble(**{**STUMP, "value": [1.0]}), "value 1"),
    (lambda: TreeEnsemble(**{**STUMP, "feature": [0.5, -1, -1]}), "feature[0] is 0.5"),
    (lambda: Recurrent(**{**SMALL, "hidden_bias": [0.0]}), "hidden_bias has 1 numbers, not 6"),
    (lambda: Recurrent(**{**SMALL, "output_weights": []}), "Recurrent"),
)


@pytest.mark.parametrize(("build", "says"), REFUSED, ids=[row[1] for row in REFUSED])
def test_what_cannot_be_a_model_is_refused(build, says):
    """The message names the array and the element, and what to do."""
    with pytest.raises(Setup) as caught:
        build()
    assert caught.value.code == "SF401"
    assert says in str(caught.value)
    assert caught.value.fix


@pytest.mark.parametrize(
    "model", [Linear([1.0, 2.0]), TreeEnsemble(**STUMP), Recurrent(**SMALL)], ids=lambda model: type(model).__name__
)
def test_another_number_of_features_is_an_error(model):
    """Never a prediction from half the features."""
    with pytest.raises(ValueError, match="another number of features"):
        (model.update if isinstance(model, Recurrent) else model.predict)(doubles())


def test_the_hash_pins_the_weights_and_nothing_else():
    """Equal weights, equal hash, in any spelling; one bit or the link changes it; what a network remembers does not."""
    known = content_hash(Linear([1.0, -2.0], 0.5))
    assert (
        known
        == content_hash(Linear((1, -2), 0.5))
        == "f164e699df2aa26044b47f4ca10217536235bde15c6f1482089f141927ee4474"
    )
    others = [Linear([1.0, -2.0000000000000004], 0.5), Linear([1.0, -2.0], 0.5, link="logistic"), Linear([1.0], -2.0)]
    assert len({known, *map(content_hash, others)}) == 4
    network = Recurrent(**SMALL)
    before = content_hash(network)
    network.update(doubles(0.7))
    assert content_hash(network) == before == content_hash(network.fresh())
    assert content_hash(TreeEnsemble(**STUMP)) != content_hash(TreeEnsemble(**STUMP, strict=True))


class Blend:
    """A user's own model: a plain class of numbers, arrays and models."""

    def __init__(self, share):
        self.share = share
        self.parts = [Linear([1.0]), Linear([2.0])]
        self.seen = array("q", [1, 2])


def test_a_users_own_model_has_a_hash():
    """Every attribute counts; text does not go."""
    assert content_hash(Blend(0.5)) == content_hash(Blend(0.5)) != content_hash(Blend(0.25))
    model = Blend(0.5)
    model.note = "text"
    with pytest.raises(Setup, match=r"Blend\.note is a str"):
        content_hash(model)


def bits(value):
    """The bytes of a double."""
    return struct.pack("<d", value)


class Desk:
    """One of each model, what they are asked and what they answer."""

    def __init__(self):
        self.line = Linear([0.3, -2.0, 0.7], 0.1)
        self.odds = Linear([0.3, -2.0, 0.7], 0.1, link="logistic")
        self.trees = TreeEnsemble(**STUMP, base=0.5, missing_left=[1, 0, 0])
        self.forest = TreeEnsemble(**{**STUMP, "roots": [0, 0]}, averaged=True, strict=True, link="logistic")
        self.network = Recurrent(**SMALL)
        self.features = doubles(0.0, 0.0, 0.0)
        self.first = doubles(0.0)
        self.answers = doubles(0.0, 0.0, 0.0, 0.0, 0.0)


def ask(desk: Desk) -> int:
    """Every model's answer to the desk's features."""
    desk.answers[0] = desk.line.predict(desk.features)
    desk.answers[1] = desk.odds.predict(desk.features)
    desk.answers[2] = desk.trees.predict(desk.features)
    desk.answers[3] = desk.forest.predict(desk.features)
    desk.first[0] = desk.features[0]
    desk.answers[4] = desk.network.update(desk.first)
    return 0


def machine_code(desk):
    """`ask` as machine code over `desk`."""
    from stratofold.kernel import emit, kinds, loader
    from stratofold.kernel.layout import Survey
    from stratofold.kernel.packing import Packer
    from stratofold.kernel.unit import compile_text

    survey = Survey([desk], set(), set())
    text, unit = compile_text(ask, survey, (kinds.ObjectKind(survey.roots[0]),), name="run")
    function = loader.load(emit.emit([text], "run")).function(ctypes.c_int32, [ctypes.c_void_p, ctypes.c_void_p])
    packer, result = Packer(survey.roots, unit.stored, unit.loaded), ctypes.c_int64()

    def run():
        block, addresses = packer.pack([desk])
        assert function(ctypes.addressof(result), addresses[0]) == 0
        packer.unpack([desk], block, addresses)

    return run


def test_machine_code_gives_the_same_bits():
    """All models over the same features, NaN and huge ones included, with the network's state."""
    pytest.importorskip("llvmlite", reason="the compiler is not installed")
    chance = random.Random(1)
    plain, desk = Desk(), Desk()
    run = machine_code(desk)
    for _ in range(500):
        features = [
            chance.gauss(0, 1) if chance.random() < 0.9 else chance.choice((math.nan, 1.5, 0.0, 1e300))
            for _ in range(3)
        ]
        plain.features[:] = desk.features[:] = array("d", features)
        ask(plain)
        run()
        assert desk.answers.tobytes() == plain.answers.tobytes(), features
        assert desk.network.state.tobytes() == plain.network.state.tobytes(), features


def test_nested_flat_and_numpy_weights_are_one_model():
    """How the weights are written does not matter."""
    numpy = pytest.importorskip("numpy")
    flat = {name: numpy.ravel(value) if name != "output_intercept" else value for name, value in SMALL.items()}
    chance = random.Random(4)
    nested, ravelled = Recurrent(**SMALL), Recurrent(**flat)
    for _ in range(50):
        features = doubles(chance.gauss(0, 1))
        assert bits(nested.update(features)) == bits(ravelled.update(features))


class Asking(Strategy):
    """Holds what a linear model, trees and a network of each symbol agree on."""

    def setup(self):
        self.odds = self.artifact("odds")
        self.trees = self.artifact("trees")
        self.networks = self.per_symbol(self.artifact("network").fresh)
        self.features = doubles(0.0, 0.0)
        self.first = doubles(0.0)

    def on_bar(self, bar, book):
        self.features[0] = 100.0 * (bar.close / bar.open - 1.0)
        self.features[1] = 100.0 * (bar.high - bar.low) / bar.close
        self.first[0] = self.features[0]
        score = self.odds.predict(self.features) + self.trees.predict(self.features)
        score += self.networks[bar.symbol].update(self.first) ** 2
        book.target_weight(bar.symbol, 0.4 if score > 0.6 else 0.0)


def test_a_strategy_with_models_ends_in_the_same_bytes_in_all_executions(tmp_path):
    """Interpreted, compiled and frozen; the artifacts are read and never written."""
    pytest.importorskip("llvmlite", reason="the compiler is not installed")
    trees = {
        "feature": [1, -1, 0, -1, -1],
        "threshold": [2.0, 0, 0.1, 0, 0],
        "left": [1, 0, 3, 0, 0],
        "right": [2, 0, 4, 0, 0],
    }
    artifacts = {
        "odds": Linear([-0.4, 0.1], 0.1, link="logistic"),
        "trees": TreeEnsemble(**trees, value=[0, 0.1, 0, -0.2, 0.2], roots=[0], missing_left=[0, 0, 1, 0, 0]),
        "network": Recurrent(**SMALL),
    }
    hashes, remembered = [content_hash(model) for model in artifacts.values()], bytes(artifacts["network"].state)
    market = sample("SPY", "AAPL", start="2014-01-02", end="2015-05-29")
    plain, machine, thawed = (prepare(Asking, market, Options(artifacts=artifacts), {}) for _ in range(3))
    rest(plain.engine, plain.strategy, plain.feed, plain.events)
    expected = save(plain.engine) + save(plain.strategy)
    assert plain.engine.logs.fills.count > 50
    drive(machine.engine, machine.strategy, machine.feed, machine.events)
    assert save(machine.engine) + save(machine.strategy) == expected
    path = kernel.freeze(thawed.engine, thawed.strategy, thawed.feed, tmp_path / "asking")
    program = kernel.load(path).bind(thawed.engine, thawed.strategy, thawed.feed)
    carry(thawed.engine, thawed.strategy, thawed.feed, thawed.events, program)
    assert save(thawed.engine) + save(thawed.strategy) == expected
    assert [content_hash(model) for model in artifacts.values()] == hashes
    assert bytes(artifacts["network"].state) == remembered
