"""The real template on the emulator: deployed, changed while a book stands in it, rolled back, taken away."""

import json
from functools import partial
from types import SimpleNamespace

import boto3
import pytest
from msgspec import structs

import stratofold
from stratofold.adapters.embedded.journal import Journal
from stratofold.adapters.ports import Entry
from stratofold.cli.app import run
from stratofold.cli.cloud_settings import StackHome, journal_of
from stratofold.cli.feed import names_of
from stratofold.cli.move import _fetched_otherwise
from stratofold.cloud import deploy, package
from stratofold.cloud.clock import with_sessions
from stratofold.cloud.stack import FUNCTIONS, Stack
from stratofold.live.risk.limits_config import SUGGESTED
from stratofold.strategies import Crossover
from tests.conversations.exchanges import serving
from tests.live_tools import Paper, paper

DAY_NS = 86_400_000_000_000
STRATEGY = """
import stratofold

class Mine(stratofold.Strategy):
    def on_bar(self, bar, book):
        pass
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("deploy")
    (place / "mine.py").write_text(STRATEGY, encoding="utf-8")
    return place


@pytest.fixture(scope="module")
def at(ministack, folder):
    """The emulator as this process's AWS; wheels are not asked for, bytecode and a whole year are left to who needs them."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (
            ministack.environment | {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}
        ).items():
            patch.setenv(name, value)
        patch.setattr(package, "wheels", lambda *_: [])
        patch.setattr(package, "bytecode", lambda _: {})
        patch.setattr(deploy, "with_sessions", partial(with_sessions, months=2))
        patch.chdir(folder)
        yield ministack


@pytest.fixture(scope="module")
def stands(at):
    """A stack that stands."""
    assert run(["deploy", "mine.py:Mine", "--stack", "stands", "--architecture", "x86_64", "--yes", "--json"]) == 0
    return "stands"


def told(capsys, *words):
    """A command's answer as JSON, and its exit code."""
    capsys.readouterr()
    code = run([*words, "--json"])
    return json.loads(capsys.readouterr().out), code


def deployed(capsys, stack, *more):
    return told(capsys, "deploy", "mine.py:Mine", "--stack", stack, "--architecture", "x86_64", "--yes", *more)


def booked(stack, book="main"):
    """A book in a stack's journal, on an account of its own."""
    journal = journal_of(Stack(stack, "us-east-1"))
    journal.create(book, f"of{book}", "g1", [Entry("opened", b"x", b"")])
    return journal


def test_a_stack_stands_and_is_not_made_twice(stands, capsys):
    said, code = deployed(capsys, stands)
    assert (code, said["deployed"], said["changes"], said["status"]) == (0, False, [], "CREATE_COMPLETE")
    assert said["cost"]["at_rest_usd"] == "0.00"
    standing, code = told(capsys, "cloud", "status", "--stack", stands)
    assert code == 0
    assert standing["versions"] == dict.fromkeys(FUNCTIONS, "1")
    assert standing["dead_letters"] == {"dead": 0, "market-dead.fifo": 0}


