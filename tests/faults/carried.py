"""Plausible faults of how a book is carried over: what it begins with, how a state is laid out, how a step is compared.

What comes in: nothing.  What goes out: `CARRIED`, each with the one change of our source that makes it, and the test that must
fail with it.
Why it is shaped so: a simulated day begins and restarts books and never changes them, so what catches these are the tests of
carried and changed books; each fault is tried on the test that it stands under, in a process of its own (`test_carried`).
"""

from dataclasses import dataclass

OURS = "stratofold."
LIVE = f"{OURS}live."
CARRIED_TESTS, BEGUN, CHANGED, FACTS, OTHER = (
    f"tests/stories/test_live_{name}.py" for name in ("carried", "begun", "changed", "facts", "other")
)
LAYOUT = "tests/unit/live/test_layout.py"


@dataclass(frozen=True)
class Fault:
    """One change of our source: its name, the function, the text before and after, and the test that catches it."""

    name: str
    where: str
    before: str
    after: str
    test: str


# fmt: off
FAULTS = {
    (BEGUN, "test_a_snapshot_of_the_same_step_is_of_before_the_change"): (
        ("a snapshot of before the change is read", "desk:restore_fold", "kept is not None and kept[0] >= beginning.step and kept[1] >= after", "kept is not None"),
    ),
    (BEGUN, "test_a_state_that_does_not_fit_other_code_is_no_other_releases"): (
        ("what does not fit is another release's, whatever it is", "begin:is_of_another_release", "return error.code", "return True or error.code"),
        ("a state of other code is another release's", "begin:is_of_another_release", "code_hash(strategy) == manifest.code", "True"),
        ("a snapshot of other code is passed over", "desk:fold_kept", "            raise\n", "            return None\n"),
    ),
    (BEGUN, "test_a_strategy_is_rebuilt_beside_the_account"): (
        ("a strategy is rebuilt with the book open", "begin:_carry", "fold.warm(warming=True)", "pass"),
        ("the operator's words are heard again", "begin:market_events", "(Report, Command)", "(Report,)"),
        ("reports are heard again", "begin:market_events", "(Report, Command)", "(Command,)"),
    ),
    (BEGUN, "test_a_seat_that_was_read_beside_a_change_is_read_again"): (
        ("a seat is of as many steps", "cloud.seat:take_seat", " and head.epoch == before.epoch", ""),
    ),
    (BEGUN, "test_models_are_there_for_whatever_begins"): (
        ("what a fold begins with has no artefacts", "begin:_as_kept", "build_fold(beginning.manifest, strategy, artifacts)", "build_fold(beginning.manifest, strategy)"),
        ("what is made again has no artefacts", "begin:_through", "beginning.chosen, events, artifacts)", "beginning.chosen, events)"),
        ("what it is made of has no artefacts", "begin:_made_again", "_as_kept(beginning, kind, artifacts)", "_as_kept(beginning, kind, {})"),
    ),
    (BEGUN, "test_records_that_are_not_there_are_missed"): (
        ("a fold that is behind its records is gone on with", "desk:open_desk", "if fold.steps != head.step:", "if False:"),
    ),
    (BEGUN, "test_the_way_over_begins_at_the_last_change_that_is_read"): (
        ("what lies before the beginning is folded once more", "begin:_made_again", "_until(journal, book, after, sequence)", "_until(journal, book, 0, sequence)"),
    ),
    (BEGUN, "test_the_way_over_is_held_to_what_is_written"): (
        ("the way over is not held to what is written", "begin:_made_again", "fold_as_written(fold, record, book)", "fold_as_written.__globals__['fold_record'](fold, record)"),
    ),
    (BEGUN, "test_what_the_strategy_imports_may_be_laid_out_otherwise"): (
        ("code of before that imports other code is other code", "begin:is_of_another_release", ' or (error.code == "SF111" and code_hash(strategy) == manifest.code)', ""),
    ),
    (CARRIED_TESTS, "test_a_list_whose_classes_change_places_is_folded_again"): (
        ("what a strategy holds is laid out as it began", "fold:Fold.save", "self._laid_out()", "self._layout"),
        ("what a strategy holds has no class", "layout:layout_of", "if way.startswith(_HELD)", "if False"),
    ),
    (CARRIED_TESTS, "test_a_snapshot_that_is_passed_over_does_not_hide_another_decision"): (
        ("as many messages are the same", "steps:is_as_written", "repr(unpack(again)) == repr(unpack(body))", "len(unpack(again)[1]) == len(unpack(body)[1])"),
        ("who starts from a snapshot is not held to the records", "desk:restore_fold", "fold_as_written(fold, record, book)", "fold_record(fold, record)"),
    ),
    (CARRIED_TESTS, "test_code_that_raises_where_it_decided_is_refused_alike"): (
        ("what raises goes on", "steps:fold_as_written", 'raise _otherwise(record, book, number, f"it raises {type(error).__name__}: {error}; ") from error', "return"),
    ),
    (CARRIED_TESTS, "test_it_goes_on_as_if_this_release_had_run_it_from_the_first_day"): (
        ("a book is carried over from its opening, past the changes between", "begin:_made_again", "reversed(beginnings_before(journal, book, sequence))", "beginnings_before(journal, book, sequence)"),
        ("the place is the last change's and the state the opening's", "begin:beginnings_before", "(record.sequence, read_beginning(record.body))", "(record.sequence, read_beginning(kept[0].body))"),
        ("what came last before a change is left out", "begin:_until", "record.sequence < until", "record.sequence < until - 1"),
        ("records of before are folded with the code of today", "begin:_made_again", "_strategy_of(beginning, changes[-1][2])", "strategy"),
        ("a rebuilt strategy hears nothing of before", "begin:_through", "_until(journal, beginning.manifest.book, 0, sequence)", "_until(journal, beginning.manifest.book, sequence, sequence)"),
        ("a rebuilt strategy hears what came after the change", "begin:_through", "_until(journal, beginning.manifest.book, 0, sequence)", "journal.records(beginning.manifest.book)"),
        ("what was chosen then is not asked", "begin:_through", "beginning.chosen", "MIGRATE"),
        ("the last change is forgotten", "begin:_made_again", "return _through(journal, fold, changes.pop(), artifacts)", "return fold"),
        ("a change between is passed over", "begin:_made_again", "fold = _through(journal, fold, changes.pop(), artifacts)", "changes.pop()"),
        ("parameters stay as they were", "begin:_carry", "setattr(fold.strategy, name,", "(lambda *_: None)(fold.strategy, name,"),
        ("parameters go back to what they are by default", "begin:_carry", "manifest.parameters.get(name, parameter.default)", "parameter.default"),
        ("code of today is code of then", "begin:_strategy_of", "is_code_of(strategy, beginning.manifest)", "True"),
        ("the next number is not written", "steps:step_body", "step.next_number", "0"),
        ("what a step finished is not written", "steps:step_body", "step.orders", "[]"),
        ("a snapshot that does not fit stops the book", "desk:fold_kept", "return None", "raise"),
    ),
    (CARRIED_TESTS, "test_the_sign_of_a_nan_is_no_decision"): (
        ("the sign of a NaN is a decision", "steps:is_as_written", " or repr(unpack(again)) == repr(unpack(body))", ""),
        ("numbers are compared by their worth", "steps:is_as_written", "repr(unpack(again)) == repr(unpack(body))", "[x for r in unpack(again)[2] for x in r if x == x] == [x for r in unpack(body)[2] for x in r if x == x] and unpack(again)[3:] == unpack(body)[3:]"),
        ("what was sent alone is compared", "steps:is_as_written", "repr(unpack(again)) == repr(unpack(body))", "unpack(again)[1] == unpack(body)[1]"),
    ),
    (CARRIED_TESTS, "test_what_is_told_of_it_is_what_was_told_before"): (
        ("all code as it was is one module", "as_it_was:strategy_from_source", "_{hashlib.sha256(source.encode()).hexdigest()[:16]}", ""),
        ("why begins where the book began", "refold:_beginning", "found = record", "found = found or record"),
    ),
    (CARRIED_TESTS, "test_where_this_release_decides_otherwise_the_book_is_refused"): (
        ("a step is never compared", "steps:is_as_written", "again = ", "return True\n    again = "),
        ("what differs goes on", "steps:fold_as_written", "if not is_as_written(event, step, record.body):", "if False:"),
    ),
    (CHANGED, "test_code_as_it_was_has_the_hash_that_it_had"): (
        ("code as it was has no source", "as_it_was:strategy_from_source", "setattr(module, AS_IT_WAS, source)", "pass"),
        ("code as it was is in no module", "as_it_was:strategy_from_source", "sys.modules[module.__name__] = module", "pass"),
    ),
    (CHANGED, "test_going_back_is_one_more_change"): (
        ("a change keeps the code of before", "open:change", "source=source_of(strategy)", "source=source_of(desk.strategy)"),
    ),
    (CHANGED, "test_records_are_folded_with_the_code_that_made_them"): (
        ("code as it was is code of today", "as_it_was:strategy_from_source", "compile(source,", "compile(open(place).read(),"),
    ),
    (BEGUN, "test_what_is_written_while_a_book_is_read_is_read_as_well"): (
        ("what is written while a book is read is not read", "desk:open_desk", "if (head.sequence, head.epoch) != (before.sequence, before.epoch + 1):", "if False:"),
        ("only steps are noticed while a book is read", "desk:open_desk", "(head.sequence, head.epoch) != (before.sequence, before.epoch + 1)", "head.step != before.step"),
    ),
    (CHANGED, "test_code_as_it_was_means_what_it_meant_in_its_file"): (
        ("code as it was has what our files import of the future", "as_it_was:strategy_from_source", ", dont_inherit=True", ""),
    ),
    (OTHER, "test_of_two_changes_at_once_the_second_holds"): (
        ("a change is marked where the book was", "open:change", "desk.head.sequence + 1", "desk.head.sequence"),
    ),
    (LAYOUT, "test_a_place_that_is_in_one_of_them_only_says_nothing"): (
        ("a place that only one of them has is a misfit", "layout:_refuse_others", "theirs.get(place, here)", "theirs.get(place)"),
    ),
    (LAYOUT, "test_a_state_of_the_same_layout_is_read"): (
        ("where it stands is no matter", "layout:_row", "crc32(way.encode())", "0"),
    ),
    (LAYOUT, "test_of_a_list_one_of_each_class_is_looked_at"): (
        ("of a list the first object alone is looked at", "layout:layout_of", "_first_of_each(thing)", "thing[:1]"),
        ("a list is laid out as it ends", "layout:_first_of_each", "in things", "in reversed(things)"),
    ),
    (LAYOUT, "test_of_what_a_strategy_holds_it_is_the_strategy_that_does_not_fit"): (
        ("the strategy's misfit hides the release's", "layout:_refuse_others", "(one[0].startswith(STRATEGY), one[0])", "one[0]"),
        ("the strategy's misfit is the release's", "layout:_refuse_others", "if way.startswith(STRATEGY):", "if False:"),
    ),
    (LAYOUT, "test_other_fields_are_refused_and_told"): (
        ("the order of fields is no matter", "layout:_row", '" ".join(names)', '" ".join(sorted(names))'),
        ("where a field's name ends is no matter", "layout:_row", '" ".join(names)', '"".join(names)'),
        ("layouts are not compared", "layout:values_in", "_refuse_others(dict(_ROW.iter_unpack(state[_HEAD.size : end])), layout)", "pass"),
        ("the release's misfit is the strategy's", "layout:_refuse_others", "if way.startswith(STRATEGY):", "if True:"),
    ),
    (LAYOUT, "test_what_does_not_say_its_layout_is_refused"): (
        ("the mark is not asked for", "layout:values_in", "if mark != _MARK:", "if False:"),
    ),
    (LAYOUT, "test_what_is_held_is_found_wherever_it_is"): (
        ("a layout is compared by length", "layout:layout_of", "found[way] = (type(thing).__qualname__, *names) if way.startswith(_HELD) else names", "found[way] = (str(len(names)),)"),
        ("what a list holds is not looked at", "layout:layout_of", 'waiting += ((f"{way}[{place}]", one)', 'waiting += () and ((f"{way}[{place}]", one)'),
    ),
    (FACTS, "test_a_lot_of_what_is_flat_holds_from_the_change_on"): (
        ("facts of before hold", "fold:_Stated.keep", "keep_facts(engine.book.ledger, self.contracts)", "pass"),
        ("what is stated is what is read", "facts:copied", "[_copied(contract) for contract in contracts]", "list(contracts)"),
        ("what follows from the facts of before holds", "facts:keep_facts", '("contracts", "is_plain", "lends", "takes_whole")', '("contracts",)'),
        ("what is held is worth what it was", "facts:keep_facts", '("currency", "money_scale", "multiplier")', "()"),
    ),
    (FACTS, "test_what_is_held_or_works_is_not_counted_otherwise"): (
        ("any fact can change", "open:change", "refuse_unsafe(desk.fold.engine.book, desk.manifest, manifest)", "pass"),
        ("a coarser price grid is a finer one", "facts:_is_finer", "after.price_scale >= before.price_scale", "True"),
        ("a coarser lot is a finer one", "facts:_is_finer", "on_lot(before.lot or 1.0, after.lot or 1.0)", "True"),
        ("what one symbol has is every symbol's", "facts:in_use", "order.symbol == symbol", "True"),
    ),
    (FACTS, "test_an_order_alone_holds_its_grid"): (
        ("orders hold nothing", "facts:in_use", "if orders:", "if False:"),
    ),
    (OTHER, "test_a_change_is_found_behind_what_others_have_noted_meanwhile"): (
        ("what holds is what stands at the mark", "desk:beginning_of", "journal.records(book, after + 1)", "()"),
    ),
    (OTHER, "test_an_entry_is_known_by_what_it_says_and_not_by_its_place"): (
        ("timers keep the places that they had", "begin:market_events", "event.schedule = numbers[event.schedule]", "pass"),
    ),
    (OTHER, "test_an_entry_of_the_schedule_that_is_new_begins_where_the_book_is"): (
        ("the account is left behind", "begin:_carry", "fold.take_account(before)", "pass"),
        ("entries are heard as far as those in their places were", "begin:changed_fold", "heard_until(heard, places,", "heard_until(heard, range(len(heard)),"),
        ("an entry that is new is due from the opening on", "schedule:heard_until", "else time", "else 0"),
        ("entries are known by their places", "schedule:places_of", "left.index(entry) if entry in left else -1", "len(places) if len(places) < len(left) else -1"),
        ("a change keeps the state of before", "open:change", "state=fold.save()", "state=desk.fold.save()"),
    ),
    (OTHER, "test_limits_stated_now_hold_from_the_change_on"): (
        ("what was chosen is not read", "begin:_as_kept", "if not beginning.state:", "if True:"),
        ("a state begins at the first step", "begin:_as_kept", "beginning.state, beginning.step", "beginning.state, 0"),
        ("limits of before hold", "fold:Fold.restore", "stated.keep(self.engine)", "pass"),
        ("limits of before hold after a change", "fold:Fold.take_account", "stated.keep(self.engine)", "pass"),
        ("warming is not folded again", "steps:fold_as_written", "fold_record(fold, record)", "pass"),
        ("warming never ends", "steps:fold_record", 'unpack(record.body)["warming"]', "True"),
        ("what holds is the opening", "desk:beginning_of", "int(journal.mark(book, MANIFEST_MARK) or 0) - 1", "0"),
        ("a change is at the first step", "open:change", "step=desk.fold.steps", "step=0"),
        ("a change leaves no mark", "open:change", ", marks=mark)", ")"),
    ),
    (OTHER, "test_other_symbols_are_refused"): (
        ("symbols are as many", "open:refuse_another", '", ".join(old.symbols), ", ".join(new.symbols)', "len(old.symbols), len(new.symbols)"),
    ),
    (OTHER, "test_timers_of_each_code_are_known_by_what_its_own_schedule_said"): (
        ("timers of every code are numbered as the first's", "begin:market_events", "began, numbers = record.body, None", "began = record.body"),
        ("a fork hears what came after its step", "fork:_up_to", "if steps > at:", "if False:"),
    ),
    (OTHER, "test_another_class_of_the_same_file_is_another_strategy"): (
        ("a class is its file", "manifest:is_code_of", ' and manifest.strategy.rpartition(":")[2] == strategy.__qualname__', ""),
    ),
    (OTHER, "test_what_is_refused_is_not_written"): (
        ("any change can be made", "open:change", "refuse_another(desk.manifest, manifest)", "pass"),
    ),
}
# fmt: on

CARRIED = tuple(
    Fault(name, (OURS if "." in where.partition(":")[0] else LIVE) + where, before, after, f"{file}::{test}")
    for (file, test), faults in FAULTS.items()
    for name, where, before, after in faults
)
