"""The verbs as functions: one file a verb, with a `handler` that AWS calls and a `respond` that does the work.

A new verb (`sweep` and `gather` come with research at scale) is one more file here: a latency class, `respond`, `handler`.
"""
