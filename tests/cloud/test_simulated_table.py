"""The table of the simulator answers as an emulator does, request by request: what is found on it is found on DynamoDB."""

from random import Random

import pytest

from stratofold.adapters.aws.client import AwsError
from tests.cloud.tables import new_table
from tests.faults.aws_services import Services, Simulated
from tests.faults.aws_table import Table

pytestmark = pytest.mark.cloud
REQUESTS = 400
PARTITIONS, PLACES = ("book/a", "book/b"), ("1", "2", "3", "head")
CONDITIONS = (
    ("attribute_exists(pk)", {}),
    ("attribute_not_exists(pk)", {}),
    ("#n = :n", {":n": "N"}),
    ("#n <> :n OR attribute_not_exists(#n)", {":n": "N"}),
    ("#n < :n AND attribute_exists(#t)", {":n": "N"}),
    ("#t IN (:t, :u)", {":t": "S", ":u": "S"}),
    ("NOT begins_with(#t, :t)", {":t": "S"}),
    ("#n BETWEEN :n AND :m", {":n": "N", ":m": "N"}),
)
UPDATES = (
    ("SET #n = :n, #t = :t", {":n": "N", ":t": "S"}),
    ("SET #n = if_not_exists(#n, :n) + :m", {":n": "N", ":m": "N"}),
    ("ADD #n :n", {":n": "N"}),
    ("REMOVE #t SET #o = :t", {":t": "S"}),
    ("REMOVE #o", {}),
)
NAMES = {"#n": "number", "#t": "text", "#o": "open"}


class Chance:
    """Requests by chance, of all the shapes that the journal uses and some more."""

    def __init__(self, seed):
        self.random = Random(seed)

    def value(self, kind):
        number = str(self.random.randrange(4))
        return {kind: number if kind == "N" else f"t{number}"}

    def key(self):
        return {"pk": {"S": self.random.choice(PARTITIONS)}, "sk": {"S": self.random.choice(PLACES)}}

    def worded(self, *choices):
        """Expressions, with the names and values that they use."""
        text = " ".join(text for text, _ in choices)
        values = {name: self.value(kind) for _, given in choices for name, kind in given.items()}
        names = {short: name for short, name in NAMES.items() if short in text}
        parts = {"ExpressionAttributeNames": names} if names else {}
        return {**parts, "ExpressionAttributeValues": values} if values else parts

    def write(self, *verbs):
        """One write: the verb and its request."""
        verb = self.random.choice(verbs)
        chosen = [self.random.choice(UPDATES)] if verb == "Update" else []
        request = {"UpdateExpression": chosen[0][0]} if chosen else {}
        if verb == "ConditionCheck" or self.random.random() < 0.6:
            chosen.append(self.random.choice(CONDITIONS))
            request["ConditionExpression"] = chosen[-1][0]
            request["ReturnValuesOnConditionCheckFailure"] = self.random.choice(("ALL_OLD", "NONE"))
        request |= self.worded(*chosen)
        if verb == "Put":
            item = {**self.key(), "number": self.value("N"), "text": self.value("S")}
            request["Item"] = {**item, "open": self.value("S")} if self.random.random() < 0.5 else item
        else:
            request["Key"] = self.key()
        return verb, request

    def query(self):
        partition = {":p": {"S": self.random.choice(PARTITIONS)}}
        shape = self.random.randrange(4)
        if shape == 0:
            return {"KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": partition}
        if shape == 1:
            values = {**partition, ":a": {"S": "1"}, ":b": {"S": "3"}}
            return {"KeyConditionExpression": "pk = :p AND sk BETWEEN :a AND :b", "ExpressionAttributeValues": values}
        if shape == 2:
            values = {**partition, ":a": {"S": "h"}}
            text = "pk = :p AND begins_with(sk, :a)"
            return {"KeyConditionExpression": text, "ExpressionAttributeValues": values, "ScanIndexForward": False}
        values = {**partition, ":a": {"S": "t"}}
        names = {"#o": "open"}
        text = "pk = :p AND begins_with(#o, :a)"
        shaped = {
            "KeyConditionExpression": text,
            "ExpressionAttributeValues": values,
            "ExpressionAttributeNames": names,
        }
        return {**shaped, "IndexName": "open"}

    def request(self, table):
        kind = self.random.randrange(10)
        if kind < 2:
            return "Query", {"TableName": table, "ConsistentRead": True, **self.query()}
        if kind < 3:
            return "GetItem", {"TableName": table, "Key": self.key(), "ConsistentRead": True}
        if kind < 7:
            verb, request = self.write("Put", "Update", "Delete")
            return f"{verb}Item", {"TableName": table, **request}
        writes, keys = [], []
        for _ in range(self.random.randrange(1, 5)):
            verb, request = self.write("Put", "Update", "Delete", "ConditionCheck")
            where = request.get("Key") or {name: request["Item"][name] for name in ("pk", "sk")}
            if where not in keys:
                keys.append(where)
                writes.append({verb: {"TableName": table, **request}})
        return "TransactWriteItems", {"TransactItems": writes}


def said(client, operation, request):
    """What a client is told, as far as the service promises it."""
    try:
        answer = client.json("dynamodb", operation, request)
    except AwsError as error:
        if operation == "TransactWriteItems":
            return error.code, [(why, item) for why, item in zip(error.reasons, error.items, strict=True)]
        return error.code, error.body.get("Item")
    if operation == "Query":
        items = answer["Items"]
        ties = [(item.get("open"), item["sk"]["S"]) for item in items] if "IndexName" in request else []
        return (sorted(map(repr, items)), [one[0] for one in ties]) if ties else items  # equal sort keys: any order
    return answer.get("Item")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_answer_is_the_emulators(ministack, seed):
    chance, name = Chance(seed), new_table(ministack)
    theirs = ministack.client()
    ours = Simulated(Services(Table(lambda: 0, name=name, indices={"open": "open"}, ttl="ttl")))
    kinds = set()
    for number in range(REQUESTS):
        operation, request = chance.request(name)
        expected, found = said(theirs, operation, request), said(ours, operation, request)
        assert found == expected, (number, operation, request)
        kinds.add((operation, expected[0] if isinstance(expected, tuple) and isinstance(expected[0], str) else "done"))
    assert ("TransactWriteItems", "TransactionCanceledException") in kinds
    assert ("PutItem", "ConditionalCheckFailedException") in kinds
    assert len(kinds) >= 9
