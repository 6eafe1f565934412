"""``python -m benchmarks.gpu``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

# The project need not be installed.
sys.path.insert(0, str(Path(__file__).parents[2] / "plugins"))
# Before torch is imported. Threads that spin while they wait disturb whatever runs beside them.
os.environ.update(
    {"GOMP_SPINCOUNT": "0", "OMP_WAIT_POLICY": "PASSIVE", "HF_HUB_OFFLINE": "1", **os.environ}
)

from benchmarks.gpu.command import main

main()
