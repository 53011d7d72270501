"""DGL's binary files: tensors, sparse matrices and graphs as bytes, and back.

All numbers are little-endian. Every structure opens with a magic number of eight bytes, so that a wrong offset is
noticed at once.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from grapevine.dgl.base import DGLError

T = TypeVar("T")

TENSOR = 0xDD5E40F096B4A13F
TENSOR_DICT = 0xDD5A9FBE3FA2443F
GRAPHS = 0xDD2E4FF046B4A13F
GRAPH = 0xDD589FBE35224ABF
RELATION = 0xDD2E60F0F6B4A127
TYPE_GRAPH = 0xDD3C5FFE20046ABF
COO = 0xDD61FFD305DFF127
CSR = 0xDD6CD31205DFF127

_CODES = {
    torch.int8: (0, 8),
    torch.int16: (0, 16),
    torch.int32: (0, 32),
    torch.int64: (0, 64),
    torch.uint8: (1, 8),
    torch.float16: (2, 16),
    torch.float32: (2, 32),
    torch.float64: (2, 64),
    torch.bfloat16: (4, 16),
}
_DTYPES = {code: dtype for dtype, code in _CODES.items()} | {(1, 1): torch.uint8}


class Writer:
    """Appends structures to a buffer."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.length = 0

    def raw(self, data: bytes) -> None:
        self.parts.append(data)
        self.length += len(data)

    def put(self, form: str, *values: int) -> None:
        self.raw(struct.pack("<" + form, *values))

    def string(self, text: str) -> None:
        data = text.encode()
        self.put("Q", len(data))
        self.raw(data)

    def tensor(self, x: Tensor) -> None:
        """A tensor; booleans become bytes, as the format has none."""
        x = x.detach().cpu().contiguous()
        if x.dtype == torch.bool:
            x = x.view(torch.uint8)
        if x.dtype not in _CODES:
            raise DGLError(f"expected a tensor of one of {list(_CODES)}, got {x.dtype}; convert it first")
        code, bits = _CODES[x.dtype]
        # A copy: what holds one number counts as contiguous whatever its stride.
        flat = x.reshape(-1).clone(memory_format=torch.contiguous_format)
        data = flat.view(torch.uint8).numpy().tobytes() if x.numel() else b""
        self.put(f"QQiiiBBH{x.dim()}qq", TENSOR, 0, 1, 0, x.dim(), code, bits, 1, *x.shape, len(data))
        self.raw(data)

    def tensors(self, named: Mapping[str, Tensor]) -> None:
        self.put("Q", len(named))
        for name, x in named.items():
            self.string(name)
            self.tensor(x)

    def csr(self, size: tuple[int, int], ptr: Tensor, index: Tensor, ids: Tensor) -> None:
        self.put("Qqq", CSR, *size)
        for x in (ptr, index, ids):
            self.tensor(x)
        self.put("?", False)

    def coo(self, size: tuple[int, int], row: Tensor, col: Tensor) -> None:
        self.put("Qqq", COO, *size)
        for x in (row, col, row.new_empty(0, dtype=torch.int64)):
            self.tensor(x)
        self.put("??", False, False)

    def type_graph(self, num_types: int, ends: list[tuple[int, int]]) -> None:
        """Which node types every edge type joins."""
        src, dst = (torch.tensor([pair[side] for pair in ends], dtype=torch.int64) for side in (0, 1))
        order = torch.argsort(src, stable=True)
        ptr = torch.bincount(src, minlength=num_types).cumsum(0)
        self.put("Q", TYPE_GRAPH)
        self.csr((num_types, num_types), torch.cat((ptr.new_zeros(1), ptr)), dst[order], order)

    def bytes(self) -> bytes:
        return b"".join(self.parts)


