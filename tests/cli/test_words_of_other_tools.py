"""What people type who know other tools: one line says what there is instead, or it works."""

from __future__ import annotations

from pathlib import Path

import pytest

import harness as package
from harness.cli.main import VERBS
from harness.cli.words.other_verbs import verb_for
from tests.builders import make_cell
from tests.cli_tools import inside, refused

SOME = ("plan", "--plugins", "baselines")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("run", "--dry-run"), "no option --dry-run: 'harness plan' with the same arguments"),
        (("run", "--kfold", "5"), "--folds K, a cross-validation"),
        (("plan", "--gpus", "2"), "--device cuda uses every GPU"),
        (("run", "--device-ids", "0,1"), "--device cuda:1 one of them"),
        (("run", "--wandb"), "no option --wandb: --log wandb"),
        (("run", "--tensorboard"), "no option --tensorboard: --log tensorboard"),
        (("plan", "--mlflow"), "no option --mlflow: --log mlflow"),
        (("run", "--logger", "x"), "--log tensorboard, mlflow or wandb logs every cell"),
        (("run", "--neptune"), "one of your own is a plugin"),
        (("run", "--resume"), "the same command resumes"),
        (("run", "--num_workers=4"), "--jobs N runs N cells at a time"),
        (("run", "--optimizer", "sgd"), "Adam for every method"),
        (("run", "--scheduler", "cosine"), "the learning rate is constant"),
        (("run", "--early-stopping"), "all epochs are trained"),
        (("run", "--amp"), "--precision auto, fp32, bf16 or fp16"),
        (("run", "--model", "swin_b"), "--plugins PATTERN chooses methods"),
        (("run", "--output-dir", "x"), "--out RESULTS"),
        (("run", "-o", "x"), "--out RESULTS"),
        (("run", "--seed", "1"), "--seeds N"),
        (("clean", "--dry-run"), "nothing is deleted without --yes"),
        (("report", "x", "--sort-by", "f1"), "--sort NAME"),
        (("report", "--excel"), "--output FILE, in the format of its suffix"),
        (("report", "--results", "x"), "harness report RESULTS"),
        (("predict", "--checkpoint", "x"), "harness predict CELL IMAGES"),
        (("export", "--format", "onnx"), "model.onnx is written"),
        (("--list",), "'harness plugins' lists methods"),
        (
            ("run", "--plguins", "all"),
            "no option --plguins (did you mean '--plugins'?); ",
        ),
        (("run", "--data_root", "x"), "no option --data_root: write --data-root"),
        (("data", "verify", "x", "--fix"), "'harness data verify --help'"),
        (("run", "--plugins"), "'harness run --help'"),
    ],
)
def test_an_option_of_another_tool_is_answered_with_what_there_is(
    arguments: tuple[str, ...], says: str, tmp_path: Path
) -> None:
    refused(*arguments, cwd=tmp_path, says=says)


def test_no_option_of_another_tool_is_one_of_ours() -> None:
    from harness.cli.plan import command as plan
    from harness.cli.run import command as run
    from harness.planning.other_tools import instead

    ours = {name for verb in (run, plan) for option in verb.params for name in option.opts}
    for name in ("--epochs", "--lr", "--learning-rate", "--batch-size", "--weight-decay"):
        assert name in ours
        assert instead(name) is None


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("scheduler=cosine", "the protocol has no schedule: the learning rate is constant"),
        ("optimizer=sgd", "the protocol fixes the optimiser, which is Adam"),
        ("kfold=5", "--folds K, a cross-validation"),
        ("loss=focal", "the task fixes the loss"),
        ("patience=3", "the protocol has no early stop"),
        ("weights=random", "--weights pretrained, random, a folder, or a checkpoint file"),
        ("precision=fp16", "--precision auto, fp32, bf16 or fp16"),
        ("seeds=1", "--seeds N"),
    ],
)
def test_a_setting_that_the_protocol_fixes_says_so_and_why(
    setting: str, says: str, tmp_path: Path
) -> None:
    refused(*SOME, "--set", setting, cwd=tmp_path, says=f"--set {setting}: {says}")
    name, _, value = setting.partition("=")
    (tmp_path / "study.toml").write_text(f'plugins = "baselines"\n[set]\n{name} = "{value}"\n')
    refused("plan", "study.toml", cwd=tmp_path, says=f"study.toml, line 3 (set.{name}): ")


