"""What AWS says, in our words: each with a code, and one thing to do about it."""

import io
import json

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from stratofold.cli.app import run
from stratofold.cli.cloud import is_wrong, ringing
from stratofold.cli.cloud_settings import said_again
from stratofold.cloud import deploy, package, versions
from stratofold.cloud.stack import FUNCTIONS, Change, Stack, State, address_here, drift_lines
from stratofold.errors import Error, Retry, Setup, Stop
from tests.cloud_template import loaded


class Client:
    """A client that says what it was told to say."""

    def __init__(self, said):
        self.said = said
        self.asked = []

    def __getattr__(self, name):
        def operation(**terms):
            self.asked.append((name, terms))
            answer = self.said[name]
            answer = answer(**terms) if callable(answer) else answer
            if isinstance(answer, Exception):
                raise answer
            return answer

        return operation


class Session:
    """A session of one such client for every service."""

    region_name = "us-east-1"

    def __init__(self, **said):
        self.only = Client(said)

    def client(self, service, region_name, config=None):
        self.only.config = config
        return self.only


def stack(**said):
    return Stack("momentum", "us-east-1", Session(**said))


def refused(code, message="why"):
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


# what AWS or its SDK raises | what comes out | its code | a word of the fix
WORDS = [
    (NoCredentialsError(), Setup, "SFA06", "aws configure"),
    (refused("ExpiredToken"), Setup, "SFA06", "sso login"),
    (refused("InvalidClientTokenId"), Setup, "SFA06", "sign in again"),
    (EndpointConnectionError(endpoint_url="https://sts.eu-centrl-1.amazonaws.com"), Setup, "SFA07", "spelt right"),
    (refused("AccessDenied", "not authorized to perform: sts:X"), Setup, "SFA08", "ask who owns"),
    (refused("Throttling"), Retry, "SFA12", "again"),
    (refused("ValidationError", "Template format error"), Setup, "SFA17", "nothing was changed"),
]


@pytest.mark.parametrize(("raised", "kind", "code", "word"), WORDS, ids=[f"{row[2]} {row[0]}"[:40] for row in WORDS])
def test_what_goes_wrong_at_aws_is_said_with_its_fix(raised, kind, code, word):
    with pytest.raises(kind) as caught:
        stack(get_caller_identity=raised).account()
    assert caught.value.code == code
    assert word in caught.value.fix


def test_what_nobody_can_mend_is_left_as_it_is():
    with pytest.raises(ClientError):
        stack(get_caller_identity=refused("Strange")).account()


@pytest.mark.parametrize("name", ["Momentum", "m", "has_underscore", "x" * 21, "1st"])
def test_a_name_that_no_bucket_can_have_is_refused(name):
    with pytest.raises(Setup) as caught:
        Stack(name, "us-east-1", Session())
    assert caught.value.code == "SFA09"


def test_no_region_is_refused():
    session = Session()
    session.region_name = None
    with pytest.raises(Setup) as caught:
        Stack("momentum", "", session)
    assert caught.value.code == "SFA07"


def test_a_stack_that_is_not_there_is_said():
    with pytest.raises(Setup) as caught:
        stack(describe_stacks=refused("ValidationError", "Stack with id momentum does not exist")).outputs()
    assert caught.value.code == "SFA10"


HALF = [
    ("ROLLBACK_COMPLETE", Stop, "destroy"), ("CREATE_FAILED", Stop, "destroy"), ("DELETE_FAILED", Stop, "destroy"),
    ("UPDATE_ROLLBACK_FAILED", Stop, "continue-update-rollback"), ("UPDATE_IN_PROGRESS", Retry, "wait"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "kind", "word"), HALF)
def test_a_stack_half_deployed_is_refused_before_anything_is_made(status, kind, word):
    place = stack(
        get_caller_identity={"Account": "123456789012"},
        describe_stacks={"Stacks": [{"StackStatus": status, "StackStatusReason": "a role was missing"}]},
    )
    with pytest.raises(kind) as caught:
        deploy.prepare(place, deploy.Wanted("stratofold.strategies.momentum:Momentum"))
    assert caught.value.code == "SFA11"
    assert word in caught.value.fix
    assert [name for name, _ in place.session.only.asked] == ["get_caller_identity", "describe_stacks"]


