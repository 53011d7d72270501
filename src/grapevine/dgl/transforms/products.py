"""Graphs from products and sums of adjacency matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from grapevine.dgl.base import DGLError
from grapevine.dgl.batch import unbatch
from grapevine.dgl.construct import graph, heterograph
from grapevine.dgl.heterograph import DGLGraph
from grapevine.dgl.queries import rows_of_order, sorted_pairs
from grapevine.dgl.structure import EType
from grapevine.utils import scatter

__all__ = [
    "adj_product_graph",
    "adj_sum_graph",
    "khop_adj",
    "khop_graph",
    "laplacian_lambda_max",
    "metapath_reachable_graph",
    "norm_by_dst",
]


def khop_adj(g: DGLGraph, k: int) -> Tensor:
    """`(N, N)` float32: the number of walks of k steps from row to column.

    Args:
        g: a graph with one type of nodes and edges.
        k: the number of steps.

    Example:
        >>> from grapevine import dgl
        >>> khop_adj(dgl.graph(([0, 1], [1, 2])), 2).tolist()
        [[0.0, 0.0, 1.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    return torch.tensor(_walks(g, k).toarray().astype(np.float32))


def khop_graph(g: DGLGraph, k: int, copy_ndata: bool = True) -> DGLGraph:
    """An edge for every walk of k steps.

    Args:
        g: a graph with one type of nodes and edges.
        k: the number of steps.
        copy_ndata: whether node features are kept.

    Example:
        >>> from grapevine import dgl
        >>> khop_graph(dgl.graph(([0, 1], [1, 2])), 2).edges()
        (tensor([0]), tensor([2]))
    """
    walks = _walks(g, k).tocoo()
    ends = (np.repeat(walks.row, walks.data), np.repeat(walks.col, walks.data))
    new = graph(ends, num_nodes=g.num_nodes(), idtype=g.idtype, device=g.device)
    if copy_ndata:
        new.ndata.update(g.ndata)
    return new


def _walks(g: DGLGraph, k: int) -> Any:
    if not g.is_homogeneous:
        raise DGLError("only homogeneous graph is supported")
    return g.adj_external(scipy_fmt="coo") ** k


def laplacian_lambda_max(g: DGLGraph) -> list[float]:
    """The largest eigenvalue of the normalised Laplacian `I - D^-1/2 A D^-1/2` of every member of a batch.

    Args:
        g: a graph with one type of nodes and edges.

    Example:
        >>> from grapevine import dgl
        >>> [round(v, 4) for v in laplacian_lambda_max(dgl.graph(([0, 1], [1, 0])))]
        [2.0]
    """
    found = []
    for part in unbatch(g):
        n = part.num_nodes()
        norm = sparse.diags_array(part.in_degrees().cpu().numpy().clip(1.0) ** -0.5)
        matrix = (
            sparse.eye_array(n) - norm @ sparse.csr_array(part.adj_external(True, scipy_fmt="csr")) @ norm
        )
        if n <= 3:  # too small for the iteration
            values = np.linalg.eigvals(matrix.toarray())
            found.append(float(values[np.abs(values).argmax()].real))
        else:
            value = sparse.linalg.eigs(matrix, 1, which="LM", return_eigenvectors=False)[0]
            found.append(float(value.real))
    return found


def metapath_reachable_graph(g: DGLGraph, metapath: Sequence[str | EType]) -> DGLGraph:
    """An edge from each node to each node that it reaches along a path of edge types, once.

    Args:
        g: a graph.
        metapath: edge types, each starting where the one before ends.

    Returns:
        a graph of one edge type `_E` with the node features of both ends.

    Example:
        >>> from grapevine import dgl
        >>> g = dgl.heterograph({("a", "x", "b"): ([0, 1], [0, 0]), ("b", "y", "c"): ([0], [1])})
        >>> metapath_reachable_graph(g, ["x", "y"]).edges()
        (tensor([0, 1]), tensor([1, 1]))
    """
    adjacency: Any = 1
    for etype in metapath:
        adjacency = adjacency * g.adj_external(etype=etype, scipy_fmt="csr")
    reached = (adjacency != 0).tocsr()
    src, dst = g.to_canonical_etype(metapath[0])[0], g.to_canonical_etype(metapath[-1])[2]
    new = heterograph(
        {(src, "_E", dst): reached.nonzero()},
        {src: reached.shape[0], dst: reached.shape[1]},
        idtype=g.idtype,
        device=g.device,
    )
    for ntype in {src, dst}:
        new.nodes[ntype].data.update(g.nodes[ntype].data)
    return new


def adj_product_graph(A: DGLGraph, B: DGLGraph, weight_name: str, etype: str = "_E") -> DGLGraph:
    """The graph whose weighted adjacency matrix is the product of two; edges are sorted by both ends.

        w_C[i, k] = sum_j w_A[i, j] w_B[j, k]

    Args:
        A: a graph of one edge type, without parallel edges, that ends at the nodes where B starts.
        B: likewise.
        weight_name: the edge feature that holds the weights, of both and of the result; gradients flow through it.
        etype: the edge type of the result.

    Raises:
        DGLError: if the graphs do not fit.

    Example:
        >>> import torch
        >>> from grapevine import dgl
        >>> g = dgl.graph(([0, 1], [1, 2]))
        >>> g.edata["w"] = torch.tensor([2.0, 3.0])
        >>> adj_product_graph(g, g, "w").edata["w"]
        tensor([6.])
    """
    left, right = A._relation(), B._relation()
    if left.num_dst != right.num_src:
        raise DGLError(
            f"expected B to start from the {left.num_dst} nodes where A ends, got {right.num_src} nodes"
        )
    rows, ids = rows_of_order(right.by_src, left.dst_index)
    weights = A.edata[weight_name][rows] * B.edata[weight_name][ids]
    src, dst = A.canonical_etypes[0][0], B.canonical_etypes[0][2]
    pairs = torch.stack((left.src_index[rows], right.dst_index[ids]))
    if src == dst and left.num_src != right.num_dst:
        raise DGLError(f"expected as many {src!r} nodes at both ends, got {left.num_src} and {right.num_dst}")
    counts = {src: left.num_src, dst: right.num_dst}
    return _summed(pairs, weights, (src, etype, dst), counts, weight_name, A)


def adj_sum_graph(graphs: Sequence[DGLGraph], weight_name: str) -> DGLGraph:
    """The graph whose weighted adjacency matrix is the sum of several; edges are sorted by both ends.

    Args:
        graphs: graphs of one edge type over the same nodes.
        weight_name: the edge feature that holds the weights; gradients flow through it.

    Example:
        >>> import torch
        >>> from grapevine import dgl
        >>> g = dgl.graph(([0, 1], [1, 2]))
        >>> g.edata["w"] = torch.tensor([2.0, 3.0])
        >>> adj_sum_graph([g, g], "w").edata["w"]
        tensor([4., 6.])
    """
    if len(graphs) == 0:
        raise DGLError("The list of graphs must not be empty.")
    first = graphs[0]
    sizes = {g._relation().size for g in graphs}
    if len(sizes) != 1:
        raise DGLError(f"expected graphs over the same nodes, got sizes {sorted(sizes)}")
    pairs = torch.cat([g._relation().edge_index for g in graphs], 1)
    weights = torch.cat([g.edata[weight_name] for g in graphs])
    canonical = first.canonical_etypes[0]
    num_src, num_dst = first._relation().size
    return _summed(
        pairs, weights, canonical, {canonical[0]: num_src, canonical[2]: num_dst}, weight_name, first
    )


def _summed(
    pairs: Tensor, weights: Tensor, etype: EType, counts: dict[str, int], name: str, like: DGLGraph
) -> DGLGraph:
    full = heterograph({etype: (pairs[0], pairs[1])}, counts, idtype=like.idtype, device=like.device)
    keys, perm = sorted_pairs(full._relation())
    fresh = torch.ones_like(keys, dtype=torch.bool)
    fresh[1:] = keys[1:] != keys[:-1]
    ends = pairs[:, perm[fresh]]
    merged = heterograph({etype: (ends[0], ends[1])}, counts, idtype=like.idtype, device=like.device)
    merged.edata[name] = scatter(weights[perm], fresh.cumsum(0) - 1, 0, int(fresh.sum()), "sum")
    return merged


def norm_by_dst(g: DGLGraph, etype: str | EType | None = None) -> Tensor:
    """`(E,)` float32: one over the number of edges that arrive where the edge does.

    Args:
        g: a graph.
        etype: the edge type.

    Example:
        >>> from grapevine import dgl
        >>> norm_by_dst(dgl.graph(([0, 1], [2, 2])))
        tensor([0.5000, 0.5000])
    """
    relation = g._relation(etype)
    return 1.0 / relation.in_degrees(torch.float32)[relation.dst_index]
