"""A deliberately naive simulator of the fill contract (docs/fills.md), sharing no code with the product.

Comes in: a `Scenario` and a script, both plain data.  Goes out: an `Outcome`.
It is written from the page alone, with dictionaries, lists and Decimals, so that a difference from the product means
that one of the two, or the page, is wrong.
"""
