"""The name of a layer of one vendor's kernels."""

from __future__ import annotations

from grapevine.dgl.nn.conv.cugraph_base import CuGraphBaseConv

__all__ = ["CuGraphRelGraphConv"]


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
