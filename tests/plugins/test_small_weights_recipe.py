"""How the small weights are made, and that those which ship are what their recipes say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import CLIPTokenizer

from harness.discovery.registry import discover
from harness_clip.prompt_sets import read_prompts
from harness_phantom import harness_datasets
from harness_phantom.own_weights import FOLDER
from harness_phantom.pretrain.captions import Extent, caption, extent
from harness_phantom.pretrain.make import make
from harness_phantom.pretrain.phantoms import CELLS, Phantoms, simulate
from harness_phantom.pretrain.recipes import RECIPES, SIZE
from harness_phantom.pretrain.regional import by_cell, by_zone
from harness_phantom.pretrain.tokens import write_tokenizer
from tests.checkpoints import make_problem

METHODS = {name: entry.spec for name, entry in discover().methods.items()}
CARDS = {spec.tiny_weights.id: spec.tiny_weights for spec in METHODS.values() if spec.tiny_weights}
FINDINGS = ("COVID", "Lung_Opacity", "Normal", "Viral Pneumonia")
TWELVE_MB = 12_000_000

each_recipe = pytest.mark.parametrize("name", RECIPES)


@pytest.fixture(scope="module")
def phantoms() -> Phantoms:
    return simulate(5, 24, SIZE, 1, lambda done: None)


@pytest.fixture(scope="module")
def made(phantoms: Phantoms, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every set of weights after two steps."""
    folder = tmp_path_factory.mktemp("made")
    threads = torch.get_num_threads()
    for recipe in RECIPES.values():
        make(replace(recipe, steps=2), phantoms, folder)
    torch.set_num_threads(threads)
    return folder


def test_every_small_member_with_weights_has_a_recipe_and_the_other_way_round() -> None:
    assert set(CARDS) == set(RECIPES)


@each_recipe
def test_the_weights_that_ship_were_made_by_the_recipe(name: str) -> None:
    assert CARDS[name].revision == RECIPES[name].digest


def test_all_that_ships_is_at_most_12_mb() -> None:
    files = [path for path in FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= TWELVE_MB
    named = {f"{id}/{file.name}" for id, card in CARDS.items() for file in card.files}
    found = {path.relative_to(FOLDER).as_posix() for path in files}
    assert found == {*named, *(f"{id}/recipe.json" for id in CARDS)}


def test_no_recipe_learns_from_the_pictures_that_a_run_is_given() -> None:
    (spec,) = harness_datasets()
    assert spec.params["seed"] not in {recipe.data_seed for recipe in RECIPES.values()}


@pytest.mark.parametrize(
    "method", [name for name, spec in METHODS.items() if spec.tiny_weights is not None]
)
def test_what_a_recipe_makes_fits_the_method(method: str, made: Path) -> None:
    from harness.runtime.resolve import resolve

    spec = METHODS[method]
    assert spec.tiny_weights is not None
    files = {file.name: made / spec.tiny_weights.id / file.name for file in spec.tiny_weights.files}
    problem = make_problem("classification", SIZE, files)
    built = resolve(spec.factory)(problem, **{**spec.params, **spec.tiny})
    images = torch.zeros(2, 3, SIZE, SIZE)
    assert built.forward(built.build().eval(), images)["label"].shape == (2, 4)


@pytest.mark.parametrize("name", ["dinov2_base.small", "vit_b_16.small", "clip.small"])
def test_a_recipe_makes_the_same_bytes_again(
    name: str, made: Path, phantoms: Phantoms, tmp_path: Path
) -> None:
    make(replace(RECIPES[name], steps=2), phantoms, tmp_path)
    for file in (made / name).iterdir():
        assert (tmp_path / name / file.name).read_bytes() == file.read_bytes(), file.name


def sentences() -> Iterator[str]:
    rng = np.random.default_rng(0)
    for finding in FINDINGS:
        for shares in rng.uniform(0, 0.5, (500, 2, 3)):
            yield caption(finding, Extent(shares.astype(np.float32)), rng)


def test_no_caption_names_a_class() -> None:
    text = "\n".join(sentences())
    for name in ("covid", "pneumonia", "viral", "lung opacity", "normal lungs", "healthy"):
        assert name not in text


def test_no_caption_is_a_prompt_of_the_harness() -> None:
    names = ("photo", "short", "signs", "findings")
    prompts = [
        prompt for own in read_prompts(names).values() for lines in own.values() for prompt in lines
    ]
    plain = {prompt.lower().rstrip(".") for prompt in prompts}
    assert len(plain) > 40
    assert plain.isdisjoint(said.rstrip(".") for said in sentences())


def maps(rows: slice, columns: slice) -> tuple[Any, Any]:
    """A finding that fills half of the air of some cells; lungs everywhere but at the rim."""
    lungs, finding = np.zeros((CELLS, CELLS), np.float32), np.zeros((CELLS, CELLS), np.float32)
    lungs[1:-1] = 1
    finding[rows, columns] = 0.5
    return finding, lungs


def test_the_right_lung_is_in_the_left_half_of_the_picture() -> None:
    rng = np.random.default_rng(0)
    where = extent(*maps(slice(1, 3), slice(0, 4)))
    said = [caption("Lung_Opacity", where, rng) for _ in range(40)]
    assert any("right" in text for text in said)
    assert not any("left" in text or "lower zone" in text for text in said)


def test_a_caption_says_how_much_is_filled() -> None:
    faint, dense = (Extent(np.full((2, 3), share, np.float32)).degree for share in (0.05, 0.4))
    assert (faint, dense) == (0, 2)


def test_the_targets_are_the_share_of_air_that_is_replaced() -> None:
    finding, lungs = (torch.from_numpy(part)[None] for part in maps(slice(1, 3), slice(0, 4)))
    zones = by_zone(finding, lungs)[0]
    assert zones[0] > 1
    assert zones[1:6].abs().max() == 0
    assert zones[6] == zones[0]
    assert zones[7] == pytest.approx(8 / CELLS**2)
    cells = by_cell(finding, 4)[0].reshape(4, 4)
    assert cells[0, :2].tolist() == [0.625, 0.625]
    assert cells[:, 2:].sum() == 0


@pytest.mark.parametrize("text", ["COVID-19", "Müller's 肺 №7", "🫁", "a" * 30])
def test_no_text_is_unknown_to_the_tokenizer(text: str, tmp_path: Path) -> None:
    write_tokenizer(tmp_path, sentences(), merges=100, longest=96)
    tokenizer = CLIPTokenizer.from_pretrained(tmp_path, local_files_only=True)
    ids = tokenizer([text])["input_ids"][0]
    assert ids.count(tokenizer.eos_token_id) == 1
    assert tokenizer.decode(ids, skip_special_tokens=True).replace(" ", "") == (
        text.lower().replace(" ", "")
    )
