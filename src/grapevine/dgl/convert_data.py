"""Edge lists from what `dgl.graph` and its relatives accept."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from grapevine.dgl.base import DGLError
from grapevine.dgl.structure import known_good, moved, resolve
from grapevine.edges import Edges
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
    return edges if device is None else moved(edges, resolve(device))
