"""Who may do what on AWS: the one place that the roles of the template are made from.

What comes in: nothing; this is a table.  What goes out: the rights of each function, and the roles as template text.
Why it is shaped so: nine roles written by hand would drift from each other and from the code.  Here each right stands
once with what it is on and why, `scripts/cloud_template.py` writes the roles into `template.yaml`, and a test compares the
table with the calls that the functions really made: what is not used must go, what is used must be here.

A right on the journal names the partitions it reaches (`dynamodb:LeadingKeys`), because one table holds everything.
"""

from __future__ import annotations

from dataclasses import dataclass

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
    rarely: bool = False


# Where the journal keeps things: a word is a partition, `book` every partition `book/...`; `stack` is the list of books.
SINGLE = ("stack",)


def partitions(words: str) -> tuple[str, ...]:
    """The patterns of some partitions, as a condition of a role names them."""
    return tuple(sorted(word if word in SINGLE else f"{word}/*" for word in words.split()))


def table(why: str = "works on the book", *, rarely: bool = False, **actions: str) -> tuple[Right, ...]:
    """Rights on the journal, by action: in which partitions.  Actions in the same partitions are one right."""
    together: dict[str, list[str]] = {}
    for action, words in actions.items():
        together.setdefault(words, []).append(action)
    return tuple(
        Right("dynamodb", tuple(sorted(names)), TABLE, why, partitions(words), rarely=rarely)
        for words, names in together.items()
    )


def after_faults(words: str) -> tuple[Right, ...]:
    """What an answer that was lost, or a race that was, makes a writer read again: anything that it writes."""
    return table("reads back what it does not know to be written", rarely=True, GetItem=words)


def finishes_steps() -> tuple[Right, ...]:
    """A step of more than a hundred items is finished by who finds it unfinished."""
    why = "finishes a step that one transaction did not hold"
    return (
        *table(why, rarely=True, ConditionCheckItem="book", DeleteItem="book", GetItem="book"),
        *table(why, rarely=True, PutItem="book outbox"),
    )


def judges() -> tuple[Right, ...]:
    """A judgement that changes nothing of an account is held to the account all the same: it must be the one that was read."""
    return table("holds a judgement to the account that it was made of", rarely=True, ConditionCheckItem="account")


def lists_open() -> Right:
    """The messages that are not final yet, consistently."""
    return Right("dynamodb", ("Query",), TABLE_INDEX, "finds what is open", partitions("outbox"))


def hears_table() -> Right:
    """The poller of a function reads the table's stream."""
    actions = (
        "DescribeStream",
        "GetRecords",
        "GetShardIterator",
        "ListStreams",
    )  # AWS wants all four of a mapping's role
    return Right("dynamodb", actions, TABLE_STREAM, "is woken by the table")


def hears_queue(queue: str) -> Right:
    """The poller of a function reads a queue."""
    actions = ("DeleteMessage", "GetQueueAttributes", "ReceiveMessage")
    return Right("sqs", actions, f"!GetAtt {queue}.Arn", "is woken by the queue")


def buries() -> Right:
    """What cannot be handled goes to the dead letters, with its payload."""
    return Right("sqs", ("SendMessage",), "!GetAtt DeadLetters.Arn", "keeps what it could not handle")


def keeps_large() -> Right:
    """A body over the table's limit goes to S3, once, by its hash."""
    return Right("s3", ("GetObject", "PutObject"), '!Sub "${Archive.Arn}/journal/*"', "large bodies", rarely=True)


def reads_large() -> Right:
    """Who reads records finds the large ones there."""
    return Right("s3", ("GetObject",), '!Sub "${Archive.Arn}/journal/*"', "large bodies", rarely=True)


def calls(*functions: str, why: str) -> Right:
    """Calls other functions, by their alias."""
    return Right("lambda", ("InvokeFunction",), "[" + ", ".join(f"!Ref {one}.Alias" for one in functions) + "]", why)


