"""Linear maps with a matrix for each type."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from grapevine.errors import GraphValueError
from grapevine.nn.conv._relations import mapped

__all__ = ["TypedLinear"]


class TypedLinear(nn.Module):
    r"""Maps each row by the matrix of its type: :math:`\mathbf{y}_n = \mathbf{x}_n \mathbf{W}_{t(n)}`.

    Args:
        in_size: F.
        out_size: F'.
        num_types: T.
        regularizer: None: a matrix per type; "basis": combinations of a few matrices; "bdd": block-diagonal matrices.
        num_bases: number of those matrices, or of blocks.

    Forward:
        x: (N, F).
        x_type: integers (N,) in [0, T).
        sorted_by_type: whether the types ascend.

    Returns:
        (N, F').

    Raises:
        GraphValueError: for another regularizer, one without `num_bases`, or blocks that do not divide the sizes.

    Example:
        >>> TypedLinear(4, 2, num_types=3)(torch.ones(5, 4), torch.tensor([0, 2, 1, 2, 0])).shape
        torch.Size([5, 2])

    Source: "Modeling Relational Data with Graph Convolutional Networks" (arXiv:1703.06103).
    """

    def __init__(
        self,
        in_size: int,
        out_size: int,
        num_types: int,
        regularizer: str | None = None,
        num_bases: int | None = None,
    ) -> None:
        super().__init__()
        self.in_size = in_size
        self.out_size = out_size
        self.num_types = num_types
        if regularizer not in (None, "basis", "bdd"):
            raise GraphValueError(f'Supported regularizer options: "basis", "bdd", but got {regularizer}')
        if regularizer is None:
            self.W = nn.Parameter(torch.empty(num_types, in_size, out_size))
        else:
            if num_bases is None:
                raise GraphValueError(f'Missing "num_bases" for {regularizer} regularization.')
            self.num_bases = num_bases
        if regularizer == "basis":
            self.W = nn.Parameter(torch.empty(self.num_bases, in_size, out_size))
            self.coeff = nn.Parameter(torch.empty(num_types, self.num_bases))
        elif regularizer == "bdd":
            if in_size % self.num_bases or out_size % self.num_bases:
                raise GraphValueError(
                    f"Input and output sizes must be divisible by num_bases={num_bases}, got {in_size} and {out_size}"
                )
            self.submat_in = in_size // self.num_bases
            self.submat_out = out_size // self.num_bases
            self.W = nn.Parameter(torch.empty(num_types, self.num_bases * self.submat_in * self.submat_out))
        self.regularizer = regularizer
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        bound = 1 / math.sqrt(self.submat_in if self.regularizer == "bdd" else self.in_size)
        nn.init.uniform_(self.W, -bound, bound)
        if self.regularizer == "basis":
            nn.init.xavier_uniform_(self.coeff, gain=nn.init.calculate_gain("relu"))

    def get_weight(self) -> Tensor:
        """The matrices, (T, F, F'); for "bdd" their blocks, (T, B F/B F'/B)."""
        if self.regularizer == "basis":
            return (self.coeff @ self.W.flatten(1)).view(self.num_types, self.in_size, self.out_size)
        return self.W

    def matrices(self) -> Tensor:
        """The matrices, (T, F, F'); for "bdd" their blocks, (T, B, F/B, F'/B)."""
        weight = self.get_weight()
        if self.regularizer == "bdd":
            return weight.view(self.num_types, self.num_bases, self.submat_in, self.submat_out)
        return weight

    def forward(self, x: Tensor, x_type: Tensor, sorted_by_type: bool = False) -> Tensor:
        sizes = torch.bincount(x_type, minlength=self.num_types).tolist()
        if sorted_by_type:
            return mapped(x, sizes, self.matrices())
        order = x_type.argsort(stable=True)
        out = mapped(x.index_select(0, order), sizes, self.matrices())
        return out.new_empty(out.shape).index_copy(0, order, out)

    def __repr__(self) -> str:
        extra = ""
        if self.regularizer is not None:
            extra = f", regularizer={self.regularizer}, num_bases={self.num_bases}"
        return f"TypedLinear(in_size={self.in_size}, out_size={self.out_size}, num_types={self.num_types}{extra})"
