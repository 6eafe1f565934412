"""What the paper protocol costs on one GPU: every trained method and CLIP, in one pass.

    python -m benchmarks.gpu --json FILE --markdown FILE

It runs from a copy of the working tree on a machine where the project itself is not installed.
What it imports from elsewhere, as wheels: torch, torchvision, timm, segmentation-models-pytorch,
transformers, safetensors, huggingface_hub, numpy, scipy, scikit-learn, pillow, kornia-rs, pluggy,
packaging, click and tabulate. Energy is read from ``libnvidia-ml.so.1``, which comes with the
driver.

Images are random pixels and weights are random: speed depends on neither. All methods share one
process, so that libraries and kernels are loaded once; memory is emptied between them.
"""
