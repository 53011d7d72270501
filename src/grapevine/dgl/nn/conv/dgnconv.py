"""Directional graph network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from grapevine.dgl.base import DGLError
from grapevine.dgl.nn.conv.pnaconv import PNAConv, PNAConvTower
from grapevine.edges import Edges
from grapevine.engine import materialise

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLGraph

_DIRECTIONAL = tuple(f"dir{k}-{kind}" for k in (1, 2, 3) for kind in ("av", "dx"))


class DGNConvTower(PNAConvTower):
    """One tower of `DGNConv`."""

    def reduced(
        self, edges: Edges, m: Tensor, name: str, node_feat: Tensor, eig_vec: Tensor | None = None
    ) -> Tensor:
        """One reduction of the messages; the directional ones read an eigenvector."""
        if name not in _DIRECTIONAL:
            return super().reduced(edges, m, name, node_feat)
        if eig_vec is None:
            raise DGLError(f"expected eig_vec, the eigenvectors (N, K) that {name!r} reads; got None")
        column = eig_vec[:, int(name[3]) - 1].unsqueeze(-1)
        slope = materialise(edges.src(column) - edges.dst(column))
        share = slope.abs() / materialise(edges.dst(edges.sum(slope.abs()) + 1e-30))
        if name.endswith("av"):
            return edges.sum(share * m)
        share = share * slope.sign()
        return (edges.sum(share * m) - edges.sum(share) * node_feat).abs()


class DGNConv(PNAConv):
    r"""`PNAConv` with reductions along directions: those in which an eigenvector of the Laplacian grows.

    .. math::
        w_{ji} = \frac{\phi_j - \phi_i}{\sum_k | \phi_k - \phi_i |}, \qquad
        \text{"dir1-av"}: \sum_j | w_{ji} | \mathbf{m}_{ji}, \qquad
        \text{"dir1-dx"}: \Big| \sum_j w_{ji} \mathbf{m}_{ji} - \mathbf{h}_i \sum_j w_{ji} \Big|

    Args:
        in_size, out_size, scalers, delta, dropout, num_towers, edge_feat_size, residual: as of `PNAConv`.
        aggregators: those of `PNAConv`, and "dir1-av", "dir1-dx", ... "dir3-av", "dir3-dx",
            by the number of the eigenvector.

    Forward:
        graph: a homogeneous graph, or a batch of them.
        node_feat: (N, F).
        edge_feat: (E, F_e).
        eig_vec: (N, K), for the directional aggregators.

    Returns:
        (N, F').

    Raises:
        DGLError: for missing eigenvectors or edge features.

    Example:
        >>> import torch, grapevine.dgl as dgl
        >>> g = dgl.graph(([0, 1, 2], [1, 2, 0]))
        >>> conv = DGNConv(4, 2, ["dir1-av", "dir1-dx"], ["identity"], delta=1.5)
        >>> conv(g, torch.randn(3, 4), eig_vec=torch.randn(3, 1)).shape
        torch.Size([3, 2])

    Source: "Directional Graph Networks" (arXiv:2010.02863).
    """

    tower = DGNConvTower

    def __init__(
        self,
        in_size: int,
        out_size: int,
        aggregators: list[str],
        scalers: list[str],
        delta: float,
        dropout: float = 0.0,
        num_towers: int = 1,
        edge_feat_size: int = 0,
        residual: bool = True,
    ) -> None:
        super().__init__(
            in_size, out_size, aggregators, scalers, delta, dropout, num_towers, edge_feat_size, residual
        )
        self.use_eig_vec = any(name.startswith("dir") for name in aggregators)

    def forward(
        self,
        graph: DGLGraph,
        node_feat: Tensor,
        edge_feat: Tensor | None = None,
        eig_vec: Tensor | None = None,
    ) -> Tensor:
        return self._mixed(graph, node_feat, edge_feat, eig_vec=eig_vec)