def test_a_key_of_another_tool_is_answered_in_a_study_file_and_in_python(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text("epochs = 5\n")
    says = "study.toml, line 1: no key 'epochs': epochs is a field of the protocol; write it in"
    refused("run", "study.toml", cwd=tmp_path, says=says)
    (tmp_path / "study.toml").write_text("gpus = 2\n")
    refused("run", "study.toml", cwd=tmp_path, says="no key 'gpus': --device cuda")
    with pytest.raises(package.HarnessError, match="no study key 'lr': learning_rate is a field"):
        package.run("baselines", lr=1e-4)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("run", "--set", "a=1", "epochs=5"), "write one --set for each: --set a=1 --set epochs=5"),
        (("plan", "--param", "a=1", "b=2"), "--param a=1 --param b=2"),
        (("run", "--seeds", "0", "1", "2"), "separate values by commas alone: --seeds 0,1,2"),
        (("run", "--seeds=0", "1", "--rerun"), "--seeds 0,1"),
        (("run", "--fractions", "0.5", "1"), "--fractions 0.5,1"),
        (("plan", "--plugins", "ssl/*", "clip"), "--plugins 'ssl/*,clip'"),
        (("plan", "--exclude", "ssl", "clip"), "--exclude ssl,clip"),
        (("run", "--log", "mlflow", "wandb"), "--log mlflow,wandb"),
        (("report", "there", "--columns", "method", "f1"), "--columns method,f1"),
        (("report", "there", "--filter", "a=1", "b>2"), "--filter a=1 --filter 'b>2'"),
        (("data", "info", "csv", "--column", "a=b", "c=d"), "--column a=b --column c=d"),
        (("run", "--seeds", "0,", "1,", "2"), "--seeds 0,1,2"),
        (("run", "--set", "epochs", "=", "5"), "write it without spaces: --set epochs=5"),
        (("run", "--set", "epochs", "=5"), "write it without spaces: --set epochs=5"),
    ],
)
def test_several_words_after_an_option_of_one_say_how_to_write_them(
    arguments: tuple[str, ...], says: str, tmp_path: Path
) -> None:
    (tmp_path / "there").mkdir()
    refused(*arguments, cwd=tmp_path, says=says)


def test_the_argument_of_a_verb_may_follow_such_an_option(tmp_path: Path) -> None:
    refused("report", "--columns", "method", "away", cwd=tmp_path, says="away holds no run")
    says = "--columns method,f1"
    refused("report", "--columns", "method", "f1", "away", cwd=tmp_path, says=says)
    refused(
        "data", "info", "--column", "a=b", "fantom", cwd=tmp_path, says="did you mean 'phantom'"
    )


@pytest.mark.parametrize("file", ["study.toml", "folder", "other"])
def test_a_study_file_after_such_an_option_is_taken(file: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for path in ("study.toml", "folder/study.toml", "other"):
        (tmp_path / path).write_text('plugins = "none"\n')
    done = inside("plan", "--plugins", "baselines", file, "--seeds", "1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "2 cells" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "usage"),
    [
        (("help",), "harness [OPTIONS] COMMAND"),
        (("help", "help"), "harness [OPTIONS] COMMAND"),
        (("help", "run"), "harness run [OPTIONS]"),
        (("run", "help"), "harness run [OPTIONS]"),
        (("help", "data"), "harness data [OPTIONS]"),
        (("data", "help"), "harness data [OPTIONS]"),
        (("help", "data", "verify"), "harness data verify [OPTIONS]"),
        (("data", "help", "verify"), "harness data verify [OPTIONS]"),
        (("data", "verify", "help"), "harness data verify [OPTIONS]"),
    ],
)
def test_help_may_be_asked_for_in_words(
    arguments: tuple[str, ...], usage: str, tmp_path: Path
) -> None:
    done = inside(*arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"Usage: {usage}" in done.stdout


def test_a_folder_called_help_is_not_asking_for_it(tmp_path: Path) -> None:
    make_cell(tmp_path / "help")
    done = inside("status", "help", cwd=tmp_path)
    assert "demo/net" in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("list", "'harness plugins' lists methods"),
        ("train", "'harness run' trains"),
        ("resume", "'harness run' with the same arguments resumes"),
        ("eval", "'harness score' recomputes them"),
        ("test", "'harness predict' takes new images"),
        ("download", "'harness weights fetch PATTERN'"),
        ("version", "harness --version"),
        ("data check", "no verb 'data check': harness data verify NAME"),
        ("weights download", "harness weights fetch PATTERN"),
        ("data verfy", "did you mean 'verify'"),
        ("rnu", "did you mean 'run'"),
        ("help nothing", "no verb 'nothing'"),
    ],
)
def test_a_verb_of_another_tool_is_answered_with_ours(
    words: str, says: str, tmp_path: Path
) -> None:
    refused(*words.split(), cwd=tmp_path, says=says)


def test_no_verb_of_another_tool_is_one_of_ours() -> None:
    assert [verb for verb in VERBS if verb_for(verb)] == []
