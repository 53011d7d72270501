"""GraphSAGE's convolution."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from grapevine.dgl.base import DGLError
from grapevine.dgl.nn._graphs import (
    Feat,
    check_eq_shape,
    expand_as_pair,
    relu_gain,
    sent,
)
from grapevine.edges import Edges
from grapevine.engine import materialise
from grapevine.utils import to_dense_batch

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLGraph

_AGGREGATORS = ("mean", "gcn", "pool", "lstm")


class SAGEConv(nn.Module):
    r"""A linear map of the node, plus one of what its neighbours amount to.

    .. math::
        \mathbf{h}'_i = \mathrm{norm} \left( \sigma \left( \mathbf{W}_{self} \mathbf{h}_i + \mathbf{b}
        + \mathbf{W}_{neigh} \, \mathrm{aggregate} \{ e_{ji} \mathbf{h}_j : j \in \mathcal{N}(i) \} \right) \right)

    Args:
        in_feats: F; a pair for sources and destinations.
        out_feats: F'.
        aggregator_type: "mean"; "pool": the maximum of a layer with a ReLU; "lstm": the last state of an LSTM that
            reads the neighbours in the order of their edges; "gcn": (sum + own) / (in-degree + 1), without
            :math:`W_{self}`.
        feat_drop: probability with which an input feature is dropped in training.
        bias: learn a shift.
        norm: applied to the output, after the activation.
        activation: of the output.

    Forward:
        graph: a graph of one relation, or a block.
        feat: (N, F), or a pair for sources and destinations.
        edge_weight: (E,) or (E, 1), multiplies the messages.

    Returns:
        (N_dst, F').

    Raises:
        DGLError: for another aggregator, or "gcn" with sources and destinations of unequal width.

    Example:
        >>> import grapevine.dgl as dgl
        >>> g = dgl.graph(([0, 1, 2], [1, 2, 0]))
        >>> SAGEConv(4, 2, "mean")(g, torch.ones(3, 4)).shape
        torch.Size([3, 2])

    Source: "Inductive Representation Learning on Large Graphs" (arXiv:1706.02216).
    """

    bias: Tensor | None

    def __init__(
        self,
        in_feats: int | tuple[int, int],
        out_feats: int,
        aggregator_type: str,
        feat_drop: float = 0.0,
        bias: bool = True,
        norm: Callable[[Tensor], Tensor] | None = None,
        activation: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        super().__init__()
        if aggregator_type not in _AGGREGATORS:
            raise DGLError(
                f"Invalid aggregator_type. Must be one of {_AGGREGATORS}. But got {aggregator_type!r} instead."
            )
        self._in_src_feats, self._in_dst_feats = expand_as_pair(in_feats)
        self._out_feats = out_feats
        self._aggre_type = aggregator_type
        self.norm = norm
        self.feat_drop = nn.Dropout(feat_drop)
        self.activation = activation
        width = self._in_src_feats
        if aggregator_type == "pool":
            self.fc_pool = nn.Linear(width, width)
        if aggregator_type == "lstm":
            self.lstm = nn.LSTM(width, width, batch_first=True)
        self.fc_neigh = nn.Linear(width, out_feats, bias=False)
        if aggregator_type != "gcn":
            self.fc_self = nn.Linear(self._in_dst_feats, out_feats, bias=bias)
        elif bias:
            self.bias = nn.Parameter(torch.zeros(out_feats))
        else:
            self.register_buffer("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new weights; biases stay."""
        gain = relu_gain()
        if self._aggre_type == "pool":
            nn.init.xavier_uniform_(self.fc_pool.weight, gain=gain)
        if self._aggre_type == "lstm":
            self.lstm.reset_parameters()
        if self._aggre_type != "gcn":
            nn.init.xavier_uniform_(self.fc_self.weight, gain=gain)
        nn.init.xavier_uniform_(self.fc_neigh.weight, gain=gain)

    def forward(self, graph: DGLGraph, feat: Feat, edge_weight: Tensor | None = None) -> Tensor:
        edges = graph._relation()
        if isinstance(feat, tuple):
            source, target = self.feat_drop(feat[0]), self.feat_drop(feat[1])
        else:
            source, target = expand_as_pair(self.feat_drop(feat), graph)
        if self._aggre_type == "gcn":
            check_eq_shape(feat)
        # The map comes first where fewer features then travel; only linear aggregations allow it.
        first = self._in_src_feats > self._out_feats and self._aggre_type in ("mean", "gcn")
        x = self.fc_neigh(source) if first else source
        if self._aggre_type == "mean":
            h = edges.mean(sent(edges, x, edge_weight))
        elif self._aggre_type == "gcn":
            own = self.fc_neigh(target) if first else target
            h = (edges.sum(sent(edges, x, edge_weight)) + own) / (edges.in_degrees(x.dtype).unsqueeze(-1) + 1)
        elif self._aggre_type == "pool":
            h = edges.max(sent(edges, F.relu(self.fc_pool(x)), edge_weight))
        else:
            h = self._last_state(edges, materialise(sent(edges, x, edge_weight)))
        h = h if first else self.fc_neigh(h)
        if self._aggre_type != "gcn":
            out = self.fc_self(target) + h
        else:
            out = h if self.bias is None else h + self.bias
        if self.activation is not None:
            out = self.activation(out)
        return out if self.norm is None else self.norm(out)

    def _last_state(self, edges: Edges, m: Tensor) -> Tensor:
        """The LSTM's state after the messages of each destination, zero where none arrives."""
        out = m.new_zeros(edges.num_dst, m.shape[1])
        lengths = edges.in_degrees()
        reached = lengths.nonzero().squeeze(-1)
        if reached.numel() == 0:
            return out
        order = edges.by_dst.perm
        rows = edges.dst_index
        if order is not None:
            m, rows = m[order], rows[order]
        sequences, _ = to_dense_batch(m, rows, batch_size=edges.num_dst)
        packed = pack_padded_sequence(
            sequences[reached], lengths[reached].cpu(), batch_first=True, enforce_sorted=False
        )
        return out.index_copy(0, reached, self.lstm(packed)[1][0].squeeze(0))
