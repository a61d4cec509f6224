"""Where things of the user are kept on this machine: the places the XDG Base Directory Specification names."""

import os
from pathlib import Path


def settings_folder() -> Path:
    """Secrets and other settings: `$XDG_CONFIG_HOME/stratofold`, else `~/.config/stratofold`."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "stratofold"


def state_folder() -> Path:
    """Journals and artifacts: `$XDG_STATE_HOME/stratofold`, else `~/.local/state/stratofold`."""
    return Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state").expanduser() / "stratofold"
