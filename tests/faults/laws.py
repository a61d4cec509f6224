"""The invariants: cheap ones after every event, rebuilds at each crash and the end, quiescence when faults have stopped.

Names are those of the reliability notes: I1 accepted once, I2 positions are the sum of executions, I3 written before sent, I5
the chain and the rebuild, I7 no end without evidence, I11 fills within the order, I13 everything settles.
"""

from functools import lru_cache

from stratofold.adapters.ports import ACCEPTED, CLAIMED, DROPPED, READY, REJECTED, UNKNOWN, Offer
from stratofold.events import DIVIDEND, SPLIT, Action, Bar, Timer
from stratofold.fold.lifecycle import UNSURE
from stratofold.fold.order import TRAILING
from stratofold.live.audit import audit_verify
from stratofold.live.units import elsewhere
from stratofold.live.words import client_id, number_of
from stratofold.wire import event_of, unpack

from .broker import OPEN
from .market import MINUTE
from .strategy import TOTAL
from .world import SECOND

SYMBOLS = ("AAA", "BBB")
CYCLES_MAX = 3
STRICTNESS = ("active", "reducing", "halted")
TIMER_SECONDS = 30  # by when a timer that was due is heard, however the clock was set


@lru_cache(maxsize=1_000)
def name_under(client):
    """What we call the order that the broker knows by an id of ours, whichever replace has made it."""
    return "-".join(client.split("-")[:3])


def name_of(order):
    """What we call a broker's order."""
    return name_under(order["client"])


