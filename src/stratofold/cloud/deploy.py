"""`deploy`: from a strategy and a few words to a stack on AWS, in two steps: what would change, then the change.

What comes in: a stack, what it is to be.  What goes out: a plan (changes, package, parameters), then a stack that stands.
Why it is shaped so: a plan is data and can be shown, priced and refused; nothing of the running book is touched until
the change set is carried out, and AWS rolls a failed one back as a whole.  What would replace the journal or the archive
by an empty one is refused, whoever asks.
"""

from __future__ import annotations

import io
import platform
import re
import time
import zipfile
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stratofold.cloud.clock import with_sessions
from stratofold.cloud.package import build
from stratofold.cloud.stack import ALIAS, FUNCTIONS, SCHEMA, Change, Stack, State, endpoint_here, looks, told
from stratofold.errors import Setup, Stop

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from stratofold.cloud.package import Package

TEMPLATE = Path(__file__).parent / "template.yaml"
CODE = "CodeUri: code/"
RELEASE = '"unset '
PACKAGE = "Package: {Value: unset,"
KEPT = ("Journal", "Archive")  # never replaced, whatever a change set says
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
_PARAMETER = re.compile(r"^  (?P<name>[A-Z]\w+):(?P<body>.*(?:\n    .*)*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a stack is to be; `parameters` are the template's, by name."""

    strategy: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    python: str = ""
    architecture: str = ""
    extra: Sequence[str] = ()
    ignore_drift: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done: `change_set` is empty where nothing changes."""

    change_set: str
    changes: list[Change]
    parameters: Mapping[str, str]
    package: Package
    new: bool


def template_text() -> str:
    """The template as it stands in the package."""
    return TEMPLATE.read_text(encoding="utf-8")


def template_parameters(text: str = "") -> dict[str, str]:
    """Every parameter of the template with its default."""
    text = text or template_text()
    section = text.partition("\nParameters:\n")[2].partition("\nRules:\n")[0]
    found = {}
    for one in _PARAMETER.finditer(section):
        default = re.search(r'Default: ("[^"]*"|[^\s,}]+(?:,[^\s}]+)*)', one["body"])
        found[one["name"]] = default[1].strip('"') if default else ""
    return found


def known_parameters(given: Mapping[str, str], place: str = "") -> dict[str, str]:
    """The same, or Setup SFA18 for one that the template does not have."""
    from difflib import get_close_matches

    known = template_parameters()
    for name in given:
        if name not in known:
            close = get_close_matches(name, known, n=1, cutoff=0.4)
            fix = f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"
            raise Setup("SFA18", f"the template has no parameter {name!r}", place=place, fix=fix)
    return dict(given)


def prepare(stack: Stack, wanted: Wanted) -> Plan:
    """Say what would change, and change nothing; raises Setup, Stop and Retry for what is in the way."""
    account = stack.account()
    state = stack.state()
    stack.refuse_half(state)
    refuse_newer(state)
    parameters = chosen_parameters(wanted, state, own_architecture())
    refuse_region(stack.region, parameters)
    refuse_unheard(state, parameters)
    if not state.outputs:
        refuse_left(stack, account)
    if state.outputs and not wanted.ignore_drift:
        refuse_drift(stack)
    package = build(
        wanted.strategy or parameters["Strategy"], python=parameters["Runtime"].removeprefix("python"), architecture=parameters["Architecture"], extra=wanted.extra
    )  # fmt: skip
    parameters["Strategy"] = package.strategy
    code = code_key(stack, package, state)
    put_code(stack, account, package, code)
    template = put_template(stack, account, code, parameters)
    change_set = make_change_set(stack, state, template, parameters)
    changes = changes_of(stack, change_set) if change_set else []
    refuse_loss(stack, changes, change_set)
    return Plan(change_set, changes, parameters, package, new=not state.outputs)


def own_architecture() -> str:
    """This machine's processor where the functions run on this machine, since they can run on no other; else none."""
    machine = {"aarch64": "arm64", "arm64": "arm64"}.get(platform.machine().lower(), "x86_64")
    return machine if endpoint_here() else ""


def chosen_parameters(wanted: Wanted, state: State, architecture: str = "") -> dict[str, str]:
    """Every parameter: as asked, else as the stack has it, else for this `architecture`, else the template's own."""
    own = ".".join(platform.python_version_tuple()[:2])
    before = {name: value for name, value in state.parameters.items() if name in template_parameters()}
    usual = template_parameters() | ({"Architecture": architecture} if architecture else {})
    chosen = usual | before | known_parameters(wanted.parameters)
    chosen["Runtime"] = f"python{wanted.python or own}"
    chosen["Architecture"] = wanted.architecture or chosen["Architecture"]
    return chosen


def refuse_newer(state: State) -> None:
    """Raise Stop SFA14 for a stack whose table a newer program has written."""
    schema = int(state.outputs.get("Schema", SCHEMA))
    if schema > SCHEMA:
        raise Stop(
            "SFA14", f"the stack's table is of version {schema}, this program writes {SCHEMA}",
            why="an older program would not understand what is in it; nothing was changed", fix="pip install --upgrade stratofold",
        )  # fmt: skip


def refuse_region(region: str, parameters: Mapping[str, str]) -> None:
    """Raise Setup SFA07 for a region that data may not be in."""
    allowed = parameters["AllowedRegions"].split(",")
    if region not in allowed:
        raise Setup(
            "SFA07", f"{region} is not an allowed region", why=f"data may be in {', '.join(allowed)}",
            fix=f"--region {allowed[0]}, or allow it: --set AllowedRegions={parameters['AllowedRegions']},{region}",
        )  # fmt: skip


def refuse_unheard(state: State, parameters: Mapping[str, str]) -> None:
    """Raise Stop SFA34 where a stream would be taken away into which lines are still put: the last ones would be lost with it."""
    before = state.parameters
    if before.get("Stream", "off") != "off" and parameters["Stream"] == "off" and before.get("Drain", "off") != "on":
        raise Stop(
            "SFA34", "lines are put into the stream until it is gone, and the last ones would be lost with it",
            why="it is heard to its end first; nothing was changed",
            fix="stratofold deploy --set Drain=on, and a minute later stratofold deploy --set Stream=off --set Drain=off",
        )  # fmt: skip


def refuse_left(stack: Stack, account: str) -> None:
    """Raise Setup SFA33 for a new stack whose archive's name is taken: by what `destroy` left, since it is written once."""
    s3, bucket = stack.client("s3"), f"{stack.name}-archive-{account}-{stack.region}"
    try:
        s3.head_bucket(Bucket=bucket)
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] in {"404", "NoSuchBucket"}:
            return
    raise Setup(
        "SFA33", f"there is a bucket {bucket} already", why="it is the archive of a stack of this name that was destroyed, and AWS makes no second one",
        fix="give the new stack another name: --stack NAME",
    )  # fmt: skip


