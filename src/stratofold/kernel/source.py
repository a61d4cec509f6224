"""From a function to its syntax tree, with the genuine file and line.

Trees are read from the file (or the notebook cell, through `linecache`), once a file, so that a function that was
rerouted or decorated is found as the user wrote it.
"""

import ast
import functools
import linecache
from types import FunctionType

from stratofold.kernel.refused import Refused

_trees: dict[str, tuple[int, dict[tuple[str, int], ast.FunctionDef]]] = {}


def lines_of(file: str) -> list[str]:
    """The lines of a file or notebook cell; empty where there are none."""
    return linecache.getlines(file)


def _functions(file: str) -> dict[tuple[str, int], ast.FunctionDef]:
    """Every function of a file by name and first line (a decorator's, where there is one)."""
    lines = lines_of(file)
    stamp = hash(tuple(lines))
    known = _trees.get(file)
    if known is not None and known[0] == stamp:
        return known[1]
    found = {}
    for node in ast.walk(ast.parse("".join(lines), file)) if lines else ():
        if isinstance(node, ast.FunctionDef):
            first = node.decorator_list[0].lineno if node.decorator_list else node.lineno
            found[node.name, first] = node
            found.setdefault((node.name, node.lineno), node)
    _trees[file] = (stamp, found)
    return found


def tree_of(function: FunctionType) -> ast.FunctionDef:
    """The definition of a function; raises Refused where its source cannot be read."""
    code = function.__code__
    try:
        node = _functions(code.co_filename).get((code.co_name, code.co_firstlineno))
    except (OSError, SyntaxError):
        node = None
    if node is None:
        raise Refused(
            f"the source of {function.__qualname__} cannot be read",
            code.co_filename,
            code.co_firstlineno,
            "keep the class in a file or a notebook cell",
        )
    return node


@functools.lru_cache(4096)
def stored_names(node: ast.FunctionDef) -> frozenset[str]:
    """The names that a function stores to; asked for each time one of its instances is written."""
    return frozenset(
        each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
    )
