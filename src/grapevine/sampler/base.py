"""`BaseSampler`: what loaders ask of a sampler."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor

from grapevine.sampler.inputs import EdgeSamplerInput, NegativeSampling, NodeSamplerInput
from grapevine.sampler.outputs import HeteroSamplerOutput, SamplerOutput


class BaseSampler(ABC):
    """A sampler of subgraphs; `NodeLoader` calls `sample_from_nodes`, `LinkLoader` calls `sample_from_edges`.

    Calls may come from several threads at once. An answer should depend on `index.key` (where it is given) and
    on no other randomness: then epochs repeat, whatever the number of threads.
    """

    @abstractmethod
    def sample_from_nodes(
        self, index: NodeSamplerInput, **kwargs: Any
    ) -> SamplerOutput | HeteroSamplerOutput:
        """Samples around nodes; `metadata` of the output starts with `(index.input_id, index.time)`."""

    @abstractmethod
    def sample_from_edges(
        self, index: EdgeSamplerInput, neg_sampling: NegativeSampling | None = None
    ) -> SamplerOutput | HeteroSamplerOutput:
        """Samples around the ends of links."""

    @property
    def edge_permutation(self) -> Tensor | dict[Any, Tensor | None] | None:
        """Maps the edge ids of outputs to those of the data; None where they are the same."""
        return None