def refuse_drift(stack: Stack) -> None:
    """Raise Stop SFA13 for a stack that somebody changed by hand."""
    drifted = stack.drifted()
    if drifted:
        raise Stop(
            "SFA13", f"stack {stack.name} is not as its template says", place="; ".join(drifted[:5]),
            why="a deploy would take back what somebody changed by hand, or fail on it",
            fix="change it back, or say that the template is right: stratofold deploy --ignore-drift",
        )  # fmt: skip


def deploy_bucket(account: str, region: str) -> str:
    """Where packages are put before a function has them."""
    return f"stratofold-deploy-{account}-{region}"


def release_of(code: str, parameters: Mapping[str, str]) -> str:
    """A word for code and settings together, which the functions' environment has.

    The transform publishes a version where the template's own words change, and a parameter's value is none of them.
    """
    told = "\n".join(f"{name}={value}" for name, value in sorted(parameters.items()))
    return sha256(f"{code}\n{told}".encode()).hexdigest()[:16]


def released(text: str, code: str, parameters: Mapping[str, str]) -> str:
    """The template with that word in it, and with where its code is."""
    text = text.replace(RELEASE, f'"r{release_of(code, parameters)} ')
    return text.replace(PACKAGE, f"Package: {{Value: {code},")


def code_key(stack: Stack, package: Package, state: State) -> str:
    """Where the code of a package is put: under its hash, and under another name where the functions were given other code since.

    `--code-only` and `cloud rollback` change functions and no template.  Under the name that the template has already
    CloudFormation would see no change, and leave the functions with code that is not this.
    """
    plain = f"{stack.name}/code/{package.digest[:32]}"
    before = state.outputs.get("Package", "")
    if not before.startswith(plain):
        return f"{plain}.zip"
    if all(code == package.code_sha256 for code in codes(stack)):
        return before
    count = int(before.removeprefix(plain).removesuffix(".zip").removeprefix("-") or 0)
    return f"{plain}-{count + 1}.zip"


def codes(stack: Stack) -> Iterator[str]:
    """The hash of the code that each function has: behind its alias, and for the version that is published next."""
    for verb in FUNCTIONS:
        for qualifier in (ALIAS, "$LATEST"):
            held = stack.call(
                "lambda", "get_function_configuration", FunctionName=stack.function(verb), Qualifier=qualifier
            )
            yield str(held["CodeSha256"])


