"""`stratofold cloud sweeps`: workers for sweeps on AWS, made, brought up to date and taken away."""

from typing import Annotated

import typer

from stratofold.cli.cloud_settings import Region, cloud_section
from stratofold.cli.output import Debug, Json, show_json, verb, working


@verb
def sweeps(
    region: Region = None,
    *,
    workers: Annotated[int, typer.Option(help="Functions at once, at most.")] = 1000,
    architecture: Annotated[
        str, typer.Option(help="arm64 or x86_64; default: as it is, else arm64, which costs less.")
    ] = "",
    destroy: Annotated[bool, typer.Option("--destroy", help="Take them away, and what they have stored.")] = False,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> None:
    """Make the workers that `sweep --executor stepfunctions` calls, or bring them to this version.

    They are a stack of their own; nothing in it reaches a book, and while nobody sweeps nothing of it costs anything but
    what is stored, a month at most.
    """
    from stratofold.cloud import sweeps as workers_
    from stratofold.cloud.stack import Stack
    from stratofold.research.sweep.executors.stepfunctions import STACK

    stack = Stack(STACK, region or cloud_section().get("region", ""))
    if destroy:
        with working(f"taking away {stack.name}"):
            workers_.destroy(stack)
        told = f"{stack.name} is gone from {stack.region}"
        show_json({"stack": stack.name, "region": stack.region, "destroyed": True}) if json else typer.echo(told)
        return
    with working(f"making {stack.name}"):
        state, changed = workers_.deploy(stack, workers, architecture)
    if json:
        show_json({"stack": stack.name, "region": stack.region, "changed": changed, **state.outputs})
        return
    typer.echo(
        f"{stack.name} {'is made' if changed else 'was so already'} in {stack.region}: up to {workers:,} workers"
    )
    typer.echo("stratofold sweep strategy.py --executor stepfunctions --budget 1.00")
