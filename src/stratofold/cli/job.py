"""One run, put together from the command line and `stratofold.toml`; the command line wins.

What comes in: options as typed.
What goes out: a `Job`: a strategy class, market data, and the keywords of `stratofold.backtest`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import typer

from stratofold.cli.catalogues import chosen_catalogue, is_catalogue
from stratofold.cli.config import FILE_NAME, Config, cost_problems, model, read_config
from stratofold.cli.load import load_strategy
from stratofold.errors import Setup

Strategy = Annotated[
    str | None, typer.Argument(help=f"strategy.py, strategy.py:Class or package.module:Class; default: {FILE_NAME}'s")
]
Data = Annotated[
    str | None,
    typer.Option(
        help="A CSV or Parquet path, a folder of them, a folder of ticks (quotes, trades, depth, snapshot), a catalogue (FOLDER#SOURCE/SPAN, or FOLDER#SOURCE/ticks), or sample:NAME. Default: the shipped sample."
    ),
]
Symbols = Annotated[str | None, typer.Option(help="Which symbols, with commas: SPY,AAPL. Default: all there are.")]
Start = Annotated[str | None, typer.Option(help="First day: 2015-01-01.")]
End = Annotated[str | None, typer.Option(help="Last day: 2020-12-31.")]
Cash = Annotated[float | None, typer.Option(help="Money at the start. Default: 100000.")]
Charges = Annotated[str | None, typer.Option(help="per_share=0.005,minimum=1 ... Default: none.")]
Slips = Annotated[str | None, typer.Option(help="proportional=0.0002 ... Default: none.")]
Allowances = Annotated[str | None, typer.Option(help="position_max=500,leverage_max=1 ... Default: unlimited.")]
Execution = Annotated[str | None, typer.Option(help="auto, interpreted, compiled or frozen.")]
ExecutionOfCells = Annotated[str | None, typer.Option("--execution", help="auto, interpreted or compiled.")]
Queue = Annotated[str | None, typer.Option(help="On depth: through, back (default), proportional, squared or front.")]
Kernel = Annotated[Path | None, typer.Option(help="The frozen kernel, for --execution frozen.")]
ConfigPath = Annotated[Path | None, typer.Option("--config", help=f"Default: {FILE_NAME} here, if there is one.")]


@dataclass
class Job:
    """What `stratofold.backtest` is called with."""

    strategy: type[Any]
    data: Any
    keywords: dict[str, Any]
    report: str | None

    def run(self, progress: Callable[[str], None]) -> Any:
        """The result of the backtest; `progress` is told what takes long."""
        import stratofold

        return stratofold.backtest(self.strategy, self.data, progress=progress, **self.keywords)


_TYPED = "--{section} {key}"  # where a cost is, as a rule
_OPTIONS = ("strategy", "data", "symbols", "start", "end", "cash", "fees", "slippage", "limits", "execution", "kernel", "queue", "report")  # fmt: skip


def job(options: Mapping[str, Any], extra: Iterable[str] = ()) -> Job:
    """The run that a command's options and the configuration ask for; raises errors.Setup.

    `options` are a command's own `locals()`: of them those count that are a run's (None: not said), and `others`, which
    are strategies whose parameters may be stated too.
    """
    strategy, keywords = strategy_job(options, options["config"], extra)
    config, symbols = _config(options["config"]), keywords.get("symbols")
    data = options.get("data") or config.data or default_sample(symbols)
    try:
        found = market(data, symbols)
    except Setup as error:
        if error.code == "SF209" and not options.get("symbols"):  # who typed --data alone never named that symbol
            error.place, error.fix = (
                f"symbols in {FILE_NAME}",
                f"--symbols and one of these, or other symbols in {FILE_NAME}",
            )
        raise
    return Job(strategy, found, keywords, options.get("report") or config.report)


def strategy_job(
    options: Mapping[str, Any], config_path: Path | None, extra: Iterable[str] = ()
) -> tuple[type[Any], dict[str, Any]]:
    """The strategy class and the keywords of `backtest`, but for the data; raises errors.Setup."""
    config = _config(config_path)
    known = {name for name in _OPTIONS if name in options}
    said = {name: options[name] for name in known if options[name] is not None}
    # A parameter in front (`--fast 10 strategy.py`) reaches us in the strategy's place.
    named, typed = _sorted_words([*([said["strategy"]] if "strategy" in said else []), *extra])
    name = named or config.strategy
    if not name:
        fix = f'stratofold backtest strategy.py, or strategy = "strategy.py" in {FILE_NAME}'
        raise Setup("SF720", "no strategy was named", place="the command line", fix=fix)
    strategy = load_strategy(name)
    stated = config.parameters if _is_configured(config, named, strategy) else {}
    parameters = {**stated, **typed}
    _refuse_unknown(parameters, [strategy, *options.get("others", ())], known, set(typed))
    symbols = split(said.get("symbols")) or config.symbols
    return strategy, _keywords(said, config, symbols) | parameters


def _is_configured(config: Config, named: str | None, strategy: type[Any]) -> bool:
    """Whether the strategy is the one that the configuration names, whose parameters stand there."""
    if not named or not config.strategy:
        return True
    source, _, wanted = config.strategy.partition(":")
    asked = named.partition(":")[0]
    return Path(source).resolve() == Path(asked).resolve() and wanted in {"", strategy.__name__}


def _config(path: Path | None) -> Config:
    """The configuration of this folder, or of the file that was named."""
    if path is None:
        here = Path(FILE_NAME)
        return read_config(here) if here.is_file() else Config()
    if not path.is_file():
        raise Setup("SF721", f"there is no file {path.name!r}", place=str(path), fix="give the path of a TOML file")
    return read_config(path)


def _keywords(said: Mapping[str, Any], config: Config, symbols: list[str] | None) -> dict[str, Any]:
    """The keywords of `backtest` that were stated anywhere; the rest is left to its defaults."""
    keywords: dict[str, Any] = {"symbols": symbols, "kernel": said.get("kernel"), "queue": said.get("queue")}
    for name in ("start", "end", "cash", "execution"):
        keywords[name] = said.get(name) if name in said else getattr(config, name)
    for name in ("fees", "slippage", "limits"):
        table = _table(name, said[name]) if name in said else getattr(config, name)
        if table or (name == "limits" and table is not None):
            keywords[name] = model(name)(**table)
    return {name: value for name, value in keywords.items() if value is not None}


def cost(name: str, text: str | None, place: str = _TYPED) -> Any:
    """`per_share=0.005,minimum=1` as the model of costs called `name`; None where nothing was said.

    `place` is where it was said, for who has to look there.
    """
    return model(name)(**_table(name, text, place)) if text else None


def _table(name: str, text: str, place: str = _TYPED) -> dict[str, Any]:
    """`per_share=0.005,minimum=1` as a table; raises an ExceptionGroup of all that is wrong with it."""
    table = {}
    for part in text.split(","):
        key, _, value = part.partition("=")
        table[key.strip()] = value_of(value.strip())
    problems = cost_problems(name, table, lambda section, key: place.format(section=section, key=key))
    if problems:
        raise ExceptionGroup(name, problems)
    return table


def split(text: str | None) -> list[str]:
    """Names between commas."""
    return [name.strip() for name in (text or "").split(",") if name.strip()]


TICKS = "/ticks"  # in the place of a span, of a catalogue


def default_sample(symbols: list[str] | None) -> str:
    """The sample that serves when no data is named."""
    return "sample:" + (",".join(symbols) if symbols else "us14")


def market(text: str, symbols: list[str] | None) -> Any:
    """Market data by path, or from the sample."""
    import stratofold

    kind, _, names = text.partition(":")
    if kind == "sample":
        return stratofold.sample(*split(names))
    if is_catalogue(text):
        if text.endswith(TICKS):
            return chosen_catalogue(text.removesuffix(TICKS)).ticks(symbols)
        return chosen_catalogue(text)
    if not Path(text).exists():
        raise Setup(
            "SF722",
            f"there is no data at {text!r}",
            place=str(Path.cwd()),
            fix="give a CSV or Parquet path, a folder of them, a catalogue, or sample:us14",
        )
    if Path(text).is_dir():
        from stratofold.market.tick_frames import tick_files

        if files := tick_files(Path(text)):
            return stratofold.read_ticks(**files, symbols=symbols)
    return stratofold.read(text, symbols=symbols)


def _sorted_words(words: Iterable[str]) -> tuple[str | None, dict[str, Any]]:
    """The strategy's name and, from `--fast 10 --slow=30`, the parameters; raises errors.Setup for anything else."""
    strategy: str | None = None
    parameters: dict[str, Any] = {}
    waiting: str | None = None
    for word in words:
        if waiting is not None:
            parameters[waiting], waiting = value_of(word), None
        elif word.startswith("--") and "=" in word:
            name, _, value = word[2:].partition("=")
            parameters[name.replace("-", "_")] = value_of(value)
        elif word.startswith("--"):
            waiting = word[2:].replace("-", "_")
        elif strategy is None:
            strategy = word
        else:
            fix = "parameters are --name value, symbols --symbols SPY,AAPL"
            raise Setup("SF723", f"{word!r} is not expected here", place="the command line", fix=fix)
    if waiting is not None:
        raise Setup("SF724", f"--{waiting} has no value", place="the command line", fix=f"--{waiting} VALUE")
    return strategy, parameters


def value_of(text: str) -> Any:
    """A number or a truth value where the text is one, else the text."""
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _refuse_unknown(
    parameters: Mapping[str, Any], strategies: Sequence[type[Any]], options: set[str], typed: set[str]
) -> None:
    """Raise for the first name that is neither an option of the command nor a parameter of a strategy.

    What was not `typed` stands in the configuration.
    """
    known = list(dict.fromkeys(name for each in strategies for name in each.parameters()))
    called = " or ".join(each.__name__ for each in strategies)
    for name in parameters:
        if name in known:
            continue
        close = get_close_matches(name, [*known, *options], n=1, cutoff=0.6)
        fix = f"did you mean --{close[0]}?" if close else f"parameters of {called}: {', '.join(known) or 'none'}"
        place = f"--{name}" if name in typed else f"{FILE_NAME}, [parameters] {name}"
        raise Setup("SF725", f"{called} has no parameter {name!r}", place=place, fix=fix)
