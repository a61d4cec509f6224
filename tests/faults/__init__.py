"""The deterministic simulation: the whole live path, adapters and store included, from one seed."""