def test_what_is_deployed_is_what_the_template_says(stands):
    functions = boto3.client("lambda")
    held = functions.get_function_configuration(FunctionName=f"{stands}-decide", Qualifier="live")
    assert (held["Handler"], held["MemorySize"], held["Timeout"]) == (
        "stratofold.cloud.functions.decide.handler",
        1769,
        30,
    )
    assert held["Environment"]["Variables"]["STRATOFOLD_STRATEGY"] == "mine:Mine"
    table = boto3.client("dynamodb").describe_table(TableName=f"{stands}-journal")["Table"]
    assert table["StreamSpecification"]["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    schedules = boto3.client("scheduler").list_schedules(GroupName=stands, MaxResults=100)["Schedules"]
    assert not [one["Name"] for one in schedules if "Weekdays" in one["Name"]]
    assert len(schedules) > 15


def test_a_plan_that_nobody_wants_leaves_nothing(at, capsys):
    said, code = told(capsys, "deploy", "mine.py:Mine", "--stack", "never", "--architecture", "x86_64")
    assert (code, said["deployed"]) == (0, False)
    assert said["changes"]
    for words in (["status"], ["logs"], ["tail", "--for", "1"], ["invoke", "warm"], ["rollback"]):
        refused, code = told(capsys, "cloud", *words, "--stack", "never")
        assert (code, refused["errors"][0]["code"]) == (2, "SFA10"), words


def switched(stack):
    """Whether the stack has what its switches turn on."""
    streams = boto3.client("kinesis").list_streams()["StreamNames"]
    heard = boto3.client("lambda").list_event_source_mappings(FunctionName=f"{stack}-decide:live")[
        "EventSourceMappings"
    ]
    boards = boto3.client("cloudwatch").list_dashboards(DashboardNamePrefix=stack)["DashboardEntries"]
    return f"{stack}-market" in streams, any(":kinesis:" in one["EventSourceArn"] for one in heard), bool(boards)


def reads_push_queue(stack):
    """Whether AWS asks the push queue for `ingest`."""
    (mapping,) = boto3.client("lambda").list_event_source_mappings(FunctionName=f"{stack}-ingest:live")[
        "EventSourceMappings"
    ]
    return mapping["State"] == "Enabled"


def test_a_switch_is_turned_while_the_book_stands(stands, capsys):
    before = booked(stands, "turns").head("turns")
    versions = told(capsys, "cloud", "status", "--stack", stands)[0]["versions"]
    assert switched(stands) == (False, False, False)
    assert not reads_push_queue(stands)
    said, code = deployed(
        capsys, stands, "--set", "Stream=on-demand", "--set", "Dashboard=on", "--set", "PushByQueue=on"
    )
    assert (code, said["status"]) == (0, "UPDATE_COMPLETE")
    assert not [one for one in said["changes"] if one["replaces"] and one["name"] in {"Journal", "Archive"}]
    assert switched(stands) == (True, True, True)
    assert reads_push_queue(stands)
    turned = told(capsys, "cloud", "status", "--stack", stands)[0]["versions"]
    assert not [verb for verb, version in turned.items() if version == versions[verb]]  # each has the new settings
    live = boto3.client("lambda").get_function_configuration(FunctionName=f"{stands}-ingest", Qualifier="live")
    assert live["Environment"]["Variables"]["STRATOFOLD_STREAM"] == f"{stands}-market"
    assert journal_of(Stack(stands, "us-east-1")).head("turns") == before
    refused, code = deployed(capsys, stands, "--set", "Stream=off")
    assert (code, refused["errors"][0]["code"]) == (6, "SFA34")
    deployed(capsys, stands, "--set", "Drain=on", "--set", "Dashboard=off")
    live = boto3.client("lambda").get_function_configuration(FunctionName=f"{stands}-ingest", Qualifier="live")
    assert (live["Environment"]["Variables"]["STRATOFOLD_STREAM"], switched(stands)[:2]) == ("", (True, True))
    deployed(capsys, stands, "--set", "Stream=off", "--set", "Drain=off", "--set", "PushByQueue=off")
    assert switched(stands) == (False, False, False)
    assert not reads_push_queue(stands)
    assert journal_of(Stack(stands, "us-east-1")).head("turns") == before


def test_code_alone_is_replaced_in_seconds_and_taken_back(stands, capsys, folder):
    before = told(capsys, "cloud", "status", "--stack", stands)[0]["versions"]
    mine = folder / "mine.py"
    mine.write_text(STRATEGY + "\nRATE = 2\n", encoding="utf-8")
    said, code = told(capsys, "deploy", "mine.py:Mine", "--stack", stands, "--code-only")
    mine.write_text(STRATEGY, encoding="utf-8")
    assert code == 0
    assert all(int(version) > int(before[verb]) for verb, version in said["versions"].items())
    assert told(capsys, "cloud", "status", "--stack", stands)[0]["versions"] == said["versions"]
    back, code = told(capsys, "cloud", "rollback", "--stack", stands)
    assert (code, back["versions"]) == (0, {f"{stands}-{verb}": version for verb, version in before.items()})
    for version in ("99", "the one before"):
        said, code = told(capsys, "cloud", "rollback", "--stack", stands, "--to", version)
        assert (code, said["errors"][0]["code"]) == (2, "SFA21")


def code_of(stack, qualifier="live"):
    """The hash of the code behind each function."""
    functions = boto3.client("lambda")
    return {
        functions.get_function_configuration(FunctionName=f"{stack}-{verb}", Qualifier=qualifier)["CodeSha256"]
        for verb in FUNCTIONS
    }


def test_a_deploy_after_other_code_was_put_in_brings_back_its_own(stands, capsys, folder):
    """`--code-only` changes no template, so to CloudFormation nothing has changed since."""
    own, mine = code_of(stands), folder / "mine.py"
    mine.write_text(f"{STRATEGY}\nRATE = 4\n", encoding="utf-8")
    assert told(capsys, "deploy", "mine.py:Mine", "--stack", stands, "--code-only")[1] == 0
    mine.write_text(STRATEGY, encoding="utf-8")
    assert code_of(stands) != own
    said, code = deployed(capsys, stands)
    assert (code, said["deployed"], said["status"]) == (0, True, "UPDATE_COMPLETE")
    assert code_of(stands) == code_of(stands, "$LATEST") == own
    assert not deployed(capsys, stands)[0]["deployed"]
    told(capsys, "cloud", "rollback", "--stack", stands)
    assert code_of(stands) != own
    assert deployed(capsys, stands, "--set", "LogDays=7")[0]["deployed"]
    assert code_of(stands) == own


def test_other_parameters_alone_are_other_versions(stands, at):
    """What `sam deploy --parameter-overrides` does: the same template, and CloudFormation compares values."""
    formation, functions = boto3.client("cloudformation"), boto3.client("lambda")
    before = formation.describe_stacks(StackName=stands)["Stacks"][0]["Parameters"]
    was = functions.get_alias(FunctionName=f"{stands}-deliver", Name="live")["FunctionVersion"]
    for url in (
        "https://other.example",
        next(one["ParameterValue"] for one in before if one["ParameterKey"] == "DataUrl"),
    ):
        given = [
            {"ParameterKey": one["ParameterKey"], "ParameterValue": url}
            if one["ParameterKey"] == "DataUrl"
            else {"ParameterKey": one["ParameterKey"], "UsePreviousValue": True}
            for one in before
        ]
        formation.update_stack(
            StackName=stands,
            UsePreviousTemplate=True,
            Parameters=given,
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
        assert Stack(stands, "us-east-1").wait().status == "UPDATE_COMPLETE"
        live = functions.get_function_configuration(FunctionName=f"{stands}-deliver", Qualifier="live")
        assert live["Environment"]["Variables"]["STRATOFOLD_DATA_URL"] == url
        assert int(live["Version"]) > int(was)
    kept = functions.list_versions_by_function(FunctionName=f"{stands}-deliver")["Versions"]
    assert was in {one["Version"] for one in kept}


def test_a_deploy_that_fails_leaves_the_running_book_as_it_was(stands, capsys, folder, monkeypatch):
    before = told(capsys, "cloud", "status", "--stack", stands)[0]["versions"]
    journal = booked(stands, "runs")
    monkeypatch.setattr("stratofold.cloud.deploy.put_once", lambda *_: None)  # the package never arrives
    (folder / "mine.py").write_text(STRATEGY + "\nRATE = 3\n", encoding="utf-8")
    said, code = deployed(capsys, stands, "--set", "Alarms=none")
    (folder / "mine.py").write_text(STRATEGY, encoding="utf-8")
    assert (code, said["errors"][0]["code"]) == (6, "SFA19")
    assert "left as it was" in said["errors"][0]["why"]
    standing, _ = told(capsys, "cloud", "status", "--stack", stands)
    assert standing["versions"] == before
    assert "runs" in [one["book"] for one in standing["books"]]
    journal.note("runs", [Entry("event", b"y", b"")])
    assert boto3.client("cloudwatch").describe_alarms(AlarmNamePrefix=f"{stands}-")["MetricAlarms"]


def test_a_key_is_kept_where_functions_find_it_and_nowhere_else(stands, capsys, monkeypatch):
    monkeypatch.setattr(
        "sys.stdin", type("In", (), {"isatty": lambda _: False, "readline": lambda _: "canary-7f3a\n"})()
    )
    said, code = told(capsys, "cloud", "secret", "alpaca-key-id", "--stack", stands)
    assert (code, said) == (0, {"secret": f"/{stands}/alpaca-key-id"})
    held = boto3.client("ssm").get_parameter(Name=f"/{stands}/alpaca-key-id", WithDecryption=True)["Parameter"]
    assert (held["Type"], held["Value"]) == ("SecureString", "canary-7f3a")
    template = json.dumps(boto3.client("cloudformation").get_template(StackName=stands)["TemplateBody"], default=str)
    functions = boto3.client("lambda")
    environments = [
        functions.get_function_configuration(FunctionName=f"{stands}-{verb}")["Environment"] for verb in FUNCTIONS
    ]
    assert "canary" not in template + json.dumps(environments)


def test_an_event_that_is_no_json_is_refused_before_anything_is_called(stands, capsys):
    said, code = told(capsys, "cloud", "invoke", "halt", "{state: halted}", "--stack", stands)
    assert (code, said["errors"][0]["code"]) == (2, "SFA26")


def test_a_feeder_knows_of_its_stack_what_a_function_does(stands):
    stack = Stack(stands, "us-east-1")
    asked = {"FunctionName": stack.function("ingest"), "Qualifier": "live"}
    given = stack.call("lambda", "get_function_configuration", **asked)["Environment"]["Variables"]
    found = names_of(stack)
    assert {name: given.get(name, "") for name in found if name != "AWS_REGION"} == {
        name: found[name] for name in found if name != "AWS_REGION"
    }
    assert found["AWS_REGION"] == "us-east-1"


def test_the_book_in_the_cloud_is_halted_from_here(stands, capsys):
    journal = booked(stands, "stops")
    said, code = told(capsys, "halt", "--cloud", "--stack", stands, "--account", "ofstops")
    assert (code, said["state"]) == (0, "halted")
    assert [one.state for one in journal_of(Stack(stands, "us-east-1")).controls("ofstops")] == ["halted"]
    books = {one["book"]: one for one in told(capsys, "cloud", "status", "--stack", stands)[0]["books"]}
    assert books["stops"]["controls"] == ["account *: halted"]
    assert journal.head("stops").sequence == books["stops"]["records"]


# what the book trades | what the stack's schedule fetches | what is said
FETCHED = [
    (("SPY",), "SPY", ""),
    (("SPY",), "*", ""),
    (("AAPL", "SPY"), "SPY,AAPL,QQQ", ""),
    (("AAPL", "SPY"), "*", "estimated for one symbol: stratofold deploy --set Symbols=AAPL,SPY"),
    (("AAPL", "SPY"), "SPY", "the schedule fetches SPY: stratofold deploy --set Symbols=AAPL,SPY"),
]


@pytest.mark.parametrize(("symbols", "named", "said"), FETCHED)
def test_who_moves_a_book_hears_what_of_it_the_schedule_leaves_out(monkeypatch, symbols, named, said):
    monkeypatch.setattr("stratofold.live.desk.manifest_of", lambda *_: SimpleNamespace(symbols=symbols))
    assert said in (told := _fetched_otherwise(None, "main", named))
    assert bool(told) is bool(said)


class Named(Paper):
    """A book at a paper exchange whose strategy can be found again by its name."""

    def manifest(self, opened):
        return structs.replace(super().manifest(opened), strategy="stratofold.strategies:Crossover")


def holding(journal):
    """A book of some days in a folder's journal, with a position at their end."""
    days = stratofold.sample("us14").subset(["SPY"], start="2020-06-01", end="2020-06-10")
    exchange = paper(Crossover, days, DAY_NS).exchange
    run = Named(Crossover, days, DAY_NS, exchange, journal, parameters={"fast": 2, "slow": 3}, book="goes")
    return run.run()


def test_a_book_is_handed_over_and_taken_home(stands, capsys, tmp_path):
    """What others read of it in the table is as the book stands when it comes there, whatever the table said before."""
    home, away = Journal(tmp_path / "journal.db"), journal_of(Stack(stands, "us-east-1"))
    desk = holding(home)
    steps, held = desk.fold.steps, desk.fold.engine.book.position(0)
    assert held > 0.0
    where = ("--stack", stands, "--home", str(tmp_path))
    said, code = told(capsys, "move", "goes", "--to", "cloud", *where)
    assert (code, said["records"], said["holder"]) == (0, home.head("goes").sequence, f"cloud:{stands}")
    books = {one["book"]: one for one in told(capsys, "cloud", "status", "--stack", stands)[0]["books"]}
    assert (books["goes"]["holder"], books["goes"]["steps"]) == (f"cloud:{stands}", steps)
    shown = away.views("goes")
    assert (shown["position/SPY"]["quantity"], shown["balance"]["currency"]) == (f"{held:g}", "USD")
    head, stale = away.head("goes"), {"order/gone": {"symbol": "SPY"}, "position/SPY": {"quantity": "1"}}
    away.append("goes", head.epoch, head.step, [], views=stale)
    said, code = told(capsys, "move", "goes", "--to", "laptop", *where)
    assert (code, said["records"]) == (0, 0)
    assert home.head("goes").holder.startswith("laptop:")
    assert told(capsys, "move", "goes", "--to", "cloud", *where)[1] == 0
    assert journal_of(Stack(stands, "us-east-1")).views("goes") == shown
    boto3.client("dynamodb").restore_table_to_point_in_time(
        SourceTableName=f"{stands}-journal", TargetTableName="restored", UseLatestRestorableTime=True
    )
    other = ("--stack", stands, "--home", str(tmp_path / "other"))
    assert told(capsys, "move", "goes", "--to", "laptop", "--table", "restored", *other)[1] == 0
    assert Journal(tmp_path / "other" / "journal.db").head("goes").chain == home.head("goes").chain
    refused, code = told(capsys, "move", "goes", "--to", "cloud", "--table", "restored", *where)
    assert (code, refused["errors"][0]["code"]) == (2, "SFA31")
    refused, code = told(capsys, "move", "goes", "--to", "moon", *where)
    assert (code, refused["errors"][0]["code"]) == (2, "SFA31")
    home.close()


def test_a_process_that_stays_runs_a_stacks_book_on_its_table_with_its_keys(stands, capsys, folder, tmp_path):
    """Resident: the book and the keys are the stack's, the folder has nothing; the functions have it back afterwards."""
    with serving(stratofold.sample("us14").subset(["SPY"], start="2020-03-02", end="2020-03-06")) as served:
        ready = {"url": served.url, "data_url": served.url, "stream_url": f"ws://{served.base}/stream", "speed": "step"}
        ready |= {"data_stream_url": f"ws://{served.base}/v2/iex", "symbols": ["SPY"], "bars": "1d"}
        (tmp_path / "ready.json").write_text(json.dumps(ready | {"key_id": served.key, "secret_key": served.secret}))
        (tmp_path / "stratofold.toml").write_text(SUGGESTED, encoding="utf-8")
        said, code = told(
            capsys, "run", "mine.py:Mine", "--stack", stands, "--book", "stays", "--exchange", str(tmp_path / "ready.json"),
            "--config", str(tmp_path / "stratofold.toml"), "--home", str(tmp_path / "home"),
        )  # fmt: skip
    assert (code, said.get("events")) == (0, 5), said
    assert not list((tmp_path / "home").glob("*.db"))
    journal = journal_of(Stack(stands, "us-east-1"))
    assert (journal.head("stays").holder, journal.head("stays").step) == ("stays", said["steps"])
    (shown,) = told(capsys, "status", "--book", "stays", "--stack", stands)[0]["books"]
    assert (shown["steps"], shown["cash"]) == (said["steps"], said["cash"])
    taken, code = told(capsys, "cloud", "take", "--book", "stays", "--stack", stands)
    assert (code, taken["holder"]) == (0, f"cloud:{stands}")
    home = StackHome(tmp_path / "home", Stack(stands, "us-east-1"))
    boto3.client("ssm").put_parameter(Name=f"/{stands}/alpaca-key-id", Value="one", Type="SecureString", Overwrite=True)
    assert home.secrets().get("alpaca-key-id") == "one"


def test_what_is_destroyed_leaves_the_archive_with_every_record_and_nothing_else(at, capsys):
    deployed(capsys, "ends")
    head = booked("ends").take("main", "cloud:ends", 1)
    views = {"position/SPY": {"quantity": "10"}}
    journal_of(Stack("ends", "us-east-1")).append("main", head.epoch, 0, [], views=views)
    boto3.client("s3").put_object(Bucket="ends-drop-000000000000-us-east-1", Key="prices.csv", Body=b"1")
    boto3.client("ssm").put_parameter(Name="/ends/webhook", Value="x" * 20, Type="SecureString")
    said, code = told(capsys, "destroy", "--stack", "ends", "--yes")
    assert (code, said["destroyed"], said["archive"]) == (0, True, "ends-archive-000000000000-us-east-1")
    assert (said["objects"], said["sealed"], said["positions"]) == (1, 1, {"main": ["10 SPY"]})
    assert not [name for name in boto3.client("dynamodb").list_tables()["TableNames"] if name.startswith("ends-")]
    assert not [
        one for one in boto3.client("lambda").list_functions()["Functions"] if one["FunctionName"].startswith("ends-")
    ]
    assert not boto3.client("ssm").get_parameters_by_path(Path="/ends/")["Parameters"]
    buckets = [one["Name"] for one in boto3.client("s3").list_buckets()["Buckets"] if one["Name"].startswith("ends-")]
    assert buckets == ["ends-archive-000000000000-us-east-1"]
    refused, code = told(capsys, "destroy", "--stack", "ends", "--yes")
    assert (code, refused["errors"][0]["code"]) == (2, "SFA10")
    refused, code = deployed(capsys, "ends")
    assert (code, refused["errors"][0]["code"]) == (2, "SFA33")


def test_a_region_that_is_not_allowed_is_refused_by_the_template_too(at, capsys, monkeypatch):
    said, code = deployed(capsys, "abroad", "--region", "ap-south-1")
    assert (code, said["errors"][0]["code"]) == (2, "SFA07")
    monkeypatch.setattr("stratofold.cloud.deploy.refuse_region", lambda *_: None)
    said, code = deployed(capsys, "abroad", "--region", "ap-south-1")
    assert (code, said["errors"][0]["code"]) == (2, "SFA17")
    assert "AllowedRegions" in said["errors"][0]["why"]


def test_nobody_is_let_in_without_keys(at, capsys, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    said, code = deployed(capsys, "nobody")
    assert (code, said["errors"][0]["code"]) == (2, "SFA06")
