"""Brokers: orders out, facts in."""
