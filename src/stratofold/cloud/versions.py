"""Versions behind the aliases: other code in seconds, and the way back.

What comes in: a stack that stands.  What goes out: which version each function runs.
Why it is shaped so: a version never changes, so going back is moving an alias; versions are all there before the first
alias moves, and code that a running book would not be heard with is refused before that.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from stratofold.cloud.deploy import put_code, refuse_newer
from stratofold.cloud.package import build
from stratofold.cloud.stack import ALIAS, FUNCTIONS, told
from stratofold.errors import Setup, Stop

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stratofold.cloud.package import Package
    from stratofold.cloud.stack import Stack


def replace_code(stack: Stack, strategy: str, extra: Sequence[str] = ()) -> tuple[Package, dict[str, str]]:
    """Put new code behind the alias of every function, and nothing else; returns each function's new version.

    The versions are all made before the first alias moves, so code that AWS refuses changes nothing.
    """
    state = stack.standing()
    stack.refuse_half(state)
    refuse_newer(state)
    runtime, architecture = state.parameters["Runtime"].removeprefix("python"), state.parameters["Architecture"]
    package = build(strategy or state.parameters["Strategy"], python=runtime, architecture=architecture, extra=extra)
    if package.strategy != state.parameters["Strategy"]:
        raise Setup(
            "SFA20", f"the stack runs {state.parameters['Strategy']}, this is {package.strategy}",
            why="another strategy is another configuration", fix="stratofold deploy, without --code-only",
        )  # fmt: skip
    code = f"{stack.name}/code/{package.digest[:32]}.zip"
    bucket = put_code(stack, stack.account(), package, code)
    versions = {
        verb: str(stack.call("lambda", "update_function_code", FunctionName=stack.function(verb), S3Bucket=bucket, S3Key=code, Publish=True)["Version"])
        for verb in FUNCTIONS
    }  # fmt: skip
    for verb, version in versions.items():
        _when_ready(stack, stack.function(verb), version)
    for verb, version in versions.items():
        stack.call("lambda", "update_alias", FunctionName=stack.function(verb), Name=ALIAS, FunctionVersion=version)
    return package, versions


def _when_ready(stack: Stack, function: str, version: str, timeout_seconds: float = 60.0) -> None:
    """Wait until a version can be called."""
    until = time.monotonic() + timeout_seconds
    while time.monotonic() < until:
        seen = stack.call("lambda", "get_function_configuration", FunctionName=function, Qualifier=version)
        if seen.get("State", "Active") == "Active" and seen.get("LastUpdateStatus", "Successful") == "Successful":
            return
        time.sleep(0.2)


def roll_back(stack: Stack, to: str = "", books: Mapping[str, str] | None = None) -> dict[str, str]:
    """Put every function's alias on the version before (or on `to` of each); `books` are the running ones, and their code.

    Raises Setup SFA21 when there is no such version, and Stop SFA36 where it holds other code than a book runs.
    """
    if to and not to.isdecimal():
        raise Setup(
            "SFA21", f"{to!r} is no version", place="--to", fix="give a number: stratofold cloud rollback --to 3"
        )
    moves = {stack.function(verb): _version_before(stack, stack.function(verb), to) for verb in FUNCTIONS}
    if books:
        refuse_other_code(books, moves[stack.function("decide")], stack)
    for function, version in moves.items():
        stack.call("lambda", "update_alias", FunctionName=function, Name=ALIAS, FunctionVersion=version)
    return moves


def _version_before(stack: Stack, function: str, to: str) -> str:
    """The version that a function goes back to; raises Setup SFA21 where it has none."""
    now = str(stack.call("lambda", "get_alias", FunctionName=function, Name=ALIAS)["FunctionVersion"])
    known = sorted(int(one) for one in _versions(stack, function))
    before = [one for one in known if one < int(now)]
    wanted = int(to) if to else (before[-1] if before else 0)
    if wanted not in known:
        raise Setup(
            "SFA21",
            f"{function} has no version {to or f'before {now}'}",
            fix=f"it has {', '.join(map(str, known))}: stratofold cloud rollback --to N",
        )
    return str(wanted)


def refuse_other_code(books: Mapping[str, str], version: str, stack: Stack) -> None:
    """Raise Stop SFA36 where a version of `decide` says that it holds other code than some of the `books` run."""
    code = code_of(stack, version)
    other = [book for book, runs in books.items() if code and runs != code]
    if other:
        raise Stop(
            "SFA36", f"version {version} holds other code than book {', '.join(other)} runs",
            why="it would not be heard with that, and its events would wait",
            fix="put that code back where strategies are written, then: stratofold deploy --code-only --acknowledge",
        )  # fmt: skip


def code_of(stack: Stack, version: str) -> str:
    """What a version of `decide` says it holds; empty where it cannot say, because it is older than the question or broken."""
    answer = stack.call(
        "lambda", "invoke", FunctionName=stack.function("decide"), Qualifier=version, Payload=b'{"trigger": "code"}'
    )
    said = json.loads(answer["Payload"].read() or b"null")
    return str(said.get("code", "")) if isinstance(said, dict) else ""


def _versions(stack: Stack, function: str) -> list[str]:
    """The published versions of a function."""
    pages = stack.client("lambda").get_paginator("list_versions_by_function").paginate(FunctionName=function)
    with told(stack.region):
        return [one["Version"] for page in pages for one in page["Versions"] if one["Version"] != "$LATEST"]
