"""Puts the verbs together and turns what went wrong into an exit code.

What comes in: the arguments of a process.
What goes out: an exit code.  Errors of use that typer finds (an unknown verb, a missing argument) take the same door
as ours, so that `--json` and the exit codes hold for them too.
"""

import sys
from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any

import typer

from stratofold.cli import (
    audit,
    backtest,
    cancel,
    check,
    cloud,
    cloud_local,
    cloud_sweeps,
    data,
    data_get,
    data_poll,
    data_quality,
    data_record,
    data_show,
    data_sql,
    demo,
    deploy,
    doctor,
    exchange,
    feed,
    flatten,
    fork,
    freeze,
    halt,
    init,
    move,
    reconcile,
    report,
    resume,
    secret,
    status,
    stress,
    study,
    sweep,
    verify,
    walk_forward,
    watch,
    webhook,
    why,
)
from stratofold.cli import run as run_verb
from stratofold.cli.home import OfBook
from stratofold.cli.output import Exit, show_error
from stratofold.errors import Setup

app = typer.Typer(
    name="stratofold",
    help="Write a strategy once; backtest it interpreted, compiled or frozen, to the same bit.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
FREE_OPTIONS = {"allow_extra_args": True, "ignore_unknown_options": True}  # a strategy's parameters are options too

app.command(name="init")(init.init)
app.command(name="backtest", context_settings=FREE_OPTIONS)(backtest.backtest)
app.command(name="report", context_settings=FREE_OPTIONS)(report.report)
app.command(name="stress", context_settings=FREE_OPTIONS)(stress.stress)
app.command(name="check", context_settings=FREE_OPTIONS)(check.check)
app.command(name="sweep", context_settings=FREE_OPTIONS)(sweep.sweep)
app.command(name="walk-forward", context_settings=FREE_OPTIONS)(walk_forward.walk_forward)
app.command(name="freeze", context_settings=FREE_OPTIONS)(freeze.freeze)
app.command(name="run", context_settings=FREE_OPTIONS)(run_verb.run)
OF_BOOK = {status.status, flatten.flatten, reconcile.reconcile, fork.fork, verify.verify}
for one in (
    status.status, halt.halt, resume.resume, flatten.flatten, cancel.cancel, reconcile.reconcile, fork.fork, verify.verify, why.why, watch.watch,
    webhook.webhook,
):  # fmt: skip
    app.command(name=one.__name__, cls=OfBook if one in OF_BOOK else None)(one)
app.add_typer(study.app, name="study")
app.add_typer(audit.app, name="audit")
for one in (
    data_get.get, data_show.show, data_sql.sql, data_sql.ddl, data_show.export, data_quality.check, data_quality.clean,
    data_record.record, data_record.replay, data_poll.poll,
):  # fmt: skip
    data.app.command(name=one.__name__)(one)
app.add_typer(data.app, name="data")
cloud.app.command("local")(cloud_local.local)
cloud.app.command("sweeps")(cloud_sweeps.sweeps)
app.add_typer(cloud.app, name="cloud")
app.command(name="deploy")(deploy.deploy)
app.command(name="destroy")(deploy.destroy)
app.command(name="move")(move.move)
app.command(name="feed")(feed.feed)
app.command(name="demo")(demo.demo)
app.command(name="doctor")(doctor.doctor)
app.command(name="exchange")(exchange.exchange)
app.command(name="secret")(secret.secret)


def _show_version(asked: bool) -> None:
    """Print the version and end, if asked."""
    if asked:
        from stratofold import __version__

        typer.echo(f"stratofold {__version__}")
        raise typer.Exit


@app.callback()
def about(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Write a strategy once; backtest it interpreted, compiled or frozen, to the same bit."""


@cache
def command() -> Any:
    """The tree of verbs, of whichever click typer carries, made once: making it takes as long as many a verb."""
    return typer.main.get_command(app)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command that `arguments` (default: the process's own) name and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        outcome = command()(words, standalone_mode=False)
    except (typer.Abort, KeyboardInterrupt):
        typer.echo("interrupted", err=True)
        return Exit.INTERRUPTED
    except Exception as problem:
        if not hasattr(problem, "format_message"):  # click's own errors, of whichever click typer carries
            raise
        return _misused(problem, words)
    return int(outcome or 0)


def _misused(problem: Exception, words: list[str]) -> int:
    """Show a mistake in the command line itself."""
    text = problem.format_message()  # type: ignore[attr-defined]  # seen by the caller
    if text:
        context = getattr(problem, "ctx", None)  # of the verb that did not understand, if it came to one
        verbs = context.command_path.removeprefix(context.find_root().command_path) if context is not None else ""
        fix = f"stratofold{verbs} --help"
        show_error(
            Setup("SF700", f"not understood: {text.rstrip('.')}", place="the command line", fix=fix),
            json="--json" in words,
        )
    return Exit.USAGE
