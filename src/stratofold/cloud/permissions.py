"""Who may do what on AWS: the one place that the roles of the template are made from.

What comes in: nothing; this is a table.  What goes out: the rights of each function, and the roles as template text.
Why it is shaped so: nine roles written by hand would drift from each other and from the code.  Here each right stands
once with what it is on and why, `scripts/cloud_template.py` writes the roles into `template.yaml`, and a test compares the
table with the calls that the functions really made: what is not used must go, what is used must be here.

A right on the journal names the partitions it reaches (`dynamodb:LeadingKeys`), because one table holds everything.
"""

from __future__ import annotations

from dataclasses import dataclass

# Partitions of the journal's table, by what is in them.
BOOK, RECORDS, OUTBOX, INBOX, SEEN, ACCOUNT = "book/*", "records/*", "outbox/*", "inbox/*", "seen/*", "account/*"
NONCE, ONCE = "nonce/*", "once/*"
EVERY_BOOK = "books"

TABLE = "!GetAtt Journal.Arn"
TABLE_INDEX = '!Sub "${Journal.Arn}/index/open"'
TABLE_STREAM = "!GetAtt Journal.StreamArn"


@dataclass(frozen=True, slots=True)
class Right:
    """Some actions of one service on one thing (template text), in some partitions, under a condition of the template."""

    service: str
    actions: tuple[str, ...]
    on: str
    why: str
    keys: tuple[str, ...] = ()
    when: str = ""


def reads(*keys: str) -> Right:
    """Items read by key, and partitions read in order."""
    return Right("dynamodb", ("GetItem", "Query"), TABLE, "reads", keys)


def lists_open() -> Right:
    """What is not final yet, consistently."""
    return Right("dynamodb", ("Query",), TABLE_INDEX, "finds what is open", (OUTBOX, INBOX))


def writes(*keys: str) -> Right:
    """Parts of a transaction: a put that must be new, a change, a condition, something that is done."""
    return Right("dynamodb", ("ConditionCheckItem", "DeleteItem", "PutItem", "UpdateItem"), TABLE, "writes", keys)


def hears_table() -> Right:
    """The poller of a function reads the table's stream."""
    actions = ("DescribeStream", "GetRecords", "GetShardIterator")
    return Right("dynamodb", actions, TABLE_STREAM, "is woken by the table")


def hears_queue(queue: str) -> Right:
    """The poller of a function reads a queue."""
    actions = ("DeleteMessage", "GetQueueAttributes", "ReceiveMessage")
    return Right("sqs", actions, f"!GetAtt {queue}.Arn", "is woken by the queue")


def buries() -> Right:
    """What cannot be handled goes to the dead letters, with its payload."""
    return Right("sqs", ("SendMessage",), "!GetAtt DeadLetters.Arn", "keeps what it could not handle")


def keeps_large() -> Right:
    """A body over the table's limit goes to S3, once."""
    return Right("s3", ("GetObject", "PutObject"), '!Sub "${Archive.Arn}/*"', "large records and snapshots")


def knows(*names: str) -> tuple[Right, Right]:
    """The secrets that a function may read, by name, in whichever store they are."""
    parameter = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/${AWS::StackName}"
    kept = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:/${AWS::StackName}"
    parameters = "[" + ", ".join(f'!Sub "{parameter}/{name}"' for name in names) + "]"
    secrets = "[" + ", ".join(f'!Sub "{kept}/{name}-??????"' for name in names) + "]"
    return (
        Right("ssm", ("GetParameter",), parameters, "its keys", when="UseParameters"),
        Right("secretsmanager", ("GetSecretValue",), secrets, "its keys", when="UseSecretsManager"),
    )


BROKER_KEYS = ("alpaca-key-id", "alpaca-secret-key")
WEBHOOK_KEYS = ("webhook", "webhook-next")

