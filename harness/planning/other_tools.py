"""What other tools offer under a name that this one does not know, and what there is instead.

Options, fields of ``--set`` and keys of study files share one table. Names are written as options
without their dashes, and ``_`` is ``-``. Some are options here, but no fields of ``--set``.
"""

from __future__ import annotations

Table = tuple[tuple[str, str], ...]
"""Names, with spaces between them, and what there is instead."""

_RUN: Table = (
    (
        "scheduler lr-scheduler lr-schedule schedule warmup warmup-epochs warmup-steps cosine "
        "lr-decay gamma step-size",
        "the protocol has no schedule: the learning rate is constant, so that methods differ in "
        "nothing but themselves; --lr changes it for all",
    ),
    (
        "optimizer optimiser optim opt momentum betas beta1 beta2 eps nesterov",
        "the protocol fixes the optimiser, which is Adam for every method; --lr and "
        "--weight-decay change it",
    ),
    (
        "loss criterion loss-fn label-smoothing class-weights focal-gamma",
        "the task fixes the loss, so that methods stay comparable; a task of your own is a plugin",
    ),
    (
        "augment augmentation augmentations aug transforms transform mixup cutmix randaugment "
        "random-crop rotation",
        "the protocol has no augmentation but horizontal flips: --set flip=true",
    ),
    (
        "early-stopping early-stop patience min-delta",
        "the protocol has no early stop: all epochs are trained, and the best one on the "
        "validation images counts",
    ),
    (
        "clip-grad grad-clip gradient-clip max-grad-norm clip-norm ema model-ema dropout "
        "drop-path drop-rate",
        "the protocol has none of this, so that methods differ in nothing but themselves; "
        "'harness run --help' lists what can be changed",
    ),
    (
        "fold k-fold kfold k cv cross-validation n-splits",
        "--folds K, a cross-validation",
    ),
    (
        "split split-file val-split test-split train-split val-size test-size train-size "
        "val-fraction test-fraction val-ratio test-ratio stratify",
        "--split standard or study, or --split-file FILE; --fractions 0.5 trains on half of the "
        "training images",
    ),
    (
        "steps max-steps iterations num-iterations iters",
        "training is counted in epochs: --epochs N",
    ),
    ("resize crop-size input-size img-size imgsz resolution", "--image-size PIXELS"),
    ("num-epochs n-epochs max-epochs epoch", "--epochs N"),
    ("bs batch batchsize train-batch-size", "--batch-size N"),
    ("wd l2", "--weight-decay X"),
    (
        "gradient-accumulation gradient-accumulation-steps accumulate accumulation-steps "
        "accumulate-grad-batches grad-accum",
        "--micro-batch N splits a batch, and gradients add up to the whole one",
    ),
    (
        "plugins exclude model models method methods arch architecture backbone network net m",
        "--plugins PATTERN chooses methods; 'harness plugins' lists them",
    ),
    ("task tasks", "--plugins task:classification (or segmentation, multitask)"),
    ("family", "--plugins family:NAME; 'harness plugins' lists the families"),
    ("tag tags", "--plugins tag:NAME"),
    (
        "dataset data-root data data-dir data-path dataset-dir dataset-path root images image-dir "
        "input",
        "--dataset NAME --data-root DIR; 'harness data list' lists the names",
    ),
    (
        "classes num-classes n-classes class-names labels",
        "classes come from the dataset; 'harness data info NAME' lists them",
    ),
    (
        "limit subset max-samples num-samples max-train-samples limit-train limit-train-batches "
        "debug-subset",
        "--set train_images=N, and --set test_images=N for the other parts",
    ),
    (
        "weights pretrained no-pretrained init from-scratch init-weights load-weights",
        "--weights pretrained, random, a folder, or a checkpoint file",
    ),
    (
        "freeze unfreeze freeze-layers frozen freeze-backbone",
        "what is frozen is part of a method's name: --plugins 'ssl/*@freeze8'",
    ),
    ("seeds seed random-seed random-state manual-seed", "--seeds N, or several: --seeds 0,1,2"),
    (
        "fractions fraction train-fraction data-fraction",
        "--fractions F, or several: --fractions 0.25,1",
    ),
    (
        "config cfg config-file study yaml toml file",
        "a study file is named without an option: harness run study.toml",
    ),
    (
        "metric metrics monitor",
        "every metric of a task is computed; --set select_by=label.f1 selects the epoch and ranks "
        "by another one",
    ),
    ("preset protocol", "--preset quick, paper or study"),
    ("prompts prompt", "--prompts FILE"),
    (
        "device gpus gpu num-gpus n-gpus ngpu gpu-id gpu-ids device-id device-ids devices cuda "
        "no-cuda cpu use-gpu accelerator",
        "--device cuda uses every GPU, a cell on each, and --device cuda:1 one of them; --jobs N "
        "limits the cells at a time, --device cpu uses none",
    ),
    (
        "distributed ddp dp fsdp nodes num-nodes local-rank world-size world nproc-per-node "
        "multi-gpu",
        "a cell runs on one device; --device cuda runs a cell on every GPU at a time",
    ),
    (
        "threads workers num-workers n-workers dataloader-workers loader-workers prefetch "
        "pin-memory",
        "no cell has loader processes: images are prepared once and shared; --jobs N runs N cells "
        "at a time, --threads N sets the threads of each",
    ),
    (
        "jobs parallel num-jobs n-jobs processes num-processes procs j",
        "--jobs N runs N cells at a time",
    ),
    (
        "precision amp fp16 bf16 half mixed-precision fp32 dtype autocast",
        "--precision auto, fp32, bf16 or fp16",
    ),
    ("timeout time-limit max-time walltime max-seconds", "--timeout 10m, for each cell"),
    ("tensorboard tb", "--log tensorboard"),
    ("mlflow", "--log mlflow"),
    ("wandb wandb-project wandb-mode", "--log wandb"),
    (
        "log logger loggers tracker trackers log-dir logdir tracking-uri report-to callbacks",
        "--log tensorboard, mlflow or wandb logs every cell into the study's folder, several with "
        "commas between them",
    ),
    (
        "comet comet-ml neptune clearml aim",
        "there is no logger for it, but for tensorboard, mlflow and wandb (--log NAME); one of "
        "your own is a plugin",
    ),
    (
        "resume resume-from continue ckpt checkpoint restart resume-training",
        "the same command resumes: finished cells are kept, an unfinished one continues after its "
        "last epoch; --rerun runs them again",
    ),
    ("force overwrite no-cache fresh force-rerun", "--rerun runs finished cells again"),
    (
        "out output output-dir outdir out-dir save-dir results-dir results work-dir o",
        "--out RESULTS, the results folder",
    ),
    (
        "name experiment experiment-name exp exp-name run-name project run-id",
        "--name NAME, of the study folder",
    ),
    (
        "keep-checkpoints save-model save-checkpoint save-checkpoints checkpoint-dir save-best "
        "save-every",
        "the weights of the best epoch are kept with each cell: --keep-checkpoints none, best or "
        "all",
    ),
    (
        "save-predictions predictions",
        "every cell keeps its predictions; 'harness score' recomputes metrics from them",
    ),
    (
        "dry-run dryrun simulate no-run plan",
        "'harness plan' with the same arguments shows what would run, and runs nothing",
    ),
    (
        "eval eval-only evaluate test test-only inference predict",
        "every run ends with the scores of the test images; 'harness score' recomputes them, "
        "'harness predict' takes new images",
    ),
    (
        "format csv latex markdown json columns sort filter aggregate",
        "a run ends with its table; 'harness report' prints it in other forms",
    ),
    (
        "verbose v debug log-level",
        "notes are shown unless --quiet; 'harness status' shows what cells do, and --executor "
        "inline runs them in this process to debug them",
    ),
    ("watch", "'harness status' shows what cells do, from another terminal"),
    (
        "list ls list-models list-methods",
        "'harness plugins' lists methods, 'harness data list' datasets",
    ),
    (
        "download",
        "'harness data get NAME' downloads a dataset, 'harness weights fetch PATTERN' weights",
    ),
)


def instead(name: str) -> str | None:
    """What there is instead of the option, field or key ``name`` of a run, in a line; None where
    that is not known.

    Args:
        name: with or without dashes; ``_`` counts as ``-``.
    """
    return find(name, _RUN)


def find(name: str, table: Table) -> str | None:
    """What the table has for the name, as of :func:`instead`."""
    wanted = name.lstrip("-").replace("_", "-")
    known = {one: text for names, text in table for one in names.split()}
    return known.get(wanted, known.get(wanted.lower()))