class Laws:
    """What must always hold of one rig."""

    def __init__(self, rig):
        self.rig = rig
        self.violations = []
        self._seen = 0
        self._waiting = {}  # since when a fill is in the inbox of a process that could hear it

    def broken(self, what):
        """A law does not hold."""
        self.rig.world.touched = True
        if len(self.violations) < 20:
            self.violations.append(f"{self.rig.world.now}: {what}")

    def cheap(self):
        """After every event: only what is new is looked at."""
        accepted = self.rig.broker.accepted
        while self._seen < len(accepted):
            client = accepted[self._seen]
            self._seen += 1
            if accepted.count(client) > 1:
                self.broken(f"I1: {client} was accepted twice")
            message = self.rig.journal.message("sim", client)
            if message is None:
                self.broken(f"I3: {client} is at the venue and was never written down")
            elif message.state == READY:
                self.broken(f"I3: {client} is at the venue and was never claimed")

    def claimed(self, messages, epoch, time):
        """At a claim: nothing that a control forbids, nothing that has expired, nobody but the last writer (I4, I8, I9)."""
        journal = self.rig.journal
        held = {control.name: control.state for control in journal.controls("account")}
        for message in messages:
            if message.state != CLAIMED or message.action == "cancel":
                continue
            state = max((held.get(name, "active") for name in ("sim", message.symbol)), key=STRICTNESS.index)
            if state == "halted" or (state == "reducing" and not message.reduces):
                self.broken(f"I4: {message.key} was claimed while {state}")
            if time is not None and message.expires_at < time:
                self.broken(f"I9: {message.key} was claimed after it had expired")
            if not self.rig.runner.ready and epoch == journal.head("sim").epoch:
                self.broken(f"I10: {message.key} was claimed before the venue was asked")
            if epoch != journal.head("sim").epoch:
                self.broken(f"I8: {message.key} was claimed by a writer that is fenced")

        for message in messages:
            if message.action == "replace" and message.quantity + self._filled_of(message) > self._most(message.symbol):
                self.broken(f"I6: {message.key} makes more of its order than was wanted")
            if message.state == DROPPED and message.action == "cancel" and "expired" not in message.answer:
                self.broken(f"I4: the cancel {message.key} was held back: {message.answer}")

    def _most(self, symbol):
        """What a replace may make of an order at most, in the units of before a split or after it."""
        return TOTAL * self._more(symbol)

    def _more(self, symbol):
        """How many units one unit has become, if more than one."""
        return max(1.0, self.rig.broker.split_by.get(symbol, 1.0))

    def _filled_of(self, message):
        """What the writer knows to be filled of a message's order."""
        orders = self.rig.runner.desk.fold.engine.book.orders
        place = orders.index(number_of("sim", "g1", message.client_id))
        return orders[place].filled if place >= 0 else 0.0

    def taken(self, epoch):
        """At a take: the epoch is above every one before (I8)."""
        if epoch <= self.rig.epoch:
            self.broken(f"I8: epoch {epoch} after {self.rig.epoch}")
        self.rig.epoch = epoch

    def settled(self, key):
        """At an answer: a message never leaves an end, and rejected has evidence: the venue never had it (I7)."""
        message = self.rig.journal.message("sim", key)
        if message is None or message.action != "submit":
            return
        if message.state == REJECTED and message.client_id in self.rig.broker.by_client:
            self.broken(f"I7: {key} is at the venue, and was written down as {message.state}: {message.answer}")
        if self.rig.faults.is_out():
            self.rig.unknown_in_outage += message.state == UNKNOWN
            if message.state == REJECTED and "never arrived" in message.answer:
                self.broken(f"G4: {key} was ended while nobody could be asked")
        if message.state == UNKNOWN and key not in self.rig.journal.reserved("account"):
            order = self.rig.broker.by_client.get(key)
            if order is None or order["status"] in ("new", "partially_filled"):
                self.broken(f"I6: {key} is unknown and reserves nothing")

    def crashed(self):
        """At a crash: the chain, and the state rebuilt, which is returned."""
        self._waiting.clear()
        audit = audit_verify(self.rig.journal)
        if not audit.ok:
            self.broken(f"I5: {audit.findings[0]}")
        whole, quick, wrong = self.rig.rebuilt()
        if wrong:
            self.broken(f"I5: {wrong}")
        if whole.save() != quick.save():
            self.broken("I5: the state rebuilt from every record is not the restored one")
        for order in whole.engine.book.orders:
            if order.filled > order.quantity:
                self.broken(f"I11: order {order.number} is overfilled")
        return quick

    def quiesce(self):
        """When faults have stopped for a while: nothing unknown, nothing under way, positions and cash equal to the unit."""
        rig = self.rig
        fold = self.crashed()
        for state in (UNKNOWN, CLAIMED, READY):
            left = rig.journal.outbox("sim", state)
            if left:
                self.broken(f"I13: {len(left)} messages are {state}: {left[0].key}")
        if rig.journal.inbox("sim"):
            self.broken("I13: the inbox is not empty")
        unsure = [order.number for order in fold.engine.book.orders if order.state == UNSURE]
        if unsure:
            self.broken(f"I13: the book still does not know of {unsure}")
        steps = [(one, unpack(one.body)) for one in rig.journal.records("sim") if one.kind == "event"]
        events = [(one, event_of(step[0])) for one, step in steps]
        self._heard([event for _, event in events])
        self._timed(fold, events)
        self._reserved(fold)
        self._filled([step for _, step in steps])
        if rig.cycles_to_clean is None or rig.cycles_to_clean > CYCLES_MAX:
            self.broken(f"G9: clean after {rig.cycles_to_clean} reconciliations")
        ledger = fold.engine.book.ledger
        for handle, name in enumerate(fold.names):
            held = ledger.holdings[handle].quantity
            if held != rig.broker.positions[name]:
                self.broken(f"I2: {name}: the book holds {held}, the broker {rig.broker.positions[name]}")
            left, beside = elsewhere(rig.journal, "sim", name).quantity, float(rig.broker.beside[name])
            if left != round(beside, 9):
                self.broken(f"I2: {name}: {left} is said to be no book's, and a split has left {beside}")
        if ledger.cash_steps[0] != rig.broker.settled + rig.cost:
            has = f"the broker {rig.broker.cash}, {rig.broker.unpaid} for what a split has left there, and {rig.cost}"
            self.broken(f"I2: the book has {ledger.cash_steps[0]} cents, {has}")
        open_there = {
            one["client"] for one in rig.broker.orders.values() if one["status"] in ("new", "partially_filled")
        }
        if len(open_there) != sum(1 for order in fold.engine.book.orders if order.state != 0):
            self.broken(
                f"I13: open at the broker {sorted(open_there)}, in the book {[o.number for o in fold.engine.book.orders]}"
            )

    def _heard(self, events):
        """Every bar of the market was folded, once and in order (I14)."""
        rig = self.rig
        heard = [event for event in events if isinstance(event, Bar)]
        self._began([event for event in events if isinstance(event, (Action, Bar))])
        told = [(SYMBOLS.index(symbol), start + MINUTE) for symbol, start, *_ in rig.market.bars]
        for handle, name in enumerate(SYMBOLS):
            mine = [event.time for event in heard if event.symbol == handle]
            if (
                mine != [time for symbol, time in told if symbol == handle][: len(mine)]
                or len(mine) < len(told) // 2 - 1
            ):
                self.broken(f"I14: of {name} {len(mine)} bars were heard, {len(told) // 2} were told")

    def _began(self, events):
        """What a session begins with was heard before its bars, each thing once (I14)."""
        midnight = self.rig.market.midnight
        if not midnight:
            return
        first = next((place for place, event in enumerate(events) if event.time > midnight), len(events))
        kinds = [event.kind for event in events[:first] if isinstance(event, Action)]
        if kinds != [SPLIT, DIVIDEND] or any(isinstance(event, Action) for event in events[first:]):
            self.broken(f"I14: before the first bar of the session {kinds} were heard")

    def _timed(self, fold, events):
        """Every timer that was due was heard, once, and none before its time by the clock of who heard it (I14)."""
        book = fold.engine.book
        late = [due for due in book.timer_due[: book.timer_count] if due < self.rig.end - TIMER_SECONDS * SECOND]
        if late:
            self.broken(f"I14: {len(late)} timers were due and not heard")
        heard = 0
        for record, event in events:
            if isinstance(event, Timer) and event.schedule < 0:
                heard += 1
                if event.time > unpack(record.envelope)["wall"]:
                    self.broken(f"I14: a timer of {event.time} was heard before its time")
        if heard + book.timer_count != book.timer_spent:
            self.broken(f"I14: of {book.timer_spent} timers {heard} were heard and {book.timer_count} wait")

    def _filled(self, steps):
        """Order by order, the book has filled what the broker has (I2)."""
        theirs = {}
        for order in self.rig.broker.orders.values():
            theirs[name_of(order)] = theirs.get(name_of(order), 0) + order["executed"]
        replaced = {name_of(order) for order in self.rig.broker.orders.values() if order["replaced_by"]}
        most = {name_of(one): self._more(one["symbol"]) for one in self.rig.broker.orders.values()}
        ours, ended = {}, {}
        for step in steps:
            for row in step[3]:
                name = client_id("sim", "g1", row[1])
                ours[name] = ours.get(name, 0) + row[5]
                if name in ended and name not in replaced:
                    self.broken(f"I2: {name} had ended and then filled")
            ended.update({client_id("sim", "g1", row[0]): row[13] for row in step[4]})
        for name, filled in ended.items():
            if ours.get(name, 0) != theirs.get(name, 0) or filled > ours.get(name, 0) * most.get(name, 1):
                self.broken(f"I2: {name} ended with {ours.get(name, 0)} filled, the broker has {theirs.get(name, 0)}")

    def listened(self):
        """When the venue was asked: no fill waits in the inbox for longer than a message may be unknown (I14)."""
        now = self.rig.world.now
        fills = [one.identity for one in self.rig.journal.inbox("sim") if one.identity.startswith("fill:")]
        self._waiting = {name: self._waiting.get(name, now) for name in fills}
        if min(self._waiting.values(), default=now) < now - self.rig.deaf_seconds * SECOND:
            self.broken(f"I14: {min(self._waiting, key=self._waiting.get)} is not heard")

    def agreed(self, counted):
        """When book and venue have just agreed: no order is open for more than was wanted, unless less was refused (I6).

        They agree of the moment at which the venue `counted` what it holds: what it has filled since then, while the answer
        was on its way, and what nobody has heard of yet, no book can take back (seed 3650: a fill amid a replace).
        """
        broker = self.rig.broker
        if not self.rig.journal.outbox("sim", READY, CLAIMED, UNKNOWN):
            self._counted(self.rig.runner.desk.fold)
            if not self.rig.journal.inbox("sim"):
                self._trailing(self.rig.runner.desk.fold)
        for order in list(broker.working.values()):
            if order["status"] not in OPEN or not order["replaces"] or order.get("cancelling"):
                continue  # an end that the venue has taken and not carried out yet is less than was wanted
            name = name_of(order)
            filled = sum(one["filled"] for one in broker.orders.values() if name_of(one) == name)
            most = filled + order["quantity"] - order["filled"]
            wanted = self._most(order["symbol"])
            if most > wanted and not self._under_way(name) and most - self._unheard(name, counted) > wanted:
                self.broken(f"I6: {order['client']} is open for {most} in all")

    def _unheard(self, name, since):
        """How much of an order the venue has filled since a time (ns) that is neither heard nor in the inbox."""
        fills = [one for one in self.rig.broker.fills if one["time"] > since and name_of(one["order"]) == name]
        offers = {f"fill:{one['order']['id']}:{one['cumulative']}": one["quantity"] for one in fills}
        fresh = self.rig.journal.fresh("sim", [Offer(0, "venue", identity, b"") for identity in offers])
        return sum(offers[one.identity] for one in fresh)

    def _trailing(self, fold):
        """Where the book says that a trailing stop is, there it is, to the cent by which splits are rounded (I6)."""
        book, split_by = fold.engine.book, self.rig.broker.split_by
        if any(book.split_factor(handle) != split_by.get(name, 1) for handle, name in enumerate(fold.names)):
            return  # the broker has split it, and the book hears of that when the session begins
        for order in fold.engine.book.orders:
            name = client_id("sim", "g1", order.number)
            for theirs in self.rig.broker.working.values():
                if order.kind != TRAILING or theirs["status"] not in OPEN or name_of(theirs) != name:
                    continue
                if theirs["stop"] is not None and abs(theirs["stop"] - order.stop * 100.0) > 1.0:
                    self.broken(f"I6: {name} stops at {order.stop} in the book, at {theirs['stop']} at the broker")

    def _under_way(self, name):
        """Whether anything but what the venue has taken was asked of an order."""
        return any(one.client_id == name and one.state != ACCEPTED for one in self.rig.journal.outbox("sim"))

    def _reserved(self, fold):
        """What is reserved is what is open (I6)."""
        self._counted(fold)
        self._trailing(fold)
        open_here = {client_id("sim", "g1", order.number) for order in fold.engine.book.orders}
        for name in self.rig.journal.reserved("account"):
            if name not in open_here:
                self.broken(f"I6: {name} is done, and still reserves")

    def _counted(self, fold):
        """What counts as working is what orders have left (I6)."""
        book = fold.engine.book
        for handle, name in enumerate(fold.names):
            for side, counted in ((1, book.working_buy), (-1, book.working_sell)):
                left = sum(
                    one.remaining for one in book.orders if (one.symbol, one.side) == (handle, side) and one.state
                )
                if counted[handle] != left:
                    self.broken(f"I6: {counted[handle]} of {name} counts as working, and orders have {left} left")