RIGHTS: dict[str, tuple[Right, ...]] = {
    "ingest": (
        reads(BOOK, RECORDS),
        writes(BOOK),
        Right("sqs", ("SendMessage",), "!GetAtt MarketQueue.Arn", "market events, in order"),
        Right("kinesis", ("PutRecord",), "!GetAtt MarketStream.Arn", "market events, in order", when="UseStream"),
        Right("s3", ("GetObject",), '!Sub "arn:${AWS::Partition}:s3:::${AWS::StackName}-drop-${AWS::AccountId}-${AWS::Region}/*"', "files"),
        *knows(*BROKER_KEYS),
        hears_queue("PushQueue"),
        buries(),
    ),
    "decide": (
        reads(BOOK, RECORDS, OUTBOX, INBOX, ACCOUNT),
        lists_open(),
        writes(BOOK, RECORDS, OUTBOX, INBOX, ACCOUNT),
        keeps_large(),
        hears_table(),
        hears_queue("MarketQueue"),
        Right("kinesis", ("DescribeStream", "DescribeStreamSummary", "GetRecords", "GetShardIterator", "ListShards"), "!GetAtt MarketStream.Arn", "is woken by the stream", when="UseStream"),
        buries(),
    ),
    "deliver": (
        reads(BOOK, OUTBOX, ACCOUNT),
        writes(BOOK, RECORDS, OUTBOX, INBOX, SEEN, ACCOUNT),
        *knows(*BROKER_KEYS),
        hears_table(),
        buries(),
    ),
    "webhook": (
        reads(BOOK),
        writes(BOOK, INBOX, SEEN, ONCE),
        *knows(*WEBHOOK_KEYS),
    ),
    "reconcile": (
        reads(BOOK, RECORDS, OUTBOX, INBOX, ACCOUNT),
        lists_open(),
        writes(BOOK, RECORDS, OUTBOX, INBOX, SEEN, ACCOUNT),
        keeps_large(),
        *knows(*BROKER_KEYS),
        Right("sns", ("Publish",), "!Ref Alerts", "tells people"),
        buries(),
    ),
    "watch": (
        reads(BOOK, RECORDS, OUTBOX, INBOX, ACCOUNT),
        lists_open(),
        writes(BOOK, RECORDS, INBOX, SEEN, ACCOUNT),
        keeps_large(),
        Right("sns", ("Publish",), "!Ref Alerts", "tells people"),
        hears_table(),
        buries(),
    ),
    "archive": (
        reads(BOOK, RECORDS),
        writes(BOOK, RECORDS),
        keeps_large(),
        Right("s3", ("ListBucket",), "!GetAtt Archive.Arn", "finds the segments there are"),
        buries(),
    ),
    "halt": (
        reads(BOOK, ACCOUNT),
        writes(BOOK, RECORDS, INBOX, SEEN, ACCOUNT),
    ),
    "warm": (
        Right("lambda", ("InvokeFunction",), "[!Ref Decide.Alias, !Ref Deliver.Alias]", "warms them"),
        buries(),
    ),
}  # fmt: skip


def common(verb: str) -> tuple[Right, ...]:
    """What every function may: its own log, traces, the key of the stack; and `decide` the network it may be put into."""
    log = f"!GetAtt {verb.capitalize()}Logs.Arn"
    rights = [
        Right("logs", ("CreateLogStream", "PutLogEvents"), log, "its log"),
        Right(
            "xray", ("PutTraceSegments", "PutTelemetryRecords"), '"*"', "X-Ray knows no resources", when="UseTracing"
        ),
        Right("kms", ("Decrypt", "GenerateDataKey"), "!Ref KeyArn", "the key of your own", when="UseOwnKey"),
    ]
    if verb == "decide":
        actions = ("CreateNetworkInterface", "DeleteNetworkInterface", "DescribeNetworkInterfaces", "DescribeSubnets")
        rights.append(Right("ec2", actions, '"*"', "Lambda makes its interface", when="UseNetwork"))
    return tuple(rights)


def rights_of(verb: str) -> tuple[Right, ...]:
    """Everything a function may do."""
    return (*RIGHTS[verb], *common(verb))


def roles_text() -> str:
    """The roles as they stand in the template, between its marks."""
    return "\n".join(_role(verb) for verb in RIGHTS)


def _role(verb: str) -> str:
    """One role."""
    statements = "\n".join(_statement(right) for right in rights_of(verb))
    return f"""\
  {verb.capitalize()}Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {{Version: "2012-10-17", Statement: [{{Effect: Allow, Principal: {{Service: lambda.amazonaws.com}}, Action: "sts:AssumeRole"}}]}}
      Policies:
        - PolicyName: {verb}
          PolicyDocument:
            Version: "2012-10-17"
            Statement:
{statements}
      Tags: [{{Key: application, Value: stratofold}}]
"""


def _statement(right: Right) -> str:
    """One statement of a policy."""
    actions = ", ".join(f'"{right.service}:{action}"' for action in right.actions)
    keys = ", ".join(f'"{key}"' for key in right.keys)
    condition = f', Condition: {{"ForAllValues:StringLike": {{"dynamodb:LeadingKeys": [{keys}]}}}}' if keys else ""
    body = f"{{Effect: Allow, Action: [{actions}], Resource: {right.on}{condition}}}"
    text = f'!If [{right.when}, {body}, !Ref "AWS::NoValue"]' if right.when else body
    return f"              - {text}  # {right.why}"
