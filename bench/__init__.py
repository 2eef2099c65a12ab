"""Benchmarks: `make bench` runs them all, `make bench ONLY=name,name` some. docs/benchmarks.md says what they mean."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))  # brokers and systems of one's own
