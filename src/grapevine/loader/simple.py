"""Loaders of whole graphs as lists or stacks, and of events."""

from __future__ import annotations

from typing import Any

import torch
import torch.utils.data
from torch.utils.data.dataloader import default_collate

from grapevine.data import Batch, Data, TemporalData
from grapevine.errors import GraphValueError


def _as_list(graphs: list[Any]) -> list[Any]:
    return graphs


def _stacked(graphs: list[Data]) -> Any:
    batch: Any = Batch()
    for key in graphs[0].keys():  # noqa: SIM118
        batch[key] = default_collate([graph[key] for graph in graphs])
    return batch


class DataListLoader(torch.utils.data.DataLoader[Any]):
    """Batches that are lists of graphs.

    Args:
        dataset: graphs.
        batch_size: graphs in a batch.
        shuffle: draw a new order for every pass.
        **kwargs: further arguments of `torch.utils.data.DataLoader`.
    """

    def __init__(self, dataset: Any, batch_size: int = 1, shuffle: bool = False, **kwargs: Any) -> None:
        kwargs.pop("collate_fn", None)
        super().__init__(dataset, batch_size, shuffle, collate_fn=_as_list, **kwargs)


class DenseDataLoader(torch.utils.data.DataLoader[Any]):
    """Batches that stack all attributes in a new first dimension; graphs must agree in their shapes.

    Args:
        dataset: graphs with dense adjacency matrices.
        batch_size: graphs in a batch.
        shuffle: draw a new order for every pass.
        **kwargs: further arguments of `torch.utils.data.DataLoader`.
    """

    def __init__(self, dataset: Any, batch_size: int = 1, shuffle: bool = False, **kwargs: Any) -> None:
        kwargs.pop("collate_fn", None)
        super().__init__(dataset, batch_size, shuffle, collate_fn=_stacked, **kwargs)


class TemporalDataLoader(torch.utils.data.DataLoader[Any]):
    """Batches of successive events, with the nodes they name (`n_id`).

    Args:
        data: the stream.
        batch_size: events in a batch.
        neg_sampling_ratio: random destinations (`neg_dst`) per event, among the ids between the least and the
            largest destination.
        **kwargs: further arguments of `torch.utils.data.DataLoader`; events are never shuffled.

    Example:
        >>> src, dst, t = torch.tensor([[0, 1, 2], [1, 2, 0], [1, 5, 9]])
        >>> [batch.n_id.tolist() for batch in TemporalDataLoader(TemporalData(src, dst, t), batch_size=2)]
        [[0, 1, 2], [0, 2]]
    """

    def __init__(
        self, data: TemporalData, batch_size: int = 1, neg_sampling_ratio: float = 0.0, **kwargs: Any
    ) -> None:
        for name in ("dataset", "collate_fn", "shuffle"):
            kwargs.pop(name, None)
        if batch_size < 1 or neg_sampling_ratio < 0:
            raise GraphValueError(
                f"expected batch_size >= 1 and neg_sampling_ratio >= 0, got {batch_size} and {neg_sampling_ratio}"
            )
        self.data = data
        self.events_per_batch = batch_size
        self.neg_sampling_ratio = neg_sampling_ratio
        if neg_sampling_ratio > 0:
            self.min_dst, self.max_dst = int(data.dst.min()), int(data.dst.max())
        count = len(data) - len(data) % batch_size if kwargs.pop("drop_last", False) else len(data)
        starts: Any = range(0, count, batch_size)
        super().__init__(starts, 1, shuffle=False, collate_fn=self, **kwargs)

    def __call__(self, starts: list[int]) -> TemporalData:
        """The events from one place on."""
        batch = self.data[starts[0] : starts[0] + self.events_per_batch]
        ids = [batch.src, batch.dst]
        if self.neg_sampling_ratio > 0:
            count = round(self.neg_sampling_ratio * batch.dst.numel())
            batch.neg_dst = torch.randint(
                self.min_dst, self.max_dst + 1, (count,), dtype=batch.dst.dtype, device=batch.dst.device
            )
            ids.append(batch.neg_dst)
        batch.n_id = torch.cat(ids).unique()
        return batch
