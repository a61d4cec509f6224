"""The chain is the sentence in docs/live.md, and no byte of a record can move unseen."""

from hashlib import sha256

import pytest

from stratofold.chain import GENESIS, link

RECORD = (GENESIS, 1, "event", b"body", b"envelope")
VALUE = link(*RECORD)


def test_the_chain_is_the_sentence_in_the_documentation():
    # Written out once more, part by part, so that a change of the rule is a change of this test.
    said = sha256()
    said.update(bytes(32))
    said.update((1).to_bytes(8, "big"))
    said.update((5).to_bytes(2, "big") + b"event")
    said.update((4).to_bytes(8, "big") + b"body")
    said.update(sha256(b"envelope").digest())
    assert said.digest() == VALUE


@pytest.mark.parametrize(
    "other",
    [
        (b"\x01" + GENESIS[1:], 1, "event", b"body", b"envelope"),
        (GENESIS, 2, "event", b"body", b"envelope"),
        (GENESIS, 1, "events", b"body", b"envelope"),
        (GENESIS, 1, "even", b"tbody", b"envelope"),
        (GENESIS, 1, "event", b"bodye", b"nvelope"),
        (GENESIS, 1, "event", b"bodyenvelope", b""),
        (GENESIS, 1, "event", b"body", b"envelop"),
        (GENESIS, 1, "", b"eventbody", b"envelope"),
    ],
    ids=["previous", "sequence", "kind", "kind to body", "body to envelope", "all body", "envelope", "no kind"],
)
def test_what_differs_in_any_part_has_another_chain(other):
    assert link(*other) != VALUE
