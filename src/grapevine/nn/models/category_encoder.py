"""From categories, such as those of atoms and bonds, to vectors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import Embedding, ModuleList

from grapevine.errors import GraphValueError


class CategoryEncoder(torch.nn.Module):
    r"""The sum of one learned vector for each column of categories.

    .. math::
        \mathbf{h}_i = \sum_c \mathbf{E}^{(c)}_{x_{ic}}

    Args:
        num_categories: of each column.
        out_channels: size of the vectors F'.

    Forward:
        x: integers (N, C), column c in [0, num_categories[c]).

    Returns:
        (N, F').

    Raises:
        GraphValueError: for another number of columns.

    Example:
        >>> encoder = CategoryEncoder([119, 4], 8)  # say, element and charge
        >>> encoder(torch.tensor([[6, 0], [8, 1]])).shape
        torch.Size([2, 8])

    Source: the encoders of atoms and bonds of "Open Graph Benchmark" (arXiv:2005.00687).
    """

    def __init__(self, num_categories: Sequence[int], out_channels: int) -> None:
        super().__init__()
        self.out_channels = out_channels
        self.embeddings = ModuleList(Embedding(number, out_channels) for number in num_categories)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        for embedding in self.embeddings:
            torch.nn.init.xavier_uniform_(embedding.weight)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() != 2 or x.shape[1] != len(self.embeddings):
            raise GraphValueError(
                f"expected {len(self.embeddings)} categories for each row, got shape {list(x.shape)}"
            )
        out: Tensor = sum(embedding(column) for embedding, column in zip(self.embeddings, x.unbind(1)))
        return out

    def __repr__(self) -> str:
        numbers = [embedding.num_embeddings for embedding in self.embeddings]
        return f"{self.__class__.__name__}({numbers}, {self.out_channels})"
