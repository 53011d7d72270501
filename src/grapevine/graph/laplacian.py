"""Laplacians and normalised edge weights."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.errors import GraphValueError
from grapevine.graph._reduce import reduce_rows
from grapevine.graph.direction import to_undirected
from grapevine.graph.loops import add_self_loops as with_self_loops
from grapevine.graph.loops import remove_self_loops
from grapevine.graph.num_nodes import maybe_num_nodes


def _power(x: Tensor, exponent: float) -> Tensor:
    """`x ** exponent`, with 0 where that is infinite."""
    out = x.pow(exponent)
    return out.masked_fill(out == float("inf"), 0.0)


def symmetric_weights(edge_index: Tensor, weight: Tensor, degree: Tensor) -> Tensor:
    r"""Divides weights by the roots of the degrees at both ends, :math:`D^{-1/2} A D^{-1/2}`; 0 where a degree is.

    Args:
        edge_index: `(2, E)`.
        weight: `(E,)`.
        degree: `(N,)`.

    Example:
        >>> symmetric_weights(torch.tensor([[0, 1], [1, 0]]), torch.ones(2), torch.tensor([1.0, 4.0]))
        tensor([0.5000, 0.5000])
    """
    scale = _power(degree, -0.5)
    return scale[edge_index[0]] * weight * scale[edge_index[1]]


def get_laplacian(
    edge_index: Tensor,
    edge_weight: Tensor | None = None,
    normalization: str | None = None,
    dtype: torch.dtype | None = None,
    num_nodes: int | None = None,
) -> tuple[Tensor, Tensor]:
    r"""The graph Laplacian as weighted edges.

    .. math:: D - A, \quad I - D^{-1/2} A D^{-1/2} \ \text{("sym")}, \quad I - D^{-1} A \ \text{("rw")}

    Args:
        edge_index: `(2, E)` integers; self-loops are dropped first.
        edge_weight: `(E,)`; ones by default.
        normalization: None, `"sym"` or `"rw"`.
        dtype: of the weights where none are given.
        num_nodes: number of nodes.

    Returns:
        `edge_index` with one self-loop per node at the end, and its weights.

    Raises:
        GraphValueError: for an unknown `normalization`.

    Example:
        >>> get_laplacian(torch.tensor([[0, 1], [1, 0]]))
        (tensor([[0, 1, 0, 1],
            [1, 0, 0, 1]]), tensor([-1., -1.,  1.,  1.]))
    """
    if normalization not in (None, "sym", "rw"):
        raise GraphValueError(f"expected normalization None, 'sym' or 'rw', got {normalization!r}")
    num_nodes = maybe_num_nodes(edge_index, num_nodes)
    edge_index, edge_weight = remove_self_loops(edge_index, edge_weight)
    if edge_weight is None:
        edge_weight = torch.ones(edge_index.size(1), dtype=dtype, device=edge_index.device)
    diagonal = degree = reduce_rows(edge_weight, edge_index[0], num_nodes, "sum")
    if normalization == "sym":
        edge_weight = symmetric_weights(edge_index, edge_weight, degree)
    elif normalization == "rw":
        edge_weight = _power(degree, -1.0)[edge_index[0]] * edge_weight
    if normalization is not None:
        diagonal = torch.ones_like(degree)
    edge_index, _ = with_self_loops(edge_index, num_nodes=num_nodes)
    return edge_index, torch.cat([-edge_weight, diagonal])


def get_mesh_laplacian(pos: Tensor, face: Tensor, normalization: str | None = None) -> tuple[Tensor, Tensor]:
    r"""The cotangent Laplacian of a triangle mesh as weighted edges.

    .. math:: L_{ij} = \tfrac12 (\cot \alpha_{ij} + \cot \beta_{ij}), \qquad L_{ii} = -\sum_j L_{ij}

    with the angles opposite to the edge. `"rw"` divides row i by the area of node i, a third of that of its
    faces; `"sym"` divides by the roots of both areas.

    Args:
        pos: `(N, 3)` positions.
        face: `(3, T)` nodes of every triangle.
        normalization: None, `"sym"` or `"rw"`.

    Returns:
        `edge_index` with one self-loop per node at the end, and its weights.

    Raises:
        GraphValueError: for other shapes, or an unknown `normalization`.

    Example:
        >>> pos = torch.tensor([[0., 0., 0.], [1., 0., 0.], [0., 1., 0.]])
        >>> edge_index, weight = get_mesh_laplacian(pos, torch.tensor([[0], [1], [2]]))
        >>> weight[edge_index[0] == edge_index[1]]
        tensor([-1.0000, -0.5000, -0.5000])
    """
    if pos.dim() != 2 or pos.size(1) != 3 or face.dim() != 2 or face.size(0) != 3:
        raise GraphValueError(
            f"expected pos of shape (N, 3) and face of shape (3, T), got {tuple(pos.shape)} and "
            f"{tuple(face.shape)}"
        )
    if normalization not in (None, "sym", "rw"):
        raise GraphValueError(f"expected normalization None, 'sym' or 'rw', got {normalization!r}")
    num_nodes = pos.size(0)
    ends = torch.cat([face[[0, 1]], face[[1, 2]], face[[0, 2]]], dim=1)
    corner = torch.cat([face[2], face[0], face[1]])  # opposite to each of these
    left, right = pos[ends[0]] - pos[corner], pos[ends[1]] - pos[corner]
    double_area = torch.linalg.cross(left, right).norm(dim=1)

    edge_index, weight = to_undirected(ends, (left * right).sum(dim=1) / double_area / 2)
    diagonal = -reduce_rows(weight, edge_index[0], num_nodes, "sum")
    edge_index, _ = with_self_loops(edge_index, num_nodes=num_nodes)
    weight = torch.cat([weight, diagonal])
    if normalization is not None:
        area = reduce_rows(double_area / 6, corner, num_nodes, "sum")
        if normalization == "sym":
            weight = symmetric_weights(edge_index, weight, area)
        else:
            weight = _power(area, -1.0)[edge_index[0]] * weight
    return edge_index, weight


def normalize_edge_index(
    edge_index: Tensor, num_nodes: int | None = None, add_self_loops: bool = True, symmetric: bool = True
) -> tuple[Tensor, Tensor]:
    r"""Edge weights normalised by degree: :math:`D^{-1/2} A D^{-1/2}` or :math:`D^{-1} A`.

    Args:
        edge_index: `(2, E)` integers.
        num_nodes: number of nodes.
        add_self_loops: add a self-loop to every node first.
        symmetric: by both degrees, else by that of the source.

    Returns:
        `edge_index` and its weights.

    Example:
        >>> normalize_edge_index(torch.tensor([[0, 1], [1, 0]]))
        (tensor([[0, 1, 0, 1],
            [1, 0, 0, 1]]), tensor([0.5000, 0.5000, 0.5000, 0.5000]))
    """
    num_nodes = maybe_num_nodes(edge_index, num_nodes)
    if add_self_loops:
        edge_index = with_self_loops(edge_index, num_nodes=num_nodes)[0]
    ones = torch.ones(edge_index.size(1), device=edge_index.device)
    degree = reduce_rows(ones, edge_index[0], num_nodes, "sum")
    if symmetric:
        return edge_index, symmetric_weights(edge_index, ones, degree)
    return edge_index, _power(degree, -1.0)[edge_index[0]]


def normalized_cut(edge_index: Tensor, edge_attr: Tensor, num_nodes: int | None = None) -> Tensor:
    r"""The normalised cut :math:`e_{ij} (1 / \deg(i) + 1 / \deg(j))` of every edge.

    Args:
        edge_index: `(2, E)` integers.
        edge_attr: `(E,)` weights.
        num_nodes: number of nodes.

    Returns:
        `(E,)`.

    Example:
        >>> normalized_cut(torch.tensor([[0, 1], [1, 0]]), torch.tensor([1., 2.]))
        tensor([2., 4.])
    """
    row, col = edge_index
    num_nodes = maybe_num_nodes(edge_index, num_nodes)
    degree = reduce_rows(edge_attr.new_ones(col.numel()), col, num_nodes, "sum")
    return edge_attr * (1 / degree[row] + 1 / degree[col])
