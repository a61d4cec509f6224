"""DynamoDB, as strict and as loose as the service: transactions with reasons, stale reads, late expiry, a stream.

What comes in: the wire form of its operations.  What goes out: answers in wire form, or `Refused` with the service's code.
It knows nothing of the product: what a journal may rely on is what the developer guide promises, and no more.
"""

import json
from bisect import bisect_left, bisect_right, insort
from copy import deepcopy

import msgspec

from .aws_expressions import Invalid, Reader, holds, native, updated

ITEM_BYTES_MAX = 400_000
TRANSACTION_ITEMS_MAX = 100
TRANSACTION_BYTES_MAX = 4_000_000
BATCH_WRITE_MAX = 25
BATCH_GET_MAX = 100
PAGE_BYTES = 1_000_000
TOKEN_SECONDS = 600


class Refused(Exception):
    """The service says no: `code` is its exception's name, `more` what else its answer holds."""

    def __init__(self, code, message="", status=400, **more):
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status, self.more = code, message, status, more


def size(item):
    """What an item weighs: names and values, in UTF-8 bytes (binary values are base64 on the wire)."""
    weight = 0
    for name, value in item.items():
        ((kind, held),) = value.items()
        weight += len(name) + (len(held) if kind in ("S", "N") else _size_of(kind, held))
    return weight


def copied(item):
    """An item that nobody else holds; texts are shared, since nobody can change them."""
    return {name: copied_value(value) for name, value in item.items()}


def copied_value(value):
    ((kind, held),) = value.items()
    return {kind: held if isinstance(held, str) else deepcopy(held)}


def _size_of(kind, held):
    return len(held) * 3 // 4 if kind == "B" else len(json.dumps(held))