def put_code(stack: Stack, account: str, package: Package, code: str) -> str:
    """Put a package where functions find it, unless it is there; returns the bucket."""
    bucket = deploy_bucket(account, stack.region)
    ensure_bucket(stack, bucket, account)
    put_once(stack, bucket, code, package.data)
    return bucket


def put_template(stack: Stack, account: str, code: str, parameters: Mapping[str, str]) -> str:
    """Put the template for some code and parameters where CloudFormation finds it; returns its address."""
    bucket = deploy_bucket(account, stack.region)
    text = with_sessions(template_text(), int(time.time())).replace(CODE, f"CodeUri: s3://{bucket}/{code}")
    text = released(text, code, parameters)
    key = f"{code.replace('/code/', '/template/').removesuffix('.zip')}-{int(time.time())}.yaml"
    return put_text(stack, bucket, key, text)


def put_text(stack: Stack, bucket: str, key: str, text: str) -> str:
    """Put a template where CloudFormation finds it; returns its address."""
    stack.call("s3", "put_object", Bucket=bucket, Key=key, Body=text.encode())
    host = stack.client("s3").meta.endpoint_url
    if host.endswith(".amazonaws.com"):
        return f"https://{bucket}.s3.{stack.region}.amazonaws.com/{key}"
    return f"{host}/{bucket}/{key}"


def ensure_bucket(stack: Stack, bucket: str, account: str) -> None:
    """A bucket for packages: private, encrypted, and this account's.

    Its name can be guessed, so somebody else may have made it: then we are refused, and run no code that others can change.
    What is in it stays until `destroy`, because AWS fetches the code of before when it takes a failed deploy back.
    """
    s3 = stack.client("s3")
    with told(stack.region):
        try:
            s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=account)
        except s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] not in {"404", "NoSuchBucket"}:
                raise
        else:
            return
        where: dict[str, Any] = {"LocationConstraint": stack.region}
        s3.create_bucket(Bucket=bucket, **({} if stack.region == "us-east-1" else {"CreateBucketConfiguration": where}))
        closed = dict.fromkeys(
            ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True
        )
        s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=closed)


def put_once(stack: Stack, bucket: str, key: str, data: bytes) -> None:
    """Upload what has its name by its content, unless it is there."""
    s3 = stack.client("s3")
    with told(stack.region):
        try:
            s3.head_object(Bucket=bucket, Key=key)
        except s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] not in {"404", "NoSuchKey"}:
                raise
            s3.put_object(Bucket=bucket, Key=key, Body=data)


def make_change_set(stack: Stack, state: State, template: str, parameters: Mapping[str, str]) -> str:
    """A change set, made and not carried out; empty when nothing would change.  Raises Setup SFA17 when AWS cannot make one."""
    fresh = not state.status or state.status == "REVIEW_IN_PROGRESS"
    name = f"stratofold-{time.time_ns()}"
    stack.call(
        "cloudformation", "create_change_set", StackName=stack.name, ChangeSetName=name, TemplateURL=template,
        ChangeSetType="CREATE" if fresh else "UPDATE", Capabilities=CAPABILITIES,
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Tags=[{"Key": "application", "Value": "stratofold"}],
    )  # fmt: skip
    for _ in looks():
        made = stack.call("cloudformation", "describe_change_set", StackName=stack.name, ChangeSetName=name)
        if made["Status"] not in {"CREATE_PENDING", "CREATE_IN_PROGRESS"}:
            break
    if made["Status"] == "FAILED":
        why = made.get("StatusReason", "")
        stack.call("cloudformation", "delete_change_set", StackName=stack.name, ChangeSetName=name)
        if "didn't contain changes" in why or "No updates" in why:
            return ""
        raise Setup(
            "SFA17",
            "AWS cannot make this stack",
            why=why,
            fix="change what it says (--set NAME=VALUE); nothing was changed",
        )
    return name


def changes_of(stack: Stack, change_set: str) -> list[Change]:
    """What a change set would do, new things first."""
    found: list[Change] = []
    token: dict[str, str] = {}
    while True:
        page = stack.call(
            "cloudformation", "describe_change_set", StackName=stack.name, ChangeSetName=change_set, **token
        )
        found += [change_of(one["ResourceChange"]) for one in page.get("Changes", [])]
        if not page.get("NextToken"):
            return sorted(found, key=lambda one: (one.action, one.kind, one.name))
        token = {"NextToken": page["NextToken"]}


