"""How the small weights of the harness were made: ``python -m harness_phantom.pretrain``.

The images are phantoms of other seeds than any that the dataset ``phantom`` is usually opened with.
Nothing here is imported by a run.
"""
