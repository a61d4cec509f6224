"""A run interpreted faster: the fold's own source, written as one flat function for one kind of run.

Calls of small functions are written out, attributes that lead to one object are walked once, and tests whose outcome
is known (hooks nobody has, one symbol, one currency) are gone.  CPython runs the result as it runs any function.
"""
