"""Processes that must not outlive a test run, however it ends: `subprocess.Popen(mortal(command))`.

A run that is killed (`timeout`, an impatient CI) closes no context: an exchange that it had started would go on replaying.
The kernel does it, told by a program of util-linux that then becomes the command; without it nothing is lost but this.
"""

import shutil

SETPRIV = shutil.which("setpriv")


def mortal(command):
    """A command that is killed when the thread that starts it is gone."""
    return [SETPRIV, "--pdeathsig", "KILL", "--", *command] if SETPRIV else command
