"""The workers' stack: what its roles may do is what its functions do; what its map may not say; and what is refused."""

import json
import re

import pytest

import stratofold
from stratofold.adapters.aws.answers import AwsError
from stratofold.adapters.nouns import Response
from stratofold.cloud.functions import gather, sweep
from stratofold.cloud.sweeps import TEMPLATE, deploy, package
from stratofold.errors import Setup, Stop
from stratofold.research.prepare import Options
from stratofold.research.sweep.executors.bucket import Bucket
from stratofold.research.sweep.executors.elsewhere import Elsewhere
from stratofold.research.sweep.executors.foreman import Foreman
from stratofold.research.sweep.executors.money import Purse, dollars
from stratofold.research.sweep.executors.stepfunctions import ORDERS_MAX, Sender, StepFunctions
from stratofold.research.sweep.executors.tariffs import of_states
from stratofold.research.sweep.executors.work import Plan, Work
from stratofold.research.sweep.place import places_of
from stratofold.strategies import Crossover
from tests.cloud_template import resources, statements

TEXT = TEMPLATE.read_text(encoding="utf-8")
ROLES = resources("AWS::IAM::Role", TEXT)
MAP = json.loads(
    re.sub(r"\$\{(\w+)[.\w:]*\}", "7", resources("AWS::StepFunctions::StateMachine", TEXT)["Map"]["Properties"]["DefinitionString"]["Fn::Sub"])
)  # fmt: skip


class Aws:
    """S3 and Step Functions in memory: what is asked is noted; an execution does its orders at once."""

    region = "eu-central-1"

    def __init__(self, workers=3):
        self.held = {}
        self.asked = set()  # by whom, what, of which folder
        self.who = "driver"
        self.workers = workers
        self.executions = {}
        self.failing = set()  # statuses by the number of an execution

    def s3(self, method, bucket, key="", body=b"", headers=None, query=None):
        folder = (key or (query or {}).get("prefix", "")).partition("/")[0]
        self.asked.add((self.who, "ListBucket" if query else {"GET": "GetObject", "PUT": "PutObject"}[method], folder))
        if query:
            names = "".join(f"<Key>{name}</Key>" for name in sorted(self.held) if name.startswith(query["prefix"]))
            return Response(200, {}, f"<R>{names}<IsTruncated>false</IsTruncated></R>".encode())
        if method == "PUT":
            assert headers["If-None-Match"] == "*"
            if key in self.held:
                raise AwsError("PreconditionFailed", "", 412)
            self.held[key] = body
            return Response(200, {}, b"")
        if key not in self.held:
            raise AwsError("NoSuchKey", "", 404)
        found = self.held[key]
        if "Range" in (headers or {}):
            first, last = re.fullmatch(r"bytes=(\d+)-(\d+)", headers["Range"]).groups()
            found = found[int(first) : int(last) + 1]
        return Response(200, {}, found)

    def rest(self, service, method, path):
        return {
            "Environment": {"Variables": {"STRATOFOLD_SHELF": "shelf"}}, "Timeout": 280, "MemorySize": 1769, "Architectures": ["x86_64"]
        }  # fmt: skip

    def json(self, service, operation, payload):
        if operation == "ListStateMachines":
            machines = [{"name": "other", "stateMachineArn": "other"}]
            machines += [{"name": "stratofold-sweeps", "stateMachineArn": "map"}] if self.workers else []
            return {"stateMachines": machines}
        if operation == "DescribeStateMachine":
            return {"definition": json.dumps({"States": {"Cells": {"MaxConcurrency": self.workers}}})}
        if operation == "StartExecution":
            return self._started(json.loads(payload["input"]), payload["name"])
        return {"status": self.executions[payload["executionArn"]]}

    def _started(self, given, name):
        place = type("Place", (), {"client": self, "name": lambda _, __: "shelf"})()
        lost = len(self.executions) in self.failing
        self.executions[name] = "FAILED" if lost else "SUCCEEDED"
        if not lost:
            for order in json.loads(self.held[given["orders"]]):
                self.who = "sweep"
                assert set(sweep.respond(place, order)) == {"seconds"}
            self.who = "gather"
            gather.respond(place, given)
            self.who = "driver"
        return {"executionArn": name}


@pytest.fixture(scope="module")
def market():
    return stratofold.sample("SPY", start="2014-06-02", end="2014-12-31")


def swept(aws, market, count, **settings):
    """The cells of some sets by Step Functions."""
    usual = {name: each.default for name, each in Crossover.parameters().items()}
    places = places_of([Crossover], market, Options())
    plan = Plan(workers=8, seconds=0.0, seconds_max=1e-9, limit_seconds=280.0)  # small pieces
    shelf = Bucket(aws, "shelf")
    purse = Purse(of_states(1769, "x86_64"), **settings)
    crew = Elsewhere(shelf, Sender(aws, shelf, "map"), plan, "interpreted", "native", purse)
    work = [Work(0, tuple(usual | {"fast": 5 + k} for k in range(count)))]
    return list(Foreman(crew, places).run(work)), purse


def test_what_the_roles_allow_is_what_the_functions_do(market):
    """No more and no less: each action, in each folder of the bucket."""
    aws = Aws()
    swept(aws, market, 12)
    aws.asked.add(("sweep", "PutObject", "aside"))  # where it refuses; see test_elsewhere
    for verb in ("sweep", "gather"):
        allowed = set()
        for one in statements(ROLES[f"{verb.capitalize()}Role"]):
            assert one["Effect"] == "Allow"
            places = one["Resource"] if isinstance(one["Resource"], list) else [one["Resource"]]
            folders = [re.search(r"/(\w+)/\*$", place["Fn::Sub"])[1] for place in places if "Fn::Sub" in place]
            folders += [
                each.partition("/")[0] for each in one.get("Condition", {}).get("StringLike", {}).get("s3:prefix", ())
            ]
            allowed |= {(verb, action.removeprefix("s3:"), folder) for action in one["Action"] for folder in folders}
        assert allowed == {each for each in aws.asked if each[0] == verb}