def test_a_table_from_a_newer_version_is_left_alone():
    with pytest.raises(Stop) as caught:
        deploy.refuse_newer(State("UPDATE_COMPLETE", outputs={"Schema": "2"}))
    assert caught.value.code == "SFA14"
    assert "upgrade" in caught.value.fix


def test_a_region_that_data_may_not_be_in_is_refused():
    with pytest.raises(Setup) as caught:
        deploy.refuse_region("ap-south-1", {"AllowedRegions": "eu-west-1,eu-central-1"})
    assert caught.value.code == "SFA07"
    assert "--region eu-west-1" in caught.value.fix


def drifting(*differences, status="MODIFIED", kind="AWS::SQS::Queue", name="DeadLetters"):
    return {
        "LogicalResourceId": name,
        "ResourceType": kind,
        "StackResourceDriftStatus": status,
        "PropertyDifferences": list(differences),
    }


OTHER = {"PropertyPath": "/VisibilityTimeout", "ExpectedValue": "180", "ActualValue": "30"}
MOVED = {"PropertyPath": "/FunctionVersion", "ExpectedValue": "3", "ActualValue": "4"}


def test_a_template_that_drifted_stops_the_deploy_and_names_what_is_other():
    place = stack(
        detect_stack_drift={"StackDriftDetectionId": "d"},
        describe_stack_drift_detection_status={"DetectionStatus": "DETECTION_COMPLETE"},
        describe_stack_resource_drifts={"StackResourceDrifts": [drifting(OTHER)]},
    )
    with pytest.raises(Stop) as caught:
        deploy.refuse_drift(place)
    assert caught.value.code == "SFA13"
    assert "DeadLetters/VisibilityTimeout is 30, the template says 180" in caught.value.place


def test_a_version_that_a_quick_deploy_moved_is_no_drift():
    assert drift_lines(drifting(MOVED, kind="AWS::Lambda::Alias", name="DecideAliaslive")) == []
    assert drift_lines(drifting(status="DELETED")) == ["DeadLetters was deleted"]


def test_an_end_that_knows_no_drift_is_not_in_the_way():
    assert stack(detect_stack_drift=refused("InvalidAction")).drifted() == []


@pytest.mark.parametrize(
    "change",
    [
        Change("change", "Journal", "AWS::DynamoDB::Table", replaces=True),
        Change("remove", "Archive", "AWS::S3::Bucket", replaces=False),
    ],
)
def test_what_would_lose_the_journal_or_the_archive_is_refused_and_taken_back(change):
    place = stack(delete_change_set={})
    with pytest.raises(Stop) as caught:
        deploy.refuse_loss(place, [change], "set")
    assert caught.value.code == "SFA15"
    assert place.session.only.asked == [("delete_change_set", {"StackName": "momentum", "ChangeSetName": "set"})]


def test_a_deploy_that_fails_says_what_failed_and_that_the_book_runs_on():
    from datetime import UTC, datetime

    now = datetime.now(UTC)
    events = [
        {
            "LogicalResourceId": "Api",
            "ResourceStatus": "UPDATE_FAILED",
            "ResourceStatusReason": "cancelled",
            "Timestamp": now,
        },
        {
            "LogicalResourceId": "Decide",
            "ResourceStatus": "UPDATE_FAILED",
            "ResourceStatusReason": "no such role",
            "Timestamp": now,
        },
    ]
    place = stack(
        execute_change_set={}, describe_stack_events={"StackEvents": events},
        describe_stacks={"Stacks": [{"StackStatus": "UPDATE_ROLLBACK_COMPLETE"}]},
    )  # fmt: skip
    plan = deploy.Plan("set", [], {}, None, new=False)
    with pytest.raises(Stop) as caught:
        deploy.carry_out(place, plan)
    assert caught.value.code == "SFA19"
    assert caught.value.place == "Decide: no such role"
    assert "left as it was" in caught.value.why


