"""Feeds: market events in."""
