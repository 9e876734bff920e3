"""Benchmark programs: `python -m bench.NAME`.  Not collected as tests.

Each prints a table and, with `--json FILE`, writes what it printed as JSON.
`--smoke` runs tiny sizes, to see that everything is counted, not how fast it is.
"""

from __future__ import annotations
