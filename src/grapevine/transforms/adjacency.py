"""Edges as matrices: sparse, dense, normalised."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from grapevine.data import Data
from grapevine.errors import GraphValueError
from grapevine.graph import symmetric_weights
from grapevine.transforms.base import BaseTransform, count_nodes, needed
from grapevine.utils import (
    add_remaining_self_loops,
    scatter,
    sort_edge_index,
    to_edge_index,
    to_torch_coo_tensor,
    to_torch_csc_tensor,
    to_torch_csr_tensor,
)

_BUILD = {
    torch.sparse_coo: to_torch_coo_tensor,
    torch.sparse_csr: to_torch_csr_tensor,
    torch.sparse_csc: to_torch_csc_tensor,
}


def symmetric_norm(
    edge_index: Tensor, edge_weight: Tensor | None, num_nodes: int, add_self_loops: bool = False
) -> tuple[Tensor, Tensor]:
    r"""Weights edges by :math:`D^{-1/2} A D^{-1/2}`, with D the weighted in-degrees; zero where D is."""
    weight = torch.ones(edge_index.size(1), device=edge_index.device) if edge_weight is None else edge_weight
    if add_self_loops:
        edge_index, looped = add_remaining_self_loops(edge_index, weight, 1.0, num_nodes)
        weight = weight if looped is None else looped
    degree = scatter(weight, edge_index[1], dim_size=num_nodes, reduce="sum")
    return edge_index, symmetric_weights(edge_index, weight, degree)


class ToSparseTensor(BaseTransform):
    """Turns ``edge_index`` into the sparse matrix ``adj_t``, rows being targets and columns sources.

    Edges and all their attributes are sorted by target on the way.

    Args:
        attr: name of the attribute that becomes the values; without it the values are ones.
        remove_edge_index: whether to remove ``edge_index`` and `attr`.
        fill_cache: accepted, as a sparse matrix of torch has no caches to fill.
        layout: `torch.sparse_csr`, `torch.sparse_csc` or `torch.sparse_coo`; None means CSR, or COO for
            values of more than one column.

    Raises:
        GraphValueError: for another layout.

    Example:
        >>> data = Data(edge_index=torch.tensor([[0, 1], [1, 2]]), num_nodes=3)
        >>> ToSparseTensor()(data).adj_t.to_dense()
        tensor([[0., 0., 0.],
                [1., 0., 0.],
                [0., 1., 0.]])
    """

    def __init__(
        self,
        attr: str | None = "edge_weight",
        remove_edge_index: bool = True,
        fill_cache: bool = True,
        layout: torch.layout | None = None,
    ) -> None:
        if layout is not None and layout not in _BUILD:
            raise GraphValueError(f"expected a layout of {(None, *_BUILD)}, got {layout}")
        self.attr = attr
        self.remove_edge_index = remove_edge_index
        self.fill_cache = fill_cache
        self.layout = layout

    def forward(self, data: Any) -> Any:
        for store in data.edge_stores:
            if "edge_index" not in store:
                continue
            keys = [
                k for k in store.edge_attrs() if k not in ("edge_index", "edge_label", "edge_label_index")
            ]
            store.edge_index, values = sort_edge_index(
                store.edge_index, [store[key] for key in keys], sort_by_row=False
            )
            store.update(zip(keys, values))

            weight = store.get(self.attr) if self.attr is not None else None
            layout = self.layout or torch.sparse_csr
            if weight is not None and weight.dim() > 1:
                layout = torch.sparse_coo
            num_src, num_dst = store.size()
            store.adj_t = _BUILD[layout](store.edge_index.flip(0), weight, size=(num_dst, num_src))
            if self.remove_edge_index:
                del store["edge_index"]
                if self.attr is not None:
                    store[self.attr] = None
        return data

    def __repr__(self) -> str:
        return f"{type(self).__name__}(attr={self.attr}, layout={self.layout})"


class ToDense(BaseTransform):
    """Turns ``edge_index`` into a dense ``adj`` (N, N) or (N, N, F) and marks real nodes in ``mask``.

    Node features, positions and labels are padded with zeros.

    Args:
        num_nodes: N, no smaller than the graph; None means that of the graph.

    Raises:
        GraphValueError: if the graph has more nodes than that.
    """

    def __init__(self, num_nodes: int | None = None) -> None:
        self.num_nodes = num_nodes

    def forward(self, data: Data) -> Data:
        edge_index = needed(data, "edge_index", self)
        present = count_nodes(data, self)
        total = present if self.num_nodes is None else self.num_nodes
        if present > total:
            raise GraphValueError(
                f"expected a graph of at most num_nodes={total} nodes, got {present}; "
                f"do this instead: ToDense(num_nodes={present})"
            )
        weight = data.get("edge_attr")
        if weight is None:
            weight = torch.ones(edge_index.size(1), device=edge_index.device)
        shape = (total, total, *weight.shape[1:])
        data.adj = weight.new_zeros(shape).index_put((edge_index[0], edge_index[1]), weight, accumulate=True)
        data.edge_index = data.edge_attr = None
        data.mask = torch.arange(total, device=edge_index.device) < present
        for key in ("x", "pos", "y"):
            value = data.get(key)
            if isinstance(value, Tensor) and value.dim() > 0 and value.size(0) == present:
                padding = value.new_zeros(total - present, *value.shape[1:])
                data[key] = torch.cat([value, padding])
        return data

    def __repr__(self) -> str:
        return f"{type(self).__name__}({'' if self.num_nodes is None else f'num_nodes={self.num_nodes}'})"


class GCNNorm(BaseTransform):
    r"""Weights edges as graph convolutional networks do.

    .. math:: \hat A = D^{-1/2} (A + I) D^{-1/2}

    Args:
        add_self_loops: whether to add I; weights of self-loops that are there stay.

    Source: Kipf, Welling, "Semi-Supervised Classification with Graph Convolutional Networks",
    arXiv:1609.02907.
    """

    def __init__(self, add_self_loops: bool = True) -> None:
        self.add_self_loops = add_self_loops

    def forward(self, data: Data) -> Data:
        if "edge_index" in data:
            data.edge_index, data.edge_weight = symmetric_norm(
                data["edge_index"], data.get("edge_weight"), count_nodes(data, self), self.add_self_loops
            )
            return data
        adj_t = needed(data, "adj_t", self)
        transposed, weight = to_edge_index(adj_t)
        edge_index, weight = symmetric_norm(transposed.flip(0), weight, adj_t.size(0), self.add_self_loops)
        data.adj_t = _BUILD[adj_t.layout](edge_index.flip(0), weight, size=adj_t.size())
        return data

    def __repr__(self) -> str:
        return f"{type(self).__name__}(add_self_loops={self.add_self_loops})"
