"""Random graphs, and grids."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from grapevine.errors import GraphValueError
from grapevine.graph.direction import to_undirected
from grapevine.graph.loops import remove_self_loops
from grapevine.graph.sampling import PairSpace, sample_distinct
from grapevine.graph.sorting import sort_edge_index


def erdos_renyi_graph(num_nodes: int, edge_prob: float, directed: bool = False) -> Tensor:
    """A random graph in which every edge is there with the same probability.

    Args:
        num_nodes: number of nodes.
        edge_prob: the probability, in [0, 1].
        directed: draw both directions by themselves.

    Returns:
        `edge_index` (2, E), sorted, without self-loops, drawn in time and memory of order N + E.

    Raises:
        GraphValueError: if `edge_prob` is no probability.

    Example:
        >>> erdos_renyi_graph(3, edge_prob=1.0)
        tensor([[0, 0, 1, 1, 2, 2],
                [1, 2, 0, 2, 0, 1]])

    Source: On the Evolution of Random Graphs (Erdős, Rényi, 1960).
    """
    return stochastic_blockmodel_graph([num_nodes], [[edge_prob]], directed)


def stochastic_blockmodel_graph(
    block_sizes: Sequence[int] | Tensor,
    edge_probs: Sequence[Sequence[float]] | Tensor,
    directed: bool = False,
) -> Tensor:
    """A random graph in which the probability of an edge depends on the blocks of its ends.

    Args:
        block_sizes: the number of nodes of every block.
        edge_probs: `(B, B)` probabilities in [0, 1], symmetric unless directed.
        directed: draw both directions by themselves.

    Returns:
        `edge_index` (2, E), sorted, without self-loops, drawn in time and memory of order N + E.

    Raises:
        GraphValueError: if shapes do not fit, or probabilities are none or not symmetric.

    Example:
        >>> stochastic_blockmodel_graph([2, 1], [[0., 1.], [1., 0.]])
        tensor([[0, 1, 2, 2],
                [2, 2, 0, 1]])

    Source: Stochastic blockmodels: First steps (Holland, Laskey, Leinhardt, 1983).
    """
    sizes = torch.as_tensor(block_sizes, dtype=torch.int64)
    probs = torch.as_tensor(edge_probs, dtype=torch.float64)
    if sizes.dim() != 1 or probs.shape != (sizes.numel(), sizes.numel()):
        raise GraphValueError(
            f"expected B block sizes and (B, B) edge_probs, got {tuple(sizes.shape)} and {tuple(probs.shape)}"
        )
    if not bool(((probs >= 0) & (probs <= 1)).all()):
        raise GraphValueError(f"expected edge probabilities between 0 and 1, got {probs.tolist()}")
    if not directed and not torch.allclose(probs, probs.t()):
        raise GraphValueError("expected symmetric edge_probs for an undirected graph; pass directed=True")

    ptr = torch.cat([sizes.new_zeros(1), sizes.cumsum(0)])
    chunks = []
    for a in range(sizes.numel()):
        for b in range(0 if directed else a, sizes.numel()):
            kind = "all" if a != b else "different" if directed else "ascending"
            space = PairSpace.of(sizes.new_tensor([0, sizes[a]]), sizes.new_tensor([0, sizes[b]]), kind)
            total = space.ptr[-1:]
            count = torch.binomial(total.double(), probs[a, b].view(1)).long()
            row, col = space.decode(sample_distinct(total, count))
            chunks.append(torch.stack([row + ptr[a], col + ptr[b]]))
    edge_index = torch.cat(chunks, dim=1) if chunks else torch.empty(2, 0, dtype=torch.int64)
    return sort_edge_index(edge_index) if directed else to_undirected(edge_index)


def barabasi_albert_graph(num_nodes: int, num_edges: int) -> Tensor:
    """A random graph that grows by preferential attachment.

    Every new node draws `num_edges` ends of edges that are there (its own included); duplicates and
    self-loops are dropped in the end.

    Args:
        num_nodes: number of nodes N.
        num_edges: edges of every new node, in [1, N).

    Returns:
        The undirected `edge_index` (2, E), sorted.

    Raises:
        GraphValueError: if `num_edges` is out of range.

    Example:
        >>> edge_index = barabasi_albert_graph(num_nodes=100, num_edges=2)
        >>> int(torch.bincount(edge_index[0]).max()) > 10  # a hub
        True

    Source: Emergence of Scaling in Random Networks (arXiv:cond-mat/9910332).
    """
    if not 0 < num_edges < num_nodes:
        raise GraphValueError(f"expected 0 < num_edges < num_nodes, got {num_edges} and {num_nodes}")
    old = torch.arange(num_edges)
    row = torch.cat([old, torch.arange(num_edges, num_nodes).repeat_interleave(num_edges)])
    # Every later column copies a row, or an earlier column: follow the copies back, twice as far each time.
    num_rows = torch.arange(2, num_nodes - num_edges + 2).repeat_interleave(num_edges) * num_edges
    choice = (torch.rand(num_rows.numel(), dtype=torch.float64) * (2 * num_rows - num_edges)).long()
    is_row = choice < num_rows
    col = torch.cat([torch.randperm(num_edges), row[choice.clamp(max=row.numel() - 1)]])
    origin = torch.cat([old, torch.where(is_row, old.new_tensor(-1), choice - num_rows)])
    itself = torch.arange(origin.numel())
    origin = torch.where(origin < 0, itself, origin)
    while not torch.equal(origin, origin[origin]):
        origin = origin[origin]
    edge_index, _ = remove_self_loops(torch.stack([row, col[origin]]))
    return to_undirected(edge_index)


def grid(
    height: int, width: int, dtype: torch.dtype | None = None, device: torch.device | str | None = None
) -> tuple[Tensor, Tensor]:
    """A grid in which every node is connected to itself and its up to eight neighbours.

    Args:
        height: number of rows.
        width: number of columns.
        dtype: of the positions.
        device: of both outputs.

    Returns:
        `edge_index` (2, E), sorted, and the positions (N, 2), x to the right and y upwards.

    Example:
        >>> grid(1, 2)
        (tensor([[0, 0, 1, 1],
            [0, 1, 0, 1]]), tensor([[0., 0.],
            [1., 0.]]))
    """
    y = torch.arange(height, device=device).repeat_interleave(width).view(-1, 1)
    x = torch.arange(width, device=device).repeat(height).view(-1, 1)
    step = torch.arange(-1, 2, device=device)
    to_y = y + step.repeat_interleave(3)
    to_x = x + step.repeat(3)
    inside = (to_y >= 0) & (to_y < height) & (to_x >= 0) & (to_x < width)
    row = (y * width + x).expand_as(inside)[inside]
    edge_index = torch.stack([row, (to_y * width + to_x)[inside]])
    dtype = torch.get_default_dtype() if dtype is None else dtype
    return edge_index, torch.cat([x, height - 1 - y], dim=1).to(dtype)
