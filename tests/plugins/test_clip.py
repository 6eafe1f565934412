"""Zero-shot classification with CLIP, on small checkpoints of the library's own format."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

import harness_clip
import harness_clip.models
import harness_clip.prompt_sets
from harness import HarnessError
from harness.training.freeze import apply_stage
from harness_clip.models import ImageClassifier, ZeroShot
from harness_clip.prompt_sets import read_prompts
from tests.checkpoints import CLASSES, LABEL, make_clip, make_problem, parameter_count

SPECS = {spec.name: spec for spec in harness_clip.harness_methods()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clip")
    make_clip(folder)
    return folder


def zero_shot(folder: Path) -> ZeroShot:
    files = {path.name: path for path in folder.iterdir()}
    return ZeroShot(make_problem("classification", 64, files), prompts=["findings"])


def images(count: int) -> Tensor:
    return torch.randn(count, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def test_images_come_at_the_size_of_the_checkpoint_with_statistics_of_clip(folder: Path) -> None:
    spec = zero_shot(folder).input
    assert spec.size == 32
    assert spec.mean == (0.48145466, 0.4578275, 0.40821073)
    assert spec.std == (0.26862954, 0.26130258, 0.27577711)
    assert spec.interpolation == "bicubic"


def test_logits_are_those_of_the_library_for_the_mean_of_each_class(folder: Path) -> None:
    method = zero_shot(folder)
    clip = CLIPModel.from_pretrained(folder).eval()
    tokenizer = CLIPTokenizer.from_pretrained(folder)
    pictures = images(5)
    means = []
    with torch.inference_mode():
        for own in read_prompts(["findings"], CLASSES).values():
            embeddings = []
            for sentence in own:
                tokens = tokenizer(sentence, return_tensors="pt")
                output = clip(**tokens, pixel_values=pictures)
                embeddings.append(output.text_embeds[0])
            means.append(F.normalize(torch.stack(embeddings).mean(0), dim=0))
        expected = clip.logit_scale.exp() * output.image_embeds @ torch.stack(means).T
        found = method.forward(method.build(), pictures)["label"]
    assert found.shape == (5, 4)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


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


def test_sentences_are_encoded_once_however_many_images_follow(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    encode = harness_clip.models.encode

    def counting(clip: CLIPModel, tokenizer: CLIPTokenizer, sentences: list[str]) -> Tensor:
        calls.append(len(sentences))
        return encode(clip, tokenizer, sentences)

    monkeypatch.setattr(harness_clip.models, "encode", counting)
    method = zero_shot(folder)
    module = method.build()
    module.clip.text_model.register_forward_hook(lambda *_: pytest.fail("text encoded again"))
    for _ in range(3):
        method.forward(module, images(2))
    assert calls == [sum(len(s) for s in read_prompts(["findings"], CLASSES).values())]


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


def test_every_spec_lists_the_prompt_file_that_it_reads() -> None:
    for spec in SPECS.values():
        assert spec.files == tuple(f"harness_clip:prompts/{p}.txt" for p in spec.params["prompts"])
        assert "pretrained" in spec.needs
        assert all(read_prompts(spec.params["prompts"], CLASSES).values())


def test_a_class_without_a_sentence_is_named(folder: Path) -> None:
    targets = {"label": replace(LABEL, names=(*CLASSES, "Tuberculosis"))}
    files = {path.name: path for path in folder.iterdir()}
    problem = make_problem("classification", 64, files, targets)
    with pytest.raises(HarnessError, match=r"findings\.txt.*'Tuberculosis'"):
        ZeroShot(problem, prompts=["findings"]).build()


def test_sentences_of_several_sets_are_pooled_and_other_classes_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "a.txt").write_text("# first\n\nNormal: clear: both\nOther: no\n")
    (tmp_path / "prompts" / "b.txt").write_text("Normal: clean\nNormal:  white \n")
    monkeypatch.setattr(harness_clip.prompt_sets, "files", lambda _: tmp_path)
    assert read_prompts(["a", "b"], ["Normal"]) == {"Normal": ("clear: both", "clean", "white")}


def test_a_line_that_is_no_sentence_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "a.txt").write_text("Normal: clear\nclear lungs\n")
    monkeypatch.setattr(harness_clip.prompt_sets, "files", lambda _: tmp_path)
    with pytest.raises(HarnessError, match=r"a\.txt, line 2"):
        read_prompts(["a"], ["Normal"])
    with pytest.raises(HarnessError, match="no prompt set 'c'"):
        read_prompts(["c"], ["Normal"])


def test_a_sentence_longer_than_the_text_encoder_reads_is_refused(tmp_path: Path) -> None:
    make_clip(tmp_path, text={"max_position_embeddings": 16})
    with pytest.raises(HarnessError, match="CLIP reads 16"):
        zero_shot(tmp_path).build()


def test_a_checkpoint_that_lacks_a_parameter_is_refused(tmp_path: Path) -> None:
    make_clip(tmp_path, without="visual_projection.weight")
    with pytest.raises(HarnessError, match=r"lacks 1 .*visual_projection\.weight"):
        zero_shot(tmp_path).build()


def test_a_checkpoint_of_another_shape_is_refused(tmp_path: Path) -> None:
    make_clip(tmp_path / "narrow", vision={"intermediate_size": 48})
    make_clip(tmp_path / "wide")
    weights = tmp_path / "narrow" / "model.safetensors"
    weights.replace(tmp_path / "wide" / "model.safetensors")
    with pytest.raises(HarnessError, match="wide"):
        zero_shot(tmp_path / "wide").build()
