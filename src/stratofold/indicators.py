"""The indicators, where strategies import them from: `from stratofold.indicators import SMA`."""

from stratofold.fold.indicators import *  # noqa: F403
from stratofold.fold.indicators import __all__  # noqa: F401
