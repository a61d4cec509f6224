"""Adapters that live in the process: files, memory, the shipped sample."""
