"""Batches of triplets."""

from __future__ import annotations

from typing import Any

import torch
import torch.utils.data
from torch import Tensor


class KGTripletLoader(torch.utils.data.DataLoader[Any]):
    """Batches of triplets, as three index tensors.

    Args:
        head_index: heads, int64 (E,).
        rel_type: relations, int64 (E,).
        tail_index: tails, int64 (E,).
        **kwargs: further arguments of `torch.utils.data.DataLoader`, such as `batch_size` and `shuffle`.

    Returns:
        At every step heads, relations and tails, int64 (B,) each.

    Example:
        >>> h, r, t = torch.tensor([[0, 1, 2], [0, 0, 1], [1, 2, 0]])
        >>> [len(heads) for heads, _, _ in KGTripletLoader(h, r, t, batch_size=2)]
        [2, 1]
    """

    def __init__(self, head_index: Tensor, rel_type: Tensor, tail_index: Tensor, **kwargs: Any) -> None:
        self.head_index = head_index
        self.rel_type = rel_type
        self.tail_index = tail_index
        for name in ("dataset", "collate_fn"):  # Lightning passes what it found on the loader
            kwargs.pop(name, None)
        super().__init__(range(head_index.numel()), collate_fn=self.sample, **kwargs)  # type: ignore[arg-type]

    def sample(self, index: list[int]) -> tuple[Tensor, Tensor, Tensor]:
        """The triplets at some places."""
        chosen = torch.tensor(index, device=self.head_index.device)
        return self.head_index[chosen], self.rel_type[chosen], self.tail_index[chosen]
