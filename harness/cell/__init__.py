"""What happens inside the one process that runs a cell."""

EPOCH_METRICS = "harness.cell.epoch_metrics"
"""The module that methods trained by epochs need besides their own. It takes seconds to import."""
