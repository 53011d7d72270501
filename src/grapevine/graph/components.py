"""Connected components."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from scipy.sparse import csgraph
from torch import Tensor

from grapevine.errors import GraphValueError
from grapevine.graph.num_nodes import maybe_num_nodes


def adjacency(edge_index: Tensor, num_nodes: int) -> sparse.csr_array:
    """The adjacency as a SciPy matrix; an entry counts the parallel edges."""
    row, col = edge_index.cpu().numpy()
    return sparse.csr_array((np.ones(row.size, dtype=np.int32), (row, col)), shape=(num_nodes, num_nodes))


def connected_components(
    edge_index: Tensor, num_nodes: int | None = None, connection: str = "weak"
) -> tuple[int, Tensor]:
    """The connected components of a graph.

    Args:
        edge_index: `(2, E)` integers.
        num_nodes: number of nodes N.
        connection: `"weak"` ignores directions, `"strong"` needs a path both ways.

    Returns:
        Their number, and the component (N,) of every node.

    Raises:
        GraphValueError: for an unknown `connection`.

    Example:
        >>> connected_components(torch.tensor([[0, 1], [1, 0]]), num_nodes=3)
        (2, tensor([0, 0, 1]))
    """
    if connection not in ("weak", "strong"):
        raise GraphValueError(f"expected connection 'weak' or 'strong', got {connection!r}")
    adj = adjacency(edge_index, maybe_num_nodes(edge_index, num_nodes))
    count, label = csgraph.connected_components(adj, directed=True, connection=connection)
    return int(count), torch.from_numpy(label).to(edge_index.device, torch.int64)


def largest_connected_components(
    edge_index: Tensor, num_nodes: int | None = None, num_components: int = 1, connection: str = "weak"
) -> Tensor:
    """The mask (N,) of the nodes in the largest connected components.

    Args:
        edge_index: `(2, E)` integers.
        num_nodes: number of nodes N.
        num_components: how many components.
        connection: `"weak"` or `"strong"`, see `connected_components`.

    Example:
        >>> largest_connected_components(torch.tensor([[0, 1], [1, 0]]), num_nodes=3)
        tensor([ True,  True, False])
    """
    count, label = connected_components(edge_index, num_nodes, connection)
    largest = torch.bincount(label, minlength=count).argsort(descending=True, stable=True)[:num_components]
    return torch.isin(label, largest)
