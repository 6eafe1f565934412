"""Verbs of other tools, and the one that does the same here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_VERBS: Mapping[str, tuple[tuple[str, str], ...]] = MappingProxyType(
    {
        "": (
            (
                "list ls methods models plugin available catalog",
                "'harness plugins' lists methods, 'harness data list' datasets, 'harness weights "
                "list' weights",
            ),
            (
                "train training fit bench benchmark start launch exec experiment finetune "
                "fine-tune",
                "'harness run' trains, times and scores methods",
            ),
            (
                "resume continue restart retry",
                "'harness run' with the same arguments resumes: finished cells are kept",
            ),
            (
                "eval evaluate evaluation test testing val validate metrics metric rescore",
                "'harness run' ends with the scores of the test images; 'harness score' "
                "recomputes them, 'harness predict' takes new images",
            ),
            (
                "download fetch get pull",
                "'harness data get NAME' downloads a dataset, 'harness weights fetch PATTERN' "
                "weights",
            ),
            (
                "infer inference apply classify segment diagnose-image",
                "'harness predict CELL IMAGES' applies a finished model",
            ),
            (
                "results result table tables compare leaderboard summary summarize summarise "
                "print rank plot",
                "'harness report' prints the table of finished runs",
            ),
            (
                "dry-run dryrun estimate preview simulate",
                "'harness plan' shows what a run would do",
            ),
            (
                "info describe details inspect view cat",
                "'harness show CELL' prints a cell, 'harness data info NAME' describes a dataset, "
                "'harness plugins' lists methods",
            ),
            (
                "verify diagnose health env environment system debug",
                "'harness doctor' checks the installation, 'harness data verify NAME' a dataset, "
                "'harness check NAME' a plugin",
            ),
            (
                "dataset datasets",
                "'harness data list' lists datasets; 'harness data --help' has its verbs",
            ),
            ("weight pretrained checkpoints", "'harness weights list' lists published weights"),
            (
                "prepare preprocess resize index",
                "'harness data prepare NAME' resizes all images once; a run does it by itself",
            ),
            (
                "rm remove delete purge prune cache cleanup gc",
                "'harness clean' lists what can be deleted, and deletes it with --yes",
            ),
            (
                "log logs history ps jobs top progress watch monitor",
                "'harness status' shows what cells do, 'harness show CELL' prints the history "
                "of one",
            ),
            ("stop kill cancel abort pause", "Ctrl-C ends a run; the same command resumes it"),
            (
                "onnx save convert deploy",
                "'harness export CELL --out DIR' writes a finished model, and as ONNX",
            ),
            (
                "published paper replicate study",
                "'harness reproduce NAME' repeats a published study; 'harness run study.toml' "
                "runs a study file",
            ),
            (
                "sweep tune search hpo grid",
                "nothing is searched: the protocol is the same for every method; a study file "
                "holds several runs",
            ),
            (
                "config configs settings preset presets protocol init new create",
                "'harness run --help' lists presets and options; a study file holds them as lines",
            ),
            (
                "install uninstall upgrade update add",
                "plugins are Python packages: pip install PACKAGE; 'harness plugins' lists those "
                "that are installed",
            ),
            ("version", "harness --version"),
        ),
        "data": (
            ("ls show datasets", "harness data list"),
            ("check validate lint inspect", "harness data verify NAME"),
            ("describe stats summary card", "harness data info NAME"),
            ("download fetch pull", "harness data get NAME"),
            ("preprocess resize cache build", "harness data prepare NAME"),
            ("split", "--split and --split-file of 'harness run' choose the split"),
        ),
        "weights": (
            ("ls show info", "harness weights list"),
            ("download get pull install", "harness weights fetch PATTERN"),
            ("check validate", "harness weights verify"),
        ),
    }
)
"""Group -> words, with spaces between them, and the verb that is meant or what there is."""


def verb_for(word: str, group: str = "") -> str | None:
    """The verb that does here what ``word`` does elsewhere, in a line; None where none is known.

    Args:
        group: ``data`` or ``weights`` for words behind these.
    """
    known = {one: text for words, text in _VERBS.get(group, ()) for one in words.split()}
    return known.get(word.lower())
