"""Positions of nodes within a graph: encodings and distances."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy import linalg, sparse
from scipy.sparse import csgraph
from torch import Tensor

from grapevine.dgl.base import DGLError, dgl_warning
from grapevine.dgl.heterograph import DGLGraph

__all__ = [
    "double_radius_node_labeling",
    "lap_pe",
    "laplacian_pe",
    "random_walk_pe",
    "shortest_dist",
    "svd_pe",
]


def random_walk_pe(g: DGLGraph, k: int, eweight_name: str | None = None) -> Tensor:
    """`(N, k)` float32: the probability that a random walk is back where it started after 1 .. k steps.

    Args:
        g: a graph with one type of nodes and edges.
        k: the number of steps.
        eweight_name: the edge feature that weighs the steps.

    Example:
        >>> from grapevine import dgl
        >>> random_walk_pe(dgl.graph(([0, 1], [1, 0])), 2).tolist()
        [[0.0, 1.0], [0.0, 1.0]]

    Source: "Graph Neural Networks with Learnable Structural and Positional Representations" (arXiv:2110.07875).
    """
    steps = np.asarray(g.adj_external(scipy_fmt="csr").toarray(), dtype=np.float64)
    if eweight_name is not None:
        src, dst = (end.cpu().numpy() for end in g.edges())
        weights = g.edata[eweight_name].squeeze().detach().cpu().numpy()
        steps = steps * sparse.csr_matrix((weights, (src, dst)), shape=steps.shape).toarray()
    steps = steps / (steps.sum(1, keepdims=True) + 1e-30)
    walk, found = steps, [steps.diagonal()]
    for _ in range(k - 1):
        walk = walk @ steps
        found.append(walk.diagonal())
    return torch.tensor(np.stack(found, -1), dtype=torch.float32)


def lap_pe(g: DGLGraph, k: int, padding: bool = False, return_eigval: bool = False) -> Any:
    """`(N, k)` float32: the eigenvectors of the normalised Laplacian with the smallest eigenvalues but the first.

    Each is multiplied by a random sign, drawn from torch's generator.

    Args:
        g: a graph with one type of nodes and edges.
        k: how many.
        padding: whether missing ones are zero, where N <= k.
        return_eigval: whether to return the `(k,)` eigenvalues too (nan where missing).

    Raises:
        DGLError: if N <= k without padding.

    Example:
        >>> from grapevine import dgl
        >>> lap_pe(dgl.graph(([0, 1, 2], [1, 2, 0])), 1).shape
        torch.Size([3, 1])

    Source: "A Generalization of Transformer Networks to Graphs" (arXiv:2012.09699).
    """
    n = g.num_nodes()
    if not padding and n <= k:
        raise DGLError(
            f"the number of eigenvectors k must be smaller than the number of nodes n, got {k} and {n}; "
            "pass padding=True to fill up with zeros"
        )
    norm = g.in_degrees().cpu().numpy().clip(1.0) ** -0.5
    adjacency = g.adj_external(scipy_fmt="csr").toarray()
    values, vectors = np.linalg.eig(np.eye(n) - norm[:, None] * adjacency * norm)
    count = min(n - 1, k)
    smallest = np.argpartition(values, count)[: count + 1]
    chosen = smallest[values[smallest].argsort()][1:]
    signs = torch.randint(2, (count,)) * 2.0 - 1.0
    encoding = signs * torch.tensor(vectors[:, chosen].real, dtype=torch.float32)
    eigenvalues = torch.tensor(values[chosen].real, dtype=torch.float32)
    if n <= k:
        encoding = torch.cat((encoding, torch.zeros(n, k - count)), 1)
        eigenvalues = torch.cat((eigenvalues, torch.full((k - count,), torch.nan)))
    return (encoding, eigenvalues) if return_eigval else encoding


def laplacian_pe(g: DGLGraph, k: int, padding: bool = False, return_eigval: bool = False) -> Any:
    """Older name of `lap_pe`."""
    dgl_warning("dgl.laplacian_pe will be deprecated. Use dgl.lap_pe please.")
    return lap_pe(g, k, padding, return_eigval)


def svd_pe(g: DGLGraph, k: int, padding: bool = False, random_flip: bool = True) -> Tensor:
    """`(N, 2k)` float32: the singular vectors of the adjacency matrix with the largest values s, times sqrt(s).

    Args:
        g: a graph with one type of nodes and edges.
        k: how many.
        padding: whether missing columns are zero, where N < k.
        random_flip: whether the rows are multiplied by random signs, drawn from torch's generator.

    Raises:
        DGLError: if N < k without padding.

    Example:
        >>> from grapevine import dgl
        >>> svd_pe(dgl.graph(([0, 1, 2], [1, 2, 0])), 2).shape
        torch.Size([3, 4])

    Source: "Global Self-Attention as a Replacement for Graph Convolution" (arXiv:2108.03348).
    """
    n = g.num_nodes()
    if not padding and n < k:
        raise DGLError(
            f"The number of singular values k must be no greater than the number of nodes n, "
            f"but got {k} and {n}; "
            "pass padding=True to fill up with zeros"
        )
    m = min(n, k)
    left, values, right = linalg.svd(g.adj_external(scipy_fmt="coo").toarray())
    roots = np.sqrt(values[:m])
    encoding = torch.tensor(
        np.concatenate((left[:, :m] * roots, right.T[:, :m] * roots), 1), dtype=torch.float32
    )
    if random_flip:
        encoding = (torch.randint(2, (n, 1)) * 2 - 1) * encoding
    return torch.cat((encoding, torch.zeros(n, 2 * (k - n))), 1) if n < k else encoding


def double_radius_node_labeling(g: DGLGraph, src: int, dst: int) -> Tensor:
    """`(N,)` int64: a label for the distances d_s, d_t of every node to two nodes, each measured without the other.

        1 + min(d_s, d_t) + (d // 2) (d // 2 + d % 2 - 1),   d = d_s + d_t

    The two nodes have label 1, nodes that reach not both 0.

    Args:
        g: a graph with one type of nodes and edges; directions do not count.
        src: one node.
        dst: the other.

    Example:
        >>> from grapevine import dgl
        >>> double_radius_node_labeling(dgl.graph(([0, 0, 1, 1, 2, 4], [1, 2, 2, 3, 3, 3])), 0, 3)
        tensor([1, 2, 2, 1, 0])

    Source: "Link Prediction Based on Graph Neural Networks" (arXiv:1802.09691).
    """
    adjacency = g.adj_external(scipy_fmt="csr")
    n = adjacency.shape[0]

    def distances(origin: int, removed: int) -> np.ndarray:
        rest = np.delete(np.arange(n), removed)
        found = np.zeros(n)
        found[rest] = csgraph.shortest_path(
            adjacency[rest][:, rest],
            directed=False,
            unweighted=True,
            indices=origin - (origin > removed),
        )
        return found

    from_src, from_dst = distances(src, dst), distances(dst, src)
    total = from_src + from_dst
    with np.errstate(invalid="ignore"):
        labels = 1 + np.minimum(from_src, from_dst) + total // 2 * (total // 2 + total % 2 - 1)
    labels[[src, dst]] = 1
    labels[~np.isfinite(labels)] = 0
    return torch.tensor(labels).to(torch.int64)


def shortest_dist(g: DGLGraph, root: int | None = None, return_paths: bool = False) -> Any:
    """The number of edges on the shortest paths, -1 where there is none.

    Args:
        g: a graph with one type of nodes and edges.
        root: where paths start; None means every node.
        return_paths: whether to return the edges of the paths too.

    Returns:
        `(N,)` from the root, or `(N, N)`, int64; with paths also `(N, L)` or `(N, N, L)` edge ids, -1 after the end,
        where L is the length of the longest.

    Example:
        >>> from grapevine import dgl
        >>> shortest_dist(dgl.graph(([0, 1], [1, 2])), root=0, return_paths=True)
        (tensor([0, 1, 2]), tensor([[-1, -1],
                [ 0, -1],
                [ 0,  1]]))
    """
    n = g.num_nodes()
    dist, before = csgraph.shortest_path(
        g.adj_external(scipy_fmt="csr"),
        directed=True,
        unweighted=True,
        return_predecessors=True,
        indices=None if root is None else [root],
    )
    dist[np.isinf(dist)] = -1
    lengths = torch.tensor(dist, dtype=torch.int64, device=g.device)
    if not return_paths:
        return lengths if root is None else lengths[0]
    longest = int(dist.max())
    paths = torch.full((*dist.shape, longest), -1, dtype=torch.int64)
    # The last edge of every path, then its last but one, ... until all have arrived at their root.
    row, node = (dist > 0).nonzero()
    place = dist[row, node].astype(np.int64) - 1
    at = node.copy()
    while len(row):
        previous = before[row, at]
        paths[row, node, place] = g.edge_ids(
            g._as_ids(torch.as_tensor(previous, device=g.device)),
            g._as_ids(torch.as_tensor(at, device=g.device)),
        ).to("cpu", torch.int64)
        going = place > 0
        row, node, place, at = row[going], node[going], place[going] - 1, previous[going]
    paths = paths.to(g.device)
    assert paths.shape[1] == n
    return (lengths, paths) if root is None else (lengths[0], paths[0])
