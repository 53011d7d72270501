"""Edges that need not fit into memory: read in blocks, and grouped by one end with the help of files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from grapevine.errors import GraphIndexError, GraphTypeError, GraphValueError
from grapevine.ops import sort_rows

BLOCK = 1 << 20  # edges to read at once
_TEXT = (".txt", ".csv", ".tsv")
_SEPARATORS = str.maketrans(",;\t", "   ")

PathLike = str | os.PathLike[str]


class EdgeStream:
    """The edges of one type, read in blocks and as often as wanted.

    Args:
        source: `(2, E)` integers as a tensor or array, or a file: `.npy` with shape `(2, E)` or `(E, 2)`, or `.txt`,
            `.csv` or `.tsv` with source and destination in the first two columns. A first line with names, empty lines
            and lines that begin with `#` or `%` are passed over.
        block: how many edges to read at once.

    Raises:
        GraphTypeError: for another kind of source.
        GraphValueError: for a file that does not exist or holds something else; the error names file and line.

    Example:
        >>> [ends.tolist() for ends in EdgeStream(torch.tensor([[0, 1, 2], [1, 2, 0]]), block=2).blocks()]
        [[[0, 1], [1, 2]], [[2], [0]]]
    """

    def __init__(self, source: Any, block: int = BLOCK) -> None:
        self.name = "edge_index"
        self.block = block
        if isinstance(source, str | os.PathLike):
            path = Path(source)
            self.name = str(path)
            if not path.is_file() or path.suffix not in (".npy", *_TEXT):
                raise GraphValueError(
                    f"expected edges in a file that ends in .npy, {', '.join(_TEXT)}, got {str(path)!r}"
                    f"{'' if path.is_file() else ', which does not exist'}"
                )
            self._read = self._array_file(path) if path.suffix == ".npy" else lambda: self._lines(path)
        elif isinstance(source, Tensor | np.ndarray):
            if source.ndim != 2 or len(source) != 2 or not _integral(source):
                raise GraphValueError(
                    f"expected edges as integers of shape [2, E], got {source.dtype} of shape {list(source.shape)}"
                )
            self._read = lambda: (source[:, i : i + block] for i in range(0, source.shape[1], block))
        else:
            raise GraphTypeError(
                f"expected edges as a tensor, an array or the path of a file, got {type(source).__name__}"
            )

    def blocks(self) -> Iterator[Tensor]:
        """Blocks of edges, `(2, b)` int64; an empty one if there are no edges."""
        ends: Any = None
        for ends in self._read():
            tensor = ends if isinstance(ends, Tensor) else torch.from_numpy(np.ascontiguousarray(ends))
            yield tensor.detach().cpu().to(torch.int64)
        if ends is None:
            yield torch.empty(2, 0, dtype=torch.int64)

    def _array_file(self, path: Path) -> Callable[[], Iterator[Any]]:
        try:
            mapped = np.load(path, mmap_mode="r")
        except ValueError as error:
            raise GraphValueError(f"{path}: expected an array of numpy, got {error}") from error
        shape, dtype = mapped.shape, mapped.dtype
        wide = mapped.ndim == 2 and shape[0] == 2 and mapped.flags.c_contiguous
        tall = mapped.ndim == 2 and shape[1] == 2 and mapped.flags.c_contiguous and not wide
        if not (wide or tall) or not _integral(mapped):
            raise GraphValueError(
                f"{path}: expected integers of shape (2, E) or (E, 2) in C order, got {dtype} of shape {shape}"
            )
        start, count = int(mapped.offset), shape[1] if wide else shape[0]
        del mapped

        def read() -> Iterator[Any]:  # read, not mapped: what was read does not stay in the process
            for first in range(0, count, self.block):
                length = min(self.block, count - first)
                if tall:
                    yield (
                        np.fromfile(path, dtype, 2 * length, offset=start + 2 * first * dtype.itemsize)
                        .reshape(-1, 2)
                        .T
                    )
                else:
                    rows = (start + (row * count + first) * dtype.itemsize for row in (0, 1))
                    yield np.stack([np.fromfile(path, dtype, length, offset=offset) for offset in rows])

        return read

    def _lines(self, path: Path) -> Iterator[Any]:
        number = 0
        with path.open(encoding="utf-8") as file:
            while lines := file.readlines(16 * self.block):
                first, number = number, number + len(lines)
                if first == 0 and not _is_number(lines[0].translate(_SEPARATORS)):
                    lines = ["#\n", *lines[1:]]  # the names of columns
                plain = [line.translate(_SEPARATORS) for line in lines if line[0] not in "#%\n"]
                if not plain:
                    continue
                try:
                    yield np.loadtxt(plain, dtype=np.int64, usecols=(0, 1), ndmin=2, comments=None).T
                except ValueError as error:
                    raise GraphValueError(
                        f"{path}, lines {first + 1} to {number}: expected two integers per line, got {error}"
                    ) from error


class Stretch(NamedTuple):
    """What belongs to rows `start` to `stop - 1`, in order of rows, and within a row in the order it came in."""

    start: int
    stop: int
    columns: list[Tensor]


def counted(stream: EdgeStream, sizes: Sequence[int], tell: Callable[[int], None]) -> tuple[Tensor, Tensor]:
    """Out-degrees and in-degrees, int64; refuses ids out of range.

    Args:
        stream: the edges.
        sizes: numbers of source and of destination nodes.
        tell: called with the number of edges read, after every block.
    """
    degrees = tuple(torch.zeros(size, dtype=torch.int64) for size in sizes)
    done = 0
    for ends in stream.blocks():
        for degree, ids, side in zip(degrees, ends, ("source", "destination")):
            bad = (ids < 0) | (ids >= len(degree))
            if bool(bad.any()):
                place = int(bad.nonzero()[0])
                raise GraphIndexError(
                    f"{stream.name}, edge {done + place}: expected a {side} from 0 to {len(degree) - 1}, got "
                    f"{int(ids[place])}; pass num_nodes, or features with a row for every node"
                )
            np.add.at(degree.numpy(), ids.numpy(), 1)
        done += ends.shape[1]
        tell(ends.shape[1])
    return degrees[0], degrees[1]


def largest(stream: EdgeStream) -> tuple[int, int]:
    """The largest source and destination, -1 without edges."""
    most = torch.full((2,), -1, dtype=torch.int64)
    for ends in stream.blocks():
        if ends.numel():
            most = torch.maximum(most, ends.max(1)[0])
    return int(most[0]), int(most[1])


def stretches(ptr: np.ndarray, most: int) -> Iterator[tuple[int, int]]:
    """Stretches of rows with up to `most` entries each, or one row.

    Args:
        ptr: `(R + 1,)` where each row's entries begin.
        most: how many entries.

    Example:
        >>> list(stretches(np.array([0, 2, 3, 9, 10]), 4))
        [(0, 2), (2, 3), (3, 4)]
    """
    start, last = 0, len(ptr) - 1
    while start < last:
        stop = int(np.searchsorted(ptr, ptr[start] + most, side="right")) - 1
        stop = min(max(stop, start + 1), last)
        yield start, stop
        start = stop


def grouped(
    blocks: Iterable[tuple[Tensor, ...]],
    ptr: np.ndarray,
    most: int,
    scratch: Path,
    cuts: Sequence[int] = (),
) -> Iterator[Stretch]:
    """Groups edges by row: all in memory if there are few, else stretch by stretch, each with a file to collect it in.

    Args:
        blocks: block after block, `(b,)` int64 each: rows, and one or more columns that go with them.
        ptr: `(R + 1,)` where each row's edges begin: how many there will be is known.
        most: how many edges to sort in memory at once; a row with more is sorted nevertheless.
        scratch: a folder for files, which are removed as they are read.
        cuts: rows that must begin a stretch.

    Example:
        >>> from tempfile import gettempdir
        >>> blocks = [(torch.tensor([1, 0, 1]), torch.tensor([5, 6, 7]))]
        >>> [s.columns for s in grouped(blocks, np.array([0, 1, 3]), 10, Path(gettempdir()))]
        [[tensor([6, 5, 7])]]
    """
    marks = sorted({0, *cuts, len(ptr) - 1})
    plan = [
        (low + start, low + stop)
        for low, high in pairwise(marks)
        for start, stop in stretches(ptr[low : high + 1], most)
    ]
    if int(ptr[-1]) <= most:
        row, *rest = (torch.cat(columns) for columns in zip(*blocks))
        rest = _by_row(row, len(ptr) - 1, rest)
        for start, stop in plan:
            yield Stretch(start, stop, [column[int(ptr[start]) : int(ptr[stop])] for column in rest])
        return
    starts = torch.tensor([start for start, _ in plan])
    files = [scratch / f"stretch-{number}.bin" for number in range(len(plan))]
    width = 0
    for columns in blocks:
        width = len(columns)
        number = torch.searchsorted(starts, columns[0], right=True) - 1
        bounds, perm = sort_rows(number, len(plan))
        table = torch.stack(columns, dim=1)
        table = table if perm is None else table[perm.to(torch.int64)]
        for which in number.unique().tolist():
            with files[which].open("ab") as file:
                file.write(table[int(bounds[which]) : int(bounds[which + 1])].numpy().data)
    for (start, stop), path in zip(plan, files):
        flat = np.empty(0, dtype=np.int64)
        if path.exists():
            flat = np.fromfile(path, np.int64)
            path.unlink()
        row, *rest = torch.from_numpy(flat).view(-1, width).unbind(1)
        yield Stretch(start, stop, _by_row(row - start, stop - start, rest))


def _by_row(row: Tensor, count: int, columns: Sequence[Tensor]) -> list[Tensor]:
    """Columns in order of their rows, stable."""
    _, perm = sort_rows(row, count)
    return [c.contiguous() if perm is None else c[perm.to(torch.int64)] for c in columns]


def _integral(value: Any) -> bool:
    if isinstance(value, Tensor):
        return not value.is_floating_point() and not value.is_complex() and value.dtype is not torch.bool
    return bool(value.dtype.kind in "iu")


def _is_number(line: str) -> bool:
    words = line.split()
    return not words or words[0][0] in "#%" or words[0].lstrip("+-").isdigit()
