"""The catalogue of market data: Parquet in folders that say what is in them, one manifest, and what is decoded of it.

What comes in: rows from files, vendors and recorders.
What goes out: `Catalogue`, of which a backtest, a query and a person each read their own way.
Why it is shaped so: nothing is imported here, because opening a catalogue should not wait for what only writing needs.
"""
