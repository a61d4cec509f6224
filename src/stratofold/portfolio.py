"""Portfolio construction, where strategies import it from: `from stratofold.portfolio import RiskParity`."""

from stratofold.fold.portfolio import *  # noqa: F403
from stratofold.fold.portfolio import __all__  # noqa: F401
