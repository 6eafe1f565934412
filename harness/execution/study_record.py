"""``study.json``: every run that has worked in a study's folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from harness.results.browse.study_facts import read_study
from harness.study import Study


def with_earlier(facts: Mapping[str, Any], study: Study) -> dict[str, Any]:
    """What ``study.json`` is to hold: the facts of this run, but with all cells that lie in the
    folder or are asked for, and ``runs``: the facts of every run, once for each set of questions.

    Raises:
        HarnessError: the ``study.json`` that is there is damaged.
    """
    path = study.directory / "study.json"
    earlier = read_study(path).get("runs", []) if path.exists() else []
    dataset = study.cells[0].record["dataset"]
    run = {
        **facts,
        "asked": _asked(study),
        "dataset": {name: dataset[name] for name in ("name", "root", "fingerprint")},
    }
    records = study.directory.glob("cells/*/*/*/cell.json")
    there = {str(record.parent.relative_to(study.directory)) for record in records}
    return {
        **facts,
        "cells": sorted({*there, *facts["cells"]}),
        "runs": [*(old for old in earlier if old.get("asked") != run["asked"]), run],
    }


def _asked(study: Study) -> str:
    """A digest of what the cells ask, whatever code answers."""
    identities = [cell.record["identity"] for cell in study.cells]
    return hashlib.sha256(json.dumps(identities, sort_keys=True).encode()).hexdigest()[:12]