class Table:
    """One table with a hash key, a range key and local indices {name: range attribute}; `stale` is chance's choice."""

    def __init__(self, now, name="journal", keys=("pk", "sk"), indices=None, ttl=None, stale=lambda: False):
        self.now, self.name, self.keys, self.ttl, self.stale = now, name, keys, ttl, stale
        self.indices = indices or {}
        self.items = {}
        self.sorted = {}  # the range keys of each partition, in order
        self.before = {}  # each item as it was before its last change: what a read that need not be consistent may see
        self.tokens = {}
        self.stream = []  # records in order, each with its partition
        self.listeners = []

    # One item.

    def key_of(self, item):
        """The key of an item; raises Refused where it has none."""
        try:
            return tuple(item[name]["S"] for name in self.keys)
        except (KeyError, TypeError):
            raise Refused("ValidationException", "the key is missing or not a string") from None

    def GetItem(self, request):  # noqa: N802  the service's own names
        item = self._read(self.key_of(request["Key"]), request)
        return {"Item": self._projected(item, request)} if item is not None else {}

    def PutItem(self, request):  # noqa: N802
        return self._one("Put", request)

    def UpdateItem(self, request):  # noqa: N802
        return self._one("Update", request)

    def DeleteItem(self, request):  # noqa: N802
        return self._one("Delete", request)

    def _one(self, action, request):
        key, old, new, reason = self._prepared(action, request)
        if reason is not None:
            more = {"Item": old} if request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" and old else {}
            raise Refused(reason, "The conditional request failed", **more)
        self._change(key, new)
        wanted = request.get("ReturnValues", "NONE")
        shown = {"ALL_OLD": old, "ALL_NEW": new}.get(wanted)
        if wanted == "UPDATED_NEW" and new is not None:
            shown = {name: value for name, value in new.items() if (old or {}).get(name) != value}
        return {"Attributes": copied(shown)} if shown else {}

    def _prepared(self, action, request):
        """The key, the item before and after, and why the condition failed (None: it holds)."""
        used = set()
        names, values = request.get("ExpressionAttributeNames"), request.get("ExpressionAttributeValues")
        key = self.key_of(request["Item"] if action == "Put" else request["Key"])
        old = self.items.get(key)
        try:
            condition = request.get("ConditionExpression")
            allowed = condition is None or holds(condition, names, values, old, used)
            new = self._after(action, request, names, values, old, used) if allowed else None
        except Invalid as error:
            raise Refused("ValidationException", str(error)) from error
        if allowed:
            self._check(new, action, names, values, used)
        return key, old, new, None if allowed else "ConditionalCheckFailedException"

    def _after(self, action, request, names, values, old, used):
        if action == "Put":
            return copied(request["Item"])
        if action == "Delete":
            return None
        if action == "ConditionCheck":
            return old
        start = old if old is not None else copied(request["Key"])
        expression = request.get("UpdateExpression")
        return updated(expression, names, values, start, used) if expression else dict(start)

    def _check(self, new, action, names, values, used):
        spare = ({*(names or {})} | {*(values or {})}) - used
        if spare:
            raise Refused("ValidationException", f"unused in expressions: {sorted(spare)}")
        if new is not None and action != "ConditionCheck" and size(new) > ITEM_BYTES_MAX:
            raise Refused("ValidationException", "Item size has exceeded the maximum allowed size")
        if new is not None:
            for attribute in self.indices.values():
                if attribute in new and "S" not in new[attribute]:
                    raise Refused("ValidationException", f"the index key {attribute} is not a string")

    def _change(self, key, new):
        old = self.items.get(key)
        if old == new:
            return  # the service writes no stream record for a change that changes nothing
        self.before[key] = old
        if new is None:
            del self.items[key]
            self.sorted[key[0]].remove(key[1])
        else:
            if old is None:
                insort(self.sorted.setdefault(key[0], []), key[1])
            self.items[key] = new
        name = "INSERT" if old is None else "REMOVE" if new is None else "MODIFY"
        record = {
            "eventID": f"{len(self.stream):032x}", "eventName": name, "eventSource": "aws:dynamodb", "eventVersion": "1.1",
            "dynamodb": {
                "Keys": dict(zip(self.keys, ({"S": part} for part in key), strict=True)),
                "SequenceNumber": str(10**20 + len(self.stream)), "ApproximateCreationDateTime": self.now() // 10**9,
                "StreamViewType": "NEW_AND_OLD_IMAGES",
                **({"OldImage": copied(old)} if old is not None else {}),
                **({"NewImage": copied(new)} if new is not None else {}),
            },
        }  # fmt: skip
        self.stream.append((key[0], record))
        for listener in self.listeners:
            listener(key[0], record)

    # Reads.

    def _read(self, key, request):
        """An item; one that need not be consistent may be as it was before its last change."""
        if not request.get("ConsistentRead") and key in self.before and self.stale():
            return self.before[key]
        return self.items.get(key)

    def _projected(self, item, request):
        if "ProjectionExpression" not in request:
            return copied(item)
        names = request.get("ExpressionAttributeNames") or {}
        wanted = [names.get(part.strip(), part.strip()) for part in request["ProjectionExpression"].split(",")]
        return {name: copied_value(item[name]) for name in wanted if name in item}

    def Query(self, request):  # noqa: N802
        reader = Reader(
            request["KeyConditionExpression"], request.get("ExpressionAttributeNames"),
            request.get("ExpressionAttributeValues"), {},
        )  # fmt: skip
        reader.attribute()
        reader.take("=")
        partition = reader.operand()["S"]
        rest = reader.words[reader.at + 1 :]
        index = self.indices.get(request.get("IndexName"), self.keys[1])
        if low_high := self._between(rest, index, reader):
            rows = self._rows(partition, index, request, *low_high)
        else:
            rows = self._rows(partition, index, request)
            condition, names, values = " ".join(rest), reader.names, reader.values
            rows = [row for row in rows if not condition or holds(condition, names, values, row)]
        if not request.get("ScanIndexForward", True):
            rows.reverse()
        return self._page(rows, request)

    def _rows(self, partition, index, request, low="", high=None):
        parts = self.sorted.get(partition, ())
        parts = parts[bisect_left(parts, low) : len(parts) if high is None else bisect_right(parts, high)]
        keys = ((partition, part) for part in parts)
        rows = [item for key in keys if (item := self._read(key, request)) is not None and index in item]
        return rows if index == self.keys[1] else sorted(rows, key=lambda row: native(row[index]))

    def _between(self, words, index, reader):
        """The bounds of a condition that says BETWEEN of the range key, in whose order items are kept; None of another."""
        if len(words) != 5 or words[1].upper() != "BETWEEN" or not reader.names.get(words[0]) == index == self.keys[1]:
            return None
        low, high = (reader.values.get(words[place], {}).get("S") for place in (2, 4))
        return (low, high) if low is not None and high is not None and low <= high else None

    def _page(self, rows, request):
        start = request.get("ExclusiveStartKey")
        if start is not None:
            keys = [self.key_of(row) for row in rows]
            wanted = self.key_of(start)
            rows = rows[keys.index(wanted) + 1 :] if wanted in keys else []
        limit, weight, taken = request.get("Limit") or len(rows), 0, []
        for row in rows:
            if len(taken) >= limit or weight > PAGE_BYTES:
                break
            taken.append(row)
            weight += size(row)
        answer = {"Count": len(taken)}
        if request.get("Select") != "COUNT":
            names, values = request.get("ExpressionAttributeNames"), request.get("ExpressionAttributeValues")
            kept = [row for row in taken if self._filtered(row, request, names, values)]
            answer = {"Items": [self._projected(row, request) for row in kept], "Count": len(kept)}
        if taken and len(taken) < len(rows):
            answer["LastEvaluatedKey"] = {name: taken[-1][name] for name in self.keys}
        return answer

    def _filtered(self, row, request, names, values):
        return "FilterExpression" not in request or holds(request["FilterExpression"], names, values, row)

    # Many items.

    def BatchGetItem(self, request):  # noqa: N802
        (wanted,) = request["RequestItems"].values()
        if len(wanted["Keys"]) > BATCH_GET_MAX:
            raise Refused("ValidationException", "Too many items requested for the BatchGetItem call")
        items = [self._read(self.key_of(key), wanted) for key in wanted["Keys"]]
        found = [self._projected(item, wanted) for item in items if item is not None]
        return {"Responses": {next(iter(request["RequestItems"])): found}, "UnprocessedKeys": {}}

    def TransactGetItems(self, request):  # noqa: N802
        items = [self.items.get(self.key_of(each["Get"]["Key"])) for each in request["TransactItems"]]
        return {"Responses": [{"Item": copied(item)} if item is not None else {} for item in items]}

    def BatchWriteItem(self, request):  # noqa: N802
        (wanted,) = request["RequestItems"].values()
        if len(wanted) > BATCH_WRITE_MAX:
            raise Refused("ValidationException", "Too many items requested for the BatchWriteItem call")
        for each in wanted:
            if "PutRequest" in each:
                self._one("Put", {"Item": each["PutRequest"]["Item"]})
            else:
                self._one("Delete", {"Key": each["DeleteRequest"]["Key"]})
        return {"UnprocessedItems": {}}

    def TransactWriteItems(self, request):  # noqa: N802
        token = request.get("ClientRequestToken")
        body = msgspec.json.encode(request, order="deterministic")
        known = self.tokens.get(token)
        if known is not None and self.now() - known[0] < TOKEN_SECONDS * 10**9:
            if known[1] != body:
                raise Refused("IdempotentParameterMismatchException")
            return {}
        writes = [next(iter(each.items())) for each in request["TransactItems"]]
        if len(writes) > TRANSACTION_ITEMS_MAX:
            raise Refused("ValidationException", "Member must have length less than or equal to 100")
        if len(body) > TRANSACTION_BYTES_MAX:
            raise Refused("ValidationException", "the transaction is larger than 4 MB")
        prepared = [self._prepared(action, write) for action, write in writes]
        keys = [each[0] for each in prepared]
        if len(set(keys)) < len(keys):
            raise Refused("ValidationException", "Transaction request cannot include multiple operations on one item")
        if any(each[3] for each in prepared):
            raise cancelled([
                {"Code": "None"} if why is None else {
                    "Code": "ConditionalCheckFailed", "Message": "The conditional request failed",
                    **({"Item": old} if write.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" and old else {}),
                }
                for (_, write), (_, old, _, why) in zip(writes, prepared, strict=True)
            ])  # fmt: skip
        for (action, _), (key, _, new, _) in zip(writes, prepared, strict=True):
            if action != "ConditionCheck":
                self._change(key, new)
        if token:
            self.tokens[token] = (self.now(), body)
        return {}

    def expire(self):
        """What the service does within days: delete what has expired."""
        second = self.now() // 10**9
        for key, item in list(self.items.items()):
            if self.ttl in item and int(item[self.ttl]["N"]) < second:
                self._change(key, None)


def cancelled(reasons):
    """A transaction that was cancelled, with a reason an item."""
    codes = ", ".join(reason["Code"] for reason in reasons)
    return Refused(
        "TransactionCanceledException", f"Transaction cancelled, please refer cancellation reasons [{codes}]",
        CancellationReasons=reasons,
    )  # fmt: skip
