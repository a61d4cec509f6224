"""A score for a headline: small, shipped, and replaceable.

What comes in: text.  What goes out: a number from -1 (bad) to 1 (good), 0 where nothing is said.
Why it is shaped so: a lexicon can be read and argued with, gives the same score for ever, and needs no model to be shipped;
whatever takes its place is any function of text to a number (`scorer=`), whose score is written down with its time.
Source: the words are our own choice, after the method of T. Loughran and B. McDonald, When Is a Liability Not a Liability?
(2011), who showed that financial texts need a list of their own.
Ignores: irony, who is spoken of, and whether the market knew it before.
"""

from __future__ import annotations

import re

GOOD = frozenset(
    [
        "beat",
        "beats",
        "beating",
        "gain",
        "gains",
        "gained",
        "rise",
        "rises",
        "rose",
        "rising",
        "surge",
        "surges",
        "surged",
        "soar",
        "soars",
        "soared",
        "jump",
        "jumps",
        "jumped",
        "rally",
        "rallies",
        "rallied",
        "record",
        "upgrade",
        "upgraded",
        "upgrades",
        "raise",
        "raises",
        "raised",
        "outperform",
        "outperforms",
        "strong",
        "stronger",
        "strongest",
        "growth",
        "grow",
        "grows",
        "grew",
        "profit",
        "profits",
        "profitable",
        "approval",
        "approved",
        "approves",
        "win",
        "wins",
        "won",
        "boost",
        "boosts",
        "boosted",
        "rebound",
        "rebounds",
        "rebounded",
        "recover",
        "recovers",
        "recovered",
        "recovery",
        "expand",
        "expands",
        "expanded",
        "expansion",
        "optimistic",
        "bullish",
        "buyback",
        "dividend",
        "exceed",
        "exceeds",
        "exceeded",
        "improve",
        "improves",
        "improved",
        "improvement",
        "success",
        "successful",
        "breakthrough",
    ]
)
BAD = frozenset(
    [
        "miss",
        "misses",
        "missed",
        "loss",
        "losses",
        "lose",
        "loses",
        "lost",
        "fall",
        "falls",
        "fell",
        "falling",
        "drop",
        "drops",
        "dropped",
        "plunge",
        "plunges",
        "plunged",
        "slump",
        "slumps",
        "slumped",
        "tumble",
        "tumbles",
        "tumbled",
        "crash",
        "crashes",
        "crashed",
        "cut",
        "cuts",
        "downgrade",
        "downgraded",
        "downgrades",
        "weak",
        "weaker",
        "weakest",
        "decline",
        "declines",
        "declined",
        "lawsuit",
        "sue",
        "sues",
        "sued",
        "fraud",
        "probe",
        "investigation",
        "recall",
        "recalls",
        "recalled",
        "bankruptcy",
        "bankrupt",
        "default",
        "defaults",
        "defaulted",
        "layoff",
        "layoffs",
        "warn",
        "warns",
        "warned",
        "warning",
        "halt",
        "halts",
        "halted",
        "delist",
        "delisted",
        "suspend",
        "suspended",
        "fine",
        "fined",
        "penalty",
        "breach",
        "hack",
        "hacked",
        "resign",
        "resigns",
        "resigned",
        "bearish",
        "recession",
        "shortage",
        "delay",
        "delays",
        "delayed",
        "reject",
        "rejects",
        "rejected",
        "impairment",
        "writedown",
        "restatement",
    ]
)
NOT = frozenset(
    [
        "not",
        "no",
        "never",
        "without",
        "fails",
        "failed",
        "despite",
        "unlikely",
        "hardly",
        "isnt",
        "wasnt",
        "doesnt",
        "didnt",
        "wont",
        "cannot",
        "cant",
    ]
)
VERY = {
    "sharply": 1.5,
    "strongly": 1.5,
    "heavily": 1.5,
    "massive": 1.5,
    "huge": 1.5,
    "slightly": 0.5,
    "modestly": 0.5,
    "somewhat": 0.5,
}
_WORD = re.compile(r"[a-z]+")
_REACH = 3  # words: how far a negation or a degree carries
_SETTLE = 1.0  # one word alone scores a half


def score(text: str) -> float:
    """The good words less the bad ones, over all of them and one more; a word after a negation counts the other way."""
    words = _WORD.findall(text.lower().replace("\u2019", "").replace("'", ""))
    total = weight = 0.0
    for place, word in enumerate(words):
        sign = (word in GOOD) - (word in BAD)
        if not sign:
            continue
        before = words[max(place - _REACH, 0) : place]
        degree = next((VERY[one] for one in reversed(before) if one in VERY), 1.0)
        turned = -1.0 if any(one in NOT for one in before) else 1.0
        total += sign * degree * turned
        weight += degree
    return total / (weight + _SETTLE)
