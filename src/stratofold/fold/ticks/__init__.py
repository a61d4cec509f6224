"""The fold on quotes, trades and depth: its own market, venue and driver, around the same book, step and tally."""
