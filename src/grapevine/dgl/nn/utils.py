"""Containers, label propagation, jumping knowledge, and small helpers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grapevine import nn as layers
from grapevine.dgl.base import dgl_warning
from grapevine.dgl.heterograph import DGLGraph
from grapevine.dgl.nn._graphs import degree_scale, relu_gain
from grapevine.errors import GraphTypeError, GraphValueError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "Identity",
    "JumpingKnowledge",
    "LabelPropagation",
    "Sequential",
    "WeightBasis",
    "bmm_maybe_select",
    "matmul_maybe_select",
]


def matmul_maybe_select(A: Tensor, B: Tensor) -> Tensor:
    """`A @ B`; for int64 numbers `A` of shape (N,) the rows `B[A]`, as if they were one-hot.

    Example:
        >>> matmul_maybe_select(torch.tensor([1, 0]), torch.eye(2)).tolist()
        [[0.0, 1.0], [1.0, 0.0]]
    """
    if A.dtype == torch.int64 and A.dim() == 1:
        return B.index_select(0, A)
    return A @ B


def bmm_maybe_select(A: Tensor, B: Tensor, index: Tensor) -> Tensor:
    """Row n of `A` times the matrix `B[index[n]]`; for int64 numbers `A` of shape (N,) the row `B[index[n], A[n]]`.

    Args:
        A: (N, F), or (N,).
        B: (R, F, F').
        index: (N,) in [0, R).

    Returns:
        (N, F').
    """
    if A.dtype == torch.int64 and A.dim() == 1:
        return B[index, A]
    return (A.unsqueeze(1) @ B.index_select(0, index)).squeeze(1)


class Identity(nn.Module):
    """Hands on what it is given.

    Example:
        >>> Identity()(3)
        3
    """

    def forward(self, x: Any) -> Any:
        return x


class Sequential(nn.Sequential):
    """Layers one after another, each called with a graph and what the one before returned.

    Args:
        args: the layers.

    Forward:
        graph: one graph for all layers, or a list with one for each.
        feats: the arguments of the first layer after the graph.

    Returns:
        what the last layer returns.

    Raises:
        GraphTypeError: for anything else than graphs.

    Example:
        >>> import grapevine.dgl as dgl
        >>> from grapevine.dgl.nn import GraphConv
        >>> g = dgl.graph(([0, 1, 2], [1, 2, 0]))
        >>> Sequential(GraphConv(4, 8), GraphConv(8, 2))(g, torch.ones(3, 4)).shape
        torch.Size([3, 2])
    """

    def forward(self, graph: DGLGraph | list[DGLGraph], *feats: Any) -> Any:
        if isinstance(graph, list):
            graphs: Sequence[DGLGraph] = graph
        elif isinstance(graph, DGLGraph):
            graphs = [graph] * len(self)
        else:
            raise GraphTypeError(
                f"The first argument of forward must be a DGLGraph or a list of DGLGraph s, got {type(graph).__name__}"
            )
        out: Any = feats
        for g, module in zip(graphs, self, strict=False):
            out = module(g, *(out if isinstance(out, tuple) else (out,)))
        return out


class WeightBasis(nn.Module):
    r"""Many weights as combinations of a few: :math:`\mathbf{W}_o = \sum_b w_{ob} \mathbf{V}_b`.

    Args:
        shape: of a weight.
        num_bases: B.
        num_outputs: number of weights O; a warning says so where they are no more than the bases.

    Returns:
        (O, *shape).

    Example:
        >>> WeightBasis((4, 2), num_bases=2, num_outputs=5)().shape
        torch.Size([5, 4, 2])

    Source: "Modeling Relational Data with Graph Convolutional Networks" (arXiv:1703.06103).
    """

    def __init__(self, shape: tuple[int, ...], num_bases: int, num_outputs: int) -> None:
        super().__init__()
        self.shape = shape
        self.num_bases = num_bases
        self.num_outputs = num_outputs
        if num_outputs <= num_bases:
            dgl_warning("The number of weight outputs should be larger than the number of bases.")
        self.weight = nn.Parameter(torch.empty(num_bases, *shape))
        nn.init.xavier_uniform_(self.weight, gain=relu_gain())
        self.w_comp = nn.Parameter(torch.empty(num_outputs, num_bases))
        nn.init.xavier_uniform_(self.w_comp, gain=relu_gain())

    def forward(self) -> Tensor:
        return (self.w_comp @ self.weight.flatten(1)).view(self.num_outputs, *self.shape)


class JumpingKnowledge(layers.JumpingKnowledge):
    """`grapevine.nn.JumpingKnowledge` under DGL's names: joins the representations of a node in all layers.

    Args:
        mode: "cat", "max" or "lstm".
        in_feats: size of the representations F; for "lstm".
        num_layers: number of them T; for "lstm".

    Forward:
        feat_list: the representations, T tensors of (N, F).

    Returns:
        (N, T F) for "cat", (N, F) otherwise.

    Raises:
        GraphValueError: for another mode, or "lstm" without sizes.

    Example:
        >>> JumpingKnowledge("max")([torch.zeros(2, 3), torch.ones(2, 3)]).shape
        torch.Size([2, 3])

    Source: "Representation Learning on Graphs with Jumping Knowledge Networks" (arXiv:1806.03536).
    """

    def __init__(self, mode: str = "cat", in_feats: int | None = None, num_layers: int | None = None) -> None:
        super().__init__(mode, in_feats, num_layers)

    def forward(self, feat_list: list[Tensor]) -> Tensor:
        return super().forward(feat_list)


class LabelPropagation(nn.Module):
    r"""Spreads known labels along the edges.

    .. math::
        \mathbf{Y}^{(t+1)} = \alpha \tilde{\mathbf{A}} \mathbf{Y}^{(t)} + (1 - \alpha) \mathbf{Y}^{(0)}

    Args:
        k: number of steps.
        alpha: weight of the neighbours, in [0, 1].
        norm_type: "sym": by the roots of out- and in-degrees; "row": by in-degrees.
        clamp: keep the entries in [0, 1].
        normalize: make each row sum up to 1.
        reset: after each step, give the known nodes their labels again.

    Forward:
        g: a homogeneous graph.
        labels: classes (N,) or (N, 1), or one row of numbers per node (N, C).
        mask: which labels are known, booleans or numbers of nodes; all if None.

    Returns:
        float32 (N, C).

    Raises:
        GraphValueError: for another `norm_type`.

    Example:
        >>> import grapevine.dgl as dgl
        >>> g = dgl.graph(([0, 1, 2, 1], [1, 0, 1, 2]))
        >>> known = torch.tensor([True, False, False])
        >>> LabelPropagation(k=2, alpha=0.5)(g, torch.tensor([1, 0, 0]), known).shape
        torch.Size([3, 2])

    Source: "Learning from Labeled and Unlabeled Data with Label Propagation" (CMU-CALD-02-107); the loop is that of
    "Combining Label Propagation and Simple Models Out-performs Graph Neural Networks" (arXiv:2010.13993).
    """

    def __init__(
        self,
        k: int,
        alpha: float,
        norm_type: str = "sym",
        clamp: bool = True,
        normalize: bool = False,
        reset: bool = False,
    ) -> None:
        super().__init__()
        self.k = k
        self.alpha = alpha
        self.norm_type = norm_type
        self.clamp = clamp
        self.normalize = normalize
        self.reset = reset

    def forward(self, g: DGLGraph, labels: Tensor, mask: Tensor | None = None) -> Tensor:
        if self.norm_type not in ("sym", "row"):
            raise GraphValueError(f"Expect norm_type to be 'sym' or 'row', got {self.norm_type}")
        symmetric = self.norm_type == "sym"
        edges = g._relation()
        given = labels if labels.dim() > 1 and labels.shape[1] > 1 else F.one_hot(labels.view(-1))
        given = given.float()
        y = given
        if mask is not None:
            y = torch.zeros_like(given)
            y[mask] = given[mask]
        start = (1 - self.alpha) * y
        arriving = degree_scale(edges, -0.5 if symmetric else -1.0, y)
        leaving = degree_scale(edges.reverse(), -0.5, y) if symmetric else 1.0
        for _ in range(self.k):
            y = start + self.alpha * edges.sum(edges.src(y * leaving)) * arriving
            if self.clamp:
                y = y.clamp(0.0, 1.0)
            if self.normalize:
                y = F.normalize(y, p=1)
            if self.reset:
                y = y.clone()
                y[cast("Tensor", mask)] = given[cast("Tensor", mask)]
        return y
