"""One process, several devices: a list of graphs is divided among copies of a module."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from grapevine.data import Batch


class DataParallel(torch.nn.DataParallel[torch.nn.Module]):
    """Calls a module on lists of graphs, each device on a batch of its part, and joins the outputs.

    Without several devices the whole list is one batch, on the device of the module. Lists come from
    `loader.DataListLoader`; `torch.nn.parallel.DistributedDataParallel`, with one process for each device, is faster.

    Args:
        module: takes a batch; its parameters lie on the first device.
        device_ids: CUDA devices; None: all.
        output_device: where outputs are joined; None: the first device.
        follow_batch: attributes that get a batch vector of their own.
        exclude_keys: attributes that are left out.

    Forward:
        data_list: graphs.

    Returns:
        What the module returns, for the graphs in their order; None for no graphs.

    Departures: also runs where there is no CUDA device, and gives no advice by warnings.

    Example:
        >>> from grapevine.data import Data
        >>> from grapevine.nn import Linear, Sequential
        >>> model = DataParallel(Sequential("batch", [(lambda batch: batch.x, "batch -> x"), (Linear(1, 4), "x -> x")]))
        >>> model([Data(x=torch.ones(2, 1)), Data(x=torch.zeros(3, 1))]).shape
        torch.Size([5, 4])
    """

    def __init__(
        self,
        module: torch.nn.Module,
        device_ids: Sequence[int | torch.device] | None = None,
        output_device: int | torch.device | None = None,
        follow_batch: list[str] | None = None,
        exclude_keys: list[str] | None = None,
    ) -> None:
        super().__init__(module, device_ids, output_device)
        self.follow_batch = follow_batch or []
        self.exclude_keys = exclude_keys or []

    def forward(self, data_list: Sequence[Any]) -> Any:
        if len(data_list) == 0:
            return None
        if len(self.device_ids) < 2:
            return self.module(self._batch(data_list).to(self._device()))
        batches = self.scatter(data_list, self.device_ids)
        replicas = self.replicate(self.module, self.device_ids[: len(batches)])
        outputs = self.parallel_apply(replicas, [(batch,) for batch in batches], None)
        return self.gather(outputs, self.output_device)

    def scatter(self, data_list: Sequence[Any], device_ids: Sequence[int | torch.device]) -> Any:
        """A batch for each device."""
        sizes = torch.tensor([data.num_nodes for data in data_list])
        parts = divide(sizes, min(len(device_ids), len(data_list)))
        return [self._batch(data_list[i:j]).to(device) for (i, j), device in zip(parts, device_ids)]

    def _batch(self, data_list: Sequence[Any]) -> Any:
        return Batch.from_data_list(list(data_list), self.follow_batch, self.exclude_keys)

    def _device(self) -> torch.device:
        tensors = [*self.module.parameters(), *self.module.buffers()]
        return tensors[0].device if tensors else torch.device("cpu")


def divide(sizes: Tensor, num_parts: int) -> list[tuple[int, int]]:
    """Cuts graphs of so many nodes each (G,) into at most P runs of nearly as many nodes: their bounds.

    A graph belongs to the part in which its middle node falls.

    Example:
        >>> divide(torch.tensor([2, 2, 4]), 2)
        [(0, 2), (2, 3)]
    """
    end = sizes.cumsum(0)
    part = (num_parts * (end - sizes / 2) / end[-1]).long()
    cuts = torch.cat([end.new_zeros(1), part.unique_consecutive(return_counts=True)[1].cumsum(0)]).tolist()
    return list(pairwise(cuts))
