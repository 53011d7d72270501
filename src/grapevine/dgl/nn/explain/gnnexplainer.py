"""Explanations by masks that are learned for one answer."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import Any

import torch
from rich.progress import track
from torch import Tensor, nn

from grapevine.dgl.base import EID, NID
from grapevine.dgl.heterograph import DGLGraph
from grapevine.dgl.nn._graphs import relu_gain
from grapevine.dgl.subgraph import khop_in_subgraph

Masks = dict[Any, Tensor]


class _MaskExplainer(nn.Module):
    """Learns a mask for the features of each type of nodes, and one for the edges of each type."""

    def __init__(
        self,
        model: nn.Module,
        num_hops: int,
        lr: float = 0.01,
        num_epochs: int = 100,
        *,
        alpha1: float = 0.005,
        alpha2: float = 1.0,
        beta1: float = 1.0,
        beta2: float = 0.1,
        log: bool = True,
    ) -> None:
        super().__init__()
        self.model = model
        self.num_hops = num_hops
        self.lr = lr
        self.num_epochs = num_epochs
        self.alpha1 = alpha1
        self.alpha2 = alpha2
        self.beta1 = beta1
        self.beta2 = beta2
        self.log = log

    def _learn(
        self,
        graph: DGLGraph,
        feat: dict[str, Tensor],
        answer: Callable[..., Tensor],
        rows: Any,
        title: str,
    ) -> tuple[Masks, Masks]:
        """The masks of features and edges under which the model gives the answers of these rows.

        Args:
            graph, feat: what is asked about.
            answer: from features, and weights of the edges if there are any, to logits.
            rows: whose answers are explained.
            title: of the progress bar.
        """
        with torch.no_grad():
            label = answer(feat).argmax(dim=-1)[rows]
        features, weights = self._initial(graph, feat)
        optimizer = torch.optim.Adam([*features.values(), *weights.values()], lr=self.lr)
        for _ in track(range(self.num_epochs), title, disable=not self.log):
            optimizer.zero_grad()
            masked = {key: x * features[key].sigmoid() for key, x in feat.items()}
            logits = answer(masked, {key: w.sigmoid() for key, w in weights.items()})
            loss = -logits.log_softmax(dim=-1)[rows, label].sum() + self._penalty(features, weights)
            loss.backward()
            optimizer.step()
        return (
            {key: mask.detach().sigmoid().squeeze() for key, mask in features.items()},
            {key: mask.detach().sigmoid() for key, mask in weights.items()},
        )

    def _initial(self, graph: DGLGraph, feat: dict[str, Tensor]) -> tuple[Masks, Masks]:
        """Small random masks, ahead of the sigmoid."""
        device = graph.device
        features: Masks = {
            key: nn.Parameter(torch.randn(1, x.shape[1], device=device) * 0.1) for key, x in feat.items()
        }
        weights: Masks = {}
        for etype in graph.canonical_etypes:
            nodes = graph.num_nodes(etype[0]) + graph.num_nodes(etype[-1])
            std = relu_gain() * sqrt(2 / max(nodes, 1))
            weights[etype] = nn.Parameter(torch.randn(graph.num_edges(etype), device=device) * std)
        return features, weights

    def _penalty(self, features: Masks, weights: Masks) -> Tensor:
        """Masks shall be small, and their entries near 0 or 1."""
        edges = [mask.sigmoid() for mask in weights.values()]
        columns = [mask.sigmoid() for mask in features.values()]
        total = sum((self.alpha1 * m.sum() + self.alpha2 * _entropy(m) for m in edges), torch.tensor(0.0))
        return total + sum(self.beta1 * m.mean() + self.beta2 * _entropy(m) for m in columns)

    def _ready(self, graph: DGLGraph) -> None:
        self.model = self.model.to(graph.device)
        self.model.eval()


def _entropy(mask: Tensor) -> Tensor:
    tiny = 1e-15
    return (-mask * (mask + tiny).log() - (1 - mask) * (1 - mask + tiny).log()).mean()


class GNNExplainer(_MaskExplainer):
    r"""Masks of the edges and features that suffice for a model's answer on a homogeneous graph.

    .. math::
        \min_{\mathbf{m}, \mathbf{f}} -\log p ( y \mid G \odot \sigma(\mathbf{m}), \mathbf{X} \odot \sigma(\mathbf{f}) )
        + \alpha_1 \Vert \sigma(\mathbf{m}) \Vert_1 + \alpha_2 H(\sigma(\mathbf{m}))
        + \beta_1 \overline{\sigma(\mathbf{f})} + \beta_2 H(\sigma(\mathbf{f}))

    Args:
        model: called as `model(graph=, feat=, eweight=, **kwargs)`, returns logits; `eweight` (E,) may be missing.
        num_hops: how many hops its answer about a node depends on.
        lr: learning rate.
        num_epochs: number of steps.
        alpha1, alpha2, beta1, beta2: weights of the penalties.
        log: show a progress bar.

    Example:
        >>> import grapevine.dgl as dgl
        >>> class Model(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.conv = dgl.nn.GraphConv(4, 2, allow_zero_in_degree=True)
        ...     def forward(self, graph, feat, eweight=None):
        ...         return self.conv(graph, feat, edge_weight=eweight)
        >>> g = dgl.graph(([0, 1, 2], [1, 2, 3]))
        >>> explainer = GNNExplainer(Model(), num_hops=1, num_epochs=2, log=False)
        >>> place, part, features, edges = explainer.explain_node(3, g, torch.ones(4, 4))
        >>> part.num_nodes(), features.shape, edges.shape
        (2, torch.Size([4]), torch.Size([1]))

    Source: "GNNExplainer: Generating Explanations for Graph Neural Networks" (arXiv:1903.03894).
    """

    def explain_node(
        self, node_id: Any, graph: DGLGraph, feat: Tensor, **kwargs: Any
    ) -> tuple[Tensor, DGLGraph, Tensor, Tensor]:
        """The answer about a node.

        Args:
            node_id: the node.
            graph: a homogeneous graph.
            feat: (N, F).
            kwargs: of the model; tensors with a row per node, or per edge, are cut to the subgraph.

        Returns:
            the node's place in the subgraph of its hops, the subgraph, the mask of the features (F,), and of the
            subgraph's edges (E',), both in [0, 1].
        """
        self._ready(graph)
        part, place = khop_in_subgraph(graph, node_id, self.num_hops)
        nodes, edges = part.ndata[NID].long(), part.edata[EID].long()

        def cut(value: Any) -> Any:
            if isinstance(value, Tensor) and value.dim() > 0:
                if value.shape[0] == graph.num_nodes():
                    return value[nodes]
                if value.shape[0] == graph.num_edges():
                    return value[edges]
            return value

        kwargs = {key: cut(value) for key, value in kwargs.items()}
        masks = self._masks(part, feat[nodes], kwargs, place.long(), f"Explain node {node_id}")
        return (place, part, *masks)

    def explain_graph(self, graph: DGLGraph, feat: Tensor, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """The answer about a graph.

        Args:
            graph: a homogeneous graph.
            feat: (N, F).
            kwargs: of the model.

        Returns:
            the mask of the features (F,), and of the edges (E,), both in [0, 1].
        """
        self._ready(graph)
        return self._masks(graph, feat, kwargs, [0], "Explain graph")

    def _masks(
        self, graph: DGLGraph, feat: Tensor, kwargs: dict[str, Any], rows: Any, title: str
    ) -> tuple[Tensor, Tensor]:
        (ntype,), (etype,) = graph.ntypes, graph.canonical_etypes

        def answer(x: dict[str, Tensor], weights: Masks | None = None) -> Tensor:
            extra = {} if weights is None else {"eweight": weights[etype]}
            return self.model(graph=graph, feat=x[ntype], **extra, **kwargs)

        features, edges = self._learn(graph, {ntype: feat}, answer, rows, title)
        return features[ntype], edges[etype]


class HeteroGNNExplainer(_MaskExplainer):
    """`GNNExplainer` for graphs of several types: a mask for the features and edges of each.

    Args:
        model: called as `model(graph=, feat=, eweight=, **kwargs)` with dicts of features by type of nodes, and weights
            by canonical type of edges (which may be missing); returns logits, by type of nodes for `explain_node`.
        num_hops, lr, num_epochs, alpha1, alpha2, beta1, beta2, log: as of `GNNExplainer`.

    Example:
        >>> import grapevine.dgl as dgl
        >>> class Model(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.conv = dgl.nn.GraphConv(4, 2, allow_zero_in_degree=True)
        ...     def forward(self, graph, feat, eweight=None):
        ...         weight = None if eweight is None else eweight["user", "plays", "game"]
        ...         pair = feat["user"], feat["game"]
        ...         return {"game": self.conv(graph["plays"], pair, edge_weight=weight)}
        >>> g = dgl.heterograph({("user", "plays", "game"): ([0, 1], [0, 0])})
        >>> explainer = HeteroGNNExplainer(Model(), num_hops=1, num_epochs=2, log=False)
        >>> feat = {"user": torch.ones(2, 4), "game": torch.ones(1, 4)}
        >>> place, part, features, edges = explainer.explain_node("game", 0, g, feat)
        >>> sorted(features), edges["user", "plays", "game"].shape
        (['game', 'user'], torch.Size([2]))

    Source: "GNNExplainer: Generating Explanations for Graph Neural Networks" (arXiv:1903.03894).
    """

    def explain_node(
        self, ntype: str, node_id: Any, graph: DGLGraph, feat: dict[str, Tensor], **kwargs: Any
    ) -> tuple[Tensor, DGLGraph, Masks, Masks]:
        """The answer about a node.

        Args:
            ntype: the node's type.
            node_id: the node.
            graph: a graph of several types.
            feat: by type of nodes (N, F).
            kwargs: of the model.

        Returns:
            the node's place in the subgraph of its hops, the subgraph, the masks of the features, (F,) by type of
            nodes, and of the subgraph's edges, (E',) by canonical type.
        """
        self._ready(graph)
        part, places = khop_in_subgraph(graph, {ntype: node_id}, self.num_hops)
        place = places[ntype]
        feat = {key: feat[key][nodes.long()] for key, nodes in part.ndata[NID].items()}

        def answer(x: dict[str, Tensor], weights: Masks | None = None) -> Tensor:
            extra = {} if weights is None else {"eweight": weights}
            return self.model(graph=part, feat=x, **extra, **kwargs)[ntype]

        title = f"Explain node {node_id} with type {ntype}"
        return (place, part, *self._learn(part, feat, answer, place.long(), title))

    def explain_graph(self, graph: DGLGraph, feat: dict[str, Tensor], **kwargs: Any) -> tuple[Masks, Masks]:
        """The answer about a graph.

        Args:
            graph: a graph of several types.
            feat: by type of nodes (N, F).
            kwargs: of the model.

        Returns:
            the masks of the features, (F,) by type of nodes, and of the edges, (E,) by canonical type.
        """
        self._ready(graph)

        def answer(x: dict[str, Tensor], weights: Masks | None = None) -> Tensor:
            extra = {} if weights is None else {"eweight": weights}
            return self.model(graph=graph, feat=x, **extra, **kwargs)

        return self._learn(graph, feat, answer, [0], "Explain graph")
