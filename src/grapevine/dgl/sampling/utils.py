"""Taking edges out of a sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from grapevine.dgl.base import EID

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLGraph

__all__ = ["EidExcluder"]


class EidExcluder:
    """Takes edges of a graph out of samples of it.

    Args:
        exclude_eids: ids in the graph, or a dict of them by edge type.

    Call:
        frontier: a sample with the ids in `edata[dgl.EID]`.
        weights: numbers of its edges by edge type, if there are any.

    Returns:
        the sample without those edges, and the weights of the others where some were given.

    Example:
        >>> from grapevine import dgl
        >>> g = dgl.graph(([0, 1, 2], [3, 3, 3]))
        >>> EidExcluder(torch.tensor([1]))(g.sample_neighbors([3], -1)).edges()[0]
        tensor([0, 2])
    """

    def __init__(self, exclude_eids: Any) -> None:
        self.exclude_eids = exclude_eids

    def __call__(self, frontier: DGLGraph, weights: list[Any] | None = None) -> Any:
        given = self.exclude_eids
        if not isinstance(given, Mapping):
            given = {frontier.canonical_etypes[0]: given}
        excluded = {frontier.to_canonical_etype(etype): ids for etype, ids in given.items()}
        result = frontier.clone()
        for i, etype in enumerate(frontier.canonical_etypes):
            if etype not in excluded:
                continue
            out = torch.isin(frontier.edges[etype].data[EID], excluded[etype].to(frontier.device))
            if weights is not None and len(weights[i]) == len(out):
                weights[i] = weights[i][~out]
            result.remove_edges(frontier._as_ids(out.nonzero().view(-1)), etype=etype)
        return result if weights is None else (result, weights)
