"""From nodes to graphs: one row for each graph of a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from grapevine.dgl.nn._graphs import segments
from grapevine.dgl.nn.set_transformer import SetTransformerDecoder, SetTransformerEncoder
from grapevine.errors import GraphValueError
from grapevine.graph.sorting import ptr2index
from grapevine.nn import aggr
from grapevine.utils import segment, softmax

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLGraph

__all__ = [
    "AvgPooling",
    "GlobalAttentionPooling",
    "MaxPooling",
    "Set2Set",
    "SetTransformerDecoder",
    "SetTransformerEncoder",
    "SortPooling",
    "SumPooling",
    "WeightAndSum",
]


class _Pooling(nn.Module):
    """A reduction of each graph's nodes."""

    how: str

    def __init__(self) -> None:
        super().__init__()

    def forward(self, graph: DGLGraph, feat: Tensor) -> Tensor:
        return segment(feat, segments(graph), self.how)


class SumPooling(_Pooling):
    """The sum over the nodes of each graph.

    Forward:
        graph: a batch of B graphs.
        feat: (N, *).

    Returns:
        (B, *); zero for a graph without nodes.

    Example:
        >>> import torch, grapevine.dgl as dgl
        >>> SumPooling()(dgl.graph(([0], [1])), torch.tensor([[1.0], [3.0]])).tolist()
        [[4.0]]
    """

    how = "sum"


class AvgPooling(_Pooling):
    """The mean over the nodes of each graph.

    Forward:
        graph: a batch of B graphs.
        feat: (N, *).

    Returns:
        (B, *); zero for a graph without nodes.

    Example:
        >>> import torch, grapevine.dgl as dgl
        >>> AvgPooling()(dgl.graph(([0], [1])), torch.tensor([[1.0], [3.0]])).tolist()
        [[2.0]]
    """

    how = "mean"


class MaxPooling(_Pooling):
    """The maximum over the nodes of each graph, feature by feature.

    Forward:
        graph: a batch of B graphs.
        feat: (N, *).

    Returns:
        (B, *); zero for a graph without nodes.

    Example:
        >>> import torch, grapevine.dgl as dgl
        >>> MaxPooling()(dgl.graph(([0], [1])), torch.tensor([[1.0], [3.0]])).tolist()
        [[3.0]]
    """

    how = "max"


class SortPooling(nn.Module):
    """Sorts the features of each node, then keeps the k nodes whose largest feature is largest.

    Args:
        k: number of nodes.

    Forward:
        graph: a batch of B graphs.
        feat: (N, F).

    Returns:
        (B, k F), with zeros for a graph of fewer nodes.

    Example:
        >>> import torch, grapevine.dgl as dgl
        >>> SortPooling(k=1)(dgl.graph(([0], [1])), torch.tensor([[5.0, 2.0], [3.0, 4.0]])).tolist()
        [[2.0, 5.0]]

    Source: "An End-to-End Deep Learning Architecture for Graph Classification" (AAAI 2018).
    """

    def __init__(self, k: int) -> None:
        super().__init__()
        self.k = k

    def forward(self, graph: DGLGraph, feat: Tensor) -> Tensor:
        return aggr.SortAggregation(self.k)(feat.sort(dim=-1).values, ptr=segments(graph))


class GlobalAttentionPooling(nn.Module):
    r"""The sum over the nodes of each graph, weighted by the softmax of a score that a network gives them.

    .. math::
        \mathbf{r}_g = \sum_{i \in g} \mathrm{softmax}_i ( \mathrm{gate} (\mathbf{x}_i) ) \, f(\mathbf{x}_i)

    Args:
        gate_nn: the score, from (N, F) to (N, 1).
        feat_nn: f, from (N, F) to (N, F'); the features themselves if None.

    Forward:
        graph: a batch of B graphs.
        feat: (N, F).
        get_attention: return the weights too.

    Returns:
        (B, F'); with `get_attention` beside it (N, 1).

    Raises:
        GraphValueError: if there is more than one score per node.

    Example:
        >>> import torch, grapevine.dgl as dgl
        >>> GlobalAttentionPooling(nn.Linear(3, 1))(dgl.graph(([0], [1])), torch.ones(2, 3)).shape
        torch.Size([1, 3])

    Source: "Gated Graph Sequence Neural Networks" (arXiv:1511.05493).
    """

    def __init__(
        self, gate_nn: Callable[[Tensor], Tensor], feat_nn: Callable[[Tensor], Tensor] | None = None
    ) -> None:
        super().__init__()
        self.gate_nn = gate_nn
        self.feat_nn = feat_nn

    def forward(self, graph: DGLGraph, feat: Tensor, get_attention: bool = False) -> Any:
        gate = self.gate_nn(feat)
        if gate.shape[-1] != 1:
            raise GraphValueError(
                f"The output of gate_nn should have size 1 at the last axis, got shape {list(gate.shape)}"
            )
        ptr = segments(graph)
        gate = softmax(gate, ptr=ptr)
        out = segment(gate * (self.feat_nn(feat) if self.feat_nn else feat), ptr, "sum")
        return (out, gate) if get_attention else out


class Set2Set(aggr.Set2Set):
    r"""Reads the nodes of each graph several times, with an attention that an LSTM steers: `grapevine.nn.aggr.Set2Set`.

    Args:
        input_dim: F; the output has 2 F.
        n_iters: number of readings.
        n_layers: layers of the LSTM.

    Forward:
        graph: a batch of B graphs.
        feat: (N, F).

    Returns:
        (B, 2 F).

    Example:
        >>> import torch, grapevine.dgl as dgl
        >>> Set2Set(3, n_iters=2, n_layers=1)(dgl.graph(([0], [1])), torch.ones(2, 3)).shape
        torch.Size([1, 6])

    Source: "Order Matters: Sequence to sequence for sets" (arXiv:1511.06391).
    """

    def __init__(self, input_dim: int, n_iters: int, n_layers: int) -> None:
        super().__init__(input_dim, n_iters, num_layers=n_layers)
        self.input_dim = input_dim
        self.output_dim = 2 * input_dim
        self.n_iters = n_iters
        self.n_layers = n_layers

    def __call__(
        self, *args: Any, **kwargs: Any
    ) -> Any:  # not the aggregations' own, which looks for an index
        return nn.Module.__call__(self, *args, **kwargs)

    def forward(self, graph: DGLGraph, feat: Tensor) -> Tensor:  # type: ignore[override]
        index = ptr2index(segments(graph), output_size=feat.shape[0])
        return super().forward(feat, index, None, graph.batch_size)

    def __repr__(self) -> str:
        return f"Set2Set(n_iters={self.n_iters}, lstm={self.lstm})"


class WeightAndSum(nn.Module):
    r"""The sum over the nodes of each graph, each weighted by the sigmoid of a linear score.

    Args:
        in_feats: F.

    Forward:
        g: a batch of B graphs.
        feats: (N, F).

    Returns:
        (B, F).

    Example:
        >>> import torch, grapevine.dgl as dgl
        >>> WeightAndSum(3)(dgl.graph(([0], [1])), torch.ones(2, 3)).shape
        torch.Size([1, 3])
    """

    def __init__(self, in_feats: int) -> None:
        super().__init__()
        self.in_feats = in_feats
        self.atom_weighting = nn.Sequential(nn.Linear(in_feats, 1), nn.Sigmoid())

    def forward(self, g: DGLGraph, feats: Tensor) -> Tensor:
        return segment(feats * self.atom_weighting(feats), segments(g), "sum")
