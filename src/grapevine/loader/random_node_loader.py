"""`RandomNodeLoader`: the subgraphs of random parts of the nodes."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.utils.data

from grapevine.data import Data, HeteroData
from grapevine.errors import GraphValueError


class RandomNodeLoader(torch.utils.data.DataLoader[Any]):
    """Batches that each hold a part of the nodes and all edges among them.

    Args:
        data: a `Data` or `HeteroData`.
        num_parts: how many parts.
        **kwargs: arguments of `torch.utils.data.DataLoader`, such as `shuffle=True` for random parts.

    Example:
        >>> data = Data(edge_index=torch.tensor([[0, 1, 2], [1, 2, 3]]), num_nodes=4)
        >>> [batch.num_edges for batch in RandomNodeLoader(data, num_parts=2)]
        [1, 1]
    """

    def __init__(self, data: Data | HeteroData, num_parts: int, **kwargs: Any) -> None:
        if num_parts < 1:
            raise GraphValueError(f"expected num_parts >= 1, got {num_parts}")
        for name in ("dataset", "collate_fn", "batch_size"):
            kwargs.pop(name, None)
        self.data = data
        self.num_parts = num_parts
        self.num_nodes = data.num_nodes or 0
        places: Any = range(self.num_nodes)
        size = max(1, math.ceil(self.num_nodes / num_parts))
        super().__init__(places, batch_size=size, collate_fn=self.collate_fn, **kwargs)

    def collate_fn(self, index: Any) -> Data | HeteroData:
        """The subgraph of the nodes `index`, numbered type after type."""
        index = torch.as_tensor(index)
        if isinstance(self.data, Data):
            return self.data.subgraph(index)
        subset, start = {}, 0
        for kind, store in self.data.node_items():
            count = store.num_nodes or 0
            subset[kind] = index[(index >= start) & (index < start + count)] - start
            start += count
        return self.data.subgraph(subset)
