"""The dated rules: which of them hold on a day, since when, and where they are written.

What comes in: a day.  What goes out: the rules in force, each with its citation.
Why it is shaped so: rules change while books run, so a rule is a row with its first and last day, and what a run
refused under it can be explained years later.  This is no legal advice: the controls are supplied, the operator is the
one to whom rules apply.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

DAY_NS = 86_400_000_000_000
EPOCH_ORDINAL = 719_163  # date(1970, 1, 1).toordinal()

CASH, MARGIN = "cash", "margin"
ACCOUNTS = (CASH, MARGIN)


class Rule(NamedTuple):
    """One rule: first and last day (None: still in force), citation, and what it asks in a sentence."""

    name: str
    since: date
    until: date | None
    citation: str
    text: str


RULES = (
    Rule(
        "day_trades", date(2001, 9, 28), date(2026, 6, 3),
        "FINRA Rule 4210(f)(8)(B), removed by SR-FINRA-2025-017 (Release 34-105226, 91 FR 20731)",
        "a margin account that day-trades four times within five business days needs an equity of 25,000 dollars",
    ),
    Rule(
        "intraday_margin", date(2026, 6, 4), None,
        "FINRA Rule 4210(d)(2) as amended by SR-FINRA-2025-017 (Release 34-105226, 91 FR 20731); "
        "firms may phase it in until 20 October 2027",
        "equity covers the maintenance margin at every moment of the day; a deficit that is not met within five business "
        "days ends opening on credit and short for 90 calendar days",
    ),
    Rule(
        "cash_account", date(1974, 1, 3), None,
        "Regulation T, 12 CFR 220.8(a)",
        "a cash account pays in full and sells nothing short",
    ),
    Rule(
        "initial_margin", date(1974, 1, 3), None,
        "Regulation T, 12 CFR 220.12(a) and (c)(1)",
        "half of the value of what is bought or sold short on margin is the customer's own",
    ),
    Rule(
        "maintenance_margin", date(2010, 12, 2), None,
        "FINRA Rule 4210(c)",
        "25 % of longs; of shorts 30 % and at least 5 dollars a share, or, below 5 dollars, 100 % and at least 2.50 dollars",
    ),
    Rule(
        "minimum_equity", date(2010, 12, 2), None,
        "FINRA Rule 4210(b)",
        "an account that trades on credit or short has an equity of at least 2,000 dollars",
    ),
    Rule(
        "locate", date(2005, 1, 3), None,
        "Regulation SHO, 17 CFR 242.203(b)(1)",
        "nothing is sold short that is not borrowed, located, or with reason believed to be borrowable",
    ),
    Rule(
        "order_marking", date(2005, 1, 3), None,
        "Regulation SHO, 17 CFR 242.200(g)",
        "a sale is long only as far as what is owned is not already being sold",
    ),
    Rule(
        "short_sale_restriction", date(2011, 2, 28), None,
        "Regulation SHO, 17 CFR 242.201(b)(1)",
        "after a fall of 10 % from the last close nothing is sold short at or below the bid for that day and the next",
    ),
    Rule(
        "position_limit", date(1900, 1, 1), None,
        "the instrument's own, stated with its citation: 17 CFR 150.2, an exchange's or an issuer's rule",
        "no more units than the rule's owner allows",
    ),
)  # fmt: skip

# Rules that only bind an account that may borrow, and one that may not.
_ON_CREDIT = ("day_trades", "intraday_margin", "initial_margin", "maintenance_margin", "minimum_equity")
_IN_CASH = ("cash_account",)


def rules_on(day: date, account: str = MARGIN, legacy_until: date | None = None) -> tuple[Rule, ...]:
    """The rules in force on `day` for a cash or a margin account.

    `legacy_until` is the last day on which the account's broker still counts day trades: the new rule begins after it.
    """
    change = legacy_until or date(2026, 6, 3)
    return tuple(
        rule
        for rule in RULES
        if rule.since <= day
        and rule.name not in (_ON_CREDIT if account == CASH else _IN_CASH)
        and not (rule.name == "day_trades" and day > change)
        and not (rule.name == "intraday_margin" and day <= change)
    )


def day_of(time: int) -> int:
    """The proleptic ordinal of the UTC day of a time (ns); an American session lies within one."""
    return EPOCH_ORDINAL + time // DAY_NS
