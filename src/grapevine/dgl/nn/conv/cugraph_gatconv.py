"""The name of a layer of one vendor's kernels."""

from __future__ import annotations

from typing import Any

from grapevine.dgl.nn.conv.cugraph_base import CuGraphBaseConv

__all__ = ["CuGraphGATConv"]


class CuGraphGATConv(CuGraphBaseConv):
    """Refers to `GATConv`; arguments as DGL has them.

    Raises:
        DGLError: always.
    """

    _instead = (
        "dgl.nn.GATConv(in_feats, out_feats, num_heads, feat_drop, 0.0, negative_slope, residual, activation)"
    )

    def __init__(
        self,
        in_feats: int,
        out_feats: int,
        num_heads: int,
        feat_drop: float = 0.0,
        negative_slope: float = 0.2,
        residual: bool = False,
        activation: Any = None,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self._refuse()
