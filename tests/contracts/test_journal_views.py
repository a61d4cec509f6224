"""Two connections to one file answer as one journal alone does, whatever is done through which of them.

What a process remembers of the file (heads of books, the account's reservations and controls) must never be older than the
file: each sequence of random acts is done through two connections in turn and through one journal in memory.
"""

from contextlib import closing
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as some

from stratofold.adapters.embedded.journal import Journal
from stratofold.adapters.ports import ACCEPTED, ACTIVE, HALTED, REDUCING, REJECTED, UNKNOWN, AccountLimits, Settlement
from stratofold.errors import Error
from tests.contracts.journals import FAST, NOW, TWINS, control, entry, message, offer

BOOKS = ("B", "C")
book = some.sampled_from(BOOKS)
number = some.integers(1, 6)
recent = some.integers(1, 3)
state = some.sampled_from([ACCEPTED, REJECTED, UNKNOWN])
scope = some.sampled_from([("account", "paper"), ("book", "B"), ("symbol", "SPY"), ("symbol", "*")])
price = some.sampled_from([99.0, 100.0, float("nan")])
exposure = some.sampled_from([0.0, 100.0, 0.1, 333.33, 700.0])

ACTS = some.one_of(
    some.tuples(some.just("append"), book, some.sampled_from([1, -1]), price, exposure, some.booleans()),
    some.tuples(some.just("hear"), book, recent, state, number),
    some.tuples(some.just("claim"), book, recent),
    some.tuples(some.just("settle"), book, recent, state),
    some.tuples(some.just("release"), book, recent, exposure),
    some.tuples(some.just("control"), scope, some.sampled_from([ACTIVE, REDUCING, HALTED])),
    some.tuples(some.just("limit"), some.sampled_from([0.0, 500.0, 1_000.0]), some.booleans()),
    some.tuples(some.just("note"), book),
    some.tuples(some.just("take"), book),
    some.tuples(some.just("offer"), book, number),
    some.tuples(some.just("nonce")),
)


def opened(path, busy_seconds=1.0):
    return closing(Journal(path, busy_seconds=busy_seconds))


def begin(journal):
    for name in BOOKS:
        journal.create(name, "paper", "12"[BOOKS.index(name)], [entry(name)])
        journal.take(name, "test", NOW)
    journal.limit("paper", AccountLimits(1_000.0, 4, 800.0, 1_000))


def act(journal, epochs, verb, *given):
    """Do one thing; what came of it, errors too."""
    try:
        return repr(DO[verb](journal, epochs, *given))
    except Error as error:
        return error.code


def last(journal, name, back):
    """The key of a book's last message, or of one some way back; of none when there are fewer."""
    return ["none", *(each.key for each in journal.outbox(name))][-back:][0]


def append(journal, epochs, name, side, at, reserves, at_once):
    new = message(
        f"{name}-1-{len(journal.outbox(name))}", side=side, price=at, exposure=reserves, reduces=reserves == 0.0
    )
    waiting = [each.number for each in journal.inbox(name)]
    return journal.append(
        name, epochs[name], journal.head(name).step, [entry(new.key)], steps=1, messages=[new], handled=waiting,
        claim_at=NOW if at_once else None,
    )  # fmt: skip


DO = {
    "append": append,
    "hear": lambda journal, epochs, name, back, to, one: journal.append(
        name,
        epochs[name],
        journal.head(name).step,
        [entry(to, "answer")],
        steps=1,
        settled=[Settlement(last(journal, name, back), to, to, [offer(f"{one + 1}")])],
        heard=journal.fresh(name, [offer(str(one))]),
    ),
    "claim": lambda journal, epochs, name, back: journal.claim(name, epochs[name], [last(journal, name, back)], NOW),
    "settle": lambda journal, _, name, back, to: journal.settle(
        name, last(journal, name, back), to, to, [entry(to, "answer")], [offer(f"{last(journal, name, back)} {to}")]
    ),
    "release": lambda journal, _, name, back, left: journal.release("paper", last(journal, name, back), left),
    "control": lambda journal, _, where, to: journal.control("paper", control(*where, to)),
    "limit": lambda journal, _, most, same: journal.limit("paper", AccountLimits(most, 4, most, 99, same)),
    "note": lambda journal, _, name: journal.note(name, [entry("note")]),
    "take": lambda journal, epochs, name: epochs.update({name: journal.take(name, "again", NOW).epoch}),
    "offer": lambda journal, _, name, one: journal.offer(name, [offer(str(one))]),
    "nonce": lambda journal, _: journal.nonce("key"),
}


def told(journal):
    """Everything a reader can see; of the numbers in the inbox only their order, since each kind gives its own."""
    return repr([
        journal.books(), journal.controls("paper"), sorted(journal.reserved("paper").items()),
        [(journal.outbox(name), waiting(journal, name), list(journal.records(name))) for name in BOOKS],
    ])  # fmt: skip


def waiting(journal, name):
    return [(each.source, each.identity, each.body) for each in journal.inbox(name)]


@settings(max_examples=40)
@given(some.lists(some.tuples(some.booleans(), ACTS), min_size=10, max_size=50))
def test_two_connections_are_one_journal(acts):
    with TemporaryDirectory(dir=FAST) as folder:
        path = f"{folder}/journal.db"
        with opened(path) as first, opened(path) as second, opened(":memory:") as alone:
            begin(first)
            begin(alone)
            epochs, others = dict.fromkeys(BOOKS, 1), dict.fromkeys(BOOKS, 1)
            for which, (verb, *given_to_it) in acts:
                journal = first if which else second
                assert act(journal, epochs, verb, *given_to_it) == act(alone, others, verb, *given_to_it)
            assert told(first) == told(second) == told(alone)


@settings(max_examples=40)
@given(some.lists(some.tuples(some.sampled_from([0, 1, 2]), ACTS), min_size=10, max_size=50))
def test_three_functions_of_the_cloud_are_one_embedded_journal(acts):
    with opened(":memory:") as alone:
        first = TWINS["tables"]()
        functions = [first, first.beside(), first.beside()]
        begin(first)
        begin(alone)
        epochs, others = dict.fromkeys(BOOKS, 1), dict.fromkeys(BOOKS, 1)
        for which, (verb, *given_to_it) in acts:
            assert act(functions[which], epochs, verb, *given_to_it) == act(alone, others, verb, *given_to_it)
        assert [told(one) for one in functions] == [told(alone)] * 3
