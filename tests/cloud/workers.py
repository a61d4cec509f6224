"""What a process of its own does to a journal in the cloud; run as `python -m tests.cloud.workers WORK TABLE NAME`."""

import sys

from stratofold.adapters.aws.client import Client
from stratofold.adapters.aws.journal import Journal
from tests.contracts.workers import race, trade

if __name__ == "__main__":
    work, table, name = sys.argv[1:]
    {"trade": trade, "race": race}[work](Journal(Client(), table), name)
