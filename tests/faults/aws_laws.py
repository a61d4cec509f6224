"""What must be so when a day on simulated AWS is over, of the product and of the control alike.

What comes in: a `Stack` that has run.  What goes out: the laws that do not hold, in words; none where all do.
"""

import json

from stratofold.adapters.ports import ACCEPTED, CLAIMED, READY, REJECTED, UNKNOWN
from stratofold.events import Bar
from stratofold.live.audit import audit_verify
from stratofold.live.desk import restore_fold
from stratofold.live.steps import event_in

from .aws_stack import BARS, BOOK, HOLDER, Steady


def broken(stack, *, bars=BARS):
    """Every law of the product's stack; `bars` is how many of the day's bars it must have heard."""
    found = []
    journal = stack.journal()
    fold = restore_fold(journal, BOOK, Steady)
    heard = [event_in(one.body) for one in journal.records(BOOK) if one.kind == "event"]
    times = [event.time for event in heard if isinstance(event, Bar)]
    told = [bar.time for bar in stack.bars[:bars] if bar.time not in put_aside(stack)]
    bars = len(told)
    if times != told:
        found.append(f"bars heard: {len(times)}, told: {bars}, in order: {times == sorted(times)}")
    held = fold.engine.book.ledger.holdings[0].quantity
    if held != stack.broker.positions["AAA"]:
        found.append(f"the book holds {held}, the broker {stack.broker.positions['AAA']}")
    if fold.engine.book.ledger.cash_steps[0] != stack.broker.cash:
        found.append(f"the book has {fold.engine.book.ledger.cash_steps[0]} cents, the broker {stack.broker.cash}")
    for state in (READY, CLAIMED, UNKNOWN):
        left = journal.outbox(BOOK, state)
        if left:
            found.append(f"{len(left)} messages are {state} for ever: {left[0].key}")
    if journal.inbox(BOOK):
        found.append(f"{len(journal.inbox(BOOK))} facts wait for ever")
    found += [f"the chain: {finding}" for finding in audit_verify(journal).findings[:1]]
    whole = restore_fold(journal, BOOK, Steady, use_snapshot=False)
    if whole.save() != fold.save():
        found.append("the state rebuilt from every record is not the restored one")
    found += _messages(stack, journal, bars)
    if journal.head(BOOK).holder == HOLDER and fold.engine.book.orders:
        found.append(f"{len(list(fold.engine.book.orders))} orders work for ever")
    return found


def put_aside(stack):
    """The times of bars that lie whole among the dead letters, for a person: they are not lost."""
    return {json.loads(letter.body).get("time") for letter in stack.queue.dead if "AAA" in letter.body}


def _messages(stack, journal, bars):
    """Each decision became one order at the venue, or a refusal with a reason, and never both."""
    found = []
    accepted = stack.broker.accepted
    messages = {message.key: message for message in journal.outbox(BOOK)}
    if len(messages) != bars:
        found.append(f"{len(messages)} messages for {bars} bars")
    if len(set(accepted)) != len(accepted):
        found.append("an order was accepted twice")
    strangers = [name for name in accepted if name not in messages]
    if strangers:
        found.append(f"at the venue and never written down: {strangers[:3]}")
    for key, message in messages.items():
        if (message.state == ACCEPTED) != (key in stack.broker.by_client):
            found.append(
                f"{key} is {message.state}, and {'is' if key in stack.broker.by_client else 'is not'} at the venue"
            )
        if message.state == REJECTED and not message.answer:
            found.append(f"{key} was refused without a reason")
    if not stack.weather.refuses and len(accepted) != bars:
        found.append(f"{len(accepted)} orders at the venue for {bars} bars")
    return found


def at_the_broker(stack, bars=BARS):
    """What the broker alone shows: ten a bar, in one order each, and no more."""
    found = []
    accepted = stack.broker.accepted
    if len(set(accepted)) != len(accepted):
        found.append("an order was accepted twice")
    if len(accepted) != bars:
        found.append(f"{len(accepted)} orders at the venue for {bars} bars")
    if stack.broker.positions["AAA"] != 10 * bars:
        found.append(f"{stack.broker.positions['AAA']} units at the venue for {bars} bars")
    return found


def broken_naive(stack, *, bars=BARS):
    """The same of the control, which keeps its bars and its position in two items."""
    found = at_the_broker(stack, bars)
    state = stack.table.items.get(("naive", "state"), {"bars": {"S": "[]"}})
    times = json.loads(state["bars"]["S"])
    if len(times) != bars or times != sorted(set(times)):
        found.append(f"bars heard: {len(times)}, told: {bars}, in order: {times == sorted(set(times))}")
    held = int(stack.table.items.get(("naive", "position"), {"quantity": {"N": "0"}})["quantity"]["N"])
    if held != stack.broker.positions["AAA"]:
        found.append(f"the bot holds {held}, the broker {stack.broker.positions['AAA']}")
    return found
