"""`DataLoader`: mini-batches of graphs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.utils.data
from torch.utils.data.dataloader import default_collate

from grapevine.data import Batch, Data, HeteroData
from grapevine.data.base import BaseData
from grapevine.errors import GraphTypeError


class Collater:
    """Joins a list of examples: graphs into a `Batch`, numbers into tensors, containers item by item.

    Args:
        dataset: where the examples come from.
        follow_batch: attributes for which to add `{name}_batch` and `{name}_ptr`.
        exclude_keys: attributes to leave out.
    """

    def __init__(
        self,
        dataset: Any,
        follow_batch: Sequence[str] | None = None,
        exclude_keys: Sequence[str] | None = None,
    ) -> None:
        self.dataset = dataset
        self.follow_batch = follow_batch
        self.exclude_keys = exclude_keys

    def __call__(self, batch: list[Any]) -> Any:
        first = batch[0]
        if isinstance(first, BaseData):
            return Batch.from_data_list(batch, self.follow_batch, self.exclude_keys)
        if isinstance(first, torch.Tensor):
            return default_collate(batch)
        if isinstance(first, float):
            return torch.tensor(batch, dtype=torch.float)
        if isinstance(first, int):
            return torch.tensor(batch)
        if isinstance(first, str):
            return batch
        if isinstance(first, Mapping):
            return {key: self([example[key] for example in batch]) for key in first}
        if isinstance(first, tuple) and hasattr(first, "_fields"):
            return type(first)(*(self(list(items)) for items in zip(*batch)))
        if isinstance(first, Sequence):
            return [self(list(items)) for items in zip(*batch)]
        raise GraphTypeError(
            f"expected examples that are graphs, tensors, numbers, strings or containers of these, got "
            f"{type(first).__name__}; do this instead: return one of these from the dataset"
        )


class DataLoader(torch.utils.data.DataLoader[Any]):
    """Iterates over a dataset in mini-batches, graphs joined into a `Batch`.

    Args:
        dataset: a dataset, or a list of graphs.
        batch_size: examples in a batch.
        shuffle: whether to draw a new order for every pass.
        follow_batch: attributes for which to add `{name}_batch` and `{name}_ptr`.
        exclude_keys: attributes to leave out.
        **kwargs: further arguments of `torch.utils.data.DataLoader`; `collate_fn` is ignored.

    Raises:
        GraphTypeError: for a single graph.

    Example:
        >>> from grapevine.data import Data
        >>> graphs = [Data(x=torch.zeros(n, 1)) for n in (1, 2, 3)]
        >>> [batch.num_nodes for batch in DataLoader(graphs, batch_size=2)]
        [3, 3]
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int = 1,
        shuffle: bool = False,
        follow_batch: Sequence[str] | None = None,
        exclude_keys: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        if isinstance(dataset, (Data, HeteroData)) and not isinstance(dataset, Batch):
            raise GraphTypeError(
                f"expected a dataset or a list of graphs, got one {type(dataset).__name__}; do this instead: "
                "NeighborLoader(data, ...) for batches of its nodes, or DataLoader([data])"
            )
        kwargs.pop("collate_fn", None)
        self.follow_batch = follow_batch
        self.exclude_keys = exclude_keys
        super().__init__(
            dataset, batch_size, shuffle, collate_fn=Collater(dataset, follow_batch, exclude_keys), **kwargs
        )
