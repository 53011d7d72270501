"""Typed edges: what layers with a matrix for each type share."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from grapevine.edges import Edges
from grapevine.engine import must_be_plain
from grapevine.errors import GraphIndexError, GraphTypeError, GraphValueError
from grapevine.graph.sparse import is_torch_sparse_tensor, to_edge_index


class Relations(NamedTuple):
    """Typed edges by way of P pairs (type, destination), sorted by type: as many as there are, or all.

    Attributes:
        sent: from the sources to the pairs; edges in their order.
        type: (E,) types of the edges.
        sizes: number of pairs of each type.
        merge: from the pairs to the destinations.
    """

    sent: Edges
    type: Tensor
    sizes: list[int]
    merge: Edges


def relations(edges: Edges, edge_type: Tensor, num_relations: int) -> Relations:
    """The pairs of a graph; found once, for as long as its edges and their types stay the same."""

    def build() -> Relations:
        return _find(edges, edge_type, num_relations)

    if must_be_plain() or edge_type.is_inference():
        return build()
    known = edges.derived(("relations", num_relations), WeakTensorKeyDictionary)
    found = known.get(edge_type)
    if found is None or found[0] != edge_type._version:
        with torch.inference_mode(False):  # it outlives this call
            found = known[edge_type] = (edge_type._version, build())
    return found[1]


def _find(edges: Edges, edge_type: Tensor, num_relations: int) -> Relations:
    num_dst = edges.num_dst
    edge_type = edge_type.detach().long()
    if must_be_plain():  # which pairs there are depends on values, so take all
        pair = edge_type * num_dst + edges.dst_index
        pairs = torch.arange(num_relations * num_dst, device=edges.device)
        sizes = [num_dst] * num_relations
    else:
        _check(edge_type, edges.num_edges, num_relations)
        pairs, pair = (edge_type * num_dst + edges.dst_index).unique(return_inverse=True)
        sizes = (pairs // max(num_dst, 1)).bincount(minlength=num_relations).tolist()
    place = torch.arange(pairs.shape[0], device=edges.device)
    sent = Edges.of(torch.stack([edges.src_index, pair]), (edges.num_src, pairs.shape[0]))
    merge = Edges.of(torch.stack([place, pairs % max(num_dst, 1)]), (pairs.shape[0], num_dst))
    return Relations(sent, edge_type.clone(), sizes, merge)


def _check(edge_type: Tensor, num_edges: int, num_relations: int) -> None:
    if edge_type.shape != (num_edges,):
        raise GraphValueError(
            f"expected a relation for each of {num_edges} edges, got shape {list(edge_type.shape)}"
        )
    if num_edges and not 0 <= int(edge_type.min()) <= int(edge_type.max()) < num_relations:
        edge = int(((edge_type < 0) | (edge_type >= num_relations)).nonzero()[0])
        raise GraphIndexError(
            f"edge {edge}: relation {int(edge_type[edge])} does not exist among {num_relations}; they count from 0"
        )


def relations_of(edge_index: Any, edge_type: Tensor | None) -> Tensor:
    """The types of the edges: as given, or the values of a sparse adjacency."""
    if edge_type is None and is_torch_sparse_tensor(edge_index):
        return to_edge_index(edge_index)[1].long()
    if edge_type is None:
        raise GraphTypeError(
            "expected edge_type, the relation of each edge, got None; pass an int64 tensor (E,)"
        )
    return edge_type


def mapped(x: Tensor, sizes: list[int], matrices: Tensor) -> Tensor:
    """Rows (P, F) sorted by type, each times its type's matrix.

    Args:
        x: the rows.
        sizes: number of rows of each type.
        matrices: (R, F, F'), or (R, B, F / B, F' / B) for block-diagonal ones.

    Returns:
        (P, F').
    """
    if matrices.dim() == 3:
        return torch.cat([part @ matrix for part, matrix in zip(x.split(sizes), matrices)])
    x = x.unflatten(1, (matrices.shape[1], -1)).transpose(0, 1)
    out = torch.cat([part @ matrix for part, matrix in zip(x.split(sizes, 1), matrices)], dim=1)
    return out.transpose(0, 1).flatten(1)
