"""``harness data get``"""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path

import click

from harness.cli.shared.found_plugins import found_plugins
from harness.errors import HarnessError
from harness.planning.datasets import find_dataset
from harness.specs import DatasetSpec


@click.command(name="get")
@click.argument("name", metavar="NAME")
def get_command(name: str) -> None:
    """Download a dataset from Kaggle and print its folder.

    Needs the package kagglehub, which keeps it in its own cache (KAGGLEHUB_CACHE) and downloads it
    once. The licence is between you and the dataset's authors.
    """
    spec = find_dataset(found_plugins(), name)
    if not spec.kaggle:
        reason = (
            "cannot be downloaded; use files of your own" if spec.needs_root else "needs no files"
        )
        raise HarnessError(f"dataset {name!r} {reason}")
    page = f"https://www.kaggle.com/datasets/{spec.kaggle}"
    click.echo(f"{spec.name} from {page}", err=True)
    click.echo(f"licence: {spec.licence or 'see that page'}", err=True)
    if spec.reference:
        click.echo(f"please cite: {spec.reference}", err=True)
    folder = _download(spec, page)
    click.echo(str(folder))
    click.echo(f"next: harness data verify {spec.name} --data-root '{folder}'", err=True)


def _download(spec: DatasetSpec, page: str) -> Path:
    by_hand = f"or download {page} yourself and unpack it"
    if importlib.util.find_spec("kagglehub") is None:
        raise HarnessError(
            f"downloading needs kagglehub: pip install 'cxr-harness[kaggle]'; {by_hand}"
        )
    try:
        kagglehub = importlib.import_module("kagglehub")
        return Path(kagglehub.dataset_download(spec.kaggle))
    except Exception as error:  # whatever its HTTP client and Kaggle's server come up with
        text = " ".join(str(error).split()) or "no reason given"
        raise HarnessError(
            f"{spec.kaggle} could not be downloaded: {type(error).__name__}: {text}. Check the "
            "network, and that ~/.kaggle/kaggle.json or KAGGLE_USERNAME and KAGGLE_KEY hold "
            f"credentials; {by_hand}"
        ) from error
