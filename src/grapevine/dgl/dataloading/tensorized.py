"""Seeds in batches, shuffled and shared out among workers and processes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

__all__ = ["DDPTensorizedDataset", "TensorizedDataset", "create_tensorized_dataset"]


class TensorizedDataset(IterableDataset[Any]):
    """Batches of seeds; `shuffle()` draws a new order with numpy's global generator.

    Args:
        indices: `(S,)` ids, or a dict of them by type.
        batch_size: seeds per batch.
        drop_last: whether to leave out a last batch that is not full.
        shuffle: kept for the caller, who calls `shuffle()`.
        use_shared_memory: whether the order lies in memory that workers see.

    Example:
        >>> seeds = TensorizedDataset({"a": torch.tensor([3, 4]), "b": torch.tensor([7])}, 2, False, False, False)
        >>> [{kind: ids.tolist() for kind, ids in batch.items()} for batch in seeds]
        [{'a': [3, 4]}, {'b': [7]}]
    """

    def __init__(
        self, indices: Any, batch_size: int, drop_last: bool, shuffle: bool, use_shared_memory: bool
    ) -> None:
        self.batch_size = batch_size
        self.drop_last = drop_last
        self._shuffle = shuffle
        self._types = list(indices) if isinstance(indices, Mapping) else None
        parts = list(indices.values()) if isinstance(indices, Mapping) else [indices]
        self._ids = torch.cat([torch.as_tensor(ids) for ids in parts])
        self._kinds = torch.repeat_interleave(
            torch.arange(len(parts)), torch.tensor([len(ids) for ids in parts])
        )
        self._order = self._first_order()
        if use_shared_memory:
            self._order.share_memory_()

    def _first_order(self) -> Tensor:
        return torch.arange(len(self._ids))

    def shuffle(self) -> None:
        """Draws a new order."""
        np.random.shuffle(self._order.numpy())  # noqa: NPY002

    def _batches(self) -> list[Tensor]:
        full = len(self._order) // self.batch_size * self.batch_size
        order = self._order[:full] if self.drop_last else self._order
        return list(order.split(self.batch_size)) if len(order) else []

    def __iter__(self) -> Iterator[Any]:
        batches = self._batches()
        worker = get_worker_info()
        if worker is not None:
            shares = np.array_split(np.arange(len(batches)), worker.num_workers)
            batches = [batches[i] for i in shares[worker.id]]
        for order in batches:
            yield self._batch(order)

    def _batch(self, order: Tensor) -> Any:
        ids = self._ids[order]
        if self._types is None:
            return ids
        kinds = self._kinds[order]
        return {self._types[kind]: ids[kinds == kind] for kind in kinds.unique().tolist()}

    def __len__(self) -> int:
        extra = 0 if self.drop_last else self.batch_size - 1
        return (len(self._order) + extra) // self.batch_size


class DDPTensorizedDataset(TensorizedDataset):
    """The share of this process of `torch.distributed`: a stretch of the seeds, as long as that of all others.

    Args:
        indices: `(S,)` ids, or a dict of them by type.
        batch_size: seeds per batch.
        drop_last: whether shares are cut to the same length; else short ones begin anew.
        ddp_seed: accepted; a share is shuffled within itself.
        shuffle: kept for the caller, who calls `shuffle()`.
    """

    def __init__(self, indices: Any, batch_size: int, drop_last: bool, ddp_seed: int, shuffle: bool) -> None:
        self.rank = dist.get_rank()
        self.num_replicas = dist.get_world_size()
        self.seed = ddp_seed
        self.epoch = 0
        super().__init__(indices, batch_size, drop_last, shuffle, False)

    def _first_order(self) -> Tensor:
        count = len(self._ids)
        share = count // self.num_replicas if self.drop_last else -(-count // self.num_replicas)
        mine = torch.arange(count)[self.rank * share : (self.rank + 1) * share]
        return _repeated(mine, share)

    def shuffle(self) -> None:
        """Draws a new order within the share."""
        count = len(self._order)
        mine = self._order.unique()
        np.random.shuffle(mine.numpy())  # noqa: NPY002
        self._order = _repeated(mine, count)


def _repeated(order: Tensor, count: int) -> Tensor:
    return order.repeat(-(-count // max(len(order), 1)))[:count]


def create_tensorized_dataset(
    indices: Any,
    batch_size: int,
    drop_last: bool,
    use_ddp: bool,
    ddp_seed: int,
    shuffle: bool,
    use_shared_memory: bool,
) -> TensorizedDataset:
    """`DDPTensorizedDataset` for distributed runs, else `TensorizedDataset`; arguments as of theirs."""
    if use_ddp:
        return DDPTensorizedDataset(indices, batch_size, drop_last, ddp_seed, shuffle)
    return TensorizedDataset(indices, batch_size, drop_last, shuffle, use_shared_memory)
