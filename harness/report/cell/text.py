"""One cell in full, for people."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from harness.metrics.one_class import ONE_CLASS
from harness.report.cell.cost import Facts, block_table, bucket_table, cost_facts, table
from harness.report.formats.text import filled
from harness.report.table.numbers import number, percent, size_of
from harness.results.browse.decimals import decimals
from harness.results.browse.network_title import sentence, start, title
from harness.storage.names import on_one_line
from harness.values.plain_text import escaped
from harness.values.wording import counted


def one_cell_text(value: Mapping[str, Any], width: int) -> str:
    """What :func:`harness.report.cell.records.everything` found, in lines of ``width``."""
    cell = value["cell"]
    blocks = [
        f"{title(cell)}  {cell['name']}",
        _facts(_identity(value), width),
        _log(value["status"], width),
        _titled("Data", _facts(_data(cell), width)),
        _titled("Protocol", _protocol(cell, width)),
        _titled("Weights", _facts(_weights(cell), width)),
        _titled("Epochs", _epochs(value["history"], width)),
        _titled("Metrics", _metrics(value["metrics"])),
        *(
            _titled(
                f"Classes, {part} set: recall and confusion matrix{_one_class(found)}",
                _confusion(found),
            )
            for part, found in value["per_class"].items()
        ),
        _titled("Time", bucket_table(value["timing"])),
        _titled("Timed blocks", block_table(value["timing"])),
        _titled("Cost", _facts(cost_facts(value["timing"] or {}), width)),
        _titled("Environment", _facts(_environment(value["environment"]), width)),
        _titled("Files", _files(value)),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _titled(title: str, body: str) -> str:
    return f"{title}\n\n{textwrap.indent(body, '  ')}" if body else ""


def _facts(facts: Facts, width: int) -> str:
    """Names to the left, their texts wrapped to the right."""
    indent = max((len(name) for name, _ in facts), default=0) + 2
    return "\n".join(
        filled(f"{name:{indent}}{text}", width - 2, indent=" " * indent) for name, text in facts
    )


def _identity(value: Mapping[str, Any]) -> Facts:
    cell, status, method = value["cell"], value["status"], value["cell"]["method"]
    return [
        *(("damaged", text) for text in value["damaged"]),
        ("status", _status(status)),
        ("summary", sentence(cell, value["timing"] or {})),
        ("family", f"{method['family']}, {cell['task']['name']}"),
        ("plugin", f"{method['dist']} {method['version']}"),
        ("hash", cell["hash"]),
        ("created", cell["created"]),
        ("seed", str(cell["seed"])),
        *_fold(cell["split"]),
        ("fraction", f"{percent(cell['fraction'])} of the training images"),
        ("device", f"{cell['device']} {cell['precision']}"),
        ("parameters", _plain(method["params"]) or "none"),
        *(
            ("changed", f"{name} {_plain(stated)} → {_plain(used)}")
            for name, (stated, used) in cell["changed_params"].items()
        ),
    ]


def _fold(split: Mapping[str, Any]) -> Facts:
    fold = split.get("fold")
    return [] if fold is None else [("fold", f"{fold['number']} of {fold['of']}")]


def _status(status: Mapping[str, Any] | None) -> str:
    if status is None:
        return "unfinished; repeat the run to resume"
    reason = f": {on_one_line(' '.join(status['reason'].split()))}" if status["reason"] else ""
    beside = ", while another cell ran" if status["concurrent"] else ""
    return f"{status['status']}{reason} ({number(status['seconds'])} s{beside})"


def _log(status: Mapping[str, Any] | None, width: int) -> str:
    lines = status["log_tail"] if status is not None else []
    return "\n".join(f"  | {escaped(line)}"[:width] for line in lines)


def _data(cell: Mapping[str, Any]) -> Facts:
    dataset, split = cell["dataset"], cell["split"]
    return [
        ("dataset", f"{dataset['name']} ({', '.join(map(on_one_line, dataset['classes']))})"),
        ("folder", dataset["root"] or "none: made by its plugin"),
        ("fingerprint", dataset["fingerprint"]),
        ("split", split["digest"] + (", selected on test" if split["selected_on_test"] else "")),
        *(("note", on_one_line(note)) for note in split["notes"]),
        *(
            (part, f"{counted(used['images'], 'image')}, {used['masks']} with a reference mask")
            for part, used in sorted(cell["data"].items(), key=_part_order)
        ),
    ]


def _part_order(item: tuple[str, Any]) -> tuple[int, str]:
    known = ("train", "val", "test")
    return (known.index(item[0]) if item[0] in known else len(known), item[0])


def _protocol(cell: Mapping[str, Any], width: int) -> str:
    changed = cell["deviations"]
    stated = [f"{name} {_plain(value)}" for name, value in cell["protocol"].items()]
    facts = [("fields", ", ".join(stated))]
    facts += [
        ("deviation", f"{name} {_plain(asked)} → {_plain(used)}")
        for name, (asked, used) in changed.items()
    ]
    return _facts(facts, width)


def _weights(cell: Mapping[str, Any]) -> Facts:
    weights, card = cell["weights"], cell["method"]["weights"]
    facts = [("start", start(cell))]
    if weights["digest"]:
        facts.append(("digest", weights["digest"]))
    if weights["kind"] == "pretrained" and card:
        facts.append(("licence", card["licence"]))
    return facts


def _epochs(history: Sequence[Mapping[str, Any]], width: int) -> str:
    epochs = [line for line in history if line["event"] == "epoch"]
    if not epochs:
        return ""
    figures = [name for name in epochs[-1]["val"] if name != "primary"]
    heads = ["epoch", "stage", "loss", *(f"val\n{n}" for n in figures), "val\nprimary", "train\ns"]
    rows = [
        [
            str(line["epoch"]),
            line["stage"],
            decimals(line["loss"]),
            *(decimals(line["val"].get(name)) for name in (*figures, "primary")),
            number(line["train_seconds"]),
        ]
        for line in epochs
    ]
    return table(heads, rows, left=2)


def _metrics(metrics: Mapping[str, Any] | None) -> str:
    if not metrics:
        return ""
    names = dict.fromkeys(
        (target, name) for scores in metrics.values() for target in ("label", "mask")
        for name in scores[target] or ()
        if name != "balanced_accuracy" or "recall" not in (scores[target] or ())
    )  # fmt: skip
    rows = [
        [
            _metric_name(target, name),
            *(decimals((m[target] or {}).get(name)) for m in metrics.values()),
        ]
        for target, name in names
    ]
    rows.append(["primary", *(decimals(scores["primary"]) for scores in metrics.values())])
    rows.append(["images", *(str(scores["images"]) for scores in metrics.values())])
    rows.append(["masks", *(str(scores["masks"]) for scores in metrics.values())])
    return table(["", *metrics], rows)


def _metric_name(target: str, name: str) -> str:
    """Balanced accuracy is the same number as recall and has no line of its own."""
    same = " = balanced accuracy" if (target, name) == ("label", "recall") else ""
    return f"{target}.{name}{same}"


def _one_class(found: Mapping[str, Any]) -> str:
    """A mark where every image of several classes is predicted as one."""
    present = sum(any(counts) for counts in found["confusion"])
    predicted = sum(map(any, zip(*found["confusion"], strict=True)))
    return f" {ONE_CLASS}" if predicted == 1 < present else ""


def _confusion(found: Mapping[str, Any]) -> str:
    numbers = [str(position + 1) for position in range(len(found["classes"]))]
    heads = ["reference", "recall", "images", *(f"predicted\n{n}" for n in numbers[:1])]
    rows = [
        [
            f"{n} {on_one_line(name)}",
            decimals(found["recall"][name]),
            str(sum(counts)),
            *map(str, counts),
        ]
        for n, name, counts in zip(numbers, found["classes"], found["confusion"], strict=True)
    ]
    return table([*heads, *numbers[1:]], rows)


def _environment(facts: Mapping[str, Any] | None) -> Facts:
    return [(name, _plain(value)) for name, value in (facts or {}).items() if value not in ({}, "")]


def _files(value: Mapping[str, Any]) -> str:
    rows = [[name, size_of(size)] for name, size in value["files"].items()]
    return f"{value['directory']}\n\n{table(['file', 'size'], rows)}"


def _plain(value: Any) -> str:
    """A JSON value in a few words."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_plain(part)}" for name, part in value.items())
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
