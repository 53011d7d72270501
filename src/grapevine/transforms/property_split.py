"""Splits of nodes by what their place in the graph is like."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.data import Data
from grapevine.errors import GraphKeyError, GraphValueError, require
from grapevine.transforms.base import BaseTransform, count_nodes
from grapevine.utils import to_networkx

_NAMES = ("id_train_mask", "id_val_mask", "id_test_mask", "ood_val_mask", "ood_test_mask")


class NodePropertySplit(BaseTransform):
    """Splits nodes into parts within and outside of a distribution, by a property of the graph.

    The nodes are put in order by the property; the first ones are in distribution and become
    ``id_train_mask``, ``id_val_mask`` and ``id_test_mask`` at random, the last ones ``ood_val_mask`` and
    ``ood_test_mask``. Ties are broken at random, by torch's generator.

    Args:
        property_name: "popularity" (PageRank), "locality" (PageRank that starts from the most popular node)
            or "density" (clustering coefficient).
        ratios: the five parts of the nodes, in this order; they sum to one.
        ascending: whether nodes with large values are the first ones.

    Raises:
        GraphKeyError: for another property.
        GraphValueError: for ratios that are not five, or do not sum to one.

    Source: Bazhenov et al., "Evaluating Robustness and Uncertainty of Graph Models Under Structural
    Distributional Shifts", arXiv:2302.13875.
    """

    def __init__(self, property_name: str, ratios: list[float], ascending: bool = True) -> None:
        known = ("popularity", "locality", "density")
        if property_name not in known:
            raise GraphKeyError(f"unknown property {property_name!r}; choose one of {', '.join(known)}")
        if len(ratios) != len(_NAMES) or abs(sum(ratios) - 1.0) > 1e-6:
            raise GraphValueError(f"expected five ratios that sum to one, got {ratios}")
        self.property_name = property_name
        self.ratios = ratios
        self.ascending = ascending

    def forward(self, data: Data) -> Data:
        num_nodes = count_nodes(data, self)
        values = self._values(data)
        values = -values if self.ascending else values
        sizes = (num_nodes * torch.tensor(self.ratios)).round().long()
        sizes[-1] -= sizes.sum() - num_nodes
        order = torch.randperm(num_nodes)
        order = order[values[order].argsort()]
        inside = int(sizes[:3].sum())
        order[:inside] = order[:inside][torch.randperm(inside)]
        for name, part in zip(_NAMES, order.split(sizes.tolist())):
            data[name] = torch.zeros(num_nodes, dtype=torch.bool).index_fill_(0, part, True)
        return data

    def _values(self, data: Data) -> Tensor:
        nx = require("networkx")
        graph = to_networkx(data, to_undirected=True, remove_self_loops=True)
        if self.property_name == "density":
            return torch.tensor([*nx.clustering(graph).values()])
        rank = [*nx.pagerank(graph).values()]
        if self.property_name == "locality":
            first = rank.index(max(rank))
            rank = [*nx.pagerank(graph, personalization={first: 1.0}).values()]
        return torch.tensor(rank)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.property_name})"