def test_a_parameter_that_the_template_does_not_have_is_named_with_the_one_that_was_meant():
    with pytest.raises(Setup) as caught:
        deploy.known_parameters({"Symbol": "SPY"})
    assert caught.value.code == "SFA18"
    assert caught.value.fix == "did you mean Symbols?"


@pytest.mark.parametrize(
    ("found", "wrong"),
    [
        ({}, False), ({"status": "UPDATE_ROLLBACK_COMPLETE"}, False), ({"status": "ROLLBACK_COMPLETE"}, True),
        ({"status": "CREATE_FAILED"}, True), ({"status": "UPDATE_IN_PROGRESS"}, True), ({"alarms": ["old data"]}, True),
        ({"dead_letters": {"dead": 1}}, True), ({"drift": ["Decide"]}, True), ({"dead_letters": {"dead": 0}, "drift": []}, False),
    ],
)  # fmt: skip
def test_a_stack_with_which_something_is_wrong_is_told_by_the_exit_code(found, wrong):
    """What rolled back when it was first made is half a stack, though AWS calls that complete."""
    assert is_wrong({"status": "CREATE_COMPLETE", "alarms": [], "dead_letters": {}} | found) is wrong


def test_a_function_is_waited_for_as_long_as_it_may_take():
    """A read that is given up after a minute would be sent again, and `archive` would run twice at once."""
    longest = max(
        one["Properties"].get("Timeout", 0)
        for one in loaded(deploy.template_text())["Resources"].values()
        if "Properties" in one
    )
    one = stack()
    assert one.client("lambda").config.read_timeout > longest >= 300
    assert one.client("logs").config is None


class Pages:
    """A log that grows, with a line that comes late and one that says the same as another."""

    def __init__(self):
        self.held = []
        self.asked = []

    def paginate(self, **terms):
        self.asked.append(terms["startTime"])
        return [{"events": [one for one in self.held if one["timestamp"] >= terms["startTime"]]}]

    def write(self, identity, seconds, text):
        self.held.append({"eventId": identity, "timestamp": int(seconds * 1000), "message": f"{text}\n"})


def test_a_log_is_followed_line_by_line_and_not_read_from_its_beginning_each_time(capsys, monkeypatch):
    now, pages = [1_000.0], Pages()
    one = stack()
    one.session.only.get_paginator = lambda _: pages
    one.session.only.exceptions = type("Names", (), {"ResourceNotFoundException": KeyError})
    one.standing = State
    monkeypatch.setattr("stratofold.cli.cloud.stack_of", lambda *_: one)
    monkeypatch.setattr("stratofold.cli.cloud.time.time", lambda: now[0])

    def pause(_):
        now[0] += 60.0
        pages.write(f"a{now[0]}", now[0], "said")
        pages.write(f"b{now[0]}", now[0], "said")
        if len(pages.held) == 6:
            pages.write("late", now[0] - 75.0, "late")  # by more than ten seconds: nobody looks there again
            pages.write("lately", now[0] - 5.0, "lately")

    monkeypatch.setattr("stratofold.cli.cloud.time.sleep", pause)
    assert run(["cloud", "tail", "decide", "--stack", "momentum", "--for", "270"]) == 0
    said = [line.split("  ")[1] for line in capsys.readouterr().out.splitlines()]
    assert (said.count("said"), said.count("lately"), said.count("late")) == (8, 1, 0)
    assert pages.asked[-1] > 1_000_000 + 120_000


def test_alarms_of_a_stack_whose_name_goes_on_do_not_ring_here():
    named = [
        {"AlarmName": f"{name}-DecideFails-1A", "AlarmDescription": "why"} for name in ("momentum", "momentum-two")
    ]
    assert ringing(stack(describe_alarms={"MetricAlarms": named})) == ["momentum-DecideFails-1A: why"]


