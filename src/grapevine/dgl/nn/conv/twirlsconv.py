"""TWIRLS: a layer whose steps descend an energy, with attention by reweighting."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grapevine.dgl.nn._graphs import init_linear
from grapevine.edges import Edges
from grapevine.engine import materialise
from grapevine.nn.conv._derived import self_looped

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLGraph


class TWIRLSConv(nn.Module):
    r"""A network, steps that descend an energy of the features on the graph (`TWIRLSUnfoldingAndAttention`), a network.

    Self-loops of the graph are replaced by one at each node.

    Args:
        input_d: F.
        output_d: F'.
        hidden_d: width in between.
        prop_step: number of steps.
        num_mlp_before: layers of the network ahead of the steps.
        num_mlp_after: layers of the network after them.
        norm: "none", "batch" or "layer", in both networks.
        precond, alp, lam, tau, T, p, use_eta: of the steps.
        attention: reweigh the edges half-way through the steps.
        attn_bef: reweigh them ahead of the steps.
        dropout: probability with which a hidden feature is dropped in training.
        attn_dropout: likewise for the edges' weights.
        inp_dropout: likewise for the input.

    Forward:
        graph: a homogeneous graph.
        feat: (N, F).

    Returns:
        (N, F'). Without attention, a network ahead and input dropout, the steps do not depend on anything learned:
        their first result is kept and used in all later calls.

    Example:
        >>> import grapevine.dgl as dgl
        >>> g = dgl.graph(([0, 1, 2], [1, 2, 0]))
        >>> TWIRLSConv(4, 2, 8, prop_step=3)(g, torch.ones(3, 4)).shape
        torch.Size([3, 2])

    Source: "Graph Neural Networks Inspired by Classical Iterative Algorithms" (arXiv:2103.06064).
    """

    def __init__(
        self,
        input_d: int,
        output_d: int,
        hidden_d: int,
        prop_step: int,
        num_mlp_before: int = 1,
        num_mlp_after: int = 1,
        norm: str = "none",
        precond: bool = True,
        alp: float = 0,
        lam: float = 1,
        attention: bool = False,
        tau: float = 0.2,
        T: float = -1,
        p: float = 1,
        use_eta: bool = False,
        attn_bef: bool = False,
        dropout: float = 0.0,
        attn_dropout: float = 0.0,
        inp_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.input_d = input_d
        self.output_d = output_d
        self.hidden_d = hidden_d
        self.prop_step = prop_step
        self.num_mlp_before = num_mlp_before
        self.num_mlp_after = num_mlp_after
        self.inp_dropout = inp_dropout
        self.attn_aft = prop_step // 2 if attention else -1
        self.cacheable = not attention and num_mlp_before == 0 and inp_dropout <= 0
        self.cached_unfolding: Tensor | None = None
        self.size_bef_unf = hidden_d if num_mlp_after else output_d
        self.size_aft_unf = hidden_d if num_mlp_before else input_d
        self.mlp_bef = MLP(
            input_d, hidden_d, self.size_bef_unf, num_mlp_before, dropout, norm, init_activate=False
        )
        self.unfolding = TWIRLSUnfoldingAndAttention(
            hidden_d, alp, lam, prop_step, self.attn_aft, tau, T, p, use_eta, attn_bef, attn_dropout, precond
        )
        self.mlp_aft = MLP(
            self.size_aft_unf,
            hidden_d,
            output_d,
            num_mlp_after,
            dropout,
            norm,
            init_activate=num_mlp_before > 0 and num_mlp_after > 0,
        )

    def forward(self, graph: DGLGraph, feat: Tensor) -> Tensor:
        edges = self_looped(graph._relation(), "new").edges
        if self.cacheable:
            if self.cached_unfolding is None:
                self.cached_unfolding = self.unfolding.unfold(edges, feat)
            return self.mlp_aft(self.cached_unfolding)
        x = F.dropout(feat, self.inp_dropout, training=self.training)
        return self.mlp_aft(self.unfolding.unfold(edges, self.mlp_bef(x)))


class TWIRLSUnfoldingAndAttention(nn.Module):
    r"""Gradient steps on an energy: closeness to the features, and of neighbours to one another.

    .. math::
        E = \Vert \mathbf{Y} - \mathbf{X} \Vert^2 + \lambda \sum_{ij} \rho ( \Vert \mathbf{y}_i - \mathbf{y}_j \Vert^2 )

        \mathbf{Y} \leftarrow (1 - \alpha) \mathbf{Y} + \alpha \lambda \, \tilde{\mathbf{D}}^{-1/2} \mathbf{A}
        \tilde{\mathbf{D}}^{-1/2} \mathbf{Y} + \alpha \tilde{\mathbf{D}}^{-1} \mathbf{X}, \qquad
        \tilde{\mathbf{D}} = \lambda \mathbf{D} + (1 - \lambda) \mathbf{I}

    Attention sets the edges' weights to the slope of a concave :math:`\rho`: the smaller, the further apart both ends.

    Args:
        d: width, for `use_eta`.
        alp: step size; 1 / (lam + 1) if not positive.
        lam: weight of the graph's term.
        prop_step: number of steps.
        attn_aft: the step after which the edges are reweighed; -1: never.
        tau: distance below which the weight grows no further.
        T: distance above which an edge is cut off; -1: none.
        p: exponent: weights are distance^(p - 2).
        use_eta: learn a scale for the distances.
        init_att: reweigh ahead of the steps.
        attn_dropout: probability with which a weight is dropped in training.
        precond: precondition by the degrees, as above; else
            :math:`\mathbf{Y} \leftarrow (1 - \alpha \lambda - \alpha) \mathbf{Y} + \alpha \lambda
            \mathbf{D}^{-1/2} \mathbf{A} \mathbf{D}^{-1/2} \mathbf{Y} + \alpha \mathbf{X}`.

    Forward:
        g: a homogeneous graph.
        X: (N, F).

    Returns:
        (N, F).

    Departures from DGL: nothing is written into the graph; a learned scale multiplies the features (N, d) whatever N.

    Example:
        >>> import grapevine.dgl as dgl
        >>> g = dgl.graph(([0, 1, 2], [1, 2, 0]))
        >>> TWIRLSUnfoldingAndAttention(4, 0, 1, prop_step=2)(g, torch.ones(3, 4)).shape
        torch.Size([3, 4])

    Source: "Graph Neural Networks Inspired by Classical Iterative Algorithms" (arXiv:2103.06064).
    """

    etas: Tensor | None

    def __init__(
        self,
        d: int,
        alp: float,
        lam: float,
        prop_step: int,
        attn_aft: int = -1,
        tau: float = 0.2,
        T: float = -1,
        p: float = 1,
        use_eta: bool = False,
        init_att: bool = False,
        attn_dropout: float = 0,
        precond: bool = True,
    ) -> None:
        super().__init__()
        self.d = d
        self.alp = alp if alp > 0 else 1 / (lam + 1)
        self.lam = lam
        self.tau = tau
        self.T = T
        self.p = p
        self.prop_step = prop_step
        self.attn_aft = attn_aft
        self.use_eta = use_eta
        self.init_att = init_att
        self.attn_dropout = attn_dropout
        self.precond = precond
        self.register_parameter("etas", nn.Parameter(torch.ones(d)) if use_eta else None)

    def forward(self, g: DGLGraph, X: Tensor) -> Tensor:
        return self.unfold(g._relation(), X)

    def unfold(self, edges: Edges, x: Tensor) -> Tensor:
        """All steps on a graph."""
        weight = x.new_ones(edges.num_edges, 1)
        degree = edges.in_degrees(x.dtype).unsqueeze(-1)
        if self.init_att:
            weight, degree = self._reweighed(edges, x)
        y = x
        for k in range(self.prop_step):
            y = self._step(edges, weight, degree, y, x)
            if k == self.attn_aft - 1:
                weight, degree = self._reweighed(edges, y)
        return y

    def _step(self, edges: Edges, weight: Tensor, degree: Tensor, y: Tensor, x: Tensor) -> Tensor:
        if self.precond:
            degree = self.lam * degree + (1 - self.lam)
        root = degree.pow(-0.5)
        spread = root * edges.sum(edges.edge(weight) * edges.src(root * y))
        if self.precond:
            return (1 - self.alp) * y + self.alp * self.lam * spread + self.alp * x / degree
        return (1 - self.alp * self.lam - self.alp) * y + self.alp * self.lam * spread + self.alp * x

    def _reweighed(self, edges: Edges, y: Tensor) -> tuple[Tensor, Tensor]:
        """Weights of the edges (E, 1), and degrees (N, 1), from how far apart both ends are."""
        if self.etas is not None:
            y = y * self.etas
        squared = y.square().sum(-1, keepdim=True)
        dot = (edges.src(y) * edges.dst(y)).sum(-1, keepdim=True)
        distance = materialise(edges.src(squared) + edges.dst(squared) - 2 * dot)
        slope = (distance.relu() + 1e-7) ** (1 - 0.5 * self.p)
        slope = slope.masked_fill(slope < self.tau, self.tau)
        if self.T > 0:
            slope = slope.masked_fill(slope > self.T, torch.inf)
        weight = 1 / slope + 1e-9
        return F.dropout(weight, self.attn_dropout, training=self.training), edges.sum(weight)


class MLP(nn.Module):
    """Linear layers with normalisation, ReLU and dropout in between.

    Args:
        input_d, hidden_d, output_d: widths.
        num_layers: number of linear layers; with 0 there is nothing but the first activation.
        dropout: probability.
        norm: "none", "batch" or "layer".
        init_activate: activate the input too.
    """

    def __init__(
        self,
        input_d: int,
        hidden_d: int,
        output_d: int,
        num_layers: int,
        dropout: float,
        norm: str,
        init_activate: bool,
    ) -> None:
        super().__init__()
        self.init_activate = init_activate
        self.norm = norm
        self.dropout = dropout
        widths = [input_d, *[hidden_d] * (num_layers - 1), output_d] if num_layers else []
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        kinds = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm}
        self.norm_cnt = num_layers - 1 + int(init_activate)
        if norm in kinds:
            self.norms = nn.ModuleList(kinds[norm](hidden_d) for _ in range(self.norm_cnt))
        self.reset_params()

    def reset_params(self) -> None:
        """Draws new numbers."""
        for layer in self.layers:
            init_linear(layer, gain=1.0)

    def forward(self, x: Tensor) -> Tensor:
        norms = iter(self.norms if self.norm != "none" else [])

        def activated(x: Tensor) -> Tensor:
            x = next(norms, nn.Identity())(x)
            return F.dropout(F.relu(x), self.dropout, training=self.training)

        if self.init_activate:
            x = activated(x)
        for i, layer in enumerate(self.layers):
            x = layer(x if i == 0 else activated(x))
        return x
