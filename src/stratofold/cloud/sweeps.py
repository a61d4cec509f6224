"""The workers' stack: functions that compute cells of sweeps, the map that calls them, and their bucket.

What comes in: how many workers, a region.  What goes out: a stack called `stratofold-sweeps`, or none any more.
Why it is shaped so: it is no part of a book's stack: it comes, changes and goes without touching one, no role of it reaches
one, and one serves every strategy, because a strategy's code is shipped with its sweep.  It holds this very version of the
fold, since a cell equals the single backtest here to the bit.
"""

from __future__ import annotations

import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from stratofold.cloud.deploy import deploy_bucket, ensure_bucket, make_change_set, own_architecture, put_once, put_text
from stratofold.cloud.destroy import empty
from stratofold.cloud.package import assembled, own_files, refuse_platform
from stratofold.errors import Setup, Stop
from stratofold.research.sweep.executors.stepfunctions import STACK

if TYPE_CHECKING:
    from stratofold.cloud.package import Package
    from stratofold.cloud.stack import Stack, State

TEMPLATE = Path(__file__).parent / "sweeps.yaml"
CODE = "CodeUri: code/"
RELEASE = "Release: {Value: unset,"
# What no worker asks for; the compiler's own text stays, because a kernel is known by the hash of it.
AT_HOME = ("cli", "cloud/local", "cloud/resident", "exchange", "market/samples", "research/assets")
_WORKERS_MAX = 10_000
_REQUIRED = ("msgspec", "numpy")


def package(python: str = "", architecture: str = "arm64", cache: Path | None = None) -> Package:
    """The zip that workers run, as `package.build` makes one for a book's functions; raises as that does."""
    python = python or ".".join(platform.python_version_tuple()[:2])
    refuse_platform(python, architecture)
    requirements = [f"{name}=={version(name)}" for name in _REQUIRED]
    return assembled("", dict(own_files(AT_HOME)), requirements, python, architecture, cache)


def deploy(stack: Stack, workers: int, architecture: str = "", cache: Path | None = None) -> tuple[State, bool]:
    """Make the stack, or make it this version's; the stack, and whether anything changed.

    Raises Setup SFS73 for a number of workers that cannot be, Stop SFS74 where AWS could not make it, and as
    `deploy.prepare` does.
    """
    if not 1 <= workers <= _WORKERS_MAX:
        raise Setup("SFS73", f"--workers {workers}", fix=f"a whole number from 1 to {_WORKERS_MAX:,}")
    account, state = stack.account(), stack.state()
    stack.refuse_half(state)
    architecture = architecture or state.parameters.get("Architecture") or own_architecture() or "arm64"
    held = package(architecture=architecture, cache=cache)
    bucket, code = deploy_bucket(account, stack.region), f"{STACK}/code/{held.digest[:32]}.zip"
    ensure_bucket(stack, bucket, account)
    put_once(stack, bucket, code, held.data)
    text = TEMPLATE.read_text(encoding="utf-8").replace(CODE, f"CodeUri: s3://{bucket}/{code}")
    text = text.replace(RELEASE, f"Release: {{Value: {held.digest[:32]},")
    address = put_text(stack, bucket, f"{STACK}/template/{held.digest[:32]}-{int(time.time())}.yaml", text)
    own = ".".join(platform.python_version_tuple()[:2])
    parameters = {"Workers": str(workers), "Architecture": architecture, "Runtime": f"python{own}"}
    change_set = make_change_set(stack, state, address, parameters)
    return (_carried_out(stack, change_set), True) if change_set else (state, False)


def _carried_out(stack: Stack, change_set: str) -> State:
    """The stack when the change is made; raises Stop SFS74 where it is not."""
    began = time.time()
    stack.call("cloudformation", "execute_change_set", StackName=stack.name, ChangeSetName=change_set)
    time.sleep(0.2)
    state = stack.wait()
    if state.status not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
        what = f"the workers' stack could not be made ({state.status})"
        fix = "mend that, then: stratofold cloud sweeps --destroy, and make it again"
        raise Stop("SFS74", what, place=stack.failure(began), fix=fix)
    return state


def destroy(stack: Stack) -> None:
    """Take the stack away, and what is stored in it, which can be computed again; raises Setup SFA10 where there is none."""
    bucket = stack.standing().outputs.get("ShelfBucket", "")
    if bucket:
        empty(stack, bucket)
    stack.call("cloudformation", "delete_stack", StackName=stack.name)
    time.sleep(0.2)
    state = stack.wait()
    if state.status:
        fix = "take away what is in the way, then again: stratofold cloud sweeps --destroy"
        raise Stop("SFS74", f"AWS keeps a part of {stack.name} ({state.status})", why=stack.failure(0.0), fix=fix)
    empty(stack, deploy_bucket(stack.account(), stack.region), f"{STACK}/")
