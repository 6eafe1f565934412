"""The radiography plugin, on small trees in the published layout."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness import Dataset, HarnessError
from harness_radiography import harness_datasets
from harness_radiography.dataset import open_radiography
from harness_radiography.metadata import source_of
from tests.trees import COUNTS, make_tree


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_HARNESS_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def tree(tmp_path) -> Path:
    return make_tree(tmp_path / "COVID-19_Radiography_Dataset")


def test_the_plugin_offers_the_dataset_under_its_name():
    (spec,) = harness_datasets()
    assert (spec.name, spec.needs_root, spec.embedded) == ("radiography", True, False)
    assert spec.factory == "harness_radiography.dataset:open_radiography"


def test_masks_are_never_indexed_as_images(tree):
    dataset = open_radiography(tree)
    assert isinstance(dataset, Dataset)
    assert len(dataset.samples) == sum(COUNTS.values())
    assert np.bincount(dataset.samples.labels).tolist() == list(COUNTS.values())
    assert dataset.samples.classes == ("COVID", "Lung_Opacity", "Normal", "Viral Pneumonia")


def test_ids_are_class_and_file_in_the_order_of_their_numbers(tmp_path):
    tree = make_tree(tmp_path / "tree", {"COVID": 11, "Normal": 1})
    ids = open_radiography(tree).samples.ids
    assert ids[:2] == ("COVID/COVID-1", "COVID/COVID-2")
    assert ids[9:] == ("COVID/COVID-10", "COVID/COVID-11", "Normal/Normal-1")


def test_the_folder_that_holds_the_dataset_will_do_as_root(tree):
    (tree.parent / "something else").mkdir()
    assert open_radiography(tree.parent).samples.ids == open_radiography(tree).samples.ids


def test_renamed_class_folders_give_the_same_classes_and_ids(tree):
    before = open_radiography(tree).samples
    for old, new in (
        ("COVID", "covid"),
        ("Lung_Opacity", "Lung Opacity"),
        ("Normal", "NORMAL"),
        ("Viral Pneumonia", "Viral_Pneumonia"),
    ):
        (tree / old).rename(tree / "moving")
        (tree / "moving").rename(tree / new)
    after = open_radiography(tree).samples
    assert after.ids == before.ids
    assert after.sources == before.sources


def test_a_folder_that_is_no_class_is_named_with_the_accepted_ones(tree):
    (tree / "Tuberculosis").mkdir()
    with pytest.raises(HarnessError, match=r"'Tuberculosis' is not a class.*Viral Pneumonia"):
        open_radiography(tree)


def test_hidden_files_and_folders_are_ignored(tree):
    (tree / ".ipynb_checkpoints").mkdir()
    (tree / "COVID" / "images" / "._COVID-1.png").write_bytes(b"resource fork")
    assert len(open_radiography(tree).samples) == sum(COUNTS.values())


@pytest.mark.parametrize("place", ["Viral", "COVID/masks"])
def test_a_link_that_leads_nowhere_among_the_folders_is_an_error(tree, place):
    path = tree / place
    if path.exists():
        path.rename(tree.parent / "elsewhere")
    path.symlink_to("nowhere")
    with pytest.raises(HarnessError, match=f"{place}: is a broken link"):
        open_radiography(tree)


def test_a_class_that_its_name_hides_is_counted(tree):
    (tree / "COVID").rename(tree / ".COVID")
    assert any(
        "hidden images" in note and ".COVID" in note
        for note in open_radiography(tree).samples.notes
    )


def test_two_folders_of_one_class_are_refused(tree):
    shutil.copytree(tree / "Viral Pneumonia", tree / "viral-pneumonia")
    with pytest.raises(HarnessError, match="is class Viral Pneumonia too"):
        open_radiography(tree)


def test_a_missing_root_an_empty_root_and_no_root_are_told_apart(tmp_path):
    with pytest.raises(HarnessError, match="does not exist"):
        open_radiography(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(HarnessError, match="holds no class folder, found no folder"):
        open_radiography(tmp_path / "empty")
    with pytest.raises(HarnessError, match="--data-root"):
        open_radiography(None)


def test_an_archive_is_asked_to_be_unpacked(tmp_path):
    (tmp_path / "archive.zip").write_bytes(b"PK")
    with pytest.raises(HarnessError, match="unpack it"):
        open_radiography(tmp_path / "archive.zip")


def test_a_class_folder_without_images_folder_is_an_error(tree):
    (tree / "Normal" / "images").rename(tree / "Normal" / "pictures")
    with pytest.raises(HarnessError, match="no folder 'images'"):
        open_radiography(tree)


def test_a_missing_class_is_noted_and_keeps_the_others_labels(tmp_path):
    samples = open_radiography(make_tree(tmp_path / "tree", {"COVID": 2, "Normal": 3})).samples
    assert samples.labels.tolist() == [0, 0, 2, 2, 2]
    assert "Lung_Opacity has no images here: the class is absent" in samples.notes


def test_one_class_alone_is_an_error(tmp_path):
    with pytest.raises(HarnessError, match="at least two classes"):
        open_radiography(make_tree(tmp_path / "tree", {"COVID": 3, "Normal": 0}))


def test_what_is_left_out_is_counted_by_class(tree):
    (tree / "COVID" / "images" / "COVID-1.jpg").write_bytes(b"")
    (tree / "COVID" / "images" / "Thumbs.db").write_bytes(b"")
    (tree / "Normal" / "images" / "Normal-8.png").unlink()
    (tree / "Normal" / "extra").mkdir()
    (tree / "Normal" / "extra" / "Normal-9.png").write_bytes(b"")
    said = "\n".join(open_radiography(tree).samples.notes)
    assert "files that are not PNG: 1 (COVID/images 1), e.g. COVID-1.jpg; taken are" in said
    assert "masks without an image: 1 (Normal 1), e.g. Normal-8.png" in said
    assert "files in other folders: 1 (Normal 1), e.g. extra/" in said


@pytest.mark.parametrize("around", ["archive", "COVID-19_Radiography_Dataset", "a/b"])
def test_folders_that_an_archive_leaves_around_the_dataset_are_looked_through(tmp_path, around):
    tree = make_tree(tmp_path / around / "COVID-19_Radiography_Dataset")
    (tmp_path / "__MACOSX").mkdir()
    (tree / "__MACOSX").mkdir()
    assert len(open_radiography(tmp_path).samples) == sum(COUNTS.values())


def test_missing_masks_leave_the_images_usable(tmp_path):
    dataset = open_radiography(make_tree(tmp_path / "tree", masks=["COVID"]))
    assert dataset.samples.has_mask.sum() == COUNTS["COVID"]
    assert "6 of 26 images have a reference mask" in dataset.samples.notes
    with pytest.raises(HarnessError, match="Normal/Normal-1 has no reference mask"):
        dataset.mask(dataset.samples.ids.index("Normal/Normal-1"))


def test_no_masks_at_all_means_no_mask_grid(tmp_path):
    samples = open_radiography(make_tree(tmp_path / "tree", masks=())).samples
    assert samples.mask_size is None
    assert not samples.has_mask.any()


def test_masks_of_another_size_are_brought_to_the_grid_of_most(tree):
    large = np.zeros((512, 512), np.uint8)
    large[:256] = 255
    Image.fromarray(large).save(tree / "COVID" / "masks" / "COVID-2.png")
    dataset = open_radiography(tree)
    assert dataset.samples.mask_size == 256
    mask = dataset.mask(1)
    assert mask.shape == (256, 256)
    assert mask[:128].all()
    assert not mask[128:].any()
    assert "1 is reduced to it" in "\n".join(dataset.samples.notes)


def test_the_first_mask_does_not_set_the_grid(tree):
    Image.new("L", (8, 8)).save(tree / "COVID" / "masks" / "COVID-1.png")
    assert open_radiography(tree).samples.mask_size == 256


def test_an_unreadable_first_mask_does_not_keep_the_dataset_from_opening(tree):
    (tree / "COVID" / "masks" / "COVID-1.png").write_bytes(b"not a png")
    dataset = open_radiography(tree)
    assert dataset.samples.mask_size == 256
    with pytest.raises(HarnessError, match=r"masks/COVID-1\.png"):
        dataset.mask(0)


def test_sources_join_the_sheets_to_the_files_without_case(tree):
    samples = open_radiography(tree).samples
    by_class = {
        samples.classes[label]: source
        for label, source in zip(samples.labels, samples.sources, strict=True)
    }
    assert by_class == {
        "COVID": "bimcv.cipf.es",
        "Lung_Opacity": "kaggle.com/c/rsna-pneumonia-detection-challenge",
        "Normal": "kaggle.com/paultimothymooney/chest-xray-pneumonia",
        "Viral Pneumonia": "kaggle.com/paultimothymooney/chest-xray-pneumonia",
    }


@pytest.mark.parametrize(
    ("url", "source"),
    [
        ("https://sirm.org/category/senza-categoria/covid-19/", "sirm.org"),
        ("https://www.eurorad.org/case/13878", "eurorad.org"),
        ("https://github.com/armiro/COVID-CXNet", "github.com/armiro/COVID-CXNet"),
        ("https://github.com/a/b/tree/master/png", "github.com/a/b"),
        ("eurorad.org", "eurorad.org"),
        ("", "unknown"),
    ],
)
def test_a_source_is_the_host_or_the_repository_on_shared_hosts(url, source):
    assert source_of(url) == source


def test_without_metadata_sources_are_unknown_and_noted(tmp_path):
    samples = open_radiography(make_tree(tmp_path / "tree", metadata=False)).samples
    assert samples.sources is None
    assert any(note.startswith("sources unknown") for note in samples.notes)


def test_images_that_no_sheet_names_have_an_unknown_source(tree):
    (tree / "COVID.metadata.xlsx").unlink()
    samples = open_radiography(tree).samples
    assert samples.sources.count("unknown") == COUNTS["COVID"]
    assert "6 images have an unknown source" in samples.notes


def test_a_damaged_sheet_is_named(tree):
    path = tree / "Normal.metadata.xlsx"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(HarnessError, match=r"Normal\.metadata\.xlsx: cannot be read"):
        open_radiography(tree)


def test_without_a_table_of_patients_groups_are_unknown_and_noted(tree):
    samples = open_radiography(tree).samples
    assert samples.groups is None
    assert "groups unknown: the split may leak" in samples.notes


def test_the_table_of_patients_gives_groups(tmp_path):
    samples = open_radiography(make_tree(tmp_path / "tree", images_per_patient=3)).samples
    assert samples.groups[:4] == (*["COVID-patient-0"] * 3, "COVID-patient-1")
    assert not any("groups unknown" in note for note in samples.notes)


def test_an_image_missing_from_the_table_of_patients_is_its_own_group(tree):
    (tree / "groups.csv").write_text(
        "file,patient_id,source\nCOVID/images/COVID-1.png,p1,here\nCOVID/images/COVID-2.png,p1,\n"
        "COVID/images/COVID-99.png,p9,there\n"
    )
    samples = open_radiography(tree).samples
    assert samples.groups[:3] == ("p1", "p1", "COVID/COVID-3")
    assert samples.sources[:2] == ("here", "bimcv.cipf.es")
    assert "groups.csv names no patient for 24 images: each is its own group" in samples.notes
    assert "groups.csv names 1 files that are not images of this dataset" in samples.notes


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("name,who\n", "has no column file and patient_id"),
        ("file,patient_id\nCOVID-1.png,p1\n", "a patient for none of the 26 images"),
        ("file,patient_id\n" + "COVID/images/COVID-1.png,p\n" * 2, "line 3.*named before"),
    ],
)
def test_a_table_of_patients_that_cannot_be_used_is_an_error(tree, content, message):
    (tree / "groups.csv").write_text(content)
    with pytest.raises(HarnessError, match=message):
        open_radiography(tree)


def test_blank_rows_of_a_table_of_patients_are_passed_over(tree):
    (tree / "groups.csv").write_text("file;PatientID\nCOVID/images/COVID-1.png;p1\n;\n;\n")
    assert open_radiography(tree).samples.groups[0] == "p1"


def test_a_column_of_the_table_of_patients_can_be_chosen(tree):
    (tree / "groups.csv").write_text("file,mrn\nCOVID/images/COVID-1.png,p1\n")
    dataset = open_radiography(tree, columns={"group": "MRN"})
    assert dataset.samples.groups[0] == "p1"


def test_the_fingerprint_is_that_of_the_content_wherever_it_lies(tree, tmp_path):
    copy = shutil.copytree(tree, tmp_path / "copy")
    assert open_radiography(copy).fingerprint == open_radiography(tree).fingerprint


@pytest.mark.parametrize(
    "name", ["COVID/images/COVID-1.png", "COVID/masks/COVID-1.png", "COVID.metadata.xlsx"]
)
def test_the_fingerprint_covers_images_masks_and_metadata(tree, name):
    before = open_radiography(tree).fingerprint
    with (tree / name).open("ab") as file:
        file.write(b"\0")
    assert open_radiography(tree).fingerprint != before


def test_the_fingerprint_covers_the_table_of_patients(tree):
    before = open_radiography(tree).fingerprint
    (tree / "groups.csv").write_text("file,patient_id\nCOVID/images/COVID-1.png,p1\n")
    assert open_radiography(tree).fingerprint != before


def test_images_are_grey_as_they_are_stored(tree):
    stored = np.asarray(Image.open(tree / "COVID" / "images" / "COVID-1.png"))
    assert np.array_equal(open_radiography(tree).image(0), stored)


def test_opening_the_dataset_never_imports_torch(tree):
    code = (
        "import sys; from pathlib import Path; from harness_radiography import dataset; "
        "d = dataset.open_radiography(Path(sys.argv[1])); d.image(0); d.fingerprint; "
        "sys.exit('torch' in sys.modules)"
    )
    path = ":".join(["plugins", "."])
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code, str(tree)],
        cwd=root,
        env={"PYTHONPATH": path, "HOME": str(tree)},
    )
    assert done.returncode == 0
