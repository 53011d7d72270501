"""The old way to split edges for link prediction."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import torch

from grapevine.errors import GraphValueError
from grapevine.graph.direction import to_undirected

if TYPE_CHECKING:
    from grapevine.data import Data


def train_test_split_edges(data: Data, val_ratio: float = 0.05, test_ratio: float = 0.1) -> Data:
    """Splits the edges of an undirected graph into positive and negative ones for training, validation, test.

    Deprecated in favour of `transforms.RandomLinkSplit`. Needs memory of order N².

    Args:
        data: the graph; its `edge_index` and `edge_attr` are replaced by `{train,val,test}_pos_edge_index`
            (and `_attr`), `{val,test}_neg_edge_index` and `train_neg_adj_mask` (N, N).
        val_ratio: share of the edges for validation.
        test_ratio: share of the edges for test.

    Returns:
        `data`, changed.

    Raises:
        GraphValueError: if `data` is a batch, or lacks edges or a number of nodes.
    """
    warnings.warn(
        "'train_test_split_edges' is deprecated, use 'transforms.RandomLinkSplit' instead", stacklevel=2
    )
    if "batch" in data:
        raise GraphValueError("expected a single graph, got a batch; split every graph by itself")
    if data.edge_index is None or data.num_nodes is None:
        raise GraphValueError("expected data with edge_index and num_nodes, got none; set data.num_nodes")
    edge_index, edge_attr, num_nodes = data.edge_index, data.edge_attr, data.num_nodes
    del data.edge_index
    del data.edge_attr

    ascending = edge_index[0] < edge_index[1]
    edge_index = edge_index[:, ascending]
    num_val = int(val_ratio * edge_index.size(1))
    num_test = int(test_ratio * edge_index.size(1))
    perm = torch.randperm(edge_index.size(1))
    parts = {
        "val": perm[:num_val],
        "test": perm[num_val : num_val + num_test],
        "train": perm[num_val + num_test :],
    }
    for name, part in parts.items():
        index = edge_index[:, part]
        attr = None if edge_attr is None else edge_attr[ascending][part]
        if name == "train":
            index, attr = to_undirected(index, attr)
        data[f"{name}_pos_edge_index"] = index
        if attr is not None:
            data[f"{name}_pos_edge_attr"] = attr

    free = torch.ones(num_nodes, num_nodes, dtype=torch.bool).triu(diagonal=1)
    free[edge_index[0], edge_index[1]] = False
    negative = free.nonzero().t()
    negative = negative[:, torch.randperm(negative.size(1))[: num_val + num_test]]
    free[negative[0], negative[1]] = False
    data.train_neg_adj_mask = free
    data.val_neg_edge_index = negative[:, :num_val]
    data.test_neg_edge_index = negative[:, num_val:]
    return data
