"""Edge programs on the compiled core's machine."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from grapevine.ops import _core
from grapevine.ops.edge_program.accumulator import assembled
from grapevine.ops.edge_program.code import Code, LeafSpec, Output
from grapevine.ops.order import Order

ON = {"row": 0, "other": 1, "edge": 2, "shared": 3}
MODE = {"full": 0, "scalar": 1, "groups": 2, "periodic": 3}
HOW = {"sum": 0, "mean": 1, "max": 2, "min": 3, "map": 4}


def reasons(order: Order, code: Code, leaves: Sequence[Tensor], how: str) -> list[str]:
    return _core.reasons(order.ptr, floating=tuple(leaves))


@lru_cache(maxsize=1024)
def _described(code: Code) -> np.ndarray:
    """Leaves and constants as the core reads them; strides and addresses are filled in per call."""
    table = np.zeros((len(code.leaves) + len(code.constants), 5), dtype=np.int64)
    for number, spec in enumerate(code.leaves):
        table[number] = (ON[spec.on], MODE[spec.mode], 0, spec.period, 0)
    table[len(code.leaves) :, :2] = (ON["shared"], MODE["scalar"])
    return table


@lru_cache(maxsize=1024)
def _constants(constants: tuple[float, ...], dtype: torch.dtype) -> Tensor:
    return torch.tensor(constants or (0.0,), dtype=dtype)


def run(order: Order, code: Code, leaves: Sequence[Tensor], how: str) -> tuple[Tensor, Tensor | None]:
    ties = None
    if how in ("max", "min"):
        ties = torch.empty((order.num_rows, code.features), dtype=torch.int32)
    (out,) = _run(order, code, (Output(code.root, how, code.groups),), leaves, ties)
    return out, ties


def outputs(
    order: Order, code: Code, wanted: tuple[Output, ...], leaves: Sequence[Tensor]
) -> tuple[Tensor, ...]:
    return _run(order, code, wanted, leaves, None)


def _addressable(leaf: Tensor, spec: LeafSpec, order: Order) -> bool:
    """True for rows that the core may read where they are, perhaps with gaps in between, as parts of wider rows."""
    if spec.on == "shared" or (spec.on == "edge" and order.perm is not None):
        return False  # edges' rows may be brought into another order first, gaps and all
    return leaf.stride(1) == 1 and leaf.stride(0) >= leaf.shape[1] > 1


def _run(
    order: Order, code: Code, wanted: tuple[Output, ...], leaves: Sequence[Tensor], ties: Tensor | None
) -> tuple[Tensor, ...]:
    assert _core.core is not None
    tensors = [
        leaf if _addressable(leaf, spec, order) else leaf.contiguous()
        for leaf, spec in zip(leaves, code.leaves, strict=True)
    ]
    like = tensors[0]
    machine = assembled(code, tuple(output.root for output in wanted))
    table = _described(code).copy()
    for row, tensor in zip(table, tensors, strict=False):
        row[2], row[4] = tensor.stride(0), tensor.data_ptr()
    numbers = _constants(code.constants, like.dtype)
    first = numbers.data_ptr()
    for i in range(len(code.constants)):
        table[len(tensors) + i, 4] = first + i * numbers.element_size()
    outs = []
    results = np.zeros((len(wanted), 4), dtype=np.int64)
    for result, root, output in zip(results, machine.roots, wanted, strict=True):
        mapped = output.how == "map"
        rows = order.num_edges if mapped else order.num_rows
        outs.append(like.new_empty(rows, (output.groups if mapped else 0) or code.features))
        result[:] = (root, HOW[output.how], output.groups, outs[-1].data_ptr())
    _core.core.edge_program(
        _core.DTYPES[like.dtype], order.num_rows, code.features, len(table), len(machine.steps), machine.slots,
        len(wanted), table.ctypes.data, machine.steps.ctypes.data, results.ctypes.data, order.ptr.data_ptr(),
        _core.address(order.perm), _core.address(order.other), _core.address(ties), torch.get_num_threads(),
    )  # fmt: skip
    return tuple(outs)
