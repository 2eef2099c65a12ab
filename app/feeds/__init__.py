"""Recorded markets: what venues sent, read exactly, and played again as orders."""
