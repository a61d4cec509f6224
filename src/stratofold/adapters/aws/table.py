"""One DynamoDB table, read consistently and written in transactions: the ground under the journal of the cloud.

What comes in: keys, and plain values (text, whole numbers, bytes, truth, lists of these).  What goes out: items, and
transactions that were written whole, or not at all with what stood in the way.
Why it is shaped so: nobody holds a lock there.  A writer says what it believes (`where`), and what was not so comes back
with the refusal, so that it is learnt without another request.  A request whose answer was lost may have been done: it is
sent again under the same token, and what guards a transaction carries who wrote it last.
"""

from __future__ import annotations

import os
import time
from base64 import b64decode, b64encode
from math import nan
from typing import TYPE_CHECKING, Any, NamedTuple

from stratofold.adapters.aws.answers import AwsError, explained
from stratofold.errors import Retry, Setup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from stratofold.adapters.aws.client import Client

SCHEMA = 1
OPEN = "open"  # the sparse local index, and the attribute that it sorts by
EXPIRES = "ttl"  # the attribute by which DynamoDB deletes: late, so whoever reads compares times as well
ITEMS_MAX = 100
ATTEMPTS = 5
PAUSE_SECONDS = 0.02
PAUSE_SECONDS_MAX = 0.64


class Key(NamedTuple):
    """Where an item is: its partition, and its place there."""

    pk: str
    sk: str


Item = dict[str, Any]


class Anything:
    """Stands in a condition for any value."""


ANYTHING = Anything()
NEW: Mapping[str, Any] = {"pk": None}  # the condition that nothing is there
THERE: Mapping[str, Any] = {"pk": ANYTHING}


