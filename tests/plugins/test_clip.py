"""Zero-shot classification with CLIP, on small checkpoints of the library's own format."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

import harness_clip
import harness_clip.models
from harness import HarnessError
from harness.training.frozen.freeze import apply_stage
from harness.weights.locate import library_folder
from harness_clip.models import ImageClassifier, ZeroShot
from harness_clip.prompt_sets import read_prompts
from tests.checkpoints import CLASSES, LABEL, make_clip, make_problem, parameter_count
from tests.cli_tools import TINY, harness

SPECS = {spec.name: spec for spec in harness_clip.harness_methods()}
SETS = ("photo", "short", "signs", "findings")
CARD = "clip-vit-large-patch14"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clip")
    make_clip(folder)
    return folder


def zero_shot(folder: Path, prompts: Sequence[str] | str = ("findings",)) -> ZeroShot:
    files = {path.name: path for path in folder.iterdir()}
    return ZeroShot(make_problem("classification", 64, files), prompts=prompts)


def sentences(name: str) -> list[tuple[str, ...]]:
    """Sentences of a prompt set, class by class."""
    (found,) = read_prompts([name]).values()
    return [found[label] for label in CLASSES]


def unit_mean(vectors: Sequence[Tensor]) -> Tensor:
    mean = torch.stack(list(vectors)).mean(0)
    return mean / mean.norm()


class Library:
    """The checkpoint as the library itself reads it, one sentence after the other."""

    def __init__(self, folder: Path) -> None:
        self.clip = CLIPModel.from_pretrained(folder).eval()
        self.tokenizer = CLIPTokenizer.from_pretrained(folder)

    def texts(self, own: Sequence[str]) -> list[Tensor]:
        """Unit embeddings."""
        pixels = torch.zeros(1, 3, 32, 32)
        with torch.no_grad():
            return [
                self.clip(
                    **self.tokenizer(one, return_tensors="pt"), pixel_values=pixels
                ).text_embeds[0]
                for one in own
            ]

    def images(self, pixels: Tensor) -> Tensor:
        """Unit embeddings."""
        with torch.no_grad():
            tokens = self.tokenizer("any", return_tensors="pt")
            return self.clip(**tokens, pixel_values=pixels).image_embeds


def images(count: int) -> Tensor:
    return torch.randn(count, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def test_images_come_at_the_size_of_the_checkpoint_with_statistics_of_clip(folder: Path) -> None:
    spec = zero_shot(folder).input
    assert spec.size == 32
    assert spec.mean == (0.48145466, 0.4578275, 0.40821073)
    assert spec.std == (0.26862954, 0.26130258, 0.27577711)
    assert spec.interpolation == "bicubic"


def test_logits_are_those_of_the_library_for_the_mean_of_each_class(folder: Path) -> None:
    method, library, pictures = zero_shot(folder), Library(folder), images(5)
    classes = torch.stack([unit_mean(library.texts(own)) for own in sentences("findings")])
    with torch.inference_mode():
        expected = library.clip.logit_scale.exp() * library.images(pictures) @ classes.T
        found = method.forward(method.build(), pictures)["label"]
    assert found.shape == (5, 4)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_every_set_has_the_same_say_in_the_ensemble(folder: Path) -> None:
    library = Library(folder)
    texts = {name: [library.texts(own) for own in sentences(name)] for name in SETS}
    of_sets, of_sentences = [], []
    for index in range(len(CLASSES)):
        of_sets.append(unit_mean([unit_mean(texts[name][index]) for name in SETS]))
        of_sentences.append(unit_mean([text for name in SETS for text in texts[name][index]]))
    found = zero_shot(folder, SPECS["vit_l14@ensemble"].params["prompts"]).build().classes
    torch.testing.assert_close(found, torch.stack(of_sets), rtol=0, atol=1e-6)
    assert (found - torch.stack(of_sentences)).abs().max() > 1e-3


def test_the_order_of_sets_and_the_number_of_equal_sentences_change_nothing(folder: Path) -> None:
    forwards, backwards = (zero_shot(folder, order).build().classes for order in (SETS, SETS[::-1]))
    torch.testing.assert_close(forwards, backwards, rtol=0, atol=1e-6)
    once = "".join(f"{label}: lungs {label}\n" for label in CLASSES)
    torch.testing.assert_close(
        zero_shot(folder, once).build().classes,
        zero_shot(folder, 70 * once).build().classes,
        rtol=0, atol=1e-6,
    )  # fmt: skip


def test_the_text_of_a_file_stands_in_the_place_of_a_set(folder: Path) -> None:
    text = (Path(harness_clip.__file__).parent / "prompts" / "signs.txt").read_text()
    found = zero_shot(folder, text).build().classes
    assert torch.equal(found, zero_shot(folder, ["signs"]).build().classes)
    assert not torch.equal(found, zero_shot(folder, ["photo"]).build().classes)


def test_the_published_activation_is_quick_gelu(folder: Path) -> None:
    """x · sigmoid(1.702 x), in both encoders."""
    clip = zero_shot(folder).build().clip
    x = torch.linspace(-4, 4, 33)
    for encoder in (clip.text_model, clip.vision_model):
        activation = encoder.encoder.layers[0].mlp.activation_fn
        torch.testing.assert_close(activation(x), x * torch.sigmoid(1.702 * x))


def test_the_activation_of_another_checkpoint_is_its_own(folder: Path, tmp_path: Path) -> None:
    make_clip(tmp_path, text={"hidden_act": "gelu"}, vision={"hidden_act": "gelu"})
    quick, exact = zero_shot(folder), zero_shot(tmp_path)
    x = torch.linspace(-4, 4, 33)
    for encoder in (exact.build().clip.text_model, exact.build().clip.vision_model):
        torch.testing.assert_close(encoder.encoder.layers[0].mlp.activation_fn(x), F.gelu(x))
    with torch.inference_mode():
        logits = [method.forward(method.build(), images(4))["label"] for method in (quick, exact)]
    assert not torch.allclose(*logits, rtol=0, atol=1e-4)


def test_logits_are_scaled_as_the_checkpoint_says(tmp_path: Path) -> None:
    """The published file holds ln 100."""
    make_clip(tmp_path)
    state = load_file(tmp_path / "model.safetensors")
    state["logit_scale"] = torch.tensor(100.0).log()
    save_file(state, tmp_path / "model.safetensors", metadata={"format": "pt"})
    method, library = zero_shot(tmp_path), Library(tmp_path)
    module = method.build()
    with torch.inference_mode():
        cosines = library.images(images(3)) @ module.classes.T
        logits = method.forward(module, images(3))["label"]
    torch.testing.assert_close(logits, 100 * cosines, rtol=1e-4, atol=1e-4)


def test_an_image_is_classified_alike_in_any_batch_and_order(folder: Path) -> None:
    method = zero_shot(folder)
    module, pictures = method.build(), images(6)
    with torch.inference_mode():
        together = method.forward(module, pictures)["label"]
        backwards = method.forward(module, pictures.flip(0))["label"].flip(0)
        alone = torch.cat([method.forward(module, one[None])["label"] for one in pictures])
    assert together.std(dim=0).min() > 0
    torch.testing.assert_close(backwards, together, rtol=0, atol=1e-5)
    torch.testing.assert_close(alone, together, rtol=0, atol=1e-5)


def test_half_precision_ends_before_the_logits(folder: Path) -> None:
    method = zero_shot(folder)
    module = method.build()
    with torch.autocast("cpu", dtype=torch.bfloat16), torch.inference_mode():
        logits = method.forward(module, images(4))["label"]
    assert logits.dtype == torch.float32
    assert not torch.equal(logits, logits.bfloat16().float())


def test_every_set_is_encoded_once_however_many_images_follow(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    encode = harness_clip.models.encode

    def counting(clip: CLIPModel, tokenizer: CLIPTokenizer, given: list[str]) -> Tensor:
        calls.append(len(given))
        return encode(clip, tokenizer, given)

    monkeypatch.setattr(harness_clip.models, "encode", counting)
    method = zero_shot(folder, SETS)
    module = method.build()
    module.clip.text_model.register_forward_hook(lambda *_: pytest.fail("text encoded again"))
    for _ in range(3):
        method.forward(module, images(2))
    assert calls == [sum(map(len, sentences(name))) for name in SETS]


@pytest.mark.parametrize("stated", [2, 5])
def test_a_wrong_end_of_text_id_in_the_configuration_changes_nothing(
    folder: Path, tmp_path: Path, stated: int
) -> None:
    make_clip(tmp_path, text={"eos_token_id": stated})
    right, wrong = zero_shot(folder).build(), zero_shot(tmp_path).build()
    torch.testing.assert_close(wrong.classes, right.classes)


def test_nothing_is_trained(folder: Path) -> None:
    method = zero_shot(folder)
    (stage,) = method.stages
    assert apply_stage(method.build(), stage) == []


def test_the_full_network_has_the_published_parameters() -> None:
    text = {"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12}
    vision = {
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "patch_size": 14,
    }
    config = CLIPConfig(text_config=text, vision_config=vision, projection_dim=768)
    with torch.device("meta"):
        module = ImageClassifier(CLIPModel(config), torch.empty(4, 768))
    assert parameter_count(module) == 427_616_513


def test_every_spec_lists_the_prompt_files_that_it_reads() -> None:
    assert set(SPECS) == {f"vit_l14@{name}" for name in (*SETS, "ensemble")}
    for name, spec in SPECS.items():
        expected = SETS if name.endswith("@ensemble") else (name.partition("@")[2],)
        assert tuple(spec.params["prompts"]) == expected
        assert spec.files == tuple(f"harness_clip:prompts/{p}.txt" for p in expected)
        assert spec.weights is harness_clip.VIT_L14
        assert "pretrained" in spec.needs
        assert spec.weights.native_size == 224


@pytest.mark.parametrize("name", SETS)
def test_every_set_has_sentences_of_its_own_for_every_class(name: str) -> None:
    assert all(sentences(name))
    flat = [sentence for own in sentences(name) for sentence in own]
    others = {s for other in SETS if other != name for own in sentences(other) for s in own}
    assert len(set(flat)) == len(flat)
    assert not set(flat) & others
    # CLIP reads 77 tokens; terms of the field take up to five each.
    assert max(len(sentence.split()) for sentence in flat) <= 25


def test_a_class_that_a_set_does_not_know_is_a_reason_to_skip(folder: Path) -> None:
    targets = {"label": replace(LABEL, names=(*CLASSES, "Tuberculosis"))}
    files = {path.name: path for path in folder.iterdir()}
    problem = make_problem("classification", 64, files, targets)
    reason = ZeroShot(problem, prompts=SETS).skip()
    assert reason is not None
    assert "'Tuberculosis'" in reason
    assert "--prompts" in reason
    assert zero_shot(folder, SETS).skip() is None


def test_a_set_that_is_none_is_refused(folder: Path) -> None:
    with pytest.raises(HarnessError, match=r"no prompt set 'sings'; sets: findings, photo"):
        zero_shot(folder, ["sings"])


def test_a_sentence_longer_than_the_text_encoder_reads_is_refused(tmp_path: Path) -> None:
    make_clip(tmp_path, text={"max_position_embeddings": 16})
    with pytest.raises(HarnessError, match="CLIP reads 16"):
        zero_shot(tmp_path).build()


def test_a_checkpoint_that_lacks_a_parameter_is_refused(tmp_path: Path) -> None:
    make_clip(tmp_path, without="visual_projection.weight")
    with pytest.raises(HarnessError, match=r"model\.safetensors.*visual_projection\.weight"):
        zero_shot(tmp_path).build()


def test_a_checkpoint_of_another_shape_is_refused(tmp_path: Path) -> None:
    make_clip(tmp_path / "narrow", vision={"intermediate_size": 48})
    make_clip(tmp_path / "wide")
    weights = tmp_path / "narrow" / "model.safetensors"
    weights.replace(tmp_path / "wide" / "model.safetensors")
    with pytest.raises(HarnessError, match="wide"):
        zero_shot(tmp_path / "wide").build()


def test_a_checkpoint_in_half_precision_with_listed_positions_is_read(
    folder: Path, tmp_path: Path
) -> None:
    make_clip(tmp_path)
    state = {name: value.half() for name, value in load_file(folder / "model.safetensors").items()}
    for encoder, length in (("text_model", 160), ("vision_model", 17)):
        state[f"{encoder}.embeddings.position_ids"] = torch.arange(length)[None]
    save_file(state, tmp_path / "model.safetensors", metadata={"format": "pt"})
    whole, halved = zero_shot(folder).build(), zero_shot(tmp_path).build()
    assert {value.dtype for value in halved.parameters()} == {torch.float32}
    torch.testing.assert_close(halved.classes, whole.classes, rtol=0, atol=1e-2)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.json", "{"),
        ("config.json", '{"vision_config": {"hidden_act": "swoosh"}}'),
        ("vocab.json", "{"),
        ("merges.txt", "{"),
    ],
)
def test_a_damaged_file_is_named(file: str, content: str, tmp_path: Path) -> None:
    make_clip(tmp_path)
    (tmp_path / file).write_text(content)
    with pytest.raises(HarnessError, match=rf"{tmp_path}: .*{file}"):
        zero_shot(tmp_path).build()


def test_all_five_and_a_file_of_ones_own_run_and_train_nothing(tmp_path: Path) -> None:
    make_clip(tmp_path / "weights" / CARD)
    text = "".join(f"{label}: an X-ray, {label}\n" for label in CLASSES)
    (tmp_path / "mine.txt").write_text(text)
    command = ("run", "--weights", "weights", *TINY, "--prompts")
    done = harness(*command, "mine.txt", "--plugins", "clip", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    timings = [json.loads(file.read_text()) for file in tmp_path.rglob("timing.json")]
    assert {value["epochs"] for value in timings} == {0}
    assert {value["parameters_trainable"] for value in timings} == {0}
    assert {value["input_size"] for value in timings} == {32}
    cells = {json.loads(file.read_text())["id"]: file for file in tmp_path.rglob("cell.json")}
    assert set(cells) == {*(f"clip/{name}" for name in SPECS), "clip/vit_l14@mine"}
    predictions = {id: file.with_name("predictions-test.npz") for id, file in cells.items()}
    assert len({file.read_bytes() for file in predictions.values()}) == len(timings) == len(cells)

    record = json.loads(cells["clip/vit_l14@mine"].read_text())
    assert record["method"]["params"] == {"prompts": text}
    assert record["method"]["files"] == []
    assert "mine.txt" in record["method"]["summary"]

    # The content is in the cell, so a file that has moved asks for nothing new.
    (tmp_path / "elsewhere").mkdir()
    moved = (tmp_path / "mine.txt").rename(tmp_path / "elsewhere" / "mine.txt")
    mine = predictions["clip/vit_l14@mine"]
    before = mine.stat().st_mtime_ns
    again = harness(*command, moved, "--plugins", "clip/*@mine", cwd=tmp_path)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "clip/vit_l14@mine" in again.stdout
    assert set(tmp_path.rglob("cell.json")) == set(cells.values())
    assert mine.stat().st_mtime_ns == before


def test_without_weights_the_full_network_is_skipped(tmp_path: Path) -> None:
    done = harness(
        "plan", "--plugins", "clip", "--preset", "paper", cwd=tmp_path, env={"HF_HOME": "none"}
    )
    assert done.returncode == 0, done.stderr
    assert f"{len(SPECS)} cells" in done.stdout
    assert f": {len(SPECS)} skipped" in done.stdout


def test_the_small_network_starts_from_its_own_weights() -> None:
    card = SPECS["vit_l14@signs"].tiny_weights
    assert card is not None
    assert card.labels_used
    method = zero_shot(library_folder(card))
    assert method.input.size == 64
    assert sum(value.numel() for value in method.build().parameters()) < 1e6
