"""Pairs of nodes that stand against the edges of a batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from grapevine.dgl.base import DGLError
from grapevine.dgl.heterograph import DGLGraph
from grapevine.dgl.structure import EType

__all__ = ["GlobalUniform", "PerSourceUniform", "Uniform"]


class _NegativeSampler(ABC):
    def __init__(self, k: int) -> None:
        self.k = k

    @abstractmethod
    def _generate(self, g: DGLGraph, eids: Tensor, canonical_etype: EType) -> tuple[Tensor, Tensor]: ...

    def __call__(self, g: DGLGraph, eids: Any) -> Any:
        """Sources and destinations; a dict of them by edge type for a dict of edges.

        Args:
            g: the graph.
            eids: ids of edges, or a dict of them by edge type.
        """
        if isinstance(eids, Mapping):
            by_type = {g.to_canonical_etype(k): ids for k, ids in eids.items()}
            return {etype: self._generate(g, ids, etype) for etype, ids in by_type.items()}
        if len(g.canonical_etypes) != 1:
            raise DGLError("please specify a dict of etypes and ids for graphs with multiple edge types")
        return self._generate(g, eids, g.canonical_etypes[0])


class PerSourceUniform(_NegativeSampler):
    """k pairs for every edge: its source, with destinations drawn from all nodes.

    Args:
        k: how many.
    """

    def _generate(self, g: DGLGraph, eids: Tensor, canonical_etype: EType) -> tuple[Tensor, Tensor]:
        src = g.find_edges(eids, etype=canonical_etype)[0].repeat_interleave(self.k)
        return src, torch.randint(
            g.num_nodes(canonical_etype[2]), src.shape, dtype=src.dtype, device=src.device
        )


Uniform = PerSourceUniform


class GlobalUniform(_NegativeSampler):
    """k pairs for every edge, drawn from all pairs that no edge joins.

    Args:
        k: how many.
        exclude_self_loops: whether a node may not be paired with itself.
        replace: whether a pair may be drawn more than once.
    """

    def __init__(self, k: int, exclude_self_loops: bool = True, replace: bool = False) -> None:
        super().__init__(k)
        self.exclude_self_loops = exclude_self_loops
        self.replace = replace

    def _generate(self, g: DGLGraph, eids: Tensor, canonical_etype: EType) -> tuple[Tensor, Tensor]:
        return g.global_uniform_negative_sampling(
            len(eids) * self.k, self.exclude_self_loops, self.replace, canonical_etype
        )
