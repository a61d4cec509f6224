"""Forged and replayed requests through the handler that AWS calls, in the shape that API Gateway gives them: none is taken."""

import base64
import io
import random
from collections import Counter
from contextlib import redirect_stdout

import pytest

from stratofold.adapters.clock import StandingClock
from stratofold.adapters.embedded.journal import Journal
from stratofold.cloud import place as places
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


class Unhurried:
    """What AWS tells of an invocation."""

    def get_remaining_time_in_millis(self):
        return 10_000


@pytest.fixture
def place(tmp_path, monkeypatch):
    """This process's own place, as the handler finds it."""
    made = Place(NAMES, clock=StandingClock(NOW))
    made.journal, made.secrets = Journal(tmp_path / "journal.db"), Kept()
    made.journal.create("momo", "paper", "g1", entries(1))
    monkeypatch.setattr(places, "_here", [made])
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


def asked(event):
    return webhook.handler(event, Unhurried())["statusCode"]


def attack(place, count, seed):
    """The statuses of forged requests and, one in ten, of the genuine one sent again, in its window and long after."""
    chance = random.Random(seed)
    genuine = event_of(headers(), BODY, chance)
    assert asked(genuine) == 202
    answers = Counter()
    for number in range(count):
        place.clock.time = NOW
        if number % 20 == 0:
            place.clock.time = NOW + 2 * WINDOW_NS
            answers["late", asked(genuine)] += 1
        elif number % 10 == 0:
            answers["again", asked(event_of(headers(), BODY, chance))] += 1
        else:
            answers["forged", asked(event_of(*mutated(chance), chance))] += 1
    return answers


EIGHTH = 125_000  # a million in eight parts: each ends within its time on a busy machine, and two run at once
PARTS = [(2_000, 0), *(pytest.param(EIGHTH, part, marks=pytest.mark.nightly) for part in range(1, 9))]


@pytest.mark.parametrize(("count", "part"), PARTS)
def test_of_forged_and_replayed_requests_none_is_taken(place, count, part):
    with redirect_stdout(io.StringIO()) as log:
        answers = attack(place, count, seed=part)
    assert answers == {("late", 401): count // 20, ("again", 200): count // 20, ("forged", 401): count - count // 10}
    assert [offer.identity for offer in place.journal.inbox("momo")] == ["fill:v-17:10"]
    assert SECRET.decode() not in log.getvalue()


def test_a_key_that_is_known_would_be_found(place):
    """The control: who signs with the key is let in, and the attack above would say so."""
    other = BODY.replace(b"v-17", b"v-18")
    assert asked(event_of(headers(other), other, random.Random(1))) == 202
