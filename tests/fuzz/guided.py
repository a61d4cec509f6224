"""Atheris at one parser: `python -m tests.fuzz.guided NAME CORPUS [libFuzzer's options]`; it ends with 0 when nothing was found.

Bytes are exchanged towards what reaches new branches of our own code, which chance alone does not find.  `NAME` may be "trap":
a parser with a fault behind four letters, so that a run that finds nothing can be told from one that looks for nothing.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["stratofold", "tests.fuzz"], enable_loader_override=False):
    from tests.fuzz.parsers import PARSERS, trap


def main(name: str, corpus: Path, options: list[str]) -> None:
    """Begin with the seeds, and go on until the options say that it is enough."""
    parser = trap if name == "trap" else PARSERS[name]
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(parser.seeds):
        (corpus / f"seed{number}").write_bytes(seed)
    atheris.Setup([sys.argv[0], str(corpus), *options], parser.hear)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
