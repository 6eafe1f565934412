"""The COVID-19 Radiography Database, read from where the user has unpacked it."""

from __future__ import annotations

from collections.abc import Iterable

import harness

HARNESS_API = 1


@harness.hookimpl
def harness_datasets() -> Iterable[harness.DatasetSpec]:
    yield harness.DatasetSpec(
        name="radiography",
        factory="harness_radiography.dataset:open_radiography",
        summary="COVID-19 Radiography Database: 4 classes, lung masks",
        params={"columns": {}},
        kaggle="tawsifurrahman/covid19-radiography-database",
        published=("harness_radiography:published/study.json",),
        reference="Chowdhury et al. 2020, 10.1109/ACCESS.2020.3010287; "
        "Rahman et al. 2021, 10.1016/j.compbiomed.2021.104319",
        licence="as stated on its Kaggle page; never redistributed here",
    )
