"""A plugin of pytest: the fault that `STRATOFOLD_FAULT` names is in our code while its process runs."""

import os

from .bugs import planted
from .carried import CARRIED


def pytest_configure(config):
    """Plant it."""
    name = os.environ["STRATOFOLD_FAULT"]
    plant = planted(next(fault for fault in CARRIED if fault.name == name))
    plant.__enter__()
    config.add_cleanup(lambda: plant.__exit__(None, None, None))
