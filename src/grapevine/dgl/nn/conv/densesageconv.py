"""GraphSAGE's convolution on a dense adjacency."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from grapevine.dgl.nn._graphs import Feat, check_eq_shape, relu_gain


class DenseSAGEConv(nn.Module):
    r"""`SAGEConv` with the aggregator "gcn" on a dense adjacency.

    Args:
        in_feats: F.
        out_feats: F'.
        feat_drop: probability with which an input feature is dropped in training.
        bias: learn a shift.
        norm: applied to the output, after the activation.
        activation: of the output.

    Forward:
        adj: (N_dst, N_src), row i holds the edges that arrive at node i.
        feat: (N, F), or a pair for sources and destinations.

    Returns:
        (N_dst, F').

    Raises:
        DGLError: for sources and destinations of unequal width.

    Example:
        >>> import torch
        >>> DenseSAGEConv(4, 2)(torch.eye(3), torch.ones(3, 4)).shape
        torch.Size([3, 2])

    Source: "Inductive Representation Learning on Large Graphs" (arXiv:1706.02216).
    """

    def __init__(
        self,
        in_feats: int,
        out_feats: int,
        feat_drop: float = 0.0,
        bias: bool = True,
        norm: Callable[[Tensor], Tensor] | None = None,
        activation: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        super().__init__()
        self._in_feats = in_feats
        self._out_feats = out_feats
        self._norm = norm
        self.feat_drop = nn.Dropout(feat_drop)
        self.activation = activation
        self.fc = nn.Linear(in_feats, out_feats, bias=bias)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new weights; the bias stays."""
        nn.init.xavier_uniform_(self.fc.weight, gain=relu_gain())

    def forward(self, adj: Tensor, feat: Feat) -> Tensor:
        check_eq_shape(feat)
        if isinstance(feat, tuple):
            source, target = self.feat_drop(feat[0]), self.feat_drop(feat[1])
        else:
            source = target = self.feat_drop(feat)
        adj = adj.to(source)
        out = self.fc((adj @ source + target) / (adj.sum(dim=1, keepdim=True) + 1))
        if self.activation is not None:
            out = self.activation(out)
        return out if self._norm is None else self._norm(out)
