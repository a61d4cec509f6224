"""The shape of the code: files of hundreds of lines, small functions.  A smell detector; only the file's length is a rule."""

import ast
import statistics
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "stratofold"
FILES = sorted(SOURCE.rglob("*.py"))
FILE_LINES_MAX = 500
FUNCTION_LINES_SMELL = 50


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_file_fits_in_the_head(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= FILE_LINES_MAX


def lengths():
    """Lines of each function without its docstring, with its place."""
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                documented = ast.get_docstring(node) is not None
                begin = node.body[0].end_lineno if documented else node.lineno
                yield (node.end_lineno or 0) - begin, f"{path.relative_to(SOURCE)}:{node.lineno} {node.name}"


def test_functions_are_small(capsys):
    counted = sorted(lengths(), reverse=True)
    long = [f"  {count:4} {place}" for count, place in counted if count > FUNCTION_LINES_SMELL]
    middle = statistics.median(count for count, _ in counted)
    with capsys.disabled():
        print(
            f"\n{len(counted)} functions, median {middle:.0f} lines; over {FUNCTION_LINES_SMELL}: {len(long)}",
            *long,
            sep="\n",
        )
    assert middle <= 8
