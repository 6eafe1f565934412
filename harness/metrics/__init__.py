"""Metrics: numpy functions of stored predictions."""
