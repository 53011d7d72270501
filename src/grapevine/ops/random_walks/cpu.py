"""Random walks in the compiled core."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.ops import _core


def reasons(ptr: Tensor, index: Tensor, edge: Tensor | None, start: Tensor, *rest: object) -> list[str]:
    found = [f"the compiled core is not installed ({_core.missing})"] if _core.core is None else []
    dtypes = {t.dtype for t in (ptr, index, edge) if t is not None}
    if len(dtypes) != 1 or not dtypes <= {torch.int32, torch.int64}:
        found.append(f"ptr, index and edge have dtypes {dtypes}, not one of int32 and int64")
    if ptr.device.type != "cpu" or start.device.type != "cpu":
        found.append("the graph or the starts are not in main memory")
    return found


def run(
    ptr: Tensor, index: Tensor, edge: Tensor | None, start: Tensor, length: int, p: float, q: float,
    restart: float, key: int,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    assert _core.core is not None
    ptr, index, start = ptr.contiguous(), index.contiguous(), start.contiguous()
    edge = None if edge is None else edge.contiguous()
    nodes = torch.empty(start.numel(), length + 1, dtype=torch.int64)
    taken = torch.empty(start.numel(), length, dtype=torch.int64)
    _core.core.random_walks(
        ptr.dtype is torch.int64, ptr.data_ptr(), index.data_ptr(), _core.address(edge), start.numel(), length,
        start.data_ptr(), p, q, restart, key & (2**64 - 1), nodes.data_ptr(), taken.data_ptr(),
    )  # fmt: skip
    return nodes, taken
