"""Which predicted edges message passing must not see: those of nodes with few others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from grapevine.dgl.dataloading.base import find_exclude_eids
from grapevine.dgl.heterograph import DGLGraph

__all__ = ["SpotTarget"]


class SpotTarget:
    """Leaves out predicted edges at nodes of low degree, for `as_edge_prediction_sampler(exclude=...)`.

    Edges both of whose ends have many others stay: without them, the test would see another distribution.

    Args:
        g: the graph.
        exclude: what is left out with them, as of `find_exclude_eids`.
        degree_threshold: the degree below which an end is low.
        reverse_eids: as of `find_exclude_eids`.
        reverse_etypes: as of `find_exclude_eids`.

    Call:
        seed_edges: ids of the predicted edges.

    Example:
        >>> from grapevine import dgl
        >>> g = dgl.graph(([0, 1, 2, 0], [1, 0, 0, 2]))
        >>> SpotTarget(g, exclude="self", degree_threshold=2)(torch.tensor([1, 2]))
        tensor([1, 2])

    Source: Zhu et al., SpotTarget: Rethinking the Effect of Target Edges for Link Prediction, arXiv:2306.00899.
    """

    def __init__(
        self,
        g: DGLGraph,
        exclude: Any,
        degree_threshold: int = 10,
        reverse_eids: Any = None,
        reverse_etypes: Mapping[Any, Any] | None = None,
    ) -> None:
        self.g = g
        self.exclude = exclude
        self.degree_threshold = degree_threshold
        self.reverse_eids = reverse_eids
        self.reverse_etypes = reverse_etypes

    def __call__(self, seed_edges: Any) -> Any:
        degrees = [self.g.in_degrees(end) for end in self.g.find_edges(seed_edges)]
        low = seed_edges[torch.minimum(*degrees) < self.degree_threshold]
        return find_exclude_eids(self.g, low, self.exclude, self.reverse_eids, self.reverse_etypes)
