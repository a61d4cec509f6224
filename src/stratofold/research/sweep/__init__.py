"""Sweeps: one strategy or several, many parameters, many markets; every cell equals the single backtest to the bit.

    space, where ──► samplers ──► points ─┐
    strategies, data, costs ──► places ───┴─► work ──► executors ──► blocks ──► cells ──► store ──► Study

What comes in: what a backtest takes, with many values where it takes one.  What goes out: a study.
"""
