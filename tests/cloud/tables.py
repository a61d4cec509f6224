"""Fresh tables for the tests, and the journal on one."""

from uuid import uuid4

from stratofold.adapters.aws.journal import Journal
from stratofold.adapters.aws.table import definition


def new_table(server):
    """A table of its own, by name."""
    name = f"journal-{uuid4().hex[:12]}"
    server.client().json("dynamodb", "CreateTable", definition(name))
    return name


def new_journal(server, *, bucket="", **given):
    """A journal on a table of its own."""
    return Journal(server.client(), new_table(server), bucket, **given)


def everything(server, name):
    """All items of a table, by key."""
    answer = server.client().json("dynamodb", "Scan", {"TableName": name, "ConsistentRead": True})
    assert "LastEvaluatedKey" not in answer
    return {(item["pk"]["S"], item["sk"]["S"]): item for item in answer["Items"]}
