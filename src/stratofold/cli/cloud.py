"""`stratofold cloud`: how a stack stands, what its functions say, and the way back to the version before."""

from __future__ import annotations

import base64
import json as json_module
import re
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from stratofold.cli.cloud_settings import Region, StackName, journal_of, parameters_of, stack_of
from stratofold.cli.home import BookName, head_of
from stratofold.cli.output import Debug, Exit, Json, show_json, verb
from stratofold.cloud.permissions import BROKER_KEYS, WEBHOOK_KEYS
from stratofold.errors import Setup

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stratofold.cloud.stack import Stack

app = typer.Typer(help="A stack on AWS: how it stands, its logs, its functions, its keys.", no_args_is_help=True)
Function = Annotated[
    str,
    typer.Argument(help="Which function: ingest, decide, deliver, webhook, reconcile, watch, archive, halt or warm."),
]
KNOWN_SECRETS = (*BROKER_KEYS, *WEBHOOK_KEYS)
_SECRET = re.compile(r"[A-Za-z0-9_.-]{1,64}")
LATE_SECONDS = 10.0  # what a line may take to be found once it is written
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


@app.command("status")
@verb
def status(
    stack: StackName = None,
    region: Region = None,
    *,
    drift: Annotated[
        bool, typer.Option("--drift", help="Also ask AWS what somebody changed by hand; takes a minute.")
    ] = False,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> int:
    """Show the stack, its books, the versions that run, alarms that ring and dead letters. Exit code 3 where something is wrong."""
    place = stack_of(stack, region)
    found = standing(place)
    if drift:
        found["drift"] = place.drifted()
    if json:
        show_json(found)
    else:
        typer.echo(standing_text(found))
    return Exit.CHECK_FAILED if is_wrong(found) else Exit.DONE


def is_wrong(found: dict[str, Any]) -> bool:
    """Whether somebody has to look: something rings, was given up or was changed by hand, or the stack does not stand."""
    stands = found["status"].endswith("_COMPLETE") and found["status"] not in ("ROLLBACK_COMPLETE", "DELETE_COMPLETE")
    return not stands or bool(found["alarms"] or any(found["dead_letters"].values()) or found.get("drift"))


def standing(place: Stack) -> dict[str, Any]:
    """How a stack stands."""
    from stratofold.cloud.stack import FUNCTIONS, addresses_here

    state = place.standing()
    versions = {verb: version_of(place, verb) for verb in FUNCTIONS} if state.outputs else {}
    books = []
    if state.outputs:
        journal = journal_of(place)
        for head in journal.books():
            held = journal.outbox(head.book, "ready", "claimed", "unknown")
            books.append({
                "book": head.book, "account": head.account, "holder": head.holder, "steps": head.step, "records": head.sequence,
                "open": [one.key for one in held], "inbox": len(journal.inbox(head.book)),
                "controls": [f"{one.scope} {one.name}: {one.state}" for one in journal.controls(head.account) if one.state != "active"],
            })  # fmt: skip
    return {
        "stack": place.name, "region": place.region, "status": state.status, "reason": state.reason, "books": books, "versions": versions,
        "alarms": ringing(place), "dead_letters": dead_letters(place) if state.outputs else {}, "outputs": addresses_here(state.outputs),
    }  # fmt: skip


def version_of(place: Stack, verb: str) -> str:
    """The version of a function that runs."""
    return str(place.call("lambda", "get_alias", FunctionName=place.function(verb), Name="live")["FunctionVersion"])


def ringing(place: Stack) -> list[str]:
    """The stack's alarms that ring; a stack whose name goes on has others, and an alarm is named after a word in capitals."""
    begins = f"{place.name}-"
    alarms = place.call("cloudwatch", "describe_alarms", AlarmNamePrefix=begins, StateValue="ALARM").get(
        "MetricAlarms", []
    )
    own = [one for one in alarms if one["AlarmName"].removeprefix(begins)[:1].isupper()]
    return [f"{one['AlarmName']}: {one.get('AlarmDescription', '')}" for one in own]


def dead_letters(place: Stack) -> dict[str, int]:
    """How many messages lie in each dead-letter queue."""
    counted = {}
    for name in ("dead", "market-dead.fifo"):
        url = place.call("sqs", "get_queue_url", QueueName=f"{place.name}-{name}")["QueueUrl"]
        seen = place.call("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
        counted[name] = int(seen["Attributes"]["ApproximateNumberOfMessages"])
    return counted


def standing_text(found: dict[str, Any]) -> str:
    """The same for people."""
    rows = [
        f"{found['stack']} in {found['region']}: {found['status']}{' - ' + found['reason'] if found['reason'] else ''}"
    ]
    for one in found["books"]:
        held = f"; {', '.join(one['controls'])}" if one["controls"] else ""
        rows.append(
            f"  {one['book']} on {one['account']}, held by {one['holder'] or 'nobody'}: {one['steps']:,} steps in {one['records']:,} "
            f"records, {len(one['open'])} messages open, {one['inbox']} waiting{held}"
        )
    if found["versions"]:
        rows.append("  versions: " + ", ".join(f"{verb} {version}" for verb, version in found["versions"].items()))
    rows += [f"  rings: {one}" for one in found["alarms"]]
    rows += [f"  {count} dead letters in {name}" for name, count in found["dead_letters"].items() if count]
    rows += [f"  changed by hand: {one}" for one in found.get("drift", [])]
    return "\n".join(rows)


@app.command("logs")
@verb
def logs(
    function: Function = "decide",
    *,
    stack: StackName = None,
    region: Region = None,
    since: Annotated[str, typer.Option(help="How far back: 90s, 15m, 2h or 1d.")] = "15m",
    find: Annotated[str, typer.Option(help="Only lines with this, in CloudWatch's filter syntax.")] = "",
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> None:
    """Show what a function wrote."""
    place = stack_of(stack, region)
    place.standing()
    lines = list(written(place, function, time.time() - seconds_of(since), find))
    if json:
        show_json({"function": place.function(function), "lines": [one.row() for one in lines]})
        return
    for one in lines:
        typer.echo(f"{one.at}  {one.text}")


@app.command("tail")
@verb
def tail(
    function: Function = "decide",
    *,
    stack: StackName = None,
    region: Region = None,
    find: Annotated[str, typer.Option(help="Only lines with this, in CloudWatch's filter syntax.")] = "",
    wait: Annotated[float | None, typer.Option("--for", help="Stop after so many seconds.")] = None,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> None:
    """Follow what a function writes, until interrupted; with --json a line is an object."""
    place = stack_of(stack, region)
    place.standing()
    began = since = time.time()
    seen: dict[str, float] = {}
    while wait is None or time.time() - began < wait:
        for one in written(place, function, since - LATE_SECONDS, find):
            if one.identity not in seen:
                typer.echo(json_module.dumps(one.row()) if json else f"{one.at}  {one.text}")
            seen[one.identity] = one.seconds
            since = max(since, one.seconds)
        seen = {identity: at for identity, at in seen.items() if at > since - 2 * LATE_SECONDS}
        time.sleep(1.0)


class Written(NamedTuple):
    """A line of a log: when it was written (seconds UTC), what it says, and what tells it from one that says the same."""

    seconds: float
    text: str
    identity: str

    @property
    def at(self) -> str:
        """When it was written, as text."""
        return datetime.fromtimestamp(self.seconds, UTC).isoformat(timespec="milliseconds")

    def row(self) -> dict[str, str]:
        """The line for programs."""
        return {"time": self.at, "text": self.text}


def written(place: Stack, function: str, since_seconds: float, find: str = "") -> Iterator[Written]:
    """Lines of a function's log since a moment, oldest first."""
    from stratofold.cloud.stack import told

    terms: dict[str, Any] = {
        "logGroupName": f"/aws/lambda/{place.function(function)}",
        "startTime": int(since_seconds * 1000),
    }
    if find:
        terms["filterPattern"] = find
    client = place.client("logs")
    with told(place.region):
        try:
            for page in client.get_paginator("filter_log_events").paginate(**terms):
                for one in page["events"]:
                    yield Written(one["timestamp"] / 1000, one["message"].rstrip("\n"), one["eventId"])
        except client.exceptions.ResourceNotFoundException:
            return


def seconds_of(text: str) -> int:
    """`15m` as seconds; raises Setup SFA25 for what is no span."""
    parts = re.fullmatch(r"(\d+)([smhd])", text)
    if parts is None:
        raise Setup("SFA25", f"{text!r} is no span of time", place="the command line", fix="90s, 15m, 2h or 1d")
    return int(parts[1]) * _UNITS[parts[2]]


@app.command("invoke")
@verb
def invoke(
    function: Function,
    payload: Annotated[str, typer.Argument(help="The event as JSON, or - to read it.")] = "{}",
    *,
    stack: StackName = None,
    region: Region = None,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> int:
    """Call a function with an event and show what it answers. Exit code 3 where it raised."""
    place = stack_of(stack, region)
    body = sys.stdin.read() if payload == "-" else payload
    try:
        json_module.loads(body)
    except ValueError as error:
        raise Setup(
            "SFA26",
            f"the event is not JSON: {error}",
            place="the command line",
            fix="""write it so: '{"trigger": "fetch"}'""",
        ) from error
    place.standing()
    answer = place.call(
        "lambda",
        "invoke",
        FunctionName=place.function(function),
        Qualifier="live",
        Payload=body.encode(),
        LogType="Tail",
    )
    said = json_module.loads(answer["Payload"].read() or b"null")
    failed = answer.get("FunctionError", "")
    if json:
        show_json({"function": place.function(function), "error": failed, "answer": said})
    else:
        typer.echo(base64.b64decode(answer.get("LogResult", "")).decode(errors="replace").rstrip(), err=True)
        typer.echo(json_module.dumps(said, indent=2))
    return Exit.CHECK_FAILED if failed else Exit.DONE


@app.command("rollback")
@verb
def rollback(
    stack: StackName = None,
    region: Region = None,
    *,
    to: Annotated[str, typer.Option(help="Which version of each function. Default: the one before.")] = "",
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> None:
    """Put every function back on the version before; refused where a running book has gone on with other code since."""
    from stratofold.cloud.changed import running_code
    from stratofold.cloud.versions import roll_back

    place = stack_of(stack, region)
    moves = roll_back(place, to, running_code(journal_of(place), f"cloud:{place.name}"))
    if json:
        show_json({"versions": moves})
    else:
        typer.echo("\n".join(f"{function} runs version {version}" for function, version in moves.items()))


@app.command("take")
@verb
def take(
    book: BookName = None,
    *,
    stack: StackName = None,
    region: Region = None,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> None:
    """Give a book that a resident process ran back to the functions; that process is refused from then on."""
    from stratofold.cloud.move import refuse_busy, refuse_moved_home

    place = stack_of(stack, region)
    journal = journal_of(place)
    head = head_of(journal, book)
    refuse_moved_home(head)
    refuse_busy(journal, head.book)
    taken = journal.take(head.book, f"cloud:{place.name}", time.time_ns())
    if json:
        show_json({"book": taken.book, "holder": taken.holder, "epoch": taken.epoch})
    else:
        typer.echo(f"{taken.book} is run by the functions of {place.name}")


@app.command("secret")
@verb
def secret(
    name: Annotated[str, typer.Argument(help="What it is called: alpaca-key-id, alpaca-secret-key, webhook.")],
    *,
    stack: StackName = None,
    region: Region = None,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> None:
    """Keep a key where only the functions that need it can read it: typed unseen, or read from standard input."""
    if not _SECRET.fullmatch(name):
        fix = f"letters, digits and . _ -; functions read {', '.join(KNOWN_SECRETS)}"
        raise Setup("SFA35", f"a secret cannot be called {name!r}", place="the command line", fix=fix)
    value = typer.prompt(name, hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.readline()
    value = value.rstrip("\r\n")
    if not value:
        raise Setup(
            "SF825", f"the secret {name} is empty", fix=f"type it, or pipe it in: stratofold cloud secret {name} < file"
        )
    place = stack_of(stack, region)
    state = place.standing()
    key = state.parameters.get("KeyArn", "")
    full = f"/{place.name}/{name}"
    if state.parameters.get("SecretStore", "ssm") == "ssm":
        place.call(
            "ssm",
            "put_parameter",
            Name=full,
            Value=value,
            Type="SecureString",
            Overwrite=True,
            **({"KeyId": key} if key else {}),
        )
    else:
        keep_secret(place, full, value, key)
    if json:
        show_json({"secret": full})
    elif name in KNOWN_SECRETS:
        typer.echo(f"{full} is kept; functions read it within five minutes")
    else:
        typer.echo(f"{full} is kept for who runs a book resident; functions read {', '.join(KNOWN_SECRETS)} alone")


def keep_secret(place: Stack, name: str, value: str, key: str) -> None:
    """Put a value into Secrets Manager, new or in place of the one before."""
    from stratofold.cloud.stack import told

    client = place.client("secretsmanager")
    with told(place.region):
        try:
            client.create_secret(Name=name, SecretString=value, **({"KmsKeyId": key} if key else {}))
        except client.exceptions.ResourceExistsException:
            client.put_secret_value(SecretId=name, SecretString=value)


@app.command("package")
@verb
def package(
    strategy: Annotated[str, typer.Argument(help="strategy.py:Class")],
    folder: Annotated[Path, typer.Argument(help="Where template and code go.")] = Path("cloud"),
    *,
    set_: Annotated[list[str] | None, typer.Option("--set", help="A default of the template: NAME=VALUE.")] = None,
    python: Annotated[str, typer.Option(help="The functions' Python.")] = "",
    architecture: Annotated[str, typer.Option(help="arm64 or x86_64.")] = "arm64",
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> None:
    """Write template and code into a folder, for who deploys with other tools: sam build && sam deploy."""
    from stratofold.cloud.deploy import write_folder

    built = write_folder(strategy, folder, parameters_of({}, set_ or []), python, architecture)
    if json:
        show_json({"folder": str(folder), "strategy": built.strategy, "unzipped_bytes": built.unzipped_bytes})
    else:
        typer.echo(f"{folder}/template.yaml and {folder}/code/; now: cd {folder} && sam build && sam deploy --guided")
