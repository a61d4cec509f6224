"""Forged and replayed requests through the function that is deployed, in the shape that API Gateway gives them: none is taken."""

import base64
import io
import random
from contextlib import redirect_stdout

import pytest

from stratofold.adapters.clock import StandingClock
from stratofold.adapters.embedded.journal import Journal
from stratofold.cloud.functions import webhook
from stratofold.cloud.place import Place
from stratofold.errors import Setup
from stratofold.live.webhook import WINDOW_NS
from tests.unit.live.conftest import entries
from tests.unit.live.test_webhook import BODY, NOW, SECRET, headers, mutated

NAMES = {"STRATOFOLD_STACK": "stack", "STRATOFOLD_BOOK": "momo"}


class Kept:
    """One key, and none that replaces it."""

    def get(self, name):
        if name != "webhook":
            raise Setup("SF821", f"there is no secret {name}", fix="put it there")
        return SECRET.decode()


@pytest.fixture
def place(tmp_path):
    made = Place(NAMES, clock=StandingClock(NOW))
    made.journal, made.secrets = Journal(tmp_path / "journal.db"), Kept()
    made.journal.create("momo", "paper", "g1", entries(1))
    yield made
    made.journal.close()


def event_of(sent, body, chance):
    """A request as API Gateway hands it over: names as the sender wrote them, a body that is text or said to be base64."""
    named = {(name.upper() if chance.random() < 0.5 else name): value for name, value in sent.items()}
    event = {"httpMethod": "POST", "path": "/webhook", "headers": named, "requestContext": {}}
    try:
        text = body.decode()
    except UnicodeDecodeError:
        text = ""
    if text.encode() == body and chance.random() < 0.5:
        return {**event, "body": text, "isBase64Encoded": False}
    return {**event, "body": base64.b64encode(body).decode(), "isBase64Encoded": True}


def asked(place, event):
    with redirect_stdout(io.StringIO()):
        return webhook.respond(place, event, lambda: 10_000)["statusCode"]


def attack(place, count, seed):
    """The statuses of forged requests and, one in ten, of the genuine one sent again, in its window and long after."""
    chance = random.Random(seed)
    genuine = event_of(headers(), BODY, chance)
    assert asked(place, genuine) == 202
    statuses = set()
    for number in range(count):
        place.clock.time = NOW
        if number % 20 == 0:
            place.clock.time = NOW + 2 * WINDOW_NS
            statuses.add(("late", asked(place, genuine)))
        elif number % 10 == 0:
            statuses.add(("again", asked(place, event_of(headers(), BODY, chance))))
        else:
            statuses.add(("forged", asked(place, event_of(*mutated(chance), chance))))
    return statuses


NONE_TAKEN = {("late", 401), ("again", 200), ("forged", 401)}


@pytest.mark.parametrize("count", [2_000, pytest.param(1_000_000, marks=pytest.mark.nightly)])
def test_of_forged_and_replayed_requests_none_is_taken(place, count):
    assert attack(place, count, seed=count) == NONE_TAKEN
    assert [offer.identity for offer in place.journal.inbox("momo")] == ["fill:v-17:10"]


def test_a_key_that_is_known_would_be_found(place):
    """The control: who signs with the key is let in, and the attack above would say so."""
    other = BODY.replace(b"v-17", b"v-18")
    assert asked(place, event_of(headers(other), other, random.Random(1))) == 202
