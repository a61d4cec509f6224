"""The paper exchange: a server that speaks a real broker's API and matches with the simulated venue of the fold."""
