"""BEiT v2: positions are a bias in every block's attention, features the mean of the patches."""

from __future__ import annotations

from timm.layers import resize_rel_pos_bias_table
from timm.models.beit import Beit
from torch import Tensor

from harness_ssl.strategies import DEPTH

TABLE = "relative_position_bias_table"
SHARED_TABLE = f"rel_pos_bias.{TABLE}"
"""The one table that every block reads during pretraining; fine-tuning gives each its own."""

INDEX = ".relative_position_index"
"""Which entry of a table a pair of patches reads: it follows from the grid."""
ONLY_PRETRAINING = ("mask_token", "lm_head.", "cls_pt_layers.", "norm.")
ONLY_FINE_TUNING = ("head.",)


def build(*, size: int, patch: int, width: int, heads: int, layer_scale: float) -> Beit:
    """With the names of timm's ``beitv2_base_patch16_224``."""
    return Beit(
        img_size=size,
        patch_size=patch,
        embed_dim=width,
        depth=DEPTH,
        num_heads=heads,
        init_values=layer_scale,
        use_abs_pos_emb=False,
        use_rel_pos_bias=True,
        num_classes=0,
    )


def adapted(state: dict[str, Tensor], encoder: Beit) -> dict[str, Tensor]:
    """The state of a label-fine-tuned or of a purely self-supervised checkpoint.

    The first kind, which timm publishes, loses its classifier. The second, the authors', has one
    table of position biases, which is copied into every block, and parts that only pretraining
    needs, which are dropped; it has no ``fc_norm``, which therefore starts with weight 1 and bias
    0. In both, tables are interpolated to the encoder's grid so that near offsets, counted in
    patches, keep their values (``timm.layers.resize_rel_pos_bias_table``).
    """
    state = {name: value for name, value in state.items() if not name.endswith(INDEX)}
    if SHARED_TABLE in state:
        state = _of_pretraining(state, encoder)
    else:
        state = _without(state, ONLY_FINE_TUNING)
    return {
        name: _resized(value, encoder) if name.endswith(TABLE) else value
        for name, value in state.items()
    }


def _of_pretraining(state: dict[str, Tensor], encoder: Beit) -> dict[str, Tensor]:
    state = _without(state, ONLY_PRETRAINING)
    table = state.pop(SHARED_TABLE)
    return {
        **state,
        **{f"blocks.{i}.attn.{TABLE}": table for i in range(len(encoder.blocks))},
        **encoder.fc_norm.state_dict(prefix="fc_norm."),
    }


def _without(state: dict[str, Tensor], parts: tuple[str, ...]) -> dict[str, Tensor]:
    return {name: value for name, value in state.items() if not name.startswith(parts)}


def _resized(table: Tensor, encoder: Beit) -> Tensor:
    """The table [offsets + 3, heads]; the last three entries are those of the class token."""
    rows, columns = encoder.patch_embed.grid_size
    entries = (2 * rows - 1) * (2 * columns - 1) + 3
    resized: Tensor = resize_rel_pos_bias_table(table, (rows, columns), (entries, table.shape[1]))
    return resized
