"""The bug bank: real failures of other people's systems, made again in our code, for the simulation to catch.

What comes in: nothing.  What goes out: `BUGS`, each with the case it is named after and the one change of our source that
brings it back, and `planted`, which makes the change for a while.
Why it is shaped so: a mutant is text before and text after, so it is read like a patch; one whose text is gone is an error,
so the bank cannot rot.  The function's code is changed where it stands, so every import of it has the bug.

The cases F1 to F28 are those of the reliability notes, with the projects in which they were seen.
"""

import ast
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import reduce
from importlib import import_module
from inspect import getsource, unwrap
from textwrap import dedent

from .strategy import Follows, Trails


@dataclass(frozen=True)
class Bug:
    """One failure: its case, where it was seen, the function, the text before and after, and faults that bring it out."""

    name: str
    case: str
    where: str
    before: str
    after: str
    faults: dict = field(default_factory=dict)


LIVE, ADAPTERS, EMBEDDED = "stratofold.live.", "stratofold.adapters.", "stratofold.adapters.embedded."
SLOW = {"strategy": Follows, "delay": 4.0, "deaf_seconds": 60, "drop": 0.0, "loss": 0.0, "error": 0.0, "crash": 0.0}
QUOTES = {"strategy": Follows, "haste": 0.5}
CRASHY = {"crash": 0.02}
DEAF = {"deaf": 0.5}
NIGHT = {"night": True}

