"""`python -m stratofold` is the `stratofold` command, for a shell that does not find the script."""

from stratofold.cli import main

main()
