"""HTTP and WebSockets over a real network."""
