"""Embeddings whose rows are trained one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grapevine.dgl.base import DGLError

__all__ = ["NodeEmbedding"]


class NodeEmbedding:
    """A table of which a step reads and changes a few rows; with `dgl.optim.SparseAdam` or `SparseAdagrad`.

    Args:
        num_embeddings: number of rows.
        embedding_dim: size of a row.
        name: tells it from others in the optimiser's state.
        init_func: from the table of zeros to its first values; may change it in place.
        device: where the table lies; None means the CPU.
        partition: accepted; the table lies whole on its device.

    Call:
        node_ids: the rows to read.
        device: where they go; the CPU if left out.

    Raises:
        DGLError: in a process of several that train together.

    Example:
        >>> table = NodeEmbedding(4, 2, "users", init_func=torch.nn.init.ones_)
        >>> table(torch.tensor([1, 3])).sum()
        tensor(4., grad_fn=<SumBackward0>)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        name: str,
        init_func: Callable[[Tensor], Tensor] | None = None,
        device: Any = None,
        partition: Any = None,
    ) -> None:
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            raise DGLError(
                "expected one process, got several that train together; use "
                "torch.nn.Embedding(..., sparse=True) in DistributedDataParallel with torch.optim.SparseAdam"
            )
        table = torch.zeros(num_embeddings, embedding_dim, device="cpu" if device is None else device)
        self._tensor = table if init_func is None else init_func(table).detach()
        self._name = name
        self._partition = partition
        self._optm_state: Any = None
        self._trace: list[tuple[Tensor, Tensor]] = []

    def __call__(self, node_ids: Tensor, device: Any = "cpu") -> Tensor:
        rows = self._tensor[node_ids.to(self._tensor.device)].to(device)
        if torch.is_grad_enabled():
            rows = rows.detach().requires_grad_()
            self._trace.append((node_ids.to(device), rows))
        return rows

    @property
    def name(self) -> str:
        """What tells it from others."""
        return self._name

    @property
    def num_embeddings(self) -> int:
        """The number of rows."""
        return self._tensor.shape[0]

    @property
    def embedding_dim(self) -> int:
        """The size of a row."""
        return self._tensor.shape[1]

    @property
    def weight(self) -> Tensor:
        """The table."""
        return self._tensor

    @property
    def partition(self) -> Any:
        """As given."""
        return self._partition

    @property
    def rank(self) -> int:
        """-1: there is one process."""
        return -1

    @property
    def world_size(self) -> int:
        """0: there is one process."""
        return 0

    @property
    def trace(self) -> list[tuple[Tensor, Tensor]]:
        """What was read since the last step: ids and rows, whose gradients the optimiser takes."""
        return self._trace

    def reset_trace(self) -> None:
        """Forgets what was read."""
        self._trace = []

    @property
    def optm_state(self) -> Any:
        """What an optimiser keeps for every row."""
        return self._optm_state

    def set_optm_state(self, state: Any) -> None:
        """Sets what an optimiser keeps.

        Args:
            state: a tuple of tensors with a row for each of the table's.
        """
        self._optm_state = state

    def all_set_embedding(self, values: Tensor) -> None:
        """Sets the whole table.

        Args:
            values: `(num_embeddings, embedding_dim)`.
        """
        self._tensor.copy_(values)

    def all_get_embedding(self) -> Tensor:
        """The whole table, on the CPU."""
        return self._tensor.cpu()