BUGS = (
    Bug(
        "an order is sent again when its answer does not come",
        "F2 catalyst 315, dYdX connector 30, trading-gpt 94",
        ADAPTERS + "brokers.alpaca:AlpacaBroker._send",
        'return Answer(UNKNOWN, "", f"no answer: {error.why}")',
        """try:
                    return await self._calls.send(method, path, body, deadline=deadline, insist=True)
                except NoAnswer:
                    return Answer(UNKNOWN, "", f"no answer: {error.why}")""",
    ),
    Bug(
        "a gateway's error is a refusal",
        "F2 trading-signals 1178",
        ADAPTERS + "brokers.alpaca_translate:_not_taken",
        'return _unsure(answer, f"HTTP {answer.status}")',
        'return _declined(message, answer, "", now)',
    ),
    Bug(
        "no answer is a refusal",
        "F4 nautilus 4958",
        ADAPTERS + "brokers.alpaca:AlpacaBroker._send",
        'return Answer(UNKNOWN, "", f"no answer: {error.why}")',
        "return translate.not_sent(message, error.why, self._clock.now())",
    ),
    Bug(
        "unknown decays to rejected",
        "F4 freqtrade 4403, nautilus RFC 4152",
        LIVE + "reconcile:_unknown",
        "if _took_effect(desk, message, order):",
        "if now - message.expires_at > -80_000_000_000:\n            _resolve(desk, message, REJECTED, order, found, now)\n        elif _took_effect(desk, message, order):",
    ),
    Bug(
        "not found is taken as never there",
        "F5 freqtrade 4403",
        LIVE + "reconcile:_is_settled",
        "return now - message.expires_at >",
        "return True or now - message.expires_at >",
    ),
    Bug(
        "only the list of open orders is asked",
        "F5 nautilus live.md: lists omit what has just closed",
        LIVE + "reconcile:_Orders.sent",
        "shown = await self.broker.order(name, sent=True)",
        "pass",
    ),
    Bug(
        "ids belong to the attempt",
        "F2 Kalshi starter 135, reya-sdk 55",
        LIVE + "words:outgoing",
        "name = client_id(book, generation, number)",
        "name = client_id(book, generation, number + expires_at % 7 * 1_000)",
    ),
    Bug(
        "the kill switch is read before the claim",
        "F19 hummingbot 2534",
        ADAPTERS + "account:verdict",
        "controlled(message, account.name, account.controls, book)",
        '""',
        {"meddle": 0.1},
    ),
    Bug(
        "the kill switch stops cancels too",
        "F19 go-trader 1462: resting orders survive",
        ADAPTERS + "account:controlled",
        'if message.action == "cancel":',
        "if False:",
        {"meddle": 0.5},
    ),
    Bug(
        "the kill switch stops the recorder of fills",
        "F19 Auramaur 408",
        LIVE + "ingest:Ingest.gather",
        "if isinstance(heard.event, Report):",
        'if isinstance(heard.event, Report):\n                if self.state == "halted":\n                    continue',
        {"meddle": 0.1},
    ),
    Bug(
        "what has expired is sent all the same",
        "F22 a cron tick six hours late",
        ADAPTERS + "account:verdict",
        "if time >= message.expires_at:",
        "if time < 0:",
        CRASHY,
    ),
    Bug(
        "the writer's epoch is not asked for",
        "F18 Krypto-bot 325: two deployments",
        EMBEDDED + "places:Places.held",
        "refuse(place.head, epoch, step)",
        "refuse(place.head, place.head.epoch, step)",
    ),
    Bug(
        "who takes a book fences nobody",
        "F18 profit-trailer 328",
        EMBEDDED + "places:Places.take",
        "epoch = epoch + 1",
        "epoch = epoch",
    ),
    Bug(
        "the inbox has no identity",
        "F8 Kinesis: a retry has a new number",
        EMBEDDED + "inbox:Inbox.add",
        "row = (book, offer.source, offer.identity)",
        'row = (book, offer.source, f"{offer.identity}#{self._store.commits}")',
    ),
    Bug(
        "an inferred fill and the real one are two",
        "F9 nautilus 3493",
        ADAPTERS + "brokers.alpaca_translate:_streamed_fill",
        "cumulative = amount(order.filled_qty)",
        "cumulative = amount(order.filled_qty) + 0.5",
    ),
    Bug(
        "fills are a sequence: the last one seen ends the order",
        "F9 nautilus 1001, kuegiBot 2",
        LIVE + "words:_complete",
        "report.kind = FILLED if left <= 0.0 else PARTIAL",
        "pass",
        {"twice": 0.3},
    ),
    Bug(
        "fills are never subtracted from their order",
        "F1 Knight, 1 August 2012",
        "stratofold.fold.step:advance",
        "order.filled = to_grid(order.filled + report.quantity, scale)",
        "pass",
    ),
    Bug(
        "fills come by the stream alone",
        "F15 Lean.Alpaca 28, ibx 113",
        LIVE + "reconcile:_fills",
        "reports = await broker.executions(_from(desk))",
        "reports = []",
        DEAF,
    ),
    Bug(
        "a fill that is listed late is below the mark",
        "F15 tradingview-connector 44",
        LIVE + "reconcile:_from",
        "_since(desk) - _OVERLAP_NS",
        "_since(desk) + 1",
        DEAF,
    ),
    Bug(
        "ends come by the stream alone",
        "F15 bitfinex-api-node 247",
        LIVE + "reconcile:reconcile",
        "await _ends(desk, broker, orders, found, now)",
        "pass",
        DEAF,
    ),
    Bug(
        "an end is heard before the fills it counts",
        "F9 nautilus 3878",
        LIVE + "ingest:Ingest._awaits",
        "return cumulative_of(offer.body) > orders[place].filled - orders[place].carried",
        "return False",
        {"mute": 0.5, "twice": 0.5},
    ),
    Bug(
        "a lost bar is never missed",
        "F8 gdax-multipong 4",
        LIVE + "ingest:Ingest.is_gap",
        "return known < event.time - event.span",
        "return False",
        DEAF,
    ),
    Bug(
        "a bar that comes twice is two",
        "F8 Kinesis: the producer's retry",
        LIVE + "progress:Progress.is_new",
        "event.time > self.bar_until[event.symbol]",
        "event.time >= self.bar_until[event.symbol]",
    ),
    Bug(
        "what a dead process had claimed is nobody's",
        "F13 powertools 1038",
        LIVE + "run:Runner.start",
        "orphans(self.desk.journal, now, self.desk.manifest.book, self._stamp)",
        "pass",
        CRASHY,
    ),
    Bug(
        "in progress means: run it again",
        "F13 powertools 4759, sbtc 390",
        LIVE + "run:Runner.start",
        "orphans(self.desk.journal, now, self.desk.manifest.book, self._stamp)",
        "self._deliver(self.desk.journal.outbox(self.desk.manifest.book, CLAIMED))",
        CRASHY,
    ),
    Bug(
        "what a dead process was doing was refused",
        "F13 hyp3 2721",
        LIVE + "deliver:orphans",
        "Answer(UNKNOWN,",
        "Answer(REJECTED,",
        CRASHY,
    ),
    Bug(
        "an order leaves without a row in the outbox",
        "F2 shobhit727/trade 43: intent after effect",
        EMBEDDED + "journal:Journal._append",
        "self._outbox.add(place, claimed or messages)",
        "pass",
    ),
    Bug(
        "what was heard stays in the inbox",
        "F12 Lambda: the whole batch again",
        EMBEDDED + "journal:Journal._append",
        "self._inbox.handle(place.number, handled)",
        "pass",
    ),
    Bug(
        "a snapshot does not say how far it goes",
        "F24 restart on an old state",
        LIVE + "desk:restore_fold",
        "after = kept[1]",
        "pass",
    ),
    Bug(
        "records of one append hang on the same link",
        "F25 a chain that forks",
        EMBEDDED + "places:Places.extend",
        "chain = link(chain,",
        "chain = link(head.chain,",
    ),
    Bug(
        "unknown orders reserve nothing",
        "F4 nautilus 3879: orders stack",
        EMBEDDED + "journal:Journal._answer",
        "if moved is not None and answer.state == REJECTED and",
        'if moved is not None and answer.state != "accepted" and',
    ),
    Bug(
        "what is done reserves for ever",
        "F11 openfactcheck 43: a counter of its own",
        LIVE + "decide:_done",
        "for row in step.orders]",
        "for row in step.orders[1:]]",
    ),
    Bug(
        "a replace asks for the total again",
        "F9 alpacahq/Alpaca-API 165: the new order counts from 0",
        LIVE + "words:_still_wanted",
        "to_grid(total - order.filled,",
        "to_grid(total - 0.0,",
    ),
    Bug(
        "what a replace made too much of is left at work",
        "F9 alpacahq/Alpaca-API 165: a fill amid the replace",
        LIVE + "excess:take_back",
        "book.change(order, order.wanted, nan, nan)",
        "pass",
    ),
    Bug(
        "what a forerunner fills late counts against its replacement",
        "F9 alpacahq/Alpaca-API 165: fills in another order than they happened",
        LIVE + "excess:is_forerunners",
        "order.venue not in (0, report.source_sequence)",
        "False",
        {"haste": 0.8, "deaf": 0.5},
    ),
    Bug(
        "a refused replace is counted for ever",
        "F11 openfactcheck 43: what never was still reserves",
        "stratofold.fold.step:advance",
        "answered(engine, order, order.quantity)",
        "pass",
        {"haste": 0.8},
    ),
    Bug(
        "a timer is heard when it is set",
        "F22 a cron tick at the wrong hour",
        LIVE + "ingest:Ingest._timers",
        "self.clock.now() - self.timer_grace_ns",
        "None",
    ),
    Bug(
        "what was halted by its symbol may leave",
        "F19 hummingbot 2534: the switch of another scope",
        ADAPTERS + "account:controlled",
        '"symbol": message.symbol',
        '"symbol": ""',
    ),
    Bug(
        "a fact found again has the name of the first",
        "F5 freqtrade 4403: resolved, and nobody heard",
        LIVE + "reconcile:_outcome",
        'f"resolved:{message.key}"',
        'f"unknown:{message.key}"',
        {"drop": 0.3, "haste": 0.5},
    ),
    Bug(
        "what is decided before the venue was asked leaves at once",
        "F13 a process that begins on an old state",
        LIVE + "run:Runner.hear",
        "claim=self.ready",
        "claim=True",
        CRASHY,
    ),
    Bug(
        "a fill is heard before the word on its replace",
        "F9 alpacahq/Alpaca-API 165: of which total it is a part",
        LIVE + "ingest:Ingest._awaits_replace",
        'return (report.kind == FILLED and fact["leaves"] != 0.0) or',
        "return False and",
        QUOTES,
    ),
    Bug(
        "a last fill waits for every replace that has no answer",
        "found here: a quoter that always moves its orders never hears that they have filled",
        LIVE + "ingest:Ingest._awaits_replace",
        'and fact["leaves"] != 0.0',
        "",
        SLOW,
    ),
    Bug(
        "of several replaces whose answer was lost each is taken to have made the order that is there",
        "found here: what was wanted stays reserved for good",
        LIVE + "reconcile:_took_effect",
        "if order.made_by:",
        "if False:",
        QUOTES,
    ),
    Bug(
        "message keys begin anew",
        "F28 SnapStart: cloned uniqueness",
        LIVE + "decide:messages_of",
        "first = fold.steps * 100",
        "first = 0",
    ),
    Bug(
        "what was refused before a crash is told to nobody",
        "F13 zero remaining time",
        LIVE + "run:Runner.start",
        "self.desk.journal.outbox(self.desk.manifest.book, DROPPED)",
        "()",
        {"crash": 0.03, "meddle": 0.1},
    ),
    Bug(
        "a bracket's leg is what was asked of it, before the venue has said so",
        "found here: a ghost leg counts as working when its replace is refused",
        LIVE + "fold:Fold._hear_fill",
        "lent = lend(book, report.number)",
        "lent = []",
    ),
    Bug(
        "a trailing stop is where it was asked to be, before the venue has said so",
        "found here: a refused move leaves the book believing the nearer stop",
        "stratofold.fold.emulated:_move",
        "order.sought_stop = stop",
        "order.stop = stop",
        {"haste": 0.8, "strategy": Trails},
    ),
    Bug(
        "a fill is heard before the split of its day",
        "F20 alpaca-py 469: a fill in new units, an order in old ones",
        LIVE + "ingest:Ingest._awaits_actions",
        "report.time < self.day_until or",
        "True or",
        NIGHT,
    ),
    Bug(
        "a split leaves the stops where they were",
        "F20 alpaca-py 469: five shares sold at the open",
        "stratofold.fold.desk:split_order",
        "order.stop = to_grid(order.stop / ratio, price_scale)",
        "pass",
        NIGHT,
    ),
    Bug(
        "a split leaves the orders as they were",
        "F20 zipline-reloaded 332",
        "stratofold.fold.sparse:split",
        "split_order(order, ratio, contract.lot, contract.quantity_scale, contract.price_scale)",
        "pass",
        NIGHT,
    ),
    Bug(
        "cash in lieu of a fraction is posted, and the fraction kept",
        "F20 zipline-reloaded 332: fractions always in the strategy's favour",
        "stratofold.fold.ledger:Ledger.split",
        "self._hold(self.holdings[symbol], whole)",
        "self._hold(self.holdings[symbol], exact)",
        NIGHT | {"ratio": (1, 10)},
    ),
    Bug(
        "cash in lieu of a fraction is posted twice",
        "F20: cash in lieu explicit",
        "stratofold.fold.ledger:Ledger.split",
        "self.cash_steps[contract.currency] += paid",
        "self.cash_steps[contract.currency] += 2.0 * paid",
        NIGHT | {"ratio": (1, 3)},
    ),
    Bug(
        "a fraction of a unit is rounded to the nearest",
        "F20 zipline-reloaded 332: fractions always in the strategy's favour",
        "stratofold.fold.ledger:Ledger.split",
        "to_lot(exact, contract.lot, contract.quantity_scale)",
        "float(round(exact))",
        NIGHT | {"ratio": (1, 7)},
    ),
    Bug(
        "what a split leaves at the venue is a difference for ever",
        "F20: a book of whole shares beside an account of fractions",
        LIVE + "units:Units.is_fraction",
        "if not self.is_fresh:",
        "if True:",
        NIGHT | {"ratio": (1, 7)},
    ),
    Bug(
        "what a split left is judged by what is held since",
        "found here: sold short after the split, before book and venue were compared",
        LIVE + "reconcile:_position",
        "one.units.traded(reports)",
        "0.0",
        NIGHT | {"ratio": (1, 7), "loss": 0.3},
    ),
    Bug(
        "an account's fraction is adopted into a book of whole units",
        "found here: 2.5 shares are 2, and half a share is missing for ever",
        LIVE + "open:adopt",
        "_lots(desk, symbol, quantity) if",
        "quantity if",
        NIGHT,
    ),
    Bug(
        "a split is heard before the bars of the day before",
        "found here: lost bars came after it, at prices from before it",
        LIVE + "ingest:Ingest.is_gap",
        "self.asked_until < event.time",
        "False",
        NIGHT,
    ),
    Bug(
        "a split or dividend that is asked for twice is two",
        "F8 Kinesis: the producer's retry",
        LIVE + "progress:Progress.is_new",
        "return event.time > self.action_until[event.symbol * ACTION_KINDS + event.kind]",
        "return True",
        NIGHT,
    ),
    Bug(
        "a split is heard before the fills of the day before",
        "F20: a position in old units, when nobody could be asked until the open",
        LIVE + "ingest:Ingest._awaits_fills",
        "if not self.keeps_time:",
        "if True:",
        NIGHT | {"outage_minutes": (3.0, 7.2)},
    ),
)


@contextmanager
def planted(bug):
    """Our code with one bug, for a while."""
    module_name, _, path = bug.where.partition(":")
    module = import_module(module_name)
    function = unwrap(reduce(getattr, path.split("."), module))
    source = getsource(function)
    if bug.before not in source:
        raise LookupError(f"{bug.where} no longer says {bug.before!r}")
    tree = ast.parse(dedent(source.replace(bug.before, bug.after)))
    tree.body[0].decorator_list = []
    future = ast.parse("from __future__ import annotations").body
    made = dict(vars(sys.modules[function.__module__]))
    exec(compile(ast.Module(future + tree.body, []), f"<{bug.name}>", "exec"), made)  # noqa: S102  our own source
    sound = function.__code__
    function.__code__ = made[function.__name__].__code__
    try:
        yield
    finally:
        function.__code__ = sound
