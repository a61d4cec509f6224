"""The oldest versions that pyproject.toml allows, as lines for pip: `python scripts/oldest.py > oldest.txt`.

What goes out: what stratofold and its extras need, each at its lower bound (`>=1.2` is `==1.2`), and what the tests need beside
that, as it is.  Why so: a bound is a promise, and nobody who develops has the versions that it names; `make oldest` has.
A bound without a wheel, or for which no two versions fit together, ends pip: then it is a fiction, and is to be raised.
"""

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"


def oldest(text: str) -> list[str]:
    """The lines for the text of a pyproject.toml; ValueError for a requirement of ours without one lower bound."""
    whole = tomllib.loads(text)
    project, groups = whole["project"], whole["dependency-groups"]
    ours = [*project["dependencies"], *(each for extra in project["optional-dependencies"].values() for each in extra)]
    held = [at_bound(each) for each in ours]
    return sorted({*held, *others([*groups["dev"], *groups["build"]], {name_of(each) for each in ours})})


def at_bound(requirement: str) -> str:
    """`name>=1.2` as `name==1.2`."""
    found = re.fullmatch(r"([\w.-]+)>=([\w.]+)", requirement)
    if found is None:
        raise ValueError(f"{requirement}: a requirement is a name and one lower bound")
    return f"{found[1]}=={found[2]}"


def others(requirements: Iterable[str], ours: set[str]) -> list[str]:
    """Those that are not ours already."""
    return [each for each in requirements if name_of(each) not in ours]


def name_of(requirement: str) -> str:
    """The name in a requirement, as indexes compare it."""
    return re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", requirement)[0]).lower()


if __name__ == "__main__":
    print(*oldest(PROJECT.read_text(encoding="utf-8")), sep="\n")
