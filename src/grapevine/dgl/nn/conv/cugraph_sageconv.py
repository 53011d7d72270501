"""The name of a layer of one vendor's kernels."""

from __future__ import annotations

from grapevine.dgl.nn.conv.cugraph_base import CuGraphBaseConv

__all__ = ["CuGraphSAGEConv"]


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
