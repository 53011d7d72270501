"""Edge lists from what `dgl.graph` and its relatives accept."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from grapevine.dgl.base import DGLError
from grapevine.dgl.structure import resolve
from grapevine.edges import Edges, known_good
from grapevine.errors import require
from grapevine.graph.sorting import ptr2index

IDTYPES = (None, torch.int32, torch.int64)


def edge_list(data: Any, idtype: torch.dtype | None) -> tuple[Tensor, Tensor, torch.dtype, tuple[int, int]]:
    """Both ends of an edge list.

    Args:
        data: `(u, v)`; a list of pairs; `('coo', (u, v))`; `('csr' | 'csc', (indptr, indices, edge ids))`, where
            no edge ids mean the order of the entries.
        idtype: of the graph; None means that of the tensors, int64 for anything else.

    Returns:
        sources, destinations, the id type, and the sizes that the data imply.

    Raises:
        DGLError: for anything else.
    """
    if idtype not in IDTYPES:
        raise DGLError(f"Expect idtype to be torch.int32 or torch.int64, got {idtype}")
    form, arrays = _form(data)
    if idtype is None:
        given = arrays[0].dtype if isinstance(arrays[0], Tensor) else torch.int64
        idtype = given if given in IDTYPES else torch.int64
    tensors = [_index(a) for a in arrays]
    if form == "coo":
        src, dst = tensors
        if src.shape != dst.shape:
            raise DGLError(f"expected as many sources as destinations, got {len(src)} and {len(dst)}")
        return src, dst, idtype, _tops(src, dst)
    indptr, indices, eids = tensors
    row = ptr2index(indptr)
    if len(eids):
        placed = torch.empty_like(eids)
        placed[eids] = torch.arange(len(eids), device=eids.device)
        row, indices = row[placed], indices[placed]
    rows, top = len(indptr) - 1, int(indices.max()) + 1 if len(indices) else 0
    if form == "csr":
        return row, indices, idtype, (rows, top)
    return indices, row, idtype, (top, rows)


def _form(data: Any) -> tuple[str, tuple[Any, ...]]:
    if isinstance(data, tuple) and len(data) == 2 and isinstance(data[0], str):
        form, arrays = data
        if form not in ("coo", "csr", "csc") or len(arrays) != (2 if form == "coo" else 3):
            raise DGLError(
                f"expected ('coo', (u, v)) or ('csr' | 'csc', (indptr, indices, edge ids)), got {form!r}"
            )
        return form, tuple(arrays)
    if isinstance(data, tuple) and len(data) == 2:
        return "coo", data
    if isinstance(data, list):
        pairs = list(zip(*data)) if data else [(), ()]
        if len(pairs) != 2:
            raise DGLError("expected a list of pairs (u, v); do this instead: dgl.graph((u, v))")
        return "coo", tuple(list(p) for p in pairs)
    hint = ""
    if type(data).__module__.startswith("scipy"):
        hint = "; graph construction from a SciPy sparse matrix: use dgl.from_scipy instead"
    elif type(data).__module__.startswith("networkx"):
        hint = "; graph construction from a NetworkX graph: use dgl.from_networkx instead"
    raise DGLError(f"Unsupported graph data type: {type(data).__name__}{hint}")


def _index(ids: Any) -> Tensor:
    if not isinstance(ids, Tensor):
        ids = torch.as_tensor(ids)
        if ids.numel() == 0:
            ids = ids.to(torch.int64)
    if ids.dtype.is_floating_point or ids.dtype == torch.bool:
        raise DGLError(f"expected integer node ids, got {ids.dtype}; do this instead: ids.long()")
    if ids.dim() != 1:
        raise DGLError(f"expected 1-D node ids, got shape {list(ids.shape)}")
    return ids.to(torch.int64)


def _tops(src: Tensor, dst: Tensor) -> tuple[int, int]:
    """One more than the largest ids; the one pass over the edges that building a graph takes."""
    if src.numel() == 0:
        return 0, 0
    low, top_src, other_low, top_dst = torch.stack((*torch.aminmax(src), *torch.aminmax(dst))).tolist()
    if min(low, other_low) < 0:
        raise DGLError(f"Invalid node ID {min(low, other_low)}; node ids count from 0")
    return top_src + 1, top_dst + 1


def relation(src: Tensor, dst: Tensor, size: tuple[int, int], device: Any = None) -> Edges:
    """Edges of ids that `edge_list` has looked at."""
    edges = known_good(src, dst, size)
    return edges if device is None else edges.to(resolve(device))


# -- matrices and graphs of other packages -----------------------------------------------------------


def stored(sp_mat: Any) -> Any:
    """A scipy matrix in a form whose entries have an order."""
    return sp_mat if sp_mat.format in ("csr", "csc", "coo") else sp_mat.tocoo()


def scipy_entries(sp_mat: Any) -> Any:
    """The entries of a scipy matrix in their order, as `edge_list` takes them."""
    sp_mat = stored(sp_mat)
    if sp_mat.format == "coo":
        return sp_mat.row, sp_mat.col
    return sp_mat.format, (sp_mat.indptr, sp_mat.indices, [])


def numbered(nx_graph: Any) -> Any:
    """A networkx graph with both directions of every edge, its nodes numbered in the order of their labels."""
    nx_graph = require("networkx").convert_node_labels_to_integers(nx_graph, ordering="sorted")
    return nx_graph if nx_graph.is_directed() else nx_graph.to_directed()


def ordered_edges(nx_graph: Any, id_name: str | None = None) -> list[tuple[Any, Any, dict[str, Any]]]:
    """The edges of a networkx graph with their attributes, in the order of their ids."""
    edges = list(nx_graph.edges(data=True))
    if id_name is None:
        return edges
    if any(id_name not in data for _, _, data in edges):
        raise DGLError(
            "Failed to find the pre-specified edge IDs in the edge features of the NetworkX graph with name "
            f"{id_name}"
        )
    ids = [int(data[id_name]) for _, _, data in edges]
    if sorted(ids) != list(range(len(edges))):
        raise DGLError(f"Expect the edge IDs to be the integers from 0 to {len(edges) - 1}, got {ids}")
    by_id = dict(zip(ids, edges))
    return [by_id[i] for i in range(len(edges))]


def any_edges(data: Any) -> tuple[Any, int]:
    """What `edge_list` takes, and the least number of nodes, from that or from a scipy matrix or networkx graph."""
    if hasattr(data, "is_directed"):
        data = numbered(data)
        return [(u, v) for u, v, _ in ordered_edges(data)], data.number_of_nodes()
    if hasattr(data, "tocoo"):
        return scipy_entries(data), max(data.shape)
    return data or ([], []), 0
