"""The tables of each noun, and the noun itself: one file a noun, bound to its machine in `domain`."""
