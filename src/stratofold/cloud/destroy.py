"""`destroy`: a stack off AWS, and nothing of its books lost.

What comes in: a stack.  What goes out: what was left, which is the archive.
Why it is shaped so: before the table goes, the books are taken from the functions and every record that is not sealed yet is
sealed, so that none is written behind the seal, and what stays can be read and verified without anything else; a book with
orders at the venue is refused, because nobody would be there to hear of their fills.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from stratofold.cloud.deploy import deploy_bucket
from stratofold.cloud.stack import told
from stratofold.errors import Stop
from stratofold.wire import pack

if TYPE_CHECKING:
    from stratofold.adapters.ports import Artifacts, Head, Journal
    from stratofold.cloud.stack import Stack


class Inventory(NamedTuple):
    """What a stack has: how many resources and secrets, its table, and its archive."""

    resources: int
    secrets: int
    table: str
    archive: str
    drop: str


class Left(NamedTuple):
    """What stays: the archive and how many objects are in it; `sealed` segments were made last."""

    archive: str
    objects: int
    sealed: int


def inventory(stack: Stack) -> Inventory:
    """What would go; raises Setup SFA10 where there is no stack."""
    state = stack.standing()
    outputs = state.outputs
    return Inventory(
        len(stack.resources()), len(_parameters(stack)) + len(_secrets(stack)), outputs.get("Table", ""),
        outputs.get("ArchiveBucket", ""), outputs.get("DropBucket", ""),
    )  # fmt: skip


def still_here(journal: Any) -> list[Head]:
    """The books of a stack that were not taken home: what stays of those is a copy."""
    return [head for head in journal.books() if not head.holder.startswith("laptop:")]


def refuse_busy(journal: Journal) -> None:
    """Raise Stop SFA22 for a book whose orders may still be at the venue; one that was taken home has them there."""
    for head in still_here(journal):
        open_ = journal.outbox(head.book, "ready", "claimed", "unknown")
        reserved = [key for key in journal.reserved(head.account) if key.startswith(f"{head.book}-")]
        if open_ or reserved:
            raise Stop(
                "SFA22", f"book {head.book} has {max(len(open_), len(reserved))} orders that may be at the venue",
                why="nobody would hear of their fills", fix="stratofold flatten --cloud, and wait; or take the book home: stratofold move --to laptop",
            )  # fmt: skip


def held_at_venue(journal: Any) -> dict[str, list[str]]:
    """What the books of a stack hold, by book, in words: it stays at the venue whatever becomes of the stack."""
    found = {head.book: journal.views(head.book, "position/") for head in still_here(journal)}
    return {
        book: [f"{held['quantity']} {name.partition('/')[2]}" for name, held in sorted(positions.items())]
        for book, positions in found.items() if positions
    }  # fmt: skip


def destroy(stack: Stack, found: Inventory, journal: Journal | None, artifacts: Artifacts | None) -> Left:
    """Seal, empty, delete; raises Stop SFA24 where AWS keeps something."""
    sealed = _seal(stack, journal, artifacts) if journal is not None and artifacts is not None else 0
    if found.drop:
        empty(stack, found.drop)
    stack.call("cloudformation", "delete_stack", StackName=stack.name)
    time.sleep(0.2)
    state = stack.wait()
    if state.status:
        raise Stop(
            "SFA24", f"AWS keeps a part of {stack.name} ({state.status})", why=state.reason or stack.failure(0.0),
            fix="take away what is in the way, then: stratofold destroy; to go on with it instead: stratofold cloud take",
        )  # fmt: skip
    _forget_secrets(stack)
    empty(stack, deploy_bucket(stack.account(), stack.region), f"{stack.name}/")
    return Left(found.archive, _count(stack, found.archive), sealed)


def _seal(stack: Stack, journal: Journal, artifacts: Artifacts) -> int:
    """Take the stack's books, and put every record that is in no segment yet into one; how many segments that made."""
    from stratofold.live.archive import seal

    now = time.time_ns()
    envelope = pack({"wall": now, "by": "destroy", "region": "cloud"})
    sealed = 0
    for head in journal.books():
        if head.holder == f"cloud:{stack.name}":
            journal.take(head.book, f"destroyed:{stack.name}", now)
        sealed += len(seal(journal, artifacts, head.book, envelope, rest=True))
    return sealed


def empty(stack: Stack, bucket: str, prefix: str = "") -> None:
    """Delete every version of every object; a bucket that is not there is empty."""
    s3 = stack.client("s3")
    with told(stack.region):
        try:
            for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
                found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
                keys = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found]
                if keys:
                    s3.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})
        except s3.exceptions.NoSuchBucket:
            return


def _count(stack: Stack, bucket: str) -> int:
    """How many objects a bucket has."""
    if not bucket:
        return 0
    pages = stack.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket)
    with told(stack.region):
        return sum(page.get("KeyCount", 0) for page in pages)


def _parameters(stack: Stack) -> list[str]:
    """The names of the stack's keys in SSM."""
    terms: dict[str, Any] = {"Path": f"/{stack.name}/", "Recursive": True, "WithDecryption": False}
    pages = stack.client("ssm").get_paginator("get_parameters_by_path").paginate(**terms)
    with told(stack.region):
        return [one["Name"] for page in pages for one in page["Parameters"]]


def _secrets(stack: Stack) -> list[str]:
    """The names of the stack's keys in Secrets Manager."""
    pages = stack.client("secretsmanager").get_paginator("list_secrets").paginate()
    with told(stack.region):
        return [
            one["Name"] for page in pages for one in page["SecretList"] if one["Name"].startswith(f"/{stack.name}/")
        ]


def _forget_secrets(stack: Stack) -> None:
    """Delete the stack's keys from where they are."""
    for name in _parameters(stack):
        stack.call("ssm", "delete_parameter", Name=name)
    for name in _secrets(stack):
        stack.call("secretsmanager", "delete_secret", SecretId=name, ForceDeleteWithoutRecovery=True)
