"""The commands: one file a verb.

What comes in: words on a command line.
What goes out: text or JSON on standard output, errors on standard error, and an exit code that does not change.
Why it is shaped so: each verb only reads its words, calls the public function of the same meaning, and prints what it
gave; whatever a command can do, a notebook can do.
"""


def main() -> None:
    """Run the command that `sys.argv` names; the entry point of the `stratofold` script."""
    from stratofold.cli.app import run

    raise SystemExit(run())
