"""``python -m benchmarks.peers.spinning N``: seconds of steps with N threads."""

from __future__ import annotations

import sys
import time

import torch
import torch.nn.functional as F

from benchmarks.peers.networks import tiny

STEPS = 100

torch.set_num_threads(int(sys.argv[1]))
network = tiny(4)
optimizer = torch.optim.Adam(network.parameters(), fused=True)
images, labels = torch.randn(16, 3, 64, 64), torch.arange(16) % 4
started = time.perf_counter()
for _ in range(STEPS):
    optimizer.zero_grad()
    F.cross_entropy(network(images), labels).backward()
    optimizer.step()
sys.stdout.write(str(time.perf_counter() - started))
