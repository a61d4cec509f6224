"""What commands say: tables for people, JSON for programs, errors in parts, exit codes.

What comes in: values and errors.
What goes out: standard output carries the answer and nothing else; progress and errors go to standard error, so that
`stratofold backtest ... --json | jq` always works.
"""

import functools
import json as json_module
import math
import os
import select
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import IntEnum
from typing import Annotated, Any, TextIO

import typer

from stratofold.errors import Bug, Error, Retry, Setup, Stop


class Exit(IntEnum):
    """Exit codes; documented in docs/quick-start.md and never changed."""

    DONE = 0
    UNEXPECTED = 1
    USAGE = 2
    CHECK_FAILED = 3
    STRATEGY_RAISED = 4
    RETRY = 5
    STOP = 6
    INTERRUPTED = 130
    READER_GONE = 141


Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


def verb(command: Callable[..., int | None]) -> Callable[..., int]:
    """Run `command`, show what went wrong by its parts, and return an exit code; `--debug` lets the traceback through."""

    @functools.wraps(command)
    def guarded(*arguments: Any, json: bool = False, debug: bool = False, **options: Any) -> int:
        try:
            return command(*arguments, json=json, debug=debug, **options) or Exit.DONE
        except Exception as error:
            if isinstance(error, BrokenPipeError) and _reader_is_gone():
                return Exit.READER_GONE
            if debug or isinstance(error, typer.Exit) or hasattr(error, "format_message"):
                raise
            return _shown(error, json=json)

    return guarded


def _reader_is_gone() -> bool:
    """Whether nobody reads our answer any more (`| head`), which is no error; nothing more is written then."""
    if not _is_cut_off(sys.stdout):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return True


def _is_cut_off(stream: TextIO) -> bool:
    """Whether the other end of a stream's pipe is closed; asked of the system, as a flush that failed once may say no more."""
    try:
        poll = select.poll()
        poll.register(stream.fileno(), 0)
        return any(event & select.POLLERR for _, event in poll.poll(0))
    except (OSError, ValueError, AttributeError):  # no descriptor, or a system without poll
        try:
            stream.flush()
        except BrokenPipeError:
            return True
        return False


def _shown(error: Exception, *, json: bool) -> int:
    """Show `error` and name its exit code."""
    if isinstance(error, ExceptionGroup):
        problems = [one for one in error.exceptions if isinstance(one, Error)]
        show_errors(problems, json=json)
        return exit_code(problems[0])
    known = error if isinstance(error, Error) else _surprise(error)
    show_error(known, json=json)
    return exit_code(known)


def exit_code(error: Error) -> Exit:
    """The exit code by who must act."""
    if error.code in {"SF131", "SF133", "SF959"}:  # a Setup by its class, but the user asked whether the strategy ran
        return Exit.STRATEGY_RAISED
    for kind, code in ((Setup, Exit.USAGE), (Stop, Exit.STOP), (Retry, Exit.RETRY)):
        if isinstance(error, kind):
            return code
    return Exit.UNEXPECTED


def _surprise(error: Exception) -> Bug:
    """An error nobody planned for, with the line it came from."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else ""
    return Bug(
        "SF799",
        f"{type(error).__name__}: {error}",
        place=place,
        why="nobody planned for this; it is a mistake of ours, unless the line is yours",
        fix="run the command again with --debug for the whole traceback",
    )


def show_error(error: Error, *, json: bool) -> None:
    """Show one error."""
    show_errors([error], json=json)


def show_errors(errors: list[Error], *, json: bool) -> None:
    """Show errors: as JSON on standard output, or by their parts on standard error."""
    if json:
        show_json({"errors": [error.as_dict() for error in errors]})
        return
    for error in errors:
        head, *rows = str(error).split("\n")
        typer.secho(head, fg=typer.colors.RED, bold=True, err=True)
        for row in rows:
            typer.echo(row, err=True)


def show_json(value: Mapping[str, Any]) -> None:
    """Print one JSON object; what is not a number becomes null, because JSON has no word for it."""
    typer.echo(json_module.dumps(plain(value), allow_nan=False, ensure_ascii=False, indent=2))


def plain(value: Any) -> Any:
    """`value` in JSON's own types; times as ISO text, what JSON lacks as text."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (str, bool, int)):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


@contextmanager
def working(what: str) -> Iterator[Callable[[str], None]]:
    """Say on standard error that `what` goes on: a spinner on a terminal, a plain line elsewhere.

    Gives a function that says what goes on now.
    """
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        _say_line(what)
        yield _say_line
        return
    from rich.console import Console

    with Console(stderr=True).status(what) as status:
        yield status.update


def _say_line(text: str) -> None:
    """One plain line of progress."""
    typer.echo(f"{text} ...", err=True)