class Reader:
    """Reads structures from a buffer, one after the other.

    Args:
        data: the file.
        position: where to begin.

    Raises:
        DGLError: (all methods) where the bytes are not what the format says.
    """

    def __init__(self, data: Any, position: int = 0) -> None:
        self.data = data
        self.position = position

    def take(self, count: int) -> Any:
        end = self.position + count
        if count < 0 or end > len(self.data):
            raise DGLError(
                f"the file ends at byte {len(self.data)}, expected {count} more at {self.position}"
            )
        part = self.data[self.position : end]
        self.position = end
        return part

    def get(self, form: str) -> Any:
        values = struct.unpack("<" + form, self.take(struct.calcsize("<" + form)))
        return values[0] if len(values) == 1 else values

    def expect(self, magic: int, what: str) -> None:
        found = self.get("Q")
        if found != magic:
            raise DGLError(f"expected {what} ({magic:#x}) at byte {self.position - 8}, got {found:#x}")

    def count(self) -> int:
        found: int = self.get("Q")
        if found > len(self.data):
            raise DGLError(f"expected a number of items at byte {self.position - 8}, got {found}")
        return found

    def many(self, one: Callable[[], T]) -> list[T]:
        return [one() for _ in range(self.count())]

    def string(self) -> str:
        return bytes(self.take(self.count())).decode()

    def tensor(self) -> Tensor:
        self.expect(TENSOR, "a tensor")
        _, _, _, dim, code, bits, lanes = self.get("QiiiBBH")
        if (code, bits) not in _DTYPES or lanes != 1 or not 0 <= dim <= 64:
            raise DGLError(
                f"expected a tensor of a known type, got type {(code, bits, lanes)} with {dim} dimensions"
            )
        shape = [self.get("q") for _ in range(dim)]
        dtype = _DTYPES[code, bits]
        size = self.get("q")
        expected = int(np.prod(shape, dtype=object)) * torch.empty((), dtype=dtype).element_size()
        if size != expected or any(n < 0 for n in shape):
            raise DGLError(f"expected {expected} bytes for a tensor of {shape} {dtype}, got {size}")
        if size == 0:
            return torch.empty(shape, dtype=dtype)
        data = np.frombuffer(self.take(size), np.uint8).copy()
        return torch.from_numpy(data).view(dtype).reshape(shape)

    def tensors(self) -> dict[str, Tensor]:
        return dict(self.many(lambda: (self.string(), self.tensor())))

    def coo(self) -> tuple[tuple[int, int], Tensor, Tensor]:
        """The shape, rows and columns, in the order of edge ids."""
        self.expect(COO, "a COO matrix")
        size = self.get("qq")
        row, col, ids = (self.tensor() for _ in range(3))
        self.take(2)
        return size, *by_id((row, col), ids)

    def csr(self) -> tuple[tuple[int, int], Tensor, Tensor]:
        """The shape, rows and columns, in the order of edge ids."""
        self.expect(CSR, "a CSR matrix")
        size = self.get("qq")
        ptr, col, ids = (self.tensor() for _ in range(3))
        self.take(1)
        degrees = ptr.diff()
        if len(ptr) != size[0] + 1 or bool((degrees < 0).any()) or int(degrees.sum()) != len(col):
            raise DGLError(f"expected row pointers of {size[0]} rows over {len(col)} entries")
        row = torch.repeat_interleave(torch.arange(size[0], dtype=col.dtype), degrees.to(torch.int64))
        return size, *by_id((row, col), ids)

    def type_graph(self) -> tuple[int, list[tuple[int, int]]]:
        """The number of node types, and the ends of every edge type."""
        self.expect(TYPE_GRAPH, "a graph of types")
        (count, _), src, dst = self.csr()
        return count, list(zip(src.tolist(), dst.tolist()))


def by_id(ends: tuple[Tensor, Tensor], ids: Tensor) -> tuple[Tensor, Tensor]:
    """The entries in the order of their ids; no ids mean the order they have."""
    if len(ids) == 0:
        return ends
    if len(ids) != len(ends[0]) or not torch.equal(
        ids.sort().values, torch.arange(len(ids), dtype=ids.dtype)
    ):
        raise DGLError(f"expected the ids 0 .. {len(ends[0]) - 1} of the edges in some order")
    order = torch.argsort(ids)
    return ends[0][order], ends[1][order]