def definition(name: str) -> dict[str, Any]:
    """What `CreateTable` takes to make the table; the stack's template says the same."""
    key = {"AttributeName": "pk", "KeyType": "HASH"}
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": each, "AttributeType": "S"} for each in ("pk", "sk", OPEN)],
        "KeySchema": [key, {"AttributeName": "sk", "KeyType": "RANGE"}],
        "LocalSecondaryIndexes": [
            {
                "IndexName": OPEN,
                "KeySchema": [key, {"AttributeName": OPEN, "KeyType": "RANGE"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    }


def wrapped(value: Any) -> dict[str, Any]:
    """A value in DynamoDB's types; there is none for a double, whose text form loses nothing."""
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int):
        return {"N": str(value)}
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, bytes):
        return {"B": b64encode(value).decode()}
    return {"L": [wrapped(each) for each in value]}


def unwrapped(attribute: Mapping[str, Any]) -> Any:
    """The value of an attribute."""
    ((kind, value),) = attribute.items()
    if kind == "N":
        return int(value)
    if kind == "B":
        return b64decode(value)
    return [unwrapped(each) for each in value] if kind == "L" else value


def amount(text: str) -> float:
    """An amount of its text; what is not stated is the one NaN, so that records of the same are equal."""
    return nan if text == "nan" else float(text)


def plain(item: Mapping[str, Any]) -> Item:
    """An item's attributes as values."""
    return {name: unwrapped(attribute) for name, attribute in item.items()}


class Words:
    """The names and values of an expression, which DynamoDB wants apart from it, since half of English is reserved."""

    def __init__(self) -> None:
        """None yet."""
        self.names: dict[str, str] = {}
        self.values: dict[str, Any] = {}

    def name(self, name: str) -> str:
        """What stands for a name."""
        short = f"#{len(self.names)}"
        self.names[short] = name
        return short

    def value(self, value: Any) -> str:
        """What stands for a value."""
        short = f":{len(self.values)}"
        self.values[short] = wrapped(value)
        return short

    def where(self, conditions: Mapping[str, Any]) -> str:
        """The condition that each name has its value; None is for a name that is not there, `ANYTHING` for one that is."""
        return " AND ".join(self._one(name, value) for name, value in conditions.items())

    def _one(self, name: str, value: Any) -> str:
        if value is None:
            return f"attribute_not_exists({self.name(name)})"
        if value is ANYTHING:
            return f"attribute_exists({self.name(name)})"
        return f"{self.name(name)} = {self.value(value)}"

    def parts(self) -> dict[str, Any]:
        """The parts of a request that carry them."""
        found: dict[str, Any] = {"ExpressionAttributeNames": self.names} if self.names else {}
        return {**found, "ExpressionAttributeValues": self.values} if self.values else found


class Write(NamedTuple):
    """One write of a transaction: what DynamoDB takes, and who is told what stands there when its condition fails.

    `later`: it may be put where it belongs after the rest, if all together are too many (`pending`).
    """

    verb: str
    request: dict[str, Any]
    learn: Callable[[Item | None], None] | None
    later: bool


class Transaction:
    """Writes that are done together; the first of them guards the rest.

    `by` names this transaction in what guards it.  `done` is called when it is written.  `proof` is an item that can only
    be there, with this value, if it was; without one, the guard shows it until it is written again.  `moves` is by how much it moves the numbers that `changed` looks at.  `staged` are items as
    it will leave them, for what else it holds.  `rest` is where it leaves what is for later.
    """

    def __init__(self, *, defers: bool = False) -> None:
        """Nothing yet; one that `defers` leaves some of it for later."""
        self.defers = defers
        self.rest: Key | None = None
        self.by = os.urandom(9).hex()
        self.writes: dict[Key, Write] = {}
        self.done: list[Callable[[], object]] = []
        self.proof: tuple[Key, str, Any] | None = None
        self.moves: dict[Key, int] = {}
        self.staged: dict[Key, Item] = {}

    @property
    def is_too_large(self) -> bool:
        """Whether DynamoDB would not take it."""
        return len(self.writes) > ITEMS_MAX

    def put(
        self,
        key: Key,
        values: Mapping[str, Any],
        where: Mapping[str, Any] | None = None,
        learn: Callable[[Item | None], None] | None = None,
        *,
        later: bool = False,
    ) -> None:
        """Write an item whole."""
        item = {name: wrapped(value) for name, value in {**key._asdict(), **values}.items()}
        self._add(key, "Put", {"Item": item}, Words(), where, learn, later=later)

    def change(
        self,
        key: Key,
        values: Mapping[str, Any],
        where: Mapping[str, Any] | None = None,
        learn: Callable[[Item | None], None] | None = None,
        *,
        without: Sequence[str] = (),
        plus: Mapping[str, int] | None = None,
    ) -> None:
        """Change some of an item's attributes, take some away, add to some."""
        words = Words()
        parts = [("SET", [f"{words.name(name)} = {words.value(value)}" for name, value in values.items()])]
        parts.append(("REMOVE", [words.name(name) for name in without]))
        parts.append(("ADD", [f"{words.name(name)} {words.value(value)}" for name, value in (plus or {}).items()]))
        text = " ".join(f"{verb} {', '.join(each)}" for verb, each in parts if each)
        self._add(key, "Update", {"Key": wrapped_key(key), "UpdateExpression": text}, words, where, learn)

    def delete(
        self,
        key: Key,
        where: Mapping[str, Any] | None = None,
        learn: Callable[[Item | None], None] | None = None,
        *,
        later: bool = False,
    ) -> None:
        """Take an item away."""
        self._add(key, "Delete", {"Key": wrapped_key(key)}, Words(), where, learn, later=later)

    def check(self, key: Key, where: Mapping[str, Any], learn: Callable[[Item | None], None]) -> None:
        """Only hold an item to a condition."""
        self._add(key, "ConditionCheck", {"Key": wrapped_key(key)}, Words(), where, learn)

    def _add(
        self,
        key: Key,
        verb: str,
        request: dict[str, Any],
        words: Words,
        where: Mapping[str, Any] | None,
        learn: Callable[[Item | None], None] | None,
        *,
        later: bool = False,
    ) -> None:
        """One more; DynamoDB takes one write of an item in a transaction, so a later one stands for an earlier one."""
        if where is not None:
            request["ConditionExpression"] = words.where(where)
            request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        self.writes[key] = Write(verb, {**request, **words.parts()}, learn, later)


class Table:
    """A table by name, through one client."""

    def __init__(self, aws: Client, name: str, sleep: Callable[[float], None] = time.sleep) -> None:
        """Nothing is asked yet."""
        self.aws = aws
        self.name = name
        self.sleep = sleep

    def get(self, key: Key) -> Item | None:
        """One item as it is now; raises as `ask` does."""
        answer = self.ask("GetItem", {"Key": wrapped_key(key), "ConsistentRead": True})
        return plain(answer["Item"]) if answer.get("Item") else None

    def get_many(self, keys: Iterable[Key]) -> dict[Key, Item]:
        """Those of some items that are there, as they are now; raises as `ask` does."""
        left = [wrapped_key(key) for key in dict.fromkeys(keys)]
        found: dict[Key, Item] = {}
        while left:
            asked, left = left[:ITEMS_MAX], left[ITEMS_MAX:]
            answer = self._answered(
                "BatchGetItem", {"RequestItems": {self.name: {"Keys": asked, "ConsistentRead": True}}}
            )
            for item in answer.get("Responses", {}).get(self.name, ()):
                held = plain(item)
                found[Key(held["pk"], held["sk"])] = held
            left = [*answer.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys", ()), *left]
        return found

    def between(self, pk: str, first: str, last: str, limit: int = 0) -> Iterator[Item]:
        """The items of a partition from one place to another, in order, as each page is when it is read."""
        words = Words()
        text = f"{words.name('pk')} = {words.value(pk)} AND {words.name('sk')}"
        text += f" BETWEEN {words.value(first)} AND {words.value(last)}"
        yield from self._pages({"KeyConditionExpression": text, **words.parts()}, limit)

    def begins(self, pk: str, start: str, *, index: bool = False) -> Iterator[Item]:
        """The items of a partition whose place (or, in the index, whose `open`) begins so, in order; all for ""."""
        words = Words()
        text = f"{words.name('pk')} = {words.value(pk)}"
        if start:
            text += f" AND begins_with({words.name(OPEN if index else 'sk')}, {words.value(start)})"
        named = {"IndexName": OPEN} if index else {}
        yield from self._pages({"KeyConditionExpression": text, **named, **words.parts()}, 0)

    def _pages(self, request: dict[str, Any], limit: int) -> Iterator[Item]:
        """What a query finds, page by page."""
        asked = {**request, "ConsistentRead": True, **({"Limit": limit} if limit else {})}
        while True:
            answer = self.ask("Query", asked)
            yield from (plain(item) for item in answer.get("Items", ()))
            last = answer.get("LastEvaluatedKey")
            if not last or limit:
                return
            asked["ExclusiveStartKey"] = last

    def put_alone(self, key: Key, values: Mapping[str, Any], where: Mapping[str, Any]) -> Item | None:
        """Write one item on a condition; None when it is written, else what stands there.

        An answer that was lost is found out by the value `by`, which is this call's own.
        """
        words = Words()
        by = os.urandom(9).hex()
        item = {name: wrapped(value) for name, value in {**key._asdict(), **values, "by": by}.items()}
        condition = {"ConditionExpression": words.where(where), "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        for _ in range(ATTEMPTS):
            try:
                self.aws.json(
                    "dynamodb", "PutItem", {"TableName": self.name, "Item": item, **condition, **words.parts()}
                )
            except AwsError as error:
                if error.code == "ConditionalCheckFailedException":
                    stands = plain(error.body.get("Item", {}))
                    return None if stands.get("by") == by else stands
                if not error.retryable:
                    raise self._explained(error) from error
                self.pause()
            else:
                return None
        raise self._silent()

    def commit(self, transaction: Transaction) -> bool:
        """Write a transaction; False when a condition failed, and then those who asked have learnt what stands there.

        Raises Setup SF860 for more than DynamoDB takes at once, Retry SF861 when nobody knows whether it was written, and
        as `ask` does.
        """
        request = self._request(transaction)
        unsure = False
        for attempt in range(ATTEMPTS):
            if attempt:
                self.pause(attempt)
            try:
                self.aws.json("dynamodb", "TransactWriteItems", request)
            except AwsError as error:
                if _failed(error) is not None:
                    if self._was_ours(transaction, error, unsure=unsure):
                        break
                    _learn(transaction, error)
                    return False
                if not error.retryable:
                    raise self._explained(error) from error
                unsure = unsure or error.unknown
            else:
                break
        else:
            if not (unsure and self._is_proved(transaction)):
                raise self._silent()
        for each in transaction.done:
            each()
        return True

    def _request(self, transaction: Transaction) -> dict[str, Any]:
        if transaction.is_too_large:
            raise Setup(
                "SF860",
                f"one transaction of {len(transaction.writes)} items is more than DynamoDB takes ({ITEMS_MAX})",
                place=self.name,
                why="what a call writes is written whole, or not at all",
                fix="settle, hear or handle fewer things at once",
            )
        return self._together([{each.verb: each.request} for each in transaction.writes.values()])

    def _together(self, writes: Sequence[Mapping[str, Mapping[str, Any]]]) -> dict[str, Any]:
        """A request to do some writes together, with the token by which it is known when it is sent again."""
        items = [{verb: {"TableName": self.name, **one} for verb, one in each.items()} for each in writes]
        return {"TransactItems": items, "ClientRequestToken": os.urandom(16).hex()}

    def transact(self, writes: Sequence[Mapping[str, Mapping[str, Any]]]) -> bool:
        """Do writes together, as DynamoDB takes them; False when a condition failed.  Raises as `commit` does."""
        request = self._together(writes)
        for _ in range(ATTEMPTS):
            try:
                self.aws.json("dynamodb", "TransactWriteItems", request)
            except AwsError as error:
                if _failed(error) is not None:
                    return False
                if not error.retryable:
                    raise self._explained(error) from error
                self.pause()
            else:
                return True
        raise self._silent()

    def _was_ours(self, transaction: Transaction, error: AwsError, *, unsure: bool) -> bool:
        """Whether what stands in the way is this transaction itself, which was written and whose answer was lost."""
        guards = plain(error.items[0]) if error.items else {}
        return guards.get("by") == transaction.by or (unsure and self._is_proved(transaction))

    def _is_proved(self, transaction: Transaction) -> bool:
        """Whether the table shows that a transaction was written."""
        key, name, value = transaction.proof or (next(iter(transaction.writes)), "by", transaction.by)
        held = self.get(key)
        return held is not None and held.get(name) == value

    def ask(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """One reading request about this table; raises Retry SF761, Setup SF762 to SF764, Stop SF765."""
        return self._answered(operation, {"TableName": self.name, **request})

    def _answered(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return self.aws.json("dynamodb", operation, request)
        except AwsError as error:
            raise self._explained(error) from error

    def _explained(self, error: AwsError) -> Exception:
        return explained(error, f"table {self.name}")

    def _silent(self) -> Retry:
        return Retry(
            "SF861",
            f"table {self.name} has not said whether it wrote this down",
            why="it is too busy, or its answers do not arrive; what was sent may have been written",
            fix="load the book again: it shows what was written",
        )

    def pause(self, attempt: int = 1) -> None:
        """Wait for a moment that chance picks, longer the more often it was tried, so that those who collided part."""
        most = min(PAUSE_SECONDS_MAX, PAUSE_SECONDS * float(1 << min(attempt, 10)))
        self.sleep(most * int.from_bytes(os.urandom(2)) / 0xFFFF)


def wrapped_key(key: Key) -> dict[str, Any]:
    """A key in DynamoDB's types."""
    return {"pk": {"S": key.pk}, "sk": {"S": key.sk}}


def _failed(error: AwsError) -> int | None:
    """The place of the first write whose condition failed, if that is what an error says."""
    reasons = error.reasons
    return reasons.index("ConditionalCheckFailed") if "ConditionalCheckFailed" in reasons else None


def _learn(transaction: Transaction, error: AwsError) -> None:
    """Tell those whose condition failed what stands there; where the guard's did, it alone, since the rest hangs on it."""
    failed = [place for place, reason in enumerate(error.reasons) if reason == "ConditionalCheckFailed"]
    writes, items = list(transaction.writes.values()), error.items
    for place in failed[:1] if failed[0] == 0 else failed:
        learn = writes[place].learn
        if learn is not None:
            learn(plain(items[place]) or None)