def change_of(one: Mapping[str, Any]) -> Change:
    """One change in our words."""
    words = {"Add": "add", "Modify": "change", "Remove": "remove", "Import": "import", "Dynamic": "perhaps change"}
    names = [detail["Target"].get("Name") or detail["Target"].get("Attribute", "") for detail in one.get("Details", [])]
    return Change(
        words.get(one["Action"], one["Action"].lower()), one["LogicalResourceId"], one["ResourceType"],
        one.get("Replacement") == "True", ", ".join(sorted({name for name in names if name})),
    )  # fmt: skip


def refuse_loss(stack: Stack, changes: Sequence[Change], change_set: str) -> None:
    """Raise Stop SFA15 where a change would leave the book without its journal or its archive."""
    lost = [one for one in changes if one.name in KEPT and (one.replaces or one.action == "remove")]
    if not lost:
        return
    stack.call("cloudformation", "delete_change_set", StackName=stack.name, ChangeSetName=change_set)
    raise Stop(
        "SFA15", f"this would replace the {lost[0].name.lower()}, and the book would begin again from nothing",
        why=f"what changes is {lost[0].why or 'its definition'}", fix="deploy it as another stack (--stack NAME), then move the book",
    )  # fmt: skip


def carry_out(stack: Stack, plan: Plan) -> State:
    """Do what the plan says; raises Stop SFA19 when AWS could not, and has taken all of it back."""
    if not plan.change_set:
        return stack.state()
    began = time.time()
    stack.call("cloudformation", "execute_change_set", StackName=stack.name, ChangeSetName=plan.change_set)
    time.sleep(0.2)
    state = stack.wait()
    if state.status in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
        return state
    kept = "nothing was left behind that runs" if plan.new else "the running book was left as it was"
    fix = (
        "mend that and deploy again" if not plan.new else "mend that, then: stratofold destroy --yes, and deploy again"
    )
    raise Stop("SFA19", f"the deploy failed ({state.status})", place=stack.failure(began), why=kept, fix=fix)


def forget(stack: Stack, plan: Plan) -> None:
    """Take back a plan that nobody wants; a stack that was never made goes with it."""
    if not plan.change_set:
        return
    stack.call("cloudformation", "delete_change_set", StackName=stack.name, ChangeSetName=plan.change_set)
    if plan.new and stack.state().status == "REVIEW_IN_PROGRESS":
        stack.call("cloudformation", "delete_stack", StackName=stack.name)


def write_folder(strategy: str, folder: Path, given: Mapping[str, str], python: str, architecture: str) -> Package:
    """Template and code as files, with what is given as the template's defaults; the sessions of the next year are in it.

    It is built already, and `sam build` is told so: it would drop compiled modules and bytecode.
    """
    package = build(strategy, python=python, architecture=architecture)
    own = python or ".".join(platform.python_version_tuple()[:2])
    chosen = {"Strategy": package.strategy, "Runtime": f"python{own}", "Architecture": architecture, **given}
    text = with_defaults(with_sessions(template_text(), int(time.time())), chosen)
    text = left_alone(released(text, package.digest[:32], chosen))
    code = folder / "code"
    with zipfile.ZipFile(io.BytesIO(package.data)) as archive:
        archive.extractall(code)
    (folder / "template.yaml").write_text(text, encoding="utf-8")
    return package


def left_alone(text: str) -> str:
    """The template with functions that `sam build` copies as they are; for that each has to say itself where its code is."""
    kind, name = "    Type: AWS::Serverless::Function\n", "      FunctionName: !Sub "
    return text.replace(kind, f"{kind}    Metadata: {{SkipBuild: true}}\n").replace(name, f"      {CODE}\n{name}")


def with_defaults(text: str, chosen: Mapping[str, str]) -> str:
    """The template with other defaults of its parameters."""
    head, parameters, rest = _sections(text)
    for name, value in chosen.items():
        begin = parameters.index(f"\n  {name}:")
        end = parameters.find("\n  ", begin + 1)
        while end >= 0 and parameters[end + 3] == " ":
            end = parameters.find("\n  ", end + 1)
        end = len(parameters) if end < 0 else end
        one = re.sub(r'Default: ("[^"]*"|[^\s,}]+(?:,[^\s}]+)*)', f'Default: "{value}"', parameters[begin:end], count=1)
        parameters = parameters[:begin] + one + parameters[end:]
    return head + parameters + rest


def _sections(text: str) -> tuple[str, str, str]:
    """What comes before the parameters, the parameters, and what comes after them."""
    begin, end = text.index("\nParameters:\n"), text.index("\nRules:\n")
    return text[:begin], text[begin:end], text[end:]
