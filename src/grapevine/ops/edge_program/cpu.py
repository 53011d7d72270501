"""Edge programs in the compiled core's interpreter."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from grapevine.ops import _core
from grapevine.ops.edge_program.code import NUMBERS, Code
from grapevine.ops.order import Order

ON = {"row": 0, "other": 1, "edge": 2, "shared": 3}
MODE = {"full": 0, "scalar": 1, "groups": 2, "periodic": 3}
HOW = {"sum": 0, "mean": 1, "max": 2, "min": 3, "map": 4}


def reasons(order: Order, code: Code, leaves: Sequence[Tensor], how: str) -> list[str]:
    return _core.reasons(order.ptr, floating=tuple(leaves))


@lru_cache(maxsize=1024)
def _encoded(code: Code) -> tuple[np.ndarray, np.ndarray]:
    """Instructions and leaf descriptions as the core reads them; strides and addresses are filled in per call."""
    steps = np.zeros((len(code.instructions), 5), dtype=np.int32)
    for row, step in zip(steps, code.instructions, strict=True):
        args = (*step.args, 0, 0)[:3]
        row[:] = (NUMBERS[step.name], step.out, *args)
    table = np.zeros((len(code.leaves) + len(code.constants), 5), dtype=np.int64)
    for number, spec in enumerate(code.leaves):
        table[number] = (ON[spec.on], MODE[spec.mode], 0, spec.period, 0)
    table[len(code.leaves) :, :2] = (ON["shared"], MODE["scalar"])
    return steps, table


@lru_cache(maxsize=1024)
def _constants(constants: tuple[float, ...], dtype: torch.dtype) -> Tensor:
    return torch.tensor(constants or (0.0,), dtype=dtype)


def run(order: Order, code: Code, leaves: Sequence[Tensor], how: str) -> tuple[Tensor, Tensor | None]:
    assert _core.core is not None
    tensors = [leaf.contiguous() for leaf in leaves]
    like = tensors[0]
    steps, table = _encoded(code)
    table = table.copy()
    for row, tensor in zip(table, tensors, strict=False):
        row[2], row[4] = tensor.shape[1], tensor.data_ptr()
    numbers = _constants(code.constants, like.dtype)
    first = numbers.data_ptr()
    for i in range(len(code.constants)):
        table[len(tensors) + i, 4] = first + i * numbers.element_size()
    rows = order.num_edges if how == "map" else order.num_rows
    out = like.new_empty(rows, code.groups or code.features)
    ties = torch.empty(out.shape, dtype=torch.int32) if how in ("max", "min") else None
    _core.core.edge_program(
        _core.DTYPES[like.dtype], HOW[how], order.num_rows, code.features, code.groups, len(table), len(steps),
        code.slots, code.root, table.ctypes.data, steps.ctypes.data, order.ptr.data_ptr(), _core.address(order.perm),
        _core.address(order.other), out.data_ptr(), _core.address(ties), torch.get_num_threads(),
    )  # fmt: skip
    return out, ties
