"""How hard random tests try: `TEST_EFFORT=50 pytest tests/domain` tries fifty times as much, from other seeds.

`TEST_EFFORT=0.1` takes a tenth of the seeds: for mutation testing, which runs everything thousands of times.
"""

import os

_ASKED = float(os.environ.get("TEST_EFFORT", "1"))
EFFORT = max(1, int(_ASKED))


def seeds(count: int) -> range:
    """Of so many rounds at the usual effort; more effort has more rounds, and none of the usual ones."""
    start = 0 if EFFORT == 1 else 10_000
    return range(start, start + (count * EFFORT if _ASKED >= 1 else max(1, round(count * _ASKED))))
