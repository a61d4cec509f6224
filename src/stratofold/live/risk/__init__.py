"""Risk around the fold: what may leave although the book's own limits allow it, and what is done when a bound breaks."""
