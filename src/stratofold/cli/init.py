"""`stratofold init`: a folder with a strategy, its configuration and its test, ready to run."""

from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from stratofold.cli.output import Debug, Json, show_json, verb
from stratofold.errors import Setup

FILES = ("strategy.py", "stratofold.toml", "test_strategy.py", "README.md")


@verb
def init(
    folder: Annotated[Path, typer.Argument(help="The folder to make.")],
    *,
    force: Annotated[bool, typer.Option("--force", help="Write over files that are there.")] = False,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001 - the decorator reads it
) -> None:
    """Make a folder with a strategy, its configuration and its test."""
    _refuse_overwriting(folder, force=force)
    written = [_write(folder, name) for name in FILES]
    if json:
        show_json({"folder": str(folder), "files": [str(path) for path in written]})
        return
    for path in written:
        typer.echo(f"wrote {path}")
    typer.echo(f"\nnext:\n  cd {folder}\n  stratofold backtest\n  stratofold check\n  python -m pytest")


def _refuse_overwriting(folder: Path, *, force: bool) -> None:
    """Raise errors.Setup if something of the user's would be lost."""
    if folder.exists() and not folder.is_dir():
        raise Setup("SF730", f"{folder.name!r} is a file", place=str(folder), fix="name another folder")
    there = [name for name in FILES if (folder / name).exists()]
    if there and not force:
        raise Setup(
            "SF731",
            f"{', '.join(there)} would be written over",
            place=str(folder),
            fix="name another folder, or give --force",
        )


def _write(folder: Path, name: str) -> Path:
    """Write one file of the scaffold; raises errors.Setup where the folder cannot be written."""
    text = resources.files("stratofold.cli").joinpath("scaffold", f"{name}.template").read_text(encoding="utf-8")
    path = folder / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("{folder}", folder.resolve().name), encoding="utf-8")
    except OSError as error:
        why = error.strerror or str(error)
        raise Setup(
            "SF732", f"{name} cannot be written", place=str(path), why=why, fix="name another folder"
        ) from error
    return path