def test_no_right_is_a_wildcard_and_none_reaches_a_book():
    for role in ROLES.values():
        for one in statements(role):
            assert not [action for action in one["Action"] if "*" in action]
            assert one["Resource"] != "*"
            assert "Journal" not in str(one)


def test_the_map_says_nothing_that_only_some_understand():
    """JSONPath, no Assign, no ItemBatcher; its items are express workflows, which may take five minutes."""
    assert not re.search("QueryLanguage|Assign|ItemBatcher|Tolerated|ResultWriter", json.dumps(MAP))
    cells = MAP["States"]["Cells"]
    assert cells["ItemProcessor"]["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}
    task = cells["ItemProcessor"]["States"]["Sweep"]
    functions = resources("AWS::Serverless::Function", TEXT)
    assert functions["Sweep"]["Properties"]["Timeout"] < task["TimeoutSeconds"] < 300
    assert task["Catch"][0]["ErrorEquals"] == ["States.ALL"]
    assert ORDERS_MAX * len('{"s":123.4567890123456},') < 256 * 1024


def test_an_execution_that_fails_is_begun_again_and_what_was_gathered_is_read_at_once(market):
    aws = Aws()
    aws.failing = {1}  # the first after the first cells
    rows, purse = swept(aws, market, 12)
    assert sum(len(piece.sets) for piece, _ in rows) == 12
    assert not [error for _, cells in rows for error in cells.errors if error]
    assert [name for name in aws.held if "gathered-" in name]
    begun = len(aws.executions)
    assert purse.spent_usd > 0.0
    again, second = swept(aws, market, 12)
    assert sum(len(piece.sets) for piece, _ in again) == 12
    assert len(aws.executions) == begun
    assert second.spent_usd == 0.0


def test_the_first_cells_say_what_the_rest_costs(market):
    aws = Aws()
    with pytest.raises(Stop) as stopped:
        swept(aws, market, 40, budget_usd=0.00003)
    assert stopped.value.code == "SFS69"
    assert len(aws.executions) == 1


def test_a_sweep_without_workers_or_with_more_than_there_are(market):
    with pytest.raises(Setup) as refused:
        StepFunctions("auto", aws=Aws(workers=0))
    assert refused.value.code == "SFS72"
    assert StepFunctions("auto", workers=50, aws=Aws(workers=3)).plan.workers == 3


def test_a_sweep_without_a_region_is_told_what_it_can_do(monkeypatch):
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(Setup) as refused:
        StepFunctions("auto")
    assert (refused.value.code, "AWS_REGION" in refused.value.fix, "--region" in refused.value.fix) == (
        "SF766",
        True,
        False,
    )


def test_a_sweep_without_credentials_is_told_so(market, monkeypatch, tmp_path):
    """And its study is as it was."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    kept = stratofold.sweep(Crossover, market, fast=[5, 9], execution="interpreted", study=tmp_path / "study").table
    with pytest.raises(Setup) as refused:
        stratofold.sweep(Crossover, market, fast=[5, 9, 12], executor="stepfunctions", study=tmp_path / "study")
    assert refused.value.code == "SF760"
    again = stratofold.sweep(Crossover, market, fast=[5, 9], execution="interpreted", study=tmp_path / "study")
    assert (again.computed, again.table.equals(kept)) == (0, True)


def test_what_a_study_has_cost_is_kept_and_a_budget_that_is_spent_is_refused(market, monkeypatch, tmp_path):
    aws = Aws()
    monkeypatch.setattr("stratofold.adapters.aws.client.Client", lambda: aws)
    study, space = tmp_path / "study", {"executor": "stepfunctions", "execution": "interpreted"}
    said = []
    first = stratofold.sweep(Crossover, market, fast=[5, 9], study=study, budget=0.5, progress=said.append, **space)
    spent = first.store.page["spent_usd"]
    assert 0.0 < spent < 0.01
    assert f"{dollars(spent)} spent" in said[-1]
    with pytest.raises(Setup) as refused:
        stratofold.sweep(Crossover, market, fast=[5, 9, 12], study=study, budget=spent / 2.0, **space)
    assert refused.value.code == "SFS68"
    again = stratofold.sweep(Crossover, market, fast=[5, 9, 12], study=study, budget=0.5, **space)
    assert (again.reused, again.computed) == (2, 1)
    assert again.store.page["spent_usd"] > spent


@pytest.mark.parametrize("workers", [0, 10_001])
def test_a_stack_has_a_number_of_workers(workers):
    with pytest.raises(Setup) as refused:
        deploy(None, workers)
    assert refused.value.code == "SFS73"


def test_what_a_worker_runs_is_the_whole_of_the_fold():
    """A kernel is known by the hash of fold and compiler, so a worker without a file of them would refuse every order."""
    from stratofold.cloud.package import SOURCE, own_files
    from stratofold.cloud.sweeps import AT_HOME

    names = {name for name, _ in own_files(AT_HOME)}
    for room in ("fold", "kernel"):
        assert {f"stratofold/{path.relative_to(SOURCE).as_posix()}" for path in (SOURCE / room).rglob("*.py")} <= names
    with pytest.raises(Setup):
        package("3.9")
