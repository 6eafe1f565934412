"""The name under which the harness is installed. Apart, as it is wanted before anything is read."""

from __future__ import annotations

DISTRIBUTION = "cxr-harness"
"""The harness's own distribution, which carries the bundled plugins."""
