"""The template under other people's rules: the services' schemas, rules of security, the transform, the size."""

import json
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stratofold.cloud.clock import with_sessions
from stratofold.cloud.deploy import TEMPLATE, template_text
from stratofold.cloud.local.environment import python_with
from stratofold.cloud.sweeps import TEMPLATE as SWEEPS

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.cloud


@pytest.fixture(scope="module")
def tools():
    """The folder of the tools' programs; a hundred packages, so those who need them are left to `make nightly`."""
    return python_with(ROOT / "requirements" / "template.txt").parent


@pytest.fixture(scope="module")
def expanded(tmp_path_factory):
    """The template as it is deployed, with a year's sessions in it."""
    file = tmp_path_factory.mktemp("template") / "template.yaml"
    file.write_text(
        with_sessions(template_text(), int(datetime(2026, 11, 21, tzinfo=UTC).timestamp())), encoding="utf-8"
    )
    return file


def said(*words, timeout=600):
    done = subprocess.run(
        [str(word) for word in words],
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
        env=os.environ | {"BC_SKIP_MAPPING": "TRUE"},
    )
    return done.returncode, done.stdout


@pytest.mark.nightly
@pytest.mark.parametrize("regions", ["us-east-1", "eu-central-1"])
def test_the_services_schemas_have_nothing_to_say(tools, expanded, regions):
    assert said(tools / "cfn-lint", "--regions", regions, "--", TEMPLATE, SWEEPS, expanded) == (0, "")


@pytest.mark.nightly
@pytest.mark.parametrize(("template", "least"), [(TEMPLATE, 100), (SWEEPS, 20)])
def test_the_rules_of_security_have_nothing_to_say(tools, template, least):
    code, text = said(
        tools / "checkov",
        "--config-file",
        ROOT / "scripts" / "checkov.yaml",
        "-f",
        template,
        "--skip-download",
        "-o",
        "json",
    )
    found = json.loads(text)
    assert (code, found["results"]["failed_checks"]) == (0, [])
    assert found["summary"]["passed"] > least


@pytest.mark.nightly
def test_the_rules_of_security_would_find_something(tools, tmp_path):
    """The control: the same rules on the same template without its encryption."""
    worse = tmp_path / "template.yaml"
    text = template_text().replace("PointInTimeRecoveryEnabled: true", "PointInTimeRecoveryEnabled: false")
    worse.write_text(text.replace("BlockPublicAcls: true", "BlockPublicAcls: false"), encoding="utf-8")
    code, text = said(
        tools / "checkov",
        "--config-file",
        ROOT / "scripts" / "checkov.yaml",
        "-f",
        worse,
        "--skip-download",
        "-o",
        "json",
    )
    assert code == 1
    assert {one["check_id"] for one in json.loads(text)["results"]["failed_checks"]} >= {"CKV_AWS_28", "CKV_AWS_53"}


DOCKERFILE = TEMPLATE.parent / "resident" / "Dockerfile"


@pytest.mark.nightly
def test_the_image_of_who_stays_resident_is_one_and_its_rules_would_find_another(tools, tmp_path):
    """There is no engine to build it with here: hadolint parses it, with what it says of shell words, and checkov its rights."""
    worse = tmp_path / "Dockerfile"
    worse.write_text(DOCKERFILE.read_text(encoding="utf-8").replace("==${VERSION}", "").replace("USER 10001\n", ""))
    told = [said(tools / "hadolint", "--no-color", file) for file in (DOCKERFILE, worse)]
    assert told[0] == (0, "")
    assert (told[1][0], "DL3013" in told[1][1]) == (1, True)
    rules = ("--framework", "dockerfile", "--skip-download", "--quiet", "-o", "json")
    assert [said(tools / "checkov", "-f", file, *rules)[0] for file in (DOCKERFILE, worse)] == [0, 1]


TRANSLATE = """
import json, sys, os
os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

class None_:
    def load(self):
        return {}

text = open(sys.argv[1]).read().replace("CodeUri: code/", "CodeUri: s3://bucket/code.zip")
json.dump(transform(yaml_parse(text), {}, None_()), sys.stdout)
"""


@pytest.fixture(scope="module")
def translated(expanded):
    code, text = said(python_with(), "-c", TRANSLATE, expanded)
    assert code == 0
    return json.loads(text)


def test_the_transform_adds_no_role_and_no_policy_of_its_own(translated):
    """Every right stands in our table: none comes from a managed policy that the transform would attach."""
    roles = {name: one for name, one in translated["Resources"].items() if one["Type"] == "AWS::IAM::Role"}
    assert len(roles) == 10
    assert not [name for name, one in roles.items() if "ManagedPolicyArns" in one["Properties"]]


def test_it_fits_into_one_stack(translated, expanded):
    assert len(translated["Resources"]) <= 500
    assert expanded.stat().st_size <= 1_000_000


def test_every_function_is_called_by_its_alias(translated):
    """A mapping or a rule that called a function and not its alias would run whatever was deployed last."""
    found = translated["Resources"]
    for one in found.values():
        if one["Type"] == "AWS::Lambda::EventSourceMapping":
            assert one["Properties"]["FunctionName"]["Ref"].endswith("Aliaslive")
        if one["Type"] == "AWS::Scheduler::Schedule":
            assert one["Properties"]["Target"]["Arn"]["Ref"].endswith("Aliaslive")


def test_who_may_call_a_function_is_named(translated):
    permissions = [
        one["Properties"] for one in translated["Resources"].values() if one["Type"] == "AWS::Lambda::Permission"
    ]
    assert permissions
    assert not [
        one for one in permissions if one["Principal"] == "*" or not ("SourceArn" in one or "SourceAccount" in one)
    ]
