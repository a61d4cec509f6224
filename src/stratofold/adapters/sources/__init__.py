"""Vendors whose history can be had: what each is asked, and what its answers say, in our words."""
