"""Names of layers that stand for one vendor's kernels: each says which layer computes the same here."""

from __future__ import annotations

from typing import Any

from torch import nn

from grapevine.dgl.base import DGLError

__all__ = ["CuGraphGATConv", "CuGraphRelGraphConv", "CuGraphSAGEConv"]


class CuGraphBaseConv(nn.Module):
    """What the three are subclasses of.

    Raises:
        DGLError: always.
    """

    _instead = "the layer without CuGraph in its name"

    def _refuse(self) -> None:
        raise DGLError(
            f"expected a layer that runs here, got {type(self).__name__}, which needs pylibcugraphops 23.04 (CUDA 11, "
            f"Python 3.8 or 3.10); do this instead: {self._instead}"
        )


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


class CuGraphSAGEConv(CuGraphBaseConv):
    """Refers to `SAGEConv`; arguments as DGL has them.

    Raises:
        DGLError: always.
    """

    _instead = "dgl.nn.SAGEConv(in_feats, out_feats, 'mean', feat_drop, bias)"

    def __init__(
        self,
        in_feats: int,
        out_feats: int,
        aggregator_type: str = "mean",
        feat_drop: float = 0.0,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self._refuse()


class CuGraphRelGraphConv(CuGraphBaseConv):
    """Refers to `RelGraphConv`; arguments as DGL has them.

    Raises:
        DGLError: always.
    """

    _instead = (
        "dgl.nn.RelGraphConv(in_feat, out_feat, num_rels, regularizer, num_bases, bias, self_loop=self_loop)"
    )

    def __init__(
        self,
        in_feat: int,
        out_feat: int,
        num_rels: int,
        regularizer: str | None = None,
        num_bases: int | None = None,
        bias: bool = True,
        self_loop: bool = True,
        dropout: float = 0.0,
        apply_norm: bool = False,
    ) -> None:
        super().__init__()
        self._refuse()
