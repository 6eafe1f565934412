"""Bundled plugin: TensorBoard, MLflow and Weights & Biases, for runs that name them with ``--log``.

Their libraries are imported in processes of their own (:mod:`harness_loggers.__main__`), never in
that of the run.
"""

from __future__ import annotations

from collections.abc import Iterator

import harness

HARNESS_API = 1


@harness.hookimpl
def harness_loggers() -> Iterator[harness.LoggerSpec]:
    yield harness.LoggerSpec(
        name="tensorboard",
        factory="harness_loggers.hooks:TensorBoard",
        summary="Event files for TensorBoard",
        requires=("tensorboard>=2.18",),
        install="cxr-harness[tensorboard]",
    )
    yield harness.LoggerSpec(
        name="mlflow",
        factory="harness_loggers.hooks:MLflow",
        summary="Runs of MLflow, in a local database",
        requires=("mlflow-skinny>=3.7", "sqlalchemy>=2", "alembic>=1.13"),
        install="cxr-harness[mlflow]",
    )
    yield harness.LoggerSpec(
        name="wandb",
        factory="harness_loggers.hooks:WandB",
        summary="Runs of Weights & Biases, offline",
        requires=("wandb>=0.27",),
        install="cxr-harness[wandb]",
    )
