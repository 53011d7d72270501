"""What all aggregations share."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from grapevine.errors import GraphValueError
from grapevine.graph.sorting import ptr2index
from grapevine.utils import scatter, to_dense_batch


class Aggregation(torch.nn.Module):
    r"""Base of the aggregations: maps each group of elements to one output row.

    .. math::
        \mathbf{y}_n = \bigoplus \{ \mathbf{x}_e : \mathrm{index}_e = n \}

    A subclass writes `forward(self, x, index=None, ptr=None, dim_size=None, dim=-2)`; by the time it runs,
    `index` and `dim_size` are known, whatever the caller gave.

    Forward:
        x: elements, (*, E, F), possibly a lazy edge tensor.
        index: group of each element, int64 (E,) in [0, N); in any order unless the aggregation says
            otherwise.
        ptr: instead, for elements sorted by group, where each group begins: int64 (N + 1,) from 0 to E.
            With neither, all elements are one group.
        dim_size: number of groups N; the largest index plus one if None.
        dim: the axis of the elements.
        max_num_elements: the size of the largest group, for aggregations that pad; counted if None.

    Returns:
        (*, N, F').

    Raises:
        GraphValueError: where `dim`, or `dim_size` beside `ptr`, does not fit.

    Example:
        >>> class Range(Aggregation):
        ...     def forward(self, x, index=None, ptr=None, dim_size=None, dim=-2):
        ...         high = self.reduce(x, index, ptr, dim_size, dim, reduce="max")
        ...         return high - self.reduce(x, index, ptr, dim_size, dim, reduce="min")
        >>> Range()(torch.tensor([[1.0], [5.0], [7.0]]), torch.tensor([0, 0, 1])).tolist()
        [[4.0], [0.0]]
    """

    def __call__(
        self,
        x: Tensor,
        index: Tensor | None = None,
        ptr: Tensor | None = None,
        dim_size: int | None = None,
        dim: int = -2,
        **kwargs: Any,
    ) -> Any:
        if not -x.dim() <= dim < x.dim():
            raise GraphValueError(
                f"expected dim between {-x.dim()} and {x.dim() - 1}, got the invalid dimension {dim}; "
                "one-dimensional elements need dim=0, or x.unsqueeze(-1)"
            )
        if ptr is not None:
            if dim_size not in (None, ptr.numel() - 1):
                raise GraphValueError(
                    f"expected dim_size={ptr.numel() - 1}, the number of groups in 'ptr', "
                    f"got the invalid 'dim_size' {dim_size}"
                )
            dim_size = ptr.numel() - 1
            if index is None:
                index = ptr2index(ptr, x.size(dim))
        elif index is None:
            index = torch.zeros(x.size(dim), dtype=torch.long, device=x.device)
            dim_size = 1 if dim_size is None else dim_size
        elif dim_size is None:
            dim_size = int(index.max()) + 1 if index.numel() > 0 else 0
        return super().__call__(x, index=index, ptr=ptr, dim_size=dim_size, dim=dim, **kwargs)

    def reset_parameters(self) -> None:
        """Draws new numbers, where there are any."""

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}()"

    def assert_index_present(self, index: Tensor | None) -> None:
        """Raises where there is no `index`.

        Raises:
            GraphValueError: as it says.
        """
        if index is None:
            raise GraphValueError(f"{self.__class__.__name__} requires 'index' to be specified, got None")

    def assert_sorted_index(self, index: Tensor | None) -> None:
        """Raises where `index` is not sorted.

        Raises:
            GraphValueError: as it says; tracers skip the check, since it depends on the values.
        """
        if index is None or torch.compiler.is_compiling() or bool((index[:-1] <= index[1:]).all()):
            return
        raise GraphValueError(
            f"expected a sorted index, since {self.__class__.__name__} needs each group in one piece, "
            "got one that is not sorted; inside a MessagePassing layer sort the edges by destination first, "
            "with data.sort(sort_by_row=False); elsewhere index, order = index.sort(stable=True); x = x[order]"
        )

    def assert_two_dimensional_input(self, x: Tensor, dim: int) -> None:
        """Raises where the elements are not the rows of a matrix.

        Raises:
            GraphValueError: as it says.
        """
        if x.dim() != 2 or dim not in (-2, 0):
            raise GraphValueError(
                f"{self.__class__.__name__} requires two-dimensional inputs, reduced in the first dimension; "
                f"got {x.dim()} dimensions and dim={dim}"
            )

    def reduce(
        self,
        x: Tensor,
        index: Tensor | None = None,
        ptr: Tensor | None = None,
        dim_size: int | None = None,
        dim: int = -2,
        reduce: str = "sum",
    ) -> Tensor:
        """Reduces each group by `"sum"`, `"mean"`, `"max"`, `"min"` or `"mul"`; arguments as in `forward`."""
        if index is None:
            if ptr is None:
                raise GraphValueError(
                    "expected the groups of the elements, got neither; pass 'index' or 'ptr'"
                )
            index, dim_size = ptr2index(ptr, x.size(dim)), ptr.numel() - 1
        return scatter(x, index, dim, dim_size, reduce)

    def to_dense_batch(
        self,
        x: Tensor,
        index: Tensor | None = None,
        ptr: Tensor | None = None,
        dim_size: int | None = None,
        dim: int = -2,
        fill_value: float = 0.0,
        max_num_elements: int | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Lays the groups out side by side, (N, D, F), and says which places are taken, bool (N, D).

        Args:
            x: elements, (E, F).
            index: group of each element, sorted.
            ptr, dim_size, dim: as in `forward`.
            fill_value: for the places that are not taken.
            max_num_elements: D; elements of a group beyond it are dropped. The size of the largest group if
                None.
        """
        self.assert_index_present(index)
        self.assert_sorted_index(index)
        self.assert_two_dimensional_input(x, dim)
        return to_dense_batch(
            x, index, fill_value=fill_value, max_num_nodes=max_num_elements, batch_size=dim_size
        )
