"""The usual ways of training the same network, side by side with the harness in one run.

``python -m benchmarks.peers`` prints ratios; see :mod:`benchmarks.peers.comparisons` for what is
compared and :mod:`benchmarks.peers.measure` for how.
"""
