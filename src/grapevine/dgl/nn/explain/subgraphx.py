"""Explanations by subgraphs: a tree search for the nodes that contribute most to an answer."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from torch import Tensor, nn

from grapevine.dgl.heterograph import DGLGraph
from grapevine.errors import GraphValueError

Nodes = tuple[int, ...]


@dataclass
class MCTSNode:
    """A connected set of nodes in the search tree.

    Attributes:
        nodes: their numbers, ascending.
        immediate_reward: what they contribute to the answer.
        num_visit: how many rollouts came through.
        total_reward: what these found, summed up.
        children: what is left where one more node is taken away; None until somebody asks.
    """

    nodes: Nodes
    immediate_reward: float = 0.0
    num_visit: int = 0
    total_reward: float = 0.0
    children: list[MCTSNode] | None = field(default=None, repr=False)


class _Search(nn.Module):
    """The search, on nodes numbered through all types."""

    def __init__(
        self,
        model: nn.Module,
        num_hops: int,
        coef: float = 10.0,
        high2low: bool = True,
        num_child: int = 12,
        num_rollouts: int = 20,
        node_min: int = 3,
        shapley_steps: int = 100,
        log: bool = False,
    ) -> None:
        super().__init__()
        self.num_hops = num_hops
        self.coef = coef
        self.high2low = high2low
        self.num_child = num_child
        self.num_rollouts = num_rollouts
        self.node_min = node_min
        self.shapley_steps = shapley_steps
        self.log = log
        self.model = model

    def _best(
        self, graph: DGLGraph, feat: dict[str, Tensor], target_class: int, kwargs: dict[str, Any]
    ) -> dict[str, Tensor]:
        """The best set of nodes found, by type."""
        self.model.eval()
        total = graph.num_nodes()
        if total <= self.node_min:
            raise GraphValueError(
                f"The number of nodes in the graph {total} should be bigger than {self.node_min}."
            )
        counts = [graph.num_nodes(ntype) for ntype in graph.ntypes]
        starts = dict(zip(graph.ntypes, [0, *np.cumsum(counts)[:-1].tolist()], strict=True))
        ends = [
            torch.stack(graph.edges(etype=etype)).long().cpu().numpy()
            + [[starts[etype[0]]], [starts[etype[2]]]]
            for etype in graph.canonical_etypes
        ]
        source, target = np.concatenate(ends, axis=1)

        def value(mask: np.ndarray) -> float:
            """The probability of the class where the features of all other nodes are zero."""
            parts = torch.from_numpy(mask).split(counts)
            masked = {
                ntype: feat[ntype] * part.to(feat[ntype]).unsqueeze(1)
                for ntype, part in zip(graph.ntypes, parts, strict=True)
            }
            with torch.no_grad():
                return float(self._answer(graph, masked, kwargs).softmax(dim=-1)[:, target_class].mean())

        def shapley(nodes: Nodes) -> float:
            """What the nodes add to random coalitions of their surroundings, on average."""
            region = np.zeros(total, dtype=bool)
            region[list(nodes)] = True
            for _ in range(self.num_hops - 1):
                reached = [source[region[target]], target[region[source]]]
                region[np.concatenate(reached)] = True
            others = np.setdiff1d(np.flatnonzero(region), nodes)
            gains = []
            for _ in range(self.shapley_steps):
                order = np.random.permutation([*others, total])  # noqa: NPY002 (as DGL draws them)
                mask = ~region
                mask[order[: int(np.flatnonzero(order == total)[0])]] = True
                without = value(mask)
                mask[list(nodes)] = True
                gains.append(value(mask) - without)
            return float(np.mean(gains))

        def connected(nodes: np.ndarray) -> Nodes:
            """The largest connected part."""
            place = np.full(total, -1)
            place[nodes] = np.arange(len(nodes))
            inside = (place[source] >= 0) & (place[target] >= 0)
            pairs = place[source[inside]], place[target[inside]]
            matrix = coo_matrix((np.ones(len(pairs[0])), pairs), shape=(len(nodes), len(nodes)))
            labels = connected_components(matrix, directed=False)[1]
            return tuple(nodes[labels == np.bincount(labels).argmax()].tolist())

        known: dict[Nodes, MCTSNode] = {}

        def children(parent: MCTSNode) -> list[MCTSNode]:
            """What is left without one of the nodes of highest (or lowest) degree."""
            inside = np.zeros(total, dtype=bool)
            inside[list(parent.nodes)] = True
            among = inside[source] & inside[target]
            degrees = np.bincount(np.concatenate([source[among], target[among]]), minlength=total)
            nodes = np.array(parent.nodes)
            number = min(len(nodes), self.num_child)
            chosen = torch.from_numpy(degrees[nodes]).topk(number, largest=self.high2low).indices
            found: dict[Nodes, MCTSNode] = {}
            for place in chosen.tolist():
                left = connected(np.delete(nodes, place))
                if left not in known:
                    known[left] = MCTSNode(left)
                found[left] = known[left]
            for child in found.values():
                if child.immediate_reward == 0:
                    child.immediate_reward = shapley(child.nodes)
            return list(found.values())

        def rollout(node: MCTSNode) -> float:
            """Goes down to a set that is small enough, and tells all on the way what it is worth."""
            if len(node.nodes) <= self.node_min:
                return node.immediate_reward
            if node.children is None:
                node.children = children(node)
            visits = math.sqrt(sum(child.num_visit for child in node.children))

            def promise(child: MCTSNode) -> float:
                explore = self.coef * child.immediate_reward * visits / (1 + child.num_visit)
                return child.total_reward / max(child.num_visit, 1) + explore

            chosen = max(node.children, key=promise)
            reward = rollout(chosen)
            chosen.num_visit += 1
            chosen.total_reward += reward
            return reward

        root = MCTSNode(tuple(range(total)))
        known[root.nodes] = root
        for i in range(self.num_rollouts):
            if self.log:
                print(f"Rollout {i}/{self.num_rollouts}, {len(known)} subgraphs have been explored.")  # noqa: T201
            rollout(root)
        leaves = [node for node in known.values() if len(node.nodes) <= self.node_min]
        best = torch.tensor(max(leaves, key=lambda node: node.immediate_reward).nodes, device=graph.device)
        parts = {
            ntype: best[(best >= start) & (best < start + count)] - start
            for (ntype, start), count in zip(starts.items(), counts, strict=True)
        }
        return {ntype: part for ntype, part in parts.items() if part.numel() > 0}

    def _answer(self, graph: DGLGraph, feat: dict[str, Tensor], kwargs: dict[str, Any]) -> Tensor:
        """Logits of the graph."""
        return self.model(graph, feat, **kwargs)


class SubgraphX(_Search):
    """The connected subgraph that contributes most to a model's answer about a homogeneous graph.

    A Monte-Carlo tree search takes nodes away; a subgraph is worth its approximate Shapley value.

    Args:
        model: called as `model(graph, feat, **kwargs)`, returns logits (1, C).
        num_hops: how many hops it looks.
        coef: how much rollouts explore.
        high2low: try the nodes of highest degree first, instead of lowest.
        num_child: how many nodes are tried at each set.
        num_rollouts: number of rollouts.
        node_min: size at which a subgraph is small enough.
        shapley_steps: coalitions per Shapley value; drawn with `numpy.random`.
        log: print how far the search is.

    Example:
        >>> import grapevine.dgl as dgl
        >>> class Model(nn.Module):
        ...     def forward(self, graph, feat):
        ...         return torch.cat([feat.sum(0), torch.zeros(1)]).unsqueeze(0)
        >>> g = dgl.graph(([0, 1, 2, 3], [1, 2, 3, 0]))
        >>> explainer = SubgraphX(Model(), num_hops=1, node_min=1, shapley_steps=1)
        >>> explainer.explain_graph(g, torch.tensor([[0.0], [0.0], [3.0], [0.0]]), target_class=0)
        tensor([2])

    Source: "On Explainability of Graph Neural Networks via Subgraph Explorations" (arXiv:2102.05152).
    """

    def explain_graph(self, graph: DGLGraph, feat: Tensor, target_class: int, **kwargs: Any) -> Tensor:
        """The nodes that speak for a class.

        Args:
            graph: a homogeneous graph.
            feat: (N, F).
            target_class: the class.
            kwargs: of the model.

        Returns:
            numbers of nodes, ascending.

        Raises:
            GraphValueError: for a graph of no more than `node_min` nodes.
        """
        (ntype,) = graph.ntypes
        return self._best(graph, {ntype: feat}, target_class, kwargs)[ntype]

    def _answer(self, graph: DGLGraph, feat: dict[str, Tensor], kwargs: dict[str, Any]) -> Tensor:
        (x,) = feat.values()
        return self.model(graph, x, **kwargs)


class HeteroSubgraphX(_Search):
    """`SubgraphX` for graphs of several types.

    Args:
        model: called as `model(graph, feat, **kwargs)` with a dict of features by type of nodes; returns logits (1, C).
        num_hops, coef, high2low, num_child, num_rollouts, node_min, shapley_steps, log: as of `SubgraphX`.

    Departures from DGL: a subgraph's own nodes count as included where its contribution is measured, not as excluded;
    coalitions are drawn from its surroundings of all types.

    Example:
        >>> import grapevine.dgl as dgl
        >>> class Model(nn.Module):
        ...     def forward(self, graph, feat):
        ...         return torch.cat([feat["user"].sum(0), torch.zeros(1)]).unsqueeze(0)
        >>> g = dgl.heterograph({("user", "plays", "game"): ([0, 1], [0, 0])})
        >>> explainer = HeteroSubgraphX(Model(), num_hops=1, node_min=1, shapley_steps=1)
        >>> feat = {"user": torch.tensor([[0.0], [3.0]]), "game": torch.ones(1, 1)}
        >>> explainer.explain_graph(g, feat, target_class=0)
        {'user': tensor([1])}

    Source: "On Explainability of Graph Neural Networks via Subgraph Explorations" (arXiv:2102.05152).
    """

    def explain_graph(
        self, graph: DGLGraph, feat: dict[str, Tensor], target_class: int, **kwargs: Any
    ) -> dict[str, Tensor]:
        """The nodes that speak for a class.

        Args:
            graph: a graph of several types.
            feat: by type of nodes (N, F).
            target_class: the class.
            kwargs: of the model.

        Returns:
            numbers of nodes by type, ascending; types without any are left out.

        Raises:
            GraphValueError: for a graph of no more than `node_min` nodes.
        """
        return self._best(graph, feat, target_class, kwargs)
