"""`ImbalancedSampler` and `DynamicBatchSampler`: which examples come together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.utils.data
from torch import Tensor

from grapevine.data import Data
from grapevine.errors import GraphTypeError, GraphValueError


class UnknownLengthError(GraphTypeError, GraphValueError):
    """How many batches there will be is not known; `list()` asks, and goes on after a `TypeError`."""


class ImbalancedSampler(torch.utils.data.WeightedRandomSampler):
    """Draws examples with replacement so that all classes are equally likely.

    Args:
        dataset: a dataset of labelled graphs, a graph with node labels `y`, or the labels themselves.
        input_nodes: the nodes that the loader starts from (ids or bools).
        num_samples: draws per pass; None: as many as there are examples.

    Raises:
        GraphTypeError: if labels are not integers.

    Example:
        >>> sampler = ImbalancedSampler(torch.tensor([0, 0, 0, 1]))
        >>> sampler.weights.tolist() == [1 / 3, 1 / 3, 1 / 3, 1.0]
        True
    """

    def __init__(
        self, dataset: Any, input_nodes: Tensor | None = None, num_samples: int | None = None
    ) -> None:
        if isinstance(dataset, Tensor | Data):
            labels = dataset if isinstance(dataset, Tensor) else dataset.y
            if not isinstance(labels, Tensor):
                raise GraphTypeError(f"expected labels of nodes in data.y, got {type(labels).__name__}")
            y = labels.view(-1) if input_nodes is None else labels.view(-1)[input_nodes]
        else:
            y = torch.cat([torch.as_tensor(data.y).view(-1) for data in dataset])
            if y.numel() != len(dataset):
                raise GraphValueError(
                    f"expected one label for each of {len(dataset)} graphs, got {y.numel()}"
                )
        if y.is_floating_point():
            raise GraphTypeError(f"expected classes as integers, got {y.dtype}; use .long()")
        y = y.to(torch.int64)
        weight = (1.0 / y.bincount().to(torch.float64))[y]
        super().__init__(weight, y.numel() if num_samples is None else num_samples, replacement=True)  # type: ignore[arg-type]


class DynamicBatchSampler(torch.utils.data.Sampler[list[int]]):
    """Fills batches of graphs up to a number of nodes or edges.

    Args:
        dataset: graphs.
        max_num: the most nodes or edges in a batch; a graph that is larger has a batch of its own.
        mode: `"node"` or `"edge"`: what to count.
        shuffle: draw a new order for every pass.
        skip_too_big: leave out graphs that are larger than `max_num`.
        num_steps: batches per pass at most; None: until all graphs came.

    Raises:
        GraphValueError: for another mode, or for `max_num` below 1.

    Example:
        >>> graphs = [Data(num_nodes=n) for n in (3, 4, 5, 2)]
        >>> list(DynamicBatchSampler(graphs, max_num=7))
        [[0, 1], [2, 3]]
    """

    def __init__(
        self,
        dataset: Any,
        max_num: int,
        mode: str = "node",
        shuffle: bool = False,
        skip_too_big: bool = False,
        num_steps: int | None = None,
    ) -> None:
        if max_num <= 0 or mode not in ("node", "edge"):
            raise GraphValueError(
                f"expected max_num > 0 and mode 'node' or 'edge', got {max_num} and {mode!r}"
            )
        self.dataset = dataset
        self.max_num = max_num
        self.mode = mode
        self.shuffle = shuffle
        self.skip_too_big = skip_too_big
        self.num_steps = num_steps

    def __iter__(self) -> Iterator[list[int]]:
        count = len(self.dataset)
        order = torch.randperm(count).tolist() if self.shuffle else range(count)
        batch: list[int] = []
        filled = steps = 0
        for i in order:
            data = self.dataset[i]
            size = data.num_nodes if self.mode == "node" else data.num_edges
            if self.skip_too_big and size > self.max_num:
                continue
            if batch and filled + size > self.max_num:
                yield batch
                steps += 1
                if steps == self.num_steps:
                    return
                batch, filled = [], 0
            batch.append(i)
            filled += size
        if batch:
            yield batch

    def __len__(self) -> int:
        if self.num_steps is None:
            raise UnknownLengthError(
                "expected num_steps to know the number of batches in advance, got None; pass num_steps=..., or count "
                "while iterating"
            )
        return self.num_steps
