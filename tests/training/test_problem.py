"""What a method is told of a task on a dataset."""

from __future__ import annotations

from pathlib import Path

from harness import Problem
from harness.discovery.registry import discover
from harness.specs import TaskSpec


def task(name: str) -> TaskSpec:
    return discover().tasks[name].spec


def test_a_problem_names_the_dataset_s_classes_where_the_task_names_none() -> None:
    problem = Problem.of_task(task("multitask"), ["dark", "bright"], image_size=32, seed=1)
    assert (problem.task, problem.image_size, problem.seed) == ("multitask", 32, 1)
    assert problem.classes == problem.targets["label"].names == ("dark", "bright")
    assert problem.targets["mask"].names == ()


def test_a_problem_with_files_starts_from_pretrained_weights() -> None:
    files = {"net.pth": Path("net.pth")}
    given = Problem.of_task(task("segmentation"), (), image_size=32, seed=0, weights_files=files)
    random = Problem.of_task(task("segmentation"), (), image_size=32, seed=0)
    assert (given.weights, given.weights_files) == ("pretrained", files)
    assert (random.weights, random.weights_files) == ("random", {})
