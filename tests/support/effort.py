"""How hard random tests try: `TEST_EFFORT=50 pytest tests/domain` tries fifty times as much, from other seeds."""

import os

EFFORT = int(os.environ.get("TEST_EFFORT", "1"))


def seeds(count: int) -> range:
    """Of so many rounds at the usual effort; more effort has more rounds, and none of the usual ones."""
    start = 0 if EFFORT == 1 else 10_000
    return range(start, start + count * EFFORT)
