"""Principal neighbourhood aggregation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from grapevine.dgl.base import DGLError
from grapevine.edges import Edges
from grapevine.engine import materialise
from grapevine.errors import GraphKeyError, GraphValueError

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLGraph

_TINY = 1e-30


def variance(edges: Edges, m: Tensor) -> Tensor:
    """What the squares' mean exceeds the mean's square by, at each destination."""
    return torch.relu(edges.mean(m * m) - edges.mean(m).square())


def moment(edges: Edges, m: Tensor, n: int) -> Tensor:
    """The n-th root of the n-th central moment at each destination, with its sign."""
    central = edges.mean((m - edges.dst(edges.mean(m))) ** n)
    return central.sign() * (central.abs() + _TINY) ** (1 / n)


def aggregate(edges: Edges, m: Tensor, name: str) -> Tensor:
    """A reduction of messages by name: mean, sum, max, min, var, std, moment3, moment4 or moment5."""
    if name in ("mean", "sum", "max", "min"):
        return edges.reduce(m, name)
    if name == "var":
        return variance(edges, m)
    if name == "std":
        return (variance(edges, m) + _TINY).sqrt()
    if name in ("moment3", "moment4", "moment5"):
        return moment(edges, m, int(name[-1]))
    raise GraphKeyError(
        f"unknown aggregator {name!r}; choose among mean, sum, max, min, var, std, moment3, moment4, moment5 "
        "(and, with eigenvectors, dir1-av, dir1-dx, ... of DGNConv)"
    )


def scaled(h: Tensor, log_degree: Tensor, name: str, delta: float) -> Tensor:
    """A reduction scaled by the logarithm of the degree: identity, amplification or attenuation."""
    if name == "identity":
        return h
    if name == "amplification":
        return h * (log_degree / delta)
    if name == "attenuation":
        return h * (delta / log_degree)
    raise GraphKeyError(f"unknown scaler {name!r}; choose among identity, amplification, attenuation")


class PNAConvTower(nn.Module):
    """One tower of `PNAConv`: messages, all reductions of them under all scalers, and a map of the result.

    Args:
        in_size, out_size: F and F' of a tower.
        aggregators, scalers, delta, dropout, edge_feat_size: as of `PNAConv`.
    """

    def __init__(
        self,
        in_size: int,
        out_size: int,
        aggregators: list[str],
        scalers: list[str],
        delta: float,
        dropout: float = 0.0,
        edge_feat_size: int = 0,
    ) -> None:
        super().__init__()
        self.in_size = in_size
        self.out_size = out_size
        self.aggregators = aggregators
        self.scalers = scalers
        self.delta = delta
        self.edge_feat_size = edge_feat_size
        self.M = nn.Linear(2 * in_size + edge_feat_size, in_size)
        self.U = nn.Linear((len(aggregators) * len(scalers) + 1) * in_size, out_size)
        self.dropout = nn.Dropout(dropout)
        self.batchnorm = nn.BatchNorm1d(out_size)

    def forward(
        self, graph: DGLGraph, node_feat: Tensor, edge_feat: Tensor | None = None, **kwargs: Any
    ) -> Tensor:
        if self.edge_feat_size > 0 and edge_feat is None:
            raise DGLError(f"Edge features must be provided: expected edge_feat (E, {self.edge_feat_size})")
        edges = graph._relation()
        parts = [edges.src(node_feat), edges.dst(node_feat)]
        if self.edge_feat_size > 0 and edge_feat is not None:
            parts.append(edges.edge(edge_feat))
        m = materialise(self.M(torch.cat(parts, dim=-1)))
        h = torch.cat([self.reduced(edges, m, name, node_feat, **kwargs) for name in self.aggregators], 1)
        degrees = edges.in_degrees(h.dtype).unsqueeze(-1)
        log_degree = (degrees.clamp(min=1) + 1).log()
        h = torch.cat([scaled(h, log_degree, name, self.delta) for name in self.scalers], dim=1)
        h = self.U(torch.cat([node_feat, h.masked_fill(degrees == 0, 0.0)], dim=-1))
        sizes = graph.batch_num_nodes().long()
        norm = sizes.repeat_interleave(sizes).to(h.dtype).rsqrt().unsqueeze(-1)
        return self.dropout(self.batchnorm(h * norm))

    def reduced(self, edges: Edges, m: Tensor, name: str, node_feat: Tensor) -> Tensor:
        """One reduction of the messages."""
        return aggregate(edges, m, name)


class PNAConv(nn.Module):
    r"""Combines several reductions of the neighbourhood, each scaled by several functions of the degree.

    .. math::
        \mathbf{h}'_i = \mathbf{U} \Big( \mathbf{h}_i, \bigoplus_{j \in \mathcal{N}(i)}
        \mathbf{M} ( \mathbf{h}_j, \mathbf{h}_i, \mathbf{e}_{ji} ) \Big), \qquad
        \bigoplus = \begin{bmatrix} 1 \\ \log(d + 1) / \delta \\ \delta / \log(d + 1)
        \end{bmatrix} \otimes \begin{bmatrix} \mathrm{mean} \\ \max \\ \dots \end{bmatrix}

    in towers, each on its share of the features, with a scale for the graph's size, batch norm and a mixing layer.

    Args:
        in_size: F, a multiple of `num_towers`.
        out_size: F', likewise.
        aggregators: among "mean", "sum", "max", "min", "var", "std", "moment3", "moment4", "moment5".
        scalers: among "identity", "amplification", "attenuation".
        delta: mean of log(d + 1) over the training set.
        dropout: probability with which a tower's output is dropped in training.
        num_towers: number of towers.
        edge_feat_size: F_e, features of an edge, if there are any.
        residual: add the node's own features, where F is F'.

    Forward:
        graph: a homogeneous graph, or a batch of them.
        node_feat: (N, F).
        edge_feat: (E, F_e).

    Returns:
        (N, F').

    Raises:
        GraphValueError: for sizes that are no multiples.
        GraphKeyError: for an unknown aggregator or scaler.
        DGLError: for missing edge features.

    Example:
        >>> import grapevine.dgl as dgl
        >>> g = dgl.graph(([0, 1, 2], [1, 2, 0]))
        >>> PNAConv(4, 2, ["mean", "max"], ["identity", "attenuation"], delta=1.5)(g, torch.randn(3, 4)).shape
        torch.Size([3, 2])

    Source: "Principal Neighbourhood Aggregation for Graph Nets" (arXiv:2004.05718).
    """

    tower: type[PNAConvTower] = PNAConvTower

    def __init__(
        self,
        in_size: int,
        out_size: int,
        aggregators: list[str],
        scalers: list[str],
        delta: float,
        dropout: float = 0.0,
        num_towers: int = 1,
        edge_feat_size: int = 0,
        residual: bool = True,
    ) -> None:
        super().__init__()
        self.in_size = in_size
        self.out_size = out_size
        if in_size % num_towers or out_size % num_towers:
            raise GraphValueError(
                f"in_size and out_size must be divisible by num_towers={num_towers}, got {in_size} and {out_size}"
            )
        self.tower_in_size = in_size // num_towers
        self.tower_out_size = out_size // num_towers
        self.edge_feat_size = edge_feat_size
        self.residual = residual and in_size == out_size
        self.towers = nn.ModuleList(
            self.tower(
                self.tower_in_size,
                self.tower_out_size,
                aggregators,
                scalers,
                delta,
                dropout=dropout,
                edge_feat_size=edge_feat_size,
            )
            for _ in range(num_towers)
        )
        self.mixing_layer = nn.Sequential(nn.Linear(out_size, out_size), nn.LeakyReLU())

    def forward(self, graph: DGLGraph, node_feat: Tensor, edge_feat: Tensor | None = None) -> Tensor:
        return self._mixed(graph, node_feat, edge_feat)

    def _mixed(self, graph: DGLGraph, node_feat: Tensor, edge_feat: Tensor | None, **kwargs: Any) -> Tensor:
        """All towers, each on its share of the features, and the mixing layer; `kwargs` are the towers'."""
        shares = node_feat.split(self.tower_in_size, dim=1)
        outs = [
            tower(graph, share, edge_feat, **kwargs) for tower, share in zip(self.towers, shares, strict=True)
        ]
        out = self.mixing_layer(torch.cat(outs, dim=1))
        return out + node_feat if self.residual else out
