"""The public surface: it is what is written, it exists, and it is documented."""

import ast
import inspect
import re
from pathlib import Path

import pytest

import stratofold

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "stratofold"
DOCUMENTS = "\n".join(path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


def test_the_table_of_homes_is_what_type_checkers_see():
    tree = ast.parse((SOURCE / "__init__.py").read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        node.module: {alias.name for alias in node.names} for node in block.body if isinstance(node, ast.ImportFrom)
    }
    assert seen == {home: set(names) for home, names in stratofold._HOMES.items()}


def test_every_name_that_is_promised_is_in_the_table():
    assert set(stratofold.__all__) == set(stratofold._HOME_OF) | {"__version__"}


@pytest.mark.parametrize("name", stratofold.__all__)
def test_a_public_name_exists_and_is_documented(name):
    assert getattr(stratofold, name) is not None
    assert re.search(rf"\b{name}\b", DOCUMENTS) or name == "__version__", f"no page names {name}"


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'bcktest'"):
        stratofold.bcktest  # noqa: B018 - asking is the test


def public_things(path):
    """Public classes and functions of a file, methods included, that lack a docstring."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree) or not tree.body, f"{path} begins without saying what it is"
    scopes = [tree, *(node for node in tree.body if isinstance(node, ast.ClassDef))]
    for scope in scopes:
        for node in scope.body:
            public = isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_")
            if public and not ast.get_docstring(node) and not is_overload(node):
                yield f"{path.relative_to(SOURCE)}:{node.lineno} {node.name}"


def is_overload(node):
    return any("overload" in ast.unparse(one) for one in getattr(node, "decorator_list", []))


def test_everything_public_says_what_it_is():
    assert [thing for path in sorted(SOURCE.rglob("*.py")) for thing in public_things(path)] == []


def test_the_package_carries_its_types():
    assert (SOURCE / "py.typed").is_file()
    assert inspect.getdoc(stratofold)
