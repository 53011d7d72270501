"""Graphs rewired by diffusion."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from grapevine.data import Data
from grapevine.errors import GraphKeyError, GraphValueError
from grapevine.graph import symmetric_weights
from grapevine.transforms.base import BaseTransform, count_nodes, needed
from grapevine.utils import add_self_loops, coalesce, get_ppr, scatter, sort_edge_index, to_dense_adj


class GDC(BaseTransform):
    r"""Replaces the edges by the strongest entries of a diffusion matrix, which become ``edge_attr``.

    .. math:: S = \sum_k \theta_k T^k

    with the transition matrix T, the normalised adjacency.

    Args:
        self_loop_weight: of the self-loops that every node gets first; 0 adds none.
        normalization_in: of T: "sym" (by both degrees), "col" or "row" (columns or rows sum to one), None.
        normalization_out: the same, of the sparsified result.
        diffusion_kwargs: ``dict(method="ppr", alpha=0.15)`` (personalised PageRank; with `eps` if not `exact`),
            ``dict(method="heat", t=...)`` or ``dict(method="coeff", coeffs=[...])``.
        sparsification_kwargs: ``dict(method="threshold", avg_degree=64)`` or ``eps`` in its place, or
            ``dict(method="topk", k=..., dim=...)`` (dim 0: per column, 1: per row).
        exact: whether to compute the dense matrix; else PageRank is approximated, for edges without weights.

    Raises:
        GraphKeyError: for an unknown normalisation or method.
        GraphValueError: for weights of more than one column; if not `exact`, for anything but unweighted
            edges, PageRank and a threshold.

    Example:
        >>> path = Data(edge_index=torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]), num_nodes=3)
        >>> GDC(sparsification_kwargs=dict(method="topk", k=2, dim=0))(path).edge_index
        tensor([[0, 0, 1, 1, 1, 2],
                [0, 1, 0, 1, 2, 2]])

    Source: Gasteiger et al., "Diffusion Improves Graph Learning", arXiv:1911.05485.
    """

    def __init__(
        self,
        self_loop_weight: float = 1.0,
        normalization_in: str | None = "sym",
        normalization_out: str | None = "col",
        diffusion_kwargs: dict[str, Any] | None = None,
        sparsification_kwargs: dict[str, Any] | None = None,
        exact: bool = True,
    ) -> None:
        if not exact and self_loop_weight not in (0, 1):
            raise GraphValueError(f"expected self_loop_weight 0 or 1 for exact=False, got {self_loop_weight}")
        self.self_loop_weight = self_loop_weight
        self.normalization_in = normalization_in
        self.normalization_out = normalization_out
        self.diffusion_kwargs = diffusion_kwargs or {"method": "ppr", "alpha": 0.15}
        self.sparsification_kwargs = sparsification_kwargs or {"method": "threshold", "avg_degree": 64}
        self.exact = exact

    @torch.no_grad()
    def forward(self, data: Data) -> Data:
        edge_index, num_nodes = needed(data, "edge_index", self), count_nodes(data, self)
        weight = data.get("edge_attr")
        if weight is None:
            weight = torch.ones(edge_index.size(1), device=edge_index.device)
        elif weight.dim() != 1 or not self.exact:
            kind = "edges without weights" if weight.dim() == 1 else "one weight per edge"
            raise GraphValueError(f"expected {kind} in edge_attr, got shape {list(weight.shape)}")
        if self.self_loop_weight:
            edge_index, weight = add_self_loops(edge_index, weight, self.self_loop_weight, num_nodes)
        edge_index, weight = coalesce(edge_index, weight, num_nodes)
        spread = self._exact if self.exact else self._approximate
        edge_index, weight = coalesce(*spread(edge_index, weight, num_nodes), num_nodes)
        weight = transition(edge_index, weight, num_nodes, self.normalization_out)
        data.edge_index, data.edge_attr = edge_index, weight
        return data

    def _exact(self, edge_index: Tensor, weight: Tensor, num_nodes: int) -> tuple[Tensor, Tensor]:
        weight = transition(edge_index, weight, num_nodes, self.normalization_in)
        adjacency = to_dense_adj(edge_index, edge_attr=weight, max_num_nodes=num_nodes)[0]
        matrix = diffused(adjacency, **self.diffusion_kwargs)
        given = dict(self.sparsification_kwargs)
        method = given.pop("method")
        if method == "topk":
            k, dim = min(num_nodes, given["k"]), given["dim"]
            values, found = matrix.sort(dim=dim, descending=True)
            values, found = values.narrow(dim, 0, k), found.narrow(dim, 0, k)
            node = torch.arange(num_nodes, device=matrix.device)
            node = node.expand(k, -1) if dim == 0 else node.unsqueeze(1).expand(-1, k)
            ends = (found, node) if dim == 0 else (node, found)
            return torch.stack([end.reshape(-1) for end in ends]), values.reshape(-1)
        edge_index = (matrix >= self._threshold(method, given, matrix, num_nodes)).nonzero().t()
        return edge_index, matrix[edge_index[0], edge_index[1]]

    def _approximate(self, edge_index: Tensor, weight: Tensor, num_nodes: int) -> tuple[Tensor, Tensor]:
        given = dict(self.diffusion_kwargs)
        if given.pop("method") != "ppr" or self.normalization_in not in ("sym", "col", "row"):
            raise GraphValueError(
                "expected method 'ppr' with normalization_in 'sym', 'col' or 'row' for exact=False, got "
                f"{self.diffusion_kwargs['method']!r} with {self.normalization_in!r}; do this instead: exact=True"
            )
        degree = scatter(weight, edge_index[1], dim_size=num_nodes)
        edge_index, weight = get_ppr(edge_index, given["alpha"], given["eps"], num_nodes=num_nodes)
        if self.normalization_in == "col":
            edge_index, weight = sort_edge_index(edge_index.flip(0), weight, num_nodes)
        elif (
            self.normalization_in == "sym"
        ):  # rows were normalised: D^1/2 from the left, D^-1/2 from the right
            root = degree.sqrt()
            weight = root[edge_index[0]] * weight * _reciprocal(root)[edge_index[1]]
        given = dict(self.sparsification_kwargs)
        method = given.pop("method")
        if method == "topk":
            raise GraphValueError("expected sparsification by 'threshold' for exact=False, got 'topk'")
        keep = weight >= self._threshold(method, given, weight, num_nodes)
        return edge_index[:, keep], weight[keep]

    def _threshold(self, method: str, given: dict[str, Any], values: Tensor, num_nodes: int) -> float:
        if method != "threshold":
            raise GraphKeyError(f"unknown sparsification {method!r}; choose one of threshold, topk")
        if "eps" in given:
            return float(given["eps"])
        wanted = given["avg_degree"] * num_nodes
        if wanted >= values.numel():
            return -math.inf
        falling = values.flatten().sort(descending=True).values
        return float(falling[wanted - 1] + falling[wanted]) / 2

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def _reciprocal(x: Tensor) -> Tensor:
    out = x.reciprocal()
    return out.masked_fill(out == math.inf, 0.0)


def transition(edge_index: Tensor, weight: Tensor, num_nodes: int, normalization: str | None) -> Tensor:
    """The weights of the transition matrix."""
    if normalization is None:
        return weight
    if normalization not in ("sym", "col", "row"):
        raise GraphKeyError(f"unknown normalization {normalization!r}; choose one of sym, col, row, None")
    end = edge_index[0 if normalization == "row" else 1]
    degree = scatter(weight, end, dim_size=num_nodes)
    if normalization == "sym":
        return symmetric_weights(edge_index, weight, degree)
    return weight * _reciprocal(degree)[end]


def diffused(matrix: Tensor, method: str, **given: Any) -> Tensor:
    """The diffusion matrix of a dense transition matrix."""
    one = torch.eye(matrix.size(0), dtype=matrix.dtype, device=matrix.device)
    if method == "ppr":
        alpha = given["alpha"]
        return alpha * torch.linalg.inv(one + (alpha - 1) * matrix)
    if method == "heat":
        return torch.linalg.matrix_exp(given["t"] * (matrix - one))
    if method == "coeff":
        out, power = given["coeffs"][0] * one, one
        for coefficient in given["coeffs"][1:]:
            power = power @ matrix
            out = out + coefficient * power
        return out
    raise GraphKeyError(f"unknown diffusion {method!r}; choose one of ppr, heat, coeff")
