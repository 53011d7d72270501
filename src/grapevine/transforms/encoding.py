"""What the graph's structure says about its nodes, computed once before training."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.sparse.linalg import eigs, eigsh
from torch import Tensor

from grapevine.data import Data
from grapevine.edges import Edges
from grapevine.errors import GraphValueError
from grapevine.transforms.adjacency import symmetric_norm
from grapevine.transforms.base import BaseTransform, append_columns, count_nodes, needed
from grapevine.utils import get_laplacian, scatter, to_scipy_sparse_matrix


def _store(data: Data, value: Tensor, attr_name: str | None) -> Data:
    if attr_name is None:
        data.x = append_columns(data.get("x"), value)
    else:
        data[attr_name] = value
    return data


class AddLaplacianEigenvectorPE(BaseTransform):
    r"""Adds the first non-trivial eigenvectors of :math:`I - D^{-1/2} A D^{-1/2}`, with random signs.

    Signs (and where the sparse solver starts) are drawn from torch's generator.

    Args:
        k: number of eigenvectors.
        attr_name: where to store them, (N, k); None appends them to ``x``.
        is_undirected: whether the graph is known to be undirected, which is faster.
        kwargs: further arguments of `scipy.sparse.linalg.eigs` (`eigsh` if undirected), which graphs of 100
            nodes and more use.

    Source: Dwivedi et al., "Benchmarking Graph Neural Networks", arXiv:2003.00982.
    """

    SPARSE_THRESHOLD = 100

    def __init__(
        self,
        k: int,
        attr_name: str | None = "laplacian_eigenvector_pe",
        is_undirected: bool = False,
        **kwargs: Any,
    ) -> None:
        self.k = k
        self.attr_name = attr_name
        self.is_undirected = is_undirected
        self.kwargs = kwargs

    def forward(self, data: Data) -> Data:
        edge_index = needed(data, "edge_index", self)
        num_nodes = count_nodes(data, self)
        if self.k >= num_nodes:
            raise GraphValueError(
                f"expected a graph of more than k={self.k} nodes, which has k non-trivial eigenvectors, got "
                f"{num_nodes} nodes; do this instead: lower k, or skip such graphs by a pre_filter"
            )
        laplacian = to_scipy_sparse_matrix(
            *get_laplacian(edge_index, data.get("edge_weight"), normalization="sym", num_nodes=num_nodes),
            num_nodes,
        )
        sign = 2 * torch.randint(0, 2, (self.k,)) - 1
        if num_nodes < self.SPARSE_THRESHOLD:
            solve = np.linalg.eigh if self.is_undirected else np.linalg.eig
            values, vectors = solve(laplacian.toarray())
        else:
            start = {"v0": torch.rand(num_nodes, dtype=torch.double).numpy()}
            arguments = {"k": self.k + 1, **start, **self.kwargs}
            if self.is_undirected:
                values, vectors = eigsh(laplacian, which="SA", **arguments)
            else:
                values, vectors = eigs(laplacian, which="SR", **arguments)
        vectors = np.real(vectors[:, values.argsort()])
        encoding = torch.from_numpy(vectors[:, 1 : self.k + 1]) * sign
        return _store(data, encoding.to(edge_index.device), self.attr_name)


class AddRandomWalkPE(BaseTransform):
    """Adds the probabilities that a random walk is back where it began after 1, 2, ..., `walk_length` steps.

    Departures: edges that are stored twice count twice, in graphs of any size.

    Args:
        walk_length: number of steps.
        attr_name: where to store them, (N, walk_length); None appends them to ``x``.

    Source: Dwivedi et al., "Graph Neural Networks with Learnable Structural and Positional Representations",
    arXiv:2110.07875.
    """

    DENSE_THRESHOLD = 2_000

    def __init__(self, walk_length: int, attr_name: str | None = "random_walk_pe") -> None:
        self.walk_length = walk_length
        self.attr_name = attr_name

    def forward(self, data: Data) -> Data:
        edge_index = needed(data, "edge_index", self)
        num_nodes = count_nodes(data, self)
        weight = data.get("edge_weight")
        if weight is None:
            weight = torch.ones(edge_index.size(1), device=edge_index.device)
        step = (
            1.0 / scatter(weight, edge_index[0], dim_size=num_nodes, reduce="sum").clamp(min=1)[edge_index[0]]
        )
        walk: Any = to_scipy_sparse_matrix(edge_index, step, num_nodes).tocsr()
        if num_nodes <= self.DENSE_THRESHOLD:
            walk = torch.from_numpy(walk.toarray())

        power, returns = walk, [walk.diagonal()]
        for _ in range(self.walk_length - 1):
            power = power @ walk
            returns.append(power.diagonal())
        encoding = torch.stack([torch.as_tensor(diagonal) for diagonal in returns], dim=-1)
        return _store(data, encoding.to(edge_index.device), self.attr_name)


class SIGN(BaseTransform):
    r"""Adds features averaged over 1, 2, ..., K hops, as ``x1``, ``x2``, ...

    .. math:: X^{(k)} = (D^{-1/2} A D^{-1/2})^k X

    Args:
        K: number of hops.

    Source: Rossi et al., "SIGN: Scalable Inception Graph Neural Networks", arXiv:2004.11198.
    """

    def __init__(self, K: int) -> None:
        self.K = K

    def forward(self, data: Data) -> Data:
        edge_index, x = needed(data, "edge_index", self), needed(data, "x", self)
        _, weight = symmetric_norm(edge_index, data.get("edge_weight"), count_nodes(data, self))
        edges = Edges.of(edge_index, size=(data.num_nodes, data.num_nodes))
        for hop in range(1, self.K + 1):
            x = edges.sum(edges.edge(weight.view(-1, 1)) * edges.src(x))
            data[f"x{hop}"] = x
        return data

    def __repr__(self) -> str:
        return f"{type(self).__name__}(K={self.K})"


class LaplacianLambdaMax(BaseTransform):
    """Stores the largest eigenvalue of the graph Laplacian as ``lambda_max``.

    Args:
        normalization: of the Laplacian: None (D - A), ``"sym"`` or ``"rw"``; see
            `grapevine.utils.get_laplacian`.
        is_undirected: whether the graph is known to be undirected, which is faster.

    Raises:
        GraphValueError: for another normalization.
    """

    def __init__(self, normalization: str | None = None, is_undirected: bool = False) -> None:
        if normalization not in (None, "sym", "rw"):
            raise GraphValueError(f"expected a normalization of (None, 'sym', 'rw'), got {normalization!r}")
        self.normalization = normalization
        self.is_undirected = is_undirected

    def forward(self, data: Data) -> Data:
        edge_index, weight = needed(data, "edge_index", self), data.get("edge_attr")
        if weight is not None and weight.numel() != edge_index.size(1):
            weight = None
        num_nodes = count_nodes(data, self)
        laplacian = to_scipy_sparse_matrix(
            *get_laplacian(edge_index, weight, self.normalization, num_nodes=num_nodes), num_nodes
        )
        solve = eigsh if self.is_undirected and self.normalization != "rw" else eigs
        start = torch.rand(num_nodes, dtype=torch.double).numpy()
        data.lambda_max = solve(laplacian, k=1, which="LM", v0=start, return_eigenvectors=False).real.item()
        return data

    def __repr__(self) -> str:
        return f"{type(self).__name__}(normalization={self.normalization})"
