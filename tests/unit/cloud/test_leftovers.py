"""A benchmark of the cloud does not measure what an earlier one has left running."""

import pytest
from benchmarks.leftovers import leftovers, refuse_leftovers


@pytest.fixture
def processes(tmp_path):
    """What the system shows: an orphan of each kind, the same of somebody who lives, and another's orphan."""
    rows = [
        (11, 1, "python\0-m\0awslambdaric\0decide.handler"), (12, 1, "python\0/here/cloud/local/launch.py"),
        (13, 1, "python\0-m\0stratofold\0exchange\0--speed\0step"), (14, 13, "python\0-m\0awslambdaric\0decide.handler"),
        (15, 1, "nginx"),
    ]  # fmt: skip
    for pid, parent, command in rows:
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "cmdline").write_text(command)
        (tmp_path / str(pid) / "stat").write_text(f"{pid} (a (name) S) S {parent} 1 1 0")
    (tmp_path / "16").mkdir()  # it has ended meanwhile
    return tmp_path


def test_what_nobody_started_any_more_is_named_and_nothing_is_measured(processes):
    assert sorted(line.split()[0] for line in leftovers(processes)) == ["11", "12", "13"]
    with pytest.raises(SystemExit, match="kill them first"):
        refuse_leftovers(processes)


def test_where_there_is_none_it_goes_on(tmp_path):
    refuse_leftovers(tmp_path)
    refuse_leftovers(tmp_path / "no such system")
