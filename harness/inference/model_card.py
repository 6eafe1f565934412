"""The card of an exported model: what it is, what made it, how to use it, its scores."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from harness.results.browse.decimals import decimals
from harness.results.browse.network_title import is_small, sentence, size, start, title
from harness.results.rundir import CellDirectory
from harness.storage.names import on_one_line
from harness.values.wording import counted, yes_no_unknown

SCHEMA = 1
INTENDED_USE = "Research only. Not for diagnosis, and not tested for it."


def model_card(cell: CellDirectory, facts: Mapping[str, Any]) -> dict[str, Any]:
    """``card.json``: the records of a finished cell, and ``facts`` about the export.

    ``docs/using-a-model.md`` describes every key.
    """
    record = cell.cell
    method, weights = record["method"], record["weights"]
    # What lies in a folder of the user's is not what the card describes.
    source = method["weights"] if weights["card"] and weights["kind"] == "pretrained" else None
    environment, timing = cell.environment or {}, cell.timing or {}
    return {
        "schema": SCHEMA,
        "name": f"{title(record)} {record['name']}",
        "intended_use": INTENDED_USE,
        "method": {
            "id": record["id"],
            "summary": sentence(record, timing),
            "small": is_small(record),
            "parameters": timing.get("parameters_total"),
            "family": method["family"],
            "reference": dict(method).get("reference", ""),
            "distribution": method["dist"],
            "version": method["version"],
            "params": method["params"],
        },
        "task": {
            "name": record["task"]["name"],
            "outputs": [
                {key: target[key] for key in ("name", "kind", "activation")}
                for target in record["task"]["targets"]
            ],
            "classes": record["dataset"]["classes"],
        },
        "training_data": {
            "dataset": record["dataset"]["name"],
            "fingerprint": record["dataset"]["fingerprint"],
            "parts": record["data"],
            "fraction": record["fraction"],
            "split": record["split"],
        },
        "protocol": record["protocol"],
        "deviations": record["deviations"],
        "seed": record["seed"],
        "device": record["device"],
        "precision": record["precision"],
        "metrics": cell.metrics or {},
        "initial_weights": {
            "kind": weights["kind"],
            "start": start(record),
            "card": weights["card"],
            "digest": weights["digest"],
            **{
                key: None if source is None else source[key]
                for key in ("pretraining_method", "pretraining_data", "labels_used", "licence")
            },
        },
        "trained": record["created"],
        "hash": record["hash"],
        "provenance": record["provenance"],
        "packages": environment.get("packages", {}),
        **facts,
    }


def card_markdown(card: Mapping[str, Any]) -> str:
    """``card.md``: the card for people."""
    method, task, data = card["method"], card["task"], card["training_data"]
    source = card["initial_weights"]
    blocks = [
        f"# {card['name']}",
        f"{method['summary']} ({method['family']}; {task['name']}).",
        f"**{card['intended_use']}**",
        "## Use",
        _list(_usage(card)),
        "## Metrics",
        _metrics(card["metrics"]),
        "## Training data",
        _list(
            [
                f"dataset {data['dataset']}, fingerprint `{data['fingerprint']}`",
                f"{100 * data['fraction']:g} % of the training part; split "
                f"`{data['split']['digest']}`",
                *(
                    f"{part}: {counted(used['images'], 'image')}, "
                    f"{used['masks']} with a reference mask"
                    for part, used in data["parts"].items()
                ),
                *map(on_one_line, data["split"]["notes"]),
                *(
                    ["the best epoch was chosen on the test set"]
                    if data["split"]["selected_on_test"]
                    else []
                ),
            ]
        ),
        "## Training",
        _list(
            [
                *([size(method["parameters"])] if method["parameters"] is not None else []),
                f"method `{method['id']}` of {method['distribution']} {method['version']}"
                + (f", {method['reference']}" if method["reference"] else ""),
                f"protocol: {_pairs(card['protocol'])}",
                *(
                    f"deviates from it: {name} {stated} → {used}"
                    for name, (stated, used) in card["deviations"].items()
                ),
                f"seed {card['seed']}, {_fold(card)}{card['device']} {card['precision']}, "
                f"{card['trained']}",
            ]
        ),
        "## Initial weights",
        _list(
            [
                source["start"],
                *(
                    [f"labels used in pretraining: {yes_no_unknown(source['labels_used'])}"]
                    if source["pretraining_method"]
                    else []
                ),
                f"licence: {_licence(source)}",
            ]
        ),
        "## Files",
        _list(
            f"`{name}`: {file['bytes']:,} bytes, SHA-256 `{file['sha256']}`"
            for name, file in card["files"].items()
        ),
    ]  # fmt: skip
    return "\n\n".join(blocks) + "\n"


def _licence(source: Mapping[str, Any]) -> str:
    if source["card"] is None:
        return "none needed: nothing was taken from others"
    return source["licence"] or "that of the files, which are the user's"


def _usage(card: Mapping[str, Any]) -> list[str]:
    prepare, onnx = card["preprocessing"], card["onnx"]
    classes = ", ".join(map(on_one_line, card["task"]["classes"]))
    outputs = [
        f"output `{output['name']}`: logits; {output['activation']} makes probabilities"
        + (f" of {classes}" if output["kind"] == "classes" else
           ", above 0.5 is inside")
        for output in card["task"]["outputs"]
    ]  # fmt: skip
    written = (
        f"`model.onnx`: opset {onnx['opset']}, input `images` float32 "
        f"[{', '.join(map(str, onnx['input']))}], largest "
        f"difference from the network {onnx['max_abs_difference']:.2g}"
        if onnx["written"]
        else f"no `model.onnx`: {onnx['reason']}"
    )
    return [*prepare["steps"], *outputs, written]


def _metrics(metrics: Mapping[str, Any]) -> str:
    lines = ["| metric |" + "".join(f" {part} |" for part in metrics)]
    lines.append("|---|" + "---|" * len(metrics))
    names = dict.fromkeys(
        (target, name)
        for scores in metrics.values()
        for target in ("label", "mask")
        for name in scores[target] or ()
    )
    for target, name in names:
        values = [(scores[target] or {}).get(name) for scores in metrics.values()]
        lines.append(f"| {target}.{name} |" + "".join(f" {decimals(v)} |" for v in values))
    lines.append("| images |" + "".join(f" {m['images']} |" for m in metrics.values()))
    return "\n".join(lines)


def _fold(card: Mapping[str, Any]) -> str:
    fold = card["training_data"]["split"].get("fold")
    return "" if fold is None else f"fold {fold['number']} of {fold['of']}, "


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {json.dumps(value).strip(chr(34))}" for name, value in values.items())


def _list(texts: Iterable[str]) -> str:
    return "\n".join(f"- {text}" for text in texts)
