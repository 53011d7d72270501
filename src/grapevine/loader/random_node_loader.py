"""`RandomNodeLoader`: the subgraphs of random parts of the nodes."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from grapevine.data import Data, HeteroData
from grapevine.errors import GraphValueError
from grapevine.loader.seeds import SeedLoader


class RandomNodeLoader(SeedLoader):
    """Batches that each hold a part of the nodes and all edges among them.

    Args:
        data: a `Data` or `HeteroData`.
        num_parts: how many parts.
        **kwargs: `prefetch_threads`, and arguments of `torch.utils.data.DataLoader`, such as `shuffle=True` for random
            parts.

    Example:
        >>> import torch
        >>> data = Data(edge_index=torch.tensor([[0, 1, 2], [1, 2, 3]]), num_nodes=4)
        >>> [batch.num_edges for batch in RandomNodeLoader(data, num_parts=2)]
        [1, 1]
    """

    def __init__(self, data: Data | HeteroData, num_parts: int, **kwargs: Any) -> None:
        if num_parts < 1:
            raise GraphValueError(f"expected num_parts >= 1, got {num_parts}")
        kwargs.pop("batch_size", None)
        self.data = data
        self.num_parts = num_parts
        self.num_nodes = data.num_nodes or 0
        super().__init__(self.num_nodes, batch_size=max(1, math.ceil(self.num_nodes / num_parts)), **kwargs)

    def _sample(self, index: Tensor, key: int | None) -> Data | HeteroData:
        """The subgraph of the nodes `index`, numbered type after type."""
        if isinstance(self.data, Data):
            return self.data.subgraph(index)
        subset, start = {}, 0
        for kind, store in self.data.node_items():
            count = store.num_nodes or 0
            subset[kind] = index[(index >= start) & (index < start + count)] - start
            start += count
        return self.data.subgraph(subset)