def test_a_rehearsal_refuses_a_region_that_data_may_not_be_in(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert run(["deploy", "stratofold.strategies:Momentum", "--region", "mars-1", "--dry-run", "--json"]) == 2
    (error,) = json.loads(capsys.readouterr().out)["errors"]
    assert error["code"] == "SFA07"


def test_the_templates_parameters_are_read_with_their_defaults():
    from stratofold.cloud.deploy import template_parameters

    found = template_parameters()
    assert (found["Book"], found["Stream"], found["KeyArn"], found["LogDays"]) == ("main", "off", "", "30")
    assert found["AllowedRegions"].startswith("us-east-1,us-east-2")


def test_other_defaults_are_written_into_the_template():
    text = deploy.with_defaults(deploy.template_text(), {"Symbols": "AAPL,MSFT", "LogDays": "7", "KeyArn": "x"})
    found = deploy.template_parameters(text)
    assert (found["Symbols"], found["LogDays"], found["KeyArn"], found["Book"]) == ("AAPL,MSFT", "7", "x", "main")


def two_versions(**said):
    """A stack whose functions run the second of two versions."""

    class Pages:
        def paginate(self, **_):
            return [{"Versions": [{"Version": "$LATEST"}, {"Version": "1"}, {"Version": "2"}]}]

    place = stack(get_alias={"FunctionVersion": "2"}, get_paginator=None, update_alias={}, **said)
    place.session.only.get_paginator = lambda _: Pages()
    return place


def test_a_rollback_goes_to_the_version_before_and_says_where_there_is_none():
    place = two_versions()
    assert set(versions.roll_back(place).values()) == {"1"}
    with pytest.raises(Error) as caught:
        versions.roll_back(place, "7")
    assert caught.value.code == "SFA21"


# what decide's version before answers when it is asked what it holds | what becomes of it, while a book runs "new"
HELD = [
    (b'{"code": "old"}', "SFA36"), (b'{"code": "new"}', ""), (b'{"errorType": "KeyError"}', ""),
    (b'{"batchItemFailures": []}', ""), (b"null", ""), (b"", ""),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "code"), HELD)
def test_a_rollback_to_code_that_a_book_does_not_run_is_refused_before_anything_moves(answer, code):
    place = two_versions(invoke=lambda **_: {"Payload": io.BytesIO(answer)})
    try:
        versions.roll_back(place, "", {"main": "new"})
        said = ""
    except Stop as error:
        said = error.code
    asked = [(name, terms.get("Qualifier")) for name, terms in place.session.only.asked]
    assert (said, ("invoke", "1") in asked) == (code, True)
    assert ("update_alias" in [name for name, _ in asked]) is (not code)


def test_the_template_is_text_that_json_and_yaml_tools_can_carry():
    assert json.loads(json.dumps(deploy.template_text())) == deploy.template_text()
    assert len(io.BytesIO(deploy.template_text().encode()).getvalue()) < 1_000_000


def test_what_the_clock_turns_off_after_the_close_is_no_drift():
    kept = {"PropertyPath": "/ProvisionedConcurrencyConfig", "ExpectedValue": "1", "ActualValue": "null"}
    most = {"PropertyPath": "/MaxCapacity", "ExpectedValue": "1", "ActualValue": "0"}
    assert drift_lines(drifting(kept, kind="AWS::Lambda::Alias")) == []
    assert drift_lines(drifting(most, kind="AWS::ApplicationAutoScaling::ScalableTarget")) == []
    assert drift_lines(drifting(most)) == ["DeadLetters/MaxCapacity is 0, the template says 1"]


def test_the_region_is_the_one_that_everything_of_aws_takes(monkeypatch, tmp_path):
    """The SDK for Python alone does not look at AWS_REGION."""
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    assert Stack("momentum").region == "eu-central-1"
    assert Stack("momentum", "us-east-1").region == "us-east-1"
    monkeypatch.delenv("AWS_REGION")
    assert Stack("momentum").region == "us-west-2"