def gives_up() -> Right:
    """The poller of a function says what of a stream it gave up."""
    return Right("sns", ("Publish",), "!Ref GivenUp", "says what it gave up")


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
        *table("where the book stands", GetItem="book", Query="records", PutItem="book"),
        reads_large(),
        Right("sqs", ("SendMessage",), "!GetAtt MarketQueue.Arn", "market events, in order"),
        Right("kinesis", ("PutRecord",), "!GetAtt MarketStream.Arn", "market events, in order", when="UseStream"),
        Right("s3", ("GetObject",), '!Sub "arn:${AWS::Partition}:s3:::${AWS::StackName}-drop-${AWS::AccountId}-${AWS::Region}/*"', "files"),
        *knows(*BROKER_KEYS),
        hears_queue("PushQueue"),
        buries(),
    ),
    "decide": (
        *table(
            GetItem="book stack", Query="account inbox records", PutItem="account book outbox records", UpdateItem="account book",
            DeleteItem="account book inbox",
        ),
        *after_faults("account inbox outbox records"),
        *judges(),
        *table("answers that came before the step", rarely=True, UpdateItem="outbox", BatchGetItem="book inbox outbox seen"),
        *table("what it heard itself", rarely=True, PutItem="inbox seen"),
        *finishes_steps(),
        lists_open(),
        keeps_large(),
        hears_table(),
        hears_queue("MarketQueue"),
        Right("sqs", ("ChangeMessageVisibility",), "!GetAtt MarketQueue.Arn", "has come again what it had no time for", rarely=True),
        Right("kinesis", ("DescribeStream", "DescribeStreamSummary", "GetRecords", "GetShardIterator", "ListShards"), "!GetAtt MarketStream.Arn", "is woken by the stream", when="UseStream"),
        gives_up(),
        calls("Watch", why="tells it of fills"),
        buries(),
    ),
    "deliver": (
        *table(
            GetItem="book", BatchGetItem="account book inbox outbox", Query="account", PutItem="account inbox records seen",
            UpdateItem="account book outbox",
        ),
        *table("the venue's own name of a replaced order; a reservation that ends", rarely=True, PutItem="book", DeleteItem="account"),
        *judges(),
        *after_faults("account inbox outbox records seen"),
        *finishes_steps(),
        *knows(*BROKER_KEYS),
        hears_table(),
        gives_up(),
        buries(),
    ),
    "webhook": (
        *table("offers what was said", GetItem="book", BatchGetItem="inbox seen", PutItem="inbox once seen"),
        *after_faults("inbox once seen"),
        *knows(*WEBHOOK_KEYS),
    ),
    "reconcile": (
        *table(
            GetItem="book stack", BatchGetItem="account book inbox outbox seen", Query="account inbox records",
            PutItem="book inbox records seen", UpdateItem="book outbox",
        ),
        *table("what a resolved order reserves", rarely=True, UpdateItem="account", PutItem="account", DeleteItem="account"),
        *judges(),
        *after_faults("account inbox outbox records seen"),
        *finishes_steps(),
        lists_open(),
        reads_large(),
        *knows(*BROKER_KEYS),
        Right("sns", ("Publish",), "!Ref Alerts", "tells people"),
        calls("Decide", "Deliver", why="wakes who gave up"),
        buries(),
    ),
    "watch": (
        *table(GetItem="book", BatchGetItem="inbox seen", Query="account records", PutItem="inbox records seen", UpdateItem="book"),
        *table("holds what broke a limit", rarely=True, GetItem="account stack", PutItem="account", UpdateItem="account"),
        *after_faults("account inbox records seen"),
        reads_large(),
        Right("sns", ("Publish",), "!Ref Alerts", "tells people"),
        Right("dynamodb", ("GetRecords", "GetShardIterator"), TABLE_STREAM, "reads again what was given up"),
        Right("kinesis", ("GetRecords", "GetShardIterator"), "!GetAtt MarketStream.Arn", "reads again what was given up", when="UseStream"),
        buries(),
    ),
    "archive": (
        *table("seals records", GetItem="book", Query="records", PutItem="book records", UpdateItem="book"),
        *after_faults("records"),
        Right("s3", ("PutObject",), '!Sub "${Archive.Arn}/archive/*"', "segments, each put once"),
        Right("s3", ("GetObject", "GetObjectVersion"), '!Sub "${Archive.Arn}/archive/*"', "a segment that is there already", rarely=True),
        Right("s3", ("ListBucketVersions",), "!GetAtt Archive.Arn", "which version of a segment was put first", rarely=True),
        reads_large(),
        buries(),
    ),
    "halt": (
        *table(
            GetItem="account book stack", BatchGetItem="book inbox seen", Query="account", PutItem="account book inbox records seen",
            UpdateItem="account book",
        ),
        *after_faults("inbox records seen"),
    ),
    "warm": (
        calls("Decide", "Deliver", why="warms them"),
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
        rights.append(
            Right("ec2", LOOKS, '"*"', "Lambda looks where; EC2 knows no resources for it", when="UseNetwork")
        )
        rights.append(Right("ec2", MAKES, INTERFACES, "Lambda makes its interface", when="UseNetwork"))
    return tuple(rights)


# What Lambda does to put a function into a network, under the function's own role: so the function could do it as well, and
# is forbidden to (`_inside_only`).  The interface has no name before it is made, so the rest is narrowed to account and region.
# Source: AWS Lambda Developer Guide, "Giving Lambda functions access to resources in an Amazon VPC", its security practices.
LOOKS = ("DescribeNetworkInterfaces", "DescribeSubnets")
MAKES = ("AssignPrivateIpAddresses", "CreateNetworkInterface", "DeleteNetworkInterface", "UnassignPrivateIpAddresses")
INTERFACES = '!Sub "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:*/*"'


def _inside_only(verb: str) -> str:
    """The statement that keeps to Lambda itself what a role has to allow for it."""
    actions = ", ".join(f'"ec2:{action}"' for action in (*LOOKS, *MAKES))
    function = f'!Sub "arn:${{AWS::Partition}}:lambda:${{AWS::Region}}:${{AWS::AccountId}}:function:${{AWS::StackName}}-{verb}"'
    only = f'Condition: {{ArnEquals: {{"lambda:SourceFunctionArn": {function}}}}}'
    body = f'{{Effect: Deny, Action: [{actions}], Resource: "*", {only}}}'
    return f'              - !If [UseNetwork, {body}, !Ref "AWS::NoValue"]  # the function itself may not'


def rights_of(verb: str) -> tuple[Right, ...]:
    """Everything a function may do."""
    return (*RIGHTS[verb], *common(verb))


def roles_text() -> str:
    """The roles as they stand in the template, between its marks."""
    return "\n".join(_role(verb) for verb in RIGHTS)


def _role(verb: str) -> str:
    """One role."""
    statements = "\n".join(_statement(right) for right in rights_of(verb))
    if any(right.service == "ec2" for right in rights_of(verb)):
        statements += f"\n{_inside_only(verb)}"
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
