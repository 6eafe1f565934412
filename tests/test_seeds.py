"""Seeds derived from named axes."""

from __future__ import annotations

import numpy as np
import pytest

from harness.seeds import derive_seed


def test_a_seed_is_the_same_on_every_machine():
    assert derive_seed("order", 0) == 4866194281285992191


def test_seeds_fit_a_signed_64_bit_integer():
    seeds = [derive_seed("stream", seed) for seed in range(200)]
    assert min(seeds) >= 0
    assert 2**60 < max(seeds) < 2**63


def test_every_axis_its_type_and_its_place_count():
    axes = [
        ("a", 0),
        ("a", 1),
        ("b", 0),
        ("a",),
        ("a", "0"),
        (0, "a"),
        ("a0",),
        ("a", 0, 0),
        ("a", -1),
    ]
    assert len({derive_seed(*each) for each in axes}) == len(axes)


def test_the_boundary_between_axes_counts():
    assert derive_seed("ab", "c") != derive_seed("a", "bc")


def test_numpy_integers_are_integers():
    assert derive_seed("a", np.int64(7)) == derive_seed("a", 7)


def test_fractional_axes_are_refused():
    with pytest.raises(TypeError):
        derive_seed("fraction", 0.25)
