"""The benchmark house: `python -m bench`.  Not collected as tests.

`scenarios` is the table of what is measured, `run` how; `house` starts the gateway and
the simulator, `peers` other mail servers; `client`, `blind` and `http2client` are loads
of our own, each a program; what the last one runs is in `job`, `codec`, `tuning` and
`rival`; `page` and `svg` tell what was found.
"""

from __future__ import annotations
