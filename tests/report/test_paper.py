"""The report for a paper: one LaTeX float per section, labelled, the best scores bold."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from harness.report.formats.latex import escape
from harness.report.render import render
from harness.report.table.rows import rows
from harness.report.table.view import View
from harness.results.rundir import find_cells
from tests.builders import CLASSES, make_cell, metric_specs

LABEL = {"f1": 0.1 + 0.2, "auroc": None}
SPECIAL = "50 % of $x_1 & {y} # ~ ^ \\ <z> \N{EN DASH} → · ±"
BOTH = {"label": LABEL, "mask": {"dice": 0.5}, "primary": ("label.f1", "mask.dice")}


def latex(study, metrics=None, **view) -> str:
    """The report, checked for what a compiler would stumble over: environments, braces, columns,
    bare characters."""
    found = rows(find_cells(study))
    text = render(found, metrics or metric_specs(), format="latex", view=View(**view))
    stack = []
    for verb, name in re.findall(r"\\(begin|end)\{(\w+\*?)\}", text):
        if verb == "begin":
            stack.append(name)
        else:
            assert stack.pop() == name
    assert stack == []
    bare = re.sub(
        r"\\\\|\\[{}&%$#_]|\\[a-z]+|%$", "", re.sub(r"^%.*$", "", text, flags=re.M), flags=re.M
    )
    assert bare.count("{") == bare.count("}")
    assert not set("#_~^%") & set(bare), bare
    for columns, body in re.findall(
        r"\\begin\{tabular\}\{@\{\}(\w+)@\{\}\}(.*?)\\end\{tabular\}", text, re.DOTALL
    ):
        lines = [line for line in body.splitlines() if line.endswith(r"\\")]
        assert lines
        assert {len(re.findall(r"(?<!\\)&", line)) for line in lines} == {len(columns) - 1}
        assert [rule in body for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [True] * 3
    assert all(ord(character) < 128 for character in text)
    return text


def floats(text: str) -> list[str]:
    return re.findall(r"\\begin\{table\*?\}.*?\\end\{table\*?\}", text, re.DOTALL)


def captions(text: str) -> list[str]:
    return re.findall(r"^\\caption\{(.*)\}$", text, re.MULTILINE)


def labels(text: str) -> list[str]:
    return re.findall(r"^\\label\{(.*)\}$", text, re.MULTILINE)


def bold(text: str, method: str) -> list[str]:
    """What is bold in the line of a method."""
    (line,) = (line for line in text.splitlines() if line.startswith(f"{method} &"))
    return re.findall(r"\\textbf\{(.*?)\}", line)


def test_every_special_character_is_escaped() -> None:
    assert escape(SPECIAL) == (
        r"50 \% of \$x\_1 \& \{y\} \# \textasciitilde{} \textasciicircum{} \textbackslash{} "
        r"\textless{}z\textgreater{} -- $\to$ $\cdot$ $\pm$"
    )
    assert escape("a-b [c]") == "a-b {[}c{]}"


def test_hyphens_become_neither_dashes_nor_minus_but_before_a_number() -> None:
    assert escape("-0.05") == "$-$0.05"
    assert escape("-0.1 (-0.2\N{EN DASH}-0.05, n=2)") == "$-$0.1 ($-$0.2--$-$0.05, n=2)"
    assert escape("--columns a-1 2026-01-02") == "-{}-columns a-1 2026-01-02"


def test_a_float_is_booktabs_with_notes_under_the_table(tmp_path) -> None:
    make_cell(tmp_path, "a/net_b", label=LABEL, split_notes=[SPECIAL], concurrent=True)
    make_cell(tmp_path, "b/bad", status="failed", reason="100 % & more", log_tail=["x_1 = {}"])
    text = latex(tmp_path)
    assert text.startswith("% needs \\usepackage{booktabs")
    assert r"a/net\_b & 0.3000 & --" in text
    assert r"50 \% of" in text
    assert r"\texttt{x\_1 = \{\}}" in text
    assert text.index(r"\bottomrule") < text.index("Ranked by F1") < text.index(r"\end{table")


def test_a_section_is_one_float_however_wide_it_is_with_its_twins(tmp_path) -> None:
    make_cell(tmp_path, "m/" + "x" * 60, task="multitask", twins={"mask": "s/unet"}, **BOTH)
    make_cell(tmp_path, "s/unet", task="s", mask={"dice": 0.4}, primary=("mask.dice",))
    found = floats(latex(tmp_path))
    assert [one.count(r"\begin{tabular}") for one in found] == [2, 1]
    assert [one.count(r"\caption") for one in found] == [1, 1]
    assert r"$\Delta$" in found[0]
    assert found[0].index("Compared with single-task methods") < found[0].index("Ranked by")


def test_each_float_has_all_of_its_notes(tmp_path) -> None:
    make_cell(tmp_path, "a/net", label=LABEL)
    make_cell(tmp_path, "s/unet", task="s", mask={"dice": 0.4}, primary=("mask.dice",))
    assert all("Peak memory is" in one for one in floats(latex(tmp_path)))


def test_only_what_may_be_too_wide_for_a_page_is_shrunk(tmp_path) -> None:
    make_cell(tmp_path, "a/net", label=LABEL)
    narrow = latex(tmp_path, columns=("method", "label.f1"))
    assert r"\begin{table}[" in narrow
    assert r"\resizebox" not in narrow
    assert "graphicx" not in narrow
    wide = latex(tmp_path, columns=("method", "label.f1", "directory", "fingerprint", "machine"))
    assert r"\begin{table*}[" in wide
    assert r"\resizebox" in wide
    assert wide.startswith("% needs \\usepackage{booktabs,graphicx}\n")


def test_the_caption_says_what_the_table_is_of(tmp_path) -> None:
    machine = {"cpu": "X100", "threads": 2}
    make_cell(tmp_path, "a/net", label=LABEL, environment=machine, present=CLASSES[:3])
    (caption,) = captions(latex(tmp_path))
    assert caption == (
        "Classification on phantom, test set: preset quick, device cpu (X100, 2 threads), "
        "precision fp32. Macro over 3 of 4 classes (no Viral Pneumonia). All rows: weights random; "
        "images train/test 256/128."
    )


def test_the_caption_takes_over_what_all_rows_have_and_nothing_else(tmp_path) -> None:
    make_cell(tmp_path, "a/net", label=LABEL)
    make_cell(tmp_path, "b/net", label=LABEL, trained_on={"images": 64})
    text = latex(tmp_path)
    assert "All rows: weights random." in captions(text)[0]
    (head,) = (line for line in text.splitlines() if line.startswith("method &"))
    assert head.endswith(r"& train/test \\")
    assert "status" not in head
    make_cell(tmp_path, "c/bad", status="failed")
    text = latex(tmp_path)
    (head,) = (line for line in text.splitlines() if line.startswith("method &"))
    assert "status" in head
    assert captions(text)[0].count("weights random where there are any") == 1
    assert "All rows" not in captions(latex(tmp_path, columns=("method", "weights")))[0]


def test_labels_say_what_the_tables_are_of_and_no_two_are_alike(tmp_path) -> None:
    make_cell(tmp_path, "a/net", label=LABEL)
    make_cell(tmp_path, "b/net", label=LABEL, present=CLASSES[:3])
    make_cell(tmp_path, "s/unet", task="s", mask={"dice": 0.4}, primary=("mask.dice",))
    name = "tab:classification-phantom-test-quick-cpu-fp32"
    text = latex(tmp_path)
    assert labels(text) == [name, f"{name}-2", "tab:s-phantom-test-quick-cpu-fp32"]
    assert text.index(r"\caption") < text.index(r"\label")


def test_the_best_of_each_score_is_bold_and_ties_are_all_bold(tmp_path) -> None:
    make_cell(tmp_path, "a/net", label={"f1": 0.9, "accuracy": 0.5, "mcc": -0.5})
    make_cell(tmp_path, "b/net", label={"f1": 0.8, "accuracy": 0.50001, "mcc": -0.25})
    make_cell(tmp_path, "c/net", label={"f1": 0.7, "accuracy": 0.25, "mcc": None})
    text = latex(tmp_path)
    assert bold(text, "a/net") == ["0.9000", "0.5000"]
    assert bold(text, "b/net") == ["0.5000", "$-$0.2500"]
    assert bold(text, "c/net") == []
    assert captions(text)[0].endswith("The best value of each score is bold.")


def test_the_lowest_is_the_best_of_a_metric_of_errors(tmp_path) -> None:
    specs = [replace(spec, higher_is_better=spec.name != "f1") for spec in metric_specs()]
    make_cell(tmp_path, "a/net", label={"f1": 0.9, "recall": 0.9})
    make_cell(tmp_path, "b/net", label={"f1": 0.8, "recall": 0.8})
    text = latex(tmp_path, specs)
    assert bold(text, "a/net") == ["0.9000"]
    assert bold(text, "b/net") == ["0.8000"]


@pytest.mark.parametrize("column", ["latency_ms", "peak_memory_bytes", "label.odd"])
def test_nothing_is_bold_that_is_no_score_or_whose_direction_is_unknown(tmp_path, column) -> None:
    """No installed metric says which values of ``odd`` are the better ones."""
    for name, size in (("a/net", 1), ("b/net", 2)):
        timing = {"latency_ms": {"p50": size, "p95": size}, "peak_memory_bytes": size}
        make_cell(tmp_path, name, label={"f1": 0.5, "odd": size}, timing=timing)
    text = latex(tmp_path, columns=("method", column))
    assert bold(text, "a/net") == bold(text, "b/net") == []
    assert "bold" not in captions(text)[0]


def test_the_only_value_of_a_column_is_not_the_best_of_it(tmp_path) -> None:
    make_cell(tmp_path, "a/net", label={"f1": 0.5})
    make_cell(tmp_path, "b/net", label={"f1": None})
    assert r"\textbf" not in latex(tmp_path)


def test_of_several_seeds_the_mean_is_bold(tmp_path) -> None:
    for method, values in (("a/net", (0.25, 0.75)), ("b/net", (0.25, 0.25))):
        for seed, value in enumerate(values):
            make_cell(tmp_path, method, label={"f1": value}, seed=seed)
    text = latex(tmp_path, aggregate="seeds", columns=("method", "label.f1"))
    assert r"a/net & \textbf{0.500} (0.250--0.750, n=2) \\" in text
    assert bold(text, "b/net") == []


def test_the_primary_value_and_recalls_are_scores(tmp_path) -> None:
    for name, value in (("a/net", 0.5), ("b/net", 0.25)):
        cell = make_cell(tmp_path, name, label={"f1": value})
        recall = dict.fromkeys(CLASSES, value)
        cell.write_metrics({"test": {**cell.metrics["test"], "recall_per_class": recall}})
    text = latex(tmp_path, columns=("method", "primary", f"recall.{CLASSES[0]}"))
    assert bold(text, "a/net") == ["0.5000", "0.5000"]
    assert bold(text, "b/net") == []
