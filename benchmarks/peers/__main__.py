"""``python -m benchmarks.peers``: the harness beside the usual ways, as a table of ratios."""

from __future__ import annotations

import os

# Before torch is imported. Threads that spin while they wait disturb whatever runs beside them.
os.environ.update(OMP_NUM_THREADS="1", GOMP_SPINCOUNT="0", OMP_WAIT_POLICY="PASSIVE")

from benchmarks.peers.command import main

main()