# where AWS is | the machine | the processor that was asked for | what the stack had | what is built for
PROCESSORS = [
    ("", "x86_64", "", {}, "arm64"),
    ("https://vpce-1.lambda.us-east-1.vpce.amazonaws.com", "x86_64", "", {}, "arm64"),
    ("http://127.0.0.1:4566", "x86_64", "", {}, "x86_64"),
    ("http://localhost:4566", "aarch64", "", {}, "arm64"),
    ("http://127.0.0.1:4566", "x86_64", "arm64", {}, "arm64"),
    ("http://127.0.0.1:4566", "x86_64", "", {"Architecture": "arm64"}, "arm64"),
]


@pytest.mark.parametrize(("endpoint", "machine", "asked", "before", "built"), PROCESSORS)
def test_functions_that_run_on_this_machine_are_built_for_it(monkeypatch, endpoint, machine, asked, before, built):
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setattr("platform.machine", lambda: machine)
    wanted = deploy.Wanted("mine.py:Mine", architecture=asked)
    chosen = deploy.chosen_parameters(wanted, State(parameters=before), deploy.own_architecture())
    assert chosen["Architecture"] == built


def test_what_sam_builds_is_what_was_built(monkeypatch, tmp_path):
    """`sam build` drops compiled modules and bytecode of what it copies; it copies nothing that says it is built."""
    (tmp_path / "mine.py").write_text("import stratofold\n\n\nclass Mine(stratofold.Strategy):\n    pass\n")
    monkeypatch.setattr(
        deploy, "build", lambda *_, **__: package.build(str(tmp_path / "mine.py"), architecture="x86_64")
    )
    monkeypatch.setattr(package, "wheels", lambda *_: [])
    deploy.write_folder("mine.py:Mine", tmp_path / "cloud", {"Symbols": "QQQ"}, "", "x86_64")
    written = loaded((tmp_path / "cloud" / "template.yaml").read_text(encoding="utf-8"))
    functions = [one for one in written["Resources"].values() if one["Type"] == "AWS::Serverless::Function"]
    assert len(functions) == len(FUNCTIONS)
    for one in functions:
        assert (one["Metadata"]["SkipBuild"], one["Properties"]["CodeUri"]) == (True, "code/")
    assert written["Parameters"]["Symbols"]["Default"] == "QQQ"
    assert (tmp_path / "cloud" / "code" / "mine.py").is_file()


# the address of the emulator | what the stack says | where it is for us
ROUTES = [
    ("", "https://a1.execute-api.us-east-1.amazonaws.com/live/webhook", "https://a1.execute-api.us-east-1.amazonaws.com/live/webhook"),
    ("http://127.0.0.1:4566", "https://a1.execute-api.us-east-1.amazonaws.com/live/webhook", "http://127.0.0.1:4566/restapis/a1/live/_user_request_/webhook"),
    ("http://127.0.0.1:4566", "arn:aws:sns:us-east-1:0:alerts", "arn:aws:sns:us-east-1:0:alerts"),
]  # fmt: skip


@pytest.mark.parametrize(("endpoint", "said", "here"), ROUTES)
def test_a_route_is_told_as_it_can_be_asked_from_here(monkeypatch, endpoint, said, here):
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    assert address_here(said) == here


def test_a_secret_has_a_name_that_functions_can_ask_for(capsys):
    assert run(["cloud", "secret", "alpaca key"]) == 2
    told = capsys.readouterr().err
    assert "SFA35" in told
    assert "alpaca-key-id" in told


# what was asked for | the words by which a next command asks for the same
PLACES = [
    ({"cloud": False, "stack": None, "region": None}, ""),
    ({"cloud": True, "stack": None, "region": None}, " --cloud"),
    ({"cloud": True, "stack": "momentum", "region": None}, " --stack momentum"),
    ({"cloud": False, "stack": "momentum", "region": "eu-west-1"}, " --stack momentum --region eu-west-1"),
]


@pytest.mark.parametrize(("asked", "words"), PLACES)
def test_a_next_command_means_the_same_place(asked, words):
    assert said_again(**asked) == words
