"""The oldest versions that are allowed: each requirement of ours at its bound, the tests' own as they are."""

import tomllib

import pytest
from scripts.oldest import PROJECT, oldest

PAGE = """
[project]
dependencies = ["a-b>=1.2", "c>=3"]
[project.optional-dependencies]
more = ["{extra}"]
[dependency-groups]
dev = ["pytest", "A_b", "d"]
build = ["hatchling"]
"""


def test_ours_are_at_their_bound_and_the_tests_own_as_they_are():
    assert oldest(PAGE.format(extra="d>=0.5.1")) == ["a-b==1.2", "c==3", "d==0.5.1", "hatchling", "pytest"]


@pytest.mark.parametrize("extra", ["d", "d<2", "d>=1,<2", "d==1"])
def test_a_requirement_without_one_lower_bound_is_refused(extra):
    with pytest.raises(ValueError, match=r"d.*: a requirement is a name and one lower bound"):
        oldest(PAGE.format(extra=extra))


def test_every_requirement_of_ours_has_one():
    text = PROJECT.read_text(encoding="utf-8")
    lines = oldest(text)
    assert len([line for line in lines if "==" in line]) >= len(tomllib.loads(text)["project"]["dependencies"])
