"""Connected components of a graph given by its edges."""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from torch import Tensor


def components(edge_index: Tensor, num_nodes: int) -> list[Tensor]:
    """Groups nodes by (weakly) connected component.

    Args:
        edge_index: edges (2, E), int64 in [0, num_nodes).
        num_nodes: number of nodes N.

    Returns:
        One tensor of node ids for each component; components, and the nodes in each, in the order in which
        the edges first mention them, isolated nodes last.

    Example:
        >>> components(torch.tensor([[2, 3], [3, 0]]), num_nodes=4)
        [tensor([2, 3, 0]), tensor([1])]
    """
    row, col = edge_index.cpu().numpy()
    adjacency = coo_matrix((np.ones(row.size, dtype=np.int8), (row, col)), shape=(num_nodes, num_nodes))
    label = connected_components(adjacency, directed=False)[1]
    mentions = np.concatenate([np.stack([row, col], axis=1).ravel(), np.arange(num_nodes)])
    nodes, first = np.unique(mentions, return_index=True)
    nodes = nodes[np.argsort(first)]
    _, begin, inverse = np.unique(label[nodes], return_index=True, return_inverse=True)
    rank = begin[inverse]  # where the component of each node is first mentioned
    order = np.argsort(rank, kind="stable")
    sizes = np.unique(rank, return_counts=True)[1]
    return [
        torch.from_numpy(ids).to(edge_index.device) for ids in np.split(nodes[order], sizes.cumsum()[:-1])
    ]
