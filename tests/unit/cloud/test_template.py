"""What the template promises, read off the template: rights, encryption, dead letters, retention, nothing on by default."""

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from stratofold.adapters.aws.table import definition
from stratofold.cloud.deploy import release_of, released, template_text
from stratofold.cloud.permissions import RIGHTS, rights_of
from stratofold.cloud.stack import FUNCTIONS, SCHEMA
from tests.cloud_template import loaded, resources, statements

ROOT = Path(__file__).parents[3]
TEMPLATE = loaded()
ROLES = {name: one for name, one in resources("AWS::IAM::Role").items() if name != "ClockRole"}
LAMBDAS = resources("AWS::Serverless::Function")
# Actions that a service offers on everything or nothing; the reason of each stands in permissions.py.
UNSCOPED = {
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
}


def test_the_generated_parts_are_current():
    script = [sys.executable, str(ROOT / "scripts" / "cloud_template.py"), "--check"]
    checked = subprocess.run(script, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


def actions(verb):
    role = ROLES[f"{verb.capitalize()}Role"]
    return {action for one in statements(role) for action in one["Action"]}


def test_every_function_has_a_role_of_its_own():
    assert {one["Properties"]["Role"]["Fn::GetAtt"][0] for one in LAMBDAS.values()} == set(ROLES)
    assert len(LAMBDAS) == len(ROLES) == len(FUNCTIONS)
    assert set(RIGHTS) == set(FUNCTIONS)


def test_no_action_is_a_wildcard_and_no_resource_is_everything():
    for role in ROLES.values():
        for one in statements(role):
            assert not [action for action in one["Action"] if "*" in action]
            if one["Resource"] == "*" and one["Effect"] == "Allow":
                assert set(one["Action"]) <= UNSCOPED


def test_what_lambda_may_do_in_the_network_the_function_itself_may_not():
    """Lambda makes a function's interface under the function's role; the condition is there only when its code asks."""
    held = [one for one in statements(ROLES["DecideRole"]) if one["Action"][0].startswith("ec2:")]
    allowed = {action for one in held if one["Effect"] == "Allow" for action in one["Action"]}
    (denied,) = [one for one in held if one["Effect"] == "Deny"]
    assert (set(denied["Action"]), denied["Resource"]) == (allowed, "*")
    assert denied["Condition"]["ArnEquals"]["lambda:SourceFunctionArn"]["Fn::Sub"].endswith("-decide")
    assert not [name for name, role in ROLES.items() if name != "DecideRole" and "ec2:" in str(role)]


# What AWS does in a function's name from outside of its network: logs, traces, keys, its interface, pollers and what they give up.
BY_AWS = {"logs", "xray", "kms", "ec2", "kinesis", "sns"}


def test_what_is_put_into_the_network_reaches_every_service_that_it_calls():
    """There is no way out of it: a call without an endpoint would hang until the function's time is over."""
    inside = {name for name, one in LAMBDAS.items() if "VpcConfig" in one["Properties"]}
    called = {right.service for name in inside for right in rights_of(name.lower())} - BY_AWS
    held = resources("AWS::EC2::VPCEndpoint").values()
    reached = {one["Properties"]["ServiceName"]["Fn::Sub"].rpartition(".")[2] for one in held}
    assert (inside, reached) == ({"Decide"}, called)


def test_what_the_bus_could_not_hand_over_may_be_kept():
    """AWS gives the bus no role: without this statement its dead letters would be lost, and nobody would hear of it."""
    said = TEMPLATE["Resources"]["QueuePolicy"]["Properties"]["PolicyDocument"]["Statement"]
    allowed = [one for one in said if one["Effect"] == "Allow"]
    assert [one["Principal"] for one in allowed] == [{"Service": "events.amazonaws.com"}]
    assert "IngestBus" in str(allowed[0]["Condition"]["ArnEquals"]["aws:SourceArn"])


def test_other_settings_are_another_release():
    """An alias moves where the template's words change, which a parameter's value is not."""
    now = {"Symbols": "SPY", "Stream": "off"}
    releases = [release_of("code.zip", now | other) for other in ({}, {"Symbols": "QQQ"}, {"Stream": "on-demand"}, {})]
    assert len(set(releases)) == 3
    assert releases[0] == releases[3] != release_of("other.zip", now)
    text = released(template_text(), "code.zip", now)
    assert loaded(text)["Outputs"]["Package"]["Value"] == "code.zip"
    said = loaded(text)["Globals"]["Function"]["Environment"]["Variables"]["STRATOFOLD_RELEASE"]["Fn::Sub"][0]
    assert said.startswith(f"r{releases[0]} ")


def parameters_in(part, seen=()):
    """The parameters that a part of the template reads, itself and by the conditions that it asks."""
    if isinstance(part, list):
        return set().union(*(parameters_in(one, seen) for one in part), set())
    if isinstance(part, str) or not isinstance(part, dict):
        return set()
    found = set().union(*(parameters_in(one, seen) for one in part.values()), set())
    found |= {part["Ref"]} & set(TEMPLATE["Parameters"]) if "Ref" in part else set()
    if "Fn::Sub" in part:
        text = part["Fn::Sub"] if isinstance(part["Fn::Sub"], str) else part["Fn::Sub"][0]
        found |= set(re.findall(r"\$\{(\w+)\}", text)) & set(TEMPLATE["Parameters"])
    asked = part["Fn::If"][0] if "Fn::If" in part else part.get("Condition")
    if isinstance(asked, str) and asked not in seen:
        found |= parameters_in(TEMPLATE["Conditions"][asked], (*seen, asked))
    return found


# What belongs to the code (a package is built for them) or to the alias (how many are warm), not to a version's settings.
NOT_OF_A_VERSION = {"Runtime", "Architecture", "ProvisionedDecides"}


def test_every_setting_of_a_version_is_in_its_description():
    """CloudFormation makes a version for another description; AWS refuses one without another function."""
    common = TEMPLATE["Globals"]["Function"]
    release = common["Environment"]["Variables"]["STRATOFOLD_RELEASE"]
    for name, one in LAMBDAS.items():
        given = {key: value for key, value in one["Properties"].items() if key != "Events"}
        described = given.pop("VersionDescription")
        assert described["Fn::Sub"] == [release["Fn::Sub"][0].removeprefix("unset "), release["Fn::Sub"][1]], name
        assert parameters_in([given, common]) - NOT_OF_A_VERSION == parameters_in(described), name
        assert one["UpdateReplacePolicy"] == "Retain"


def test_a_description_has_room_for_the_longest_settings():
    text, more = resources("AWS::Serverless::Function")["Decide"]["Properties"]["VersionDescription"]["Fn::Sub"]
    longest = {"Key": 36, "Book": 12}
    for name in re.findall(r"\$\{(\w+)\}", text):
        if name not in longest:
            stated = TEMPLATE["Parameters"][name]
            longest[name] = max(map(len, stated["AllowedValues"])) if "AllowedValues" in stated else stated["MaxLength"]
        text = text.replace(f"${{{name}}}", "x" * longest[name])
    assert set(more) == {"Key"}
    assert "$" not in text
    assert len(text) <= 256


def test_every_right_on_the_journal_names_its_partitions():
    for verb in FUNCTIONS:
        for right in rights_of(verb):
            if right.service == "dynamodb" and "GetRecords" not in right.actions:
                assert right.keys, f"{verb} reaches every partition"
                assert all(re.fullmatch(r"[a-z]+(/\*)?", key) for key in right.keys)


# function | service | whether it may
MATRIX = [
    ("decide", "ssm", False), ("decide", "secretsmanager", False), ("archive", "sns", False), ("deliver", "s3", False),
    ("deliver", "ssm", True), ("webhook", "s3", False), ("webhook", "sqs", False), ("halt", "ssm", False), ("archive", "ssm", False),
    ("warm", "dynamodb", False), ("warm", "lambda", True), ("watch", "ssm", False), ("watch", "sns", True),
]  # fmt: skip


@pytest.mark.parametrize(("verb", "service", "may"), MATRIX)
def test_who_may_reach_what(verb, service, may):
    assert (service in {action.partition(":")[0] for action in actions(verb)}) is may


@pytest.mark.parametrize("verb", ["decide", "deliver"])
def test_who_reads_a_stream_tells_people_nothing(verb):
    assert [right.on for right in RIGHTS[verb] if right.service == "sns"] == ["!Ref GivenUp"]


def test_who_decides_reads_no_key_and_who_sends_no_record():
    decide, deliver = RIGHTS["decide"], RIGHTS["deliver"]
    assert not {"ssm", "secretsmanager", "kms"} & {right.service for right in decide}
    read = {key for right in deliver if "Query" in right.actions for key in right.keys}
    assert "records/*" not in read


def test_the_table_is_the_one_that_the_journal_is_written_for():
    table = TEMPLATE["Resources"]["Journal"]["Properties"]
    wanted = definition("any")
    for name in ("BillingMode", "AttributeDefinitions", "KeySchema", "LocalSecondaryIndexes"):
        assert table[name] == wanted[name], name
    assert table["StreamSpecification"]["StreamViewType"] == wanted["StreamSpecification"]["StreamViewType"]
    assert table["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}
    assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
    assert TEMPLATE["Outputs"]["Schema"]["Value"] == str(SCHEMA)


def test_the_journal_is_never_replaced_and_the_archive_never_deleted():
    assert TEMPLATE["Resources"]["Journal"]["UpdateReplacePolicy"] == "Retain"
    assert TEMPLATE["Resources"]["Archive"]["DeletionPolicy"] == "RetainExceptOnCreate"
    assert TEMPLATE["Resources"]["ArchivePolicy"]["DeletionPolicy"] == "RetainExceptOnCreate"
    kept = {name for name, one in TEMPLATE["Resources"].items() if one.get("DeletionPolicy", "").startswith("Retain")}
    assert kept == {"Archive", "ArchivePolicy"}


def test_everything_that_keeps_something_is_encrypted():
    assert TEMPLATE["Resources"]["Journal"]["Properties"]["SSESpecification"]["SSEEnabled"]
    for queue in resources("AWS::SQS::Queue").values():
        assert queue["Properties"]["SqsManagedSseEnabled"]["Fn::If"][2] is True
    for bucket in resources("AWS::S3::Bucket").values():
        assert bucket["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    for stream in resources("AWS::Kinesis::Stream").values():
        assert stream["Properties"]["StreamEncryption"]["EncryptionType"] == "KMS"


def test_nothing_is_reached_without_tls():
    policies = [
        *resources("AWS::S3::BucketPolicy").values(),
        *resources("AWS::SQS::QueuePolicy").values(),
        *resources("AWS::SNS::TopicPolicy").values(),
    ]
    for policy in policies:
        held = policy["Properties"]["PolicyDocument"]["Statement"]
        assert any(
            one["Effect"] == "Deny" and one["Condition"] == {"Bool": {"aws:SecureTransport": "false"}} for one in held
        )


def test_every_function_has_a_log_that_ends_and_a_place_for_what_it_cannot_handle():
    logs = resources("AWS::Logs::LogGroup")
    assert len(logs) == len(FUNCTIONS)
    assert all("RetentionInDays" in one["Properties"] for one in logs.values())
    for name, one in LAMBDAS.items():
        events = one["Properties"].get("Events", {}).values()
        streams = [event["Properties"] for event in events if event["Type"] == "DynamoDB"]
        assert all("DestinationConfig" in event and event["BisectBatchOnFunctionError"] for event in streams)
        assert all(
            event["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
            for event in events
            if event["Type"] in {"SQS", "DynamoDB"}
        )
        assert all(event["DestinationConfig"]["OnFailure"]["Destination"] == {"Ref": "GivenUp"} for event in streams)
        assert name in {"Halt", "Webhook"} or "DeadLetterQueue" in one["Properties"], name


def test_a_queue_waits_six_times_as_long_as_who_reads_it():
    queues = resources("AWS::SQS::Queue")
    for name, function in (("MarketQueue", "Decide"), ("PushQueue", "Ingest")):
        assert queues[name]["Properties"]["VisibilityTimeout"] >= 6 * LAMBDAS[function]["Properties"]["Timeout"]


def test_of_the_queues_only_the_markets_is_asked_while_nothing_happens():
    """The free tier holds one queue's long polls; the other's reader is a parameter, which is off."""
    readers = {
        event["Properties"]["Queue"]["Fn::GetAtt"][0]: event["Properties"].get("Enabled", True)
        for one in LAMBDAS.values()
        for event in one["Properties"].get("Events", {}).values()
        if event["Type"] == "SQS"
    }
    assert readers == {"MarketQueue": True, "PushQueue": {"Fn::If": ["UsePushQueue", True, False]}}
    assert loaded()["Parameters"]["PushByQueue"]["Default"] == "off"


def test_at_most_two_functions_read_a_partition_of_the_tables_stream():
    """AWS throttles a shard that more than two read."""
    readers = [
        name
        for name, one in LAMBDAS.items()
        for event in one["Properties"].get("Events", {}).values()
        if event["Type"] == "DynamoDB"
    ]
    assert sorted(readers) == ["Decide", "Deliver"]


def test_the_environment_holds_names_and_no_keys():
    held = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    assert all(name.startswith("STRATOFOLD_") for name in held)
    assert not [name for name in held if re.search("KEY|TOKEN|PASSWORD", name)]
    text = json.dumps(TEMPLATE)
    assert not re.search(r"AKIA[A-Z0-9]{16}|PK[A-Z0-9]{18}|-----BEGIN", text)


SWITCHED = (
    "UseStream",
    "UseNetwork",
    "UseCache",
    "UseDashboard",
    "UseWaf",
    "UseSocket",
    "UseProvisioned",
    "UseOwnKey",
    "UseAllAlarms",
)
PRICED = (
    "AWS::Kinesis::Stream", "AWS::EC2::VPCEndpoint", "AWS::ElastiCache::ServerlessCache", "AWS::CloudWatch::Dashboard", "AWS::WAFv2::WebACL",
    "AWS::ApplicationAutoScaling::ScalableTarget",
)  # fmt: skip


def test_what_has_a_price_at_rest_stands_behind_a_switch_that_is_off():
    for kind in PRICED:
        for name, one in resources(kind).items():
            assert one.get("Condition") in SWITCHED, name
    off = {
        name: one["Default"]
        for name, one in TEMPLATE["Parameters"].items()
        if name in {"Stream", "Network", "Cache", "Dashboard", "Waf", "PushSocket"}
    }
    assert set(off.values()) == {"off"}


def test_the_alarms_that_are_on_by_default_are_as_many_as_are_free():
    alarms = resources("AWS::CloudWatch::Alarm")
    usual = [one for one in alarms.values() if one["Condition"] == "UseAlarms"]
    assert len(usual) == 10
    measured = sum(
        len([m for m in one["Properties"].get("Metrics", [1]) if m == 1 or "MetricStat" in m])
        for one in alarms.values()
    )
    from stratofold.cloud.cost import ALARM_METRICS

    assert (measured, len(usual)) == (ALARM_METRICS["all"], ALARM_METRICS["free"])


def test_every_alarm_is_in_the_runbook():
    page = (ROOT / "docs" / "cloud.md").read_text(encoding="utf-8").lower()
    for name, one in resources("AWS::CloudWatch::Alarm").items():
        heading = re.search(r"See the runbook, ([a-z ]+)\.", one["Properties"]["AlarmDescription"])
        assert heading, name
        assert f"### {heading[1]}" in page, heading[1]


# What the emulator cannot make (docs/cloud-local.md) is held by these, and by cfn-lint's schemas of the services.


def metrics_of(alarm):
    """The metrics that an alarm looks at: (namespace, name, dimensions)."""
    given = alarm["Properties"]
    single = [given] if "MetricName" in given else []
    found = [*single, *(one["MetricStat"]["Metric"] for one in given.get("Metrics", []) if "MetricStat" in one)]
    return [
        (one["Namespace"], one["MetricName"], {each["Name"]: each["Value"] for each in one["Dimensions"]})
        for one in found
    ]


def test_every_alarm_looks_at_a_metric_that_somebody_tells():
    told = {
        name
        for file in (ROOT / "src/stratofold/cloud").rglob("*.py")
        for name in re.findall(r'metrics\.add\("(\w+)"', file.read_text())
    }
    for name, one in resources("AWS::CloudWatch::Alarm").items():
        for space, metric, dimensions in metrics_of(one):
            if space == "stratofold":
                assert metric in told, name
                assert dimensions == {"stack": {"Ref": "AWS::StackName"}}, name
            elif space == "AWS/Lambda":
                assert dimensions["FunctionName"]["Ref"] in LAMBDAS, name
            else:
                assert dimensions["QueueName"]["Fn::GetAtt"][0] in resources("AWS::SQS::Queue"), name


def test_an_alarm_that_computes_names_what_it_computes_of():
    """Every word of an expression is the name of a metric beside it, or a function of CloudWatch; one of them is shown."""
    computing = {
        name: one for name, one in resources("AWS::CloudWatch::Alarm").items() if "Metrics" in one["Properties"]
    }
    assert set(computing) == {"FewerFills", "OthersFail"}
    for name, one in computing.items():
        rows = one["Properties"]["Metrics"]
        beside = {row["Id"] for row in rows if "MetricStat" in row}
        (shown,) = [row for row in rows if row["ReturnData"]]
        words = set(re.findall(r"[A-Za-z_]+", shown["Expression"])) - {"IF", "SUM", "METRICS"}
        assert words <= beside, name
        assert words or "METRICS()" in shown["Expression"], name
        assert all(re.fullmatch(r"[a-z]\w*", row["Id"]) for row in rows), name
    others = {dimensions["FunctionName"]["Ref"] for _, _, dimensions in metrics_of(computing["OthersFail"])}
    alone = {"Decide", "Deliver"}  # each has an alarm of its own
    assert others == set(LAMBDAS) - alone - {
        "Halt",
        "Warm",
    }  # `halt` answers who calls it; without `warm` a day begins slowly


def test_what_scales_with_the_sessions_is_the_version_that_is_called():
    ((name, one),) = resources("AWS::ApplicationAutoScaling::ScalableTarget").items()
    given = one["Properties"]
    assert (name, one["Condition"], one["DependsOn"]) == ("ProvisionedTarget", "UseProvisioned", "DecideAliaslive")
    assert given["ResourceId"] == {"Fn::Sub": "function:${AWS::StackName}-decide:live"}
    assert (given["ScalableDimension"], given["MinCapacity"]) == ("lambda:function:ProvisionedConcurrency", 0)
    actions = {
        row["ScheduledActionName"]: row["ScalableTargetAction"]["MaxCapacity"] for row in given["ScheduledActions"]
    }
    assert actions == {"up": {"Ref": "ProvisionedDecides"}, "down": 0}


def test_the_cache_is_reached_by_tls_inside_the_network_and_nowhere_else():
    ((_, one),) = resources("AWS::ElastiCache::ServerlessCache").items()
    given = one["Properties"]
    assert (one["Condition"], given["Engine"], given["SecurityGroupIds"]) == (
        "UseCache",
        "valkey",
        [{"Ref": "InsideOnly"}],
    )
    assert given["SubnetIds"] == LAMBDAS["Decide"]["Properties"]["VpcConfig"]["Fn::If"][1]["SubnetIds"]
    address = LAMBDAS["Decide"]["Properties"]["Environment"]["Variables"]["STRATOFOLD_CACHE"]["Fn::If"]
    assert (address[0], address[2]) == ("UseCache", "")
    assert address[1]["Fn::Sub"].startswith("rediss://${Valkey.Endpoint.Address}:")
    assert TEMPLATE["Conditions"]["UseCache"]["Fn::And"][1] == {"Condition": "UseNetwork"}
    assert [name for name, each in LAMBDAS.items() if "VpcConfig" in each["Properties"]] == ["Decide"]


def test_a_feeder_reaches_the_cache_from_the_network_that_is_named_and_from_no_other():
    ((_, one),) = resources("AWS::EC2::SecurityGroup").items()
    to_cache = [row for row in one["Properties"]["SecurityGroupIngress"] if row.get("FromPort") != 443]
    inside, (condition, named, otherwise) = to_cache[0], to_cache[1]["Fn::If"]
    assert (inside["CidrIp"], condition, otherwise) == ("10.61.0.0/24", "UseCacheFrom", {"Ref": "AWS::NoValue"})
    assert (named["CidrIp"], named["FromPort"], named["ToPort"]) == ({"Ref": "CacheFrom"}, 6379, 6380)
    assert TEMPLATE["Parameters"]["CacheFrom"]["Default"] == ""
    assert TEMPLATE["Conditions"]["UseCacheFrom"]["Fn::And"][0] == {"Condition": "UseCache"}


def test_the_schedules_fetch_the_symbols_of_the_stack():
    told = {name: one["Properties"]["Target"]["Input"] for name, one in resources("AWS::Scheduler::Schedule").items()}
    fetching = {name for name in told if name.startswith(("Fetch", "Close"))}
    assert len(fetching) == 5
    for name, one in told.items():
        assert (isinstance(one, dict) and '"symbols": "${Symbols}"' in one["Fn::Sub"]) is (name in fetching)


@pytest.mark.parametrize("verb", FUNCTIONS)
def test_a_function_has_what_its_latency_class_allows(verb):
    module = importlib.import_module(f"stratofold.cloud.functions.{verb}")
    (given,) = [
        one["Properties"]
        for one in LAMBDAS.values()
        if one["Properties"]["Handler"] == f"stratofold.cloud.functions.{verb}.handler"
    ]
    latency = module.LATENCY
    assert given["MemorySize"] <= latency.memory_mb_max
    assert given["Timeout"] <= latency.timeout_seconds_max


def test_the_functions_of_the_critical_class_are_the_ones_that_are_warmed():
    warmed = [str(right.on) for right in RIGHTS["warm"] if right.service == "lambda"]
    called = set(re.findall(r"!Ref (\w+)\.Alias", warmed[0]))
    classes = {
        verb.capitalize()
        for verb in FUNCTIONS
        if importlib.import_module(f"stratofold.cloud.functions.{verb}").LATENCY.warmed
    }
    assert called == classes - {"Halt"}


def test_the_keys_that_functions_ask_for_are_the_ones_they_may_read():
    from stratofold.cloud import venue
    from stratofold.cloud.functions import webhook
    from stratofold.cloud.permissions import BROKER_KEYS, WEBHOOK_KEYS

    assert (venue.KEY, venue.SECRET) == BROKER_KEYS
    assert tuple(webhook.KEYS) == WEBHOOK_KEYS
