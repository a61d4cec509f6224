"""A function's place between invocations: keys that were replaced are the venue's from then on."""

import pytest

from stratofold.adapters.aws.secrets import KEEP_SECONDS, Secrets
from stratofold.adapters.clock import StandingClock
from stratofold.cloud import place as places
from stratofold.cloud.functions import decide
from stratofold.cloud.place import Place
from stratofold.cloud.venue import KEY, SECRET, Venue
from stratofold.errors import Stop
from stratofold.live.manifest import code_hash
from stratofold.strategies import Crossover

NAMES = {
    "STRATOFOLD_STACK": "stack", "STRATOFOLD_BROKER_URL": "https://broker", "STRATOFOLD_DATA_URL": "https://data",
}  # fmt: skip


class Store:
    """Parameter Store's two operations, counted."""

    def __init__(self, **held):
        self.held, self.asked = {f"/stack/{name}": value for name, value in held.items()}, 0

    def json(self, service, operation, given):
        assert (service, operation) == ("ssm", "GetParameter")
        self.asked += 1
        return {"Parameter": {"Value": self.held[given["Name"]]}}


@pytest.fixture
def store():
    return Store(**{KEY: "key one", SECRET: "secret one"})


@pytest.fixture
def kept(store):
    """Secrets whose clock a test moves."""
    kept = Secrets(store, "ssm:/stack/", monotonic=lambda: kept.now)
    kept.now = 0.0
    return kept


def test_a_warm_environment_sends_with_the_new_key_once_it_has_forgotten_the_old_one(store, kept):
    venue = Venue(NAMES, kept, StandingClock(0))
    first = venue.broker
    assert venue.access.headers["APCA-API-KEY-ID"] == "key one"
    store.held[f"/stack/{KEY}"] = "key two"
    kept.now = KEEP_SECONDS - 1.0
    assert venue.broker is first
    kept.now = KEEP_SECONDS + 1.0
    assert venue.broker is not first
    assert venue.access.headers["APCA-API-KEY-ID"] == "key two"
    kept.now = 3 * KEEP_SECONDS
    assert venue.broker is venue.broker  # the same keys, read again, are no reason for another one


class Context:
    """What AWS tells of an invocation."""

    def get_remaining_time_in_millis(self):
        return 1_000


@pytest.mark.parametrize(("code", "asked"), [("SF870", 2), ("SF874", 1)])
def test_keys_that_were_refused_are_asked_for_anew_by_the_next_invocation(monkeypatch, store, kept, code, asked):
    place = Place(NAMES)
    place.secrets = kept
    monkeypatch.setattr(places, "_here", [place])

    def respond(place, event, remaining_ms):
        place.secrets.get(KEY)
        raise Stop(code, "no", fix="none")

    for _ in range(2):
        with pytest.raises(Stop):
            places.invoke("reconcile", respond, {}, Context())
    assert store.asked == asked


def test_decide_says_which_code_it_holds_and_asks_nobody():
    place = Place(NAMES)
    place.strategy = Crossover
    assert decide.respond(place, {"trigger": "code"}, lambda: 0) == {"code": code_hash(Crossover)}
    assert "client" not in vars(place)
