"""Arrays and graphs that processes of one machine share under a name."""

from __future__ import annotations

import json
import math
import os
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from grapevine.dgl.base import DGLError
from grapevine.dgl.queries import QueryMethods
from grapevine.dgl.structure import Schema
from grapevine.edges import known_good

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLGraph

__all__ = ["create_shared_mem_array", "get_shared_mem_array"]


def _file(name: str) -> Path:
    """Where the memory of a name is: in memory where the system has a folder for that."""
    folder = Path("/dev/shm") if os.path.isdir("/dev/shm") else Path(tempfile.gettempdir())
    return folder / f"grapevine-{name.replace(os.sep, '_')}"


def _mapped(file: Path, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    found = torch.from_file(str(file), shared=True, size=math.prod(shape), dtype=dtype)
    return found.view(tuple(shape))


def create_shared_mem_array(name: str, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    """A tensor of zeros in memory that other processes of this machine can open by its name.

    It can be opened until the tensor is freed here.

    Args:
        name: of the memory; no other may have it.
        shape: of the tensor.
        dtype: of the tensor.

    Raises:
        DGLError: if the name is taken.

    Example:
        >>> mine = create_shared_mem_array("example", (2, 2), torch.float32)
        >>> get_shared_mem_array("example", (2, 2), torch.float32)[0, 0] = 5
        >>> mine[0].tolist()
        [5.0, 0.0]
    """
    file = _file(name)
    try:
        with file.open("xb") as made:
            made.truncate(max(math.prod(shape), 1) * dtype.itemsize)
    except FileExistsError as error:
        raise DGLError(f"expected a new name, got {name!r}, which is in use (or remove {file})") from error
    found = _mapped(file, shape, dtype)
    weakref.finalize(found, file.unlink, missing_ok=True)
    return found


def get_shared_mem_array(name: str, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    """The tensor that another process made by `create_shared_mem_array`.

    Args:
        name: of the memory.
        shape: of the tensor.
        dtype: of the tensor.

    Raises:
        DGLError: if there is none.
    """
    return _mapped(_known(name), shape, dtype)


def _known(name: str) -> Path:
    if not (file := _file(name)).exists():
        raise DGLError(f"expected the name of something in shared memory, got {name!r}")
    return file


class SharedMethods(QueryMethods):
    """A graph for other processes."""

    _shared_memory: Any = None

    def shared_memory(self, name: str, formats: Any = ("coo", "csr", "csc")) -> DGLGraph:
        """Puts the structure, without features, where other processes of this machine find it by name.

        It is there as long as the returned graph is.

        Args:
            name: for `dgl.hetero_from_shared_memory`.
            formats: accepted; the edges are shared, and sorted where that is needed.

        Returns:
            the graph.

        Raises:
            DGLError: if the name is taken.
        """
        about: dict[str, Any] = {
            "ntypes": list(self.ntypes),
            "etypes": [list(etype) for etype in self.canonical_etypes],
            "counts": [int(n) for n in self._counts],
            "edges": [r.num_edges for r in self._relations],
            "int32": self.idtype == torch.int32,
        }
        text = torch.frombuffer(bytearray(json.dumps(about).encode()), dtype=torch.uint8)
        header = create_shared_mem_array(f"{name}.about", text.shape, torch.uint8)
        header.copy_(text)
        ends = create_shared_mem_array(name, (2, sum(about["edges"])), torch.int64)
        for row, side in zip(ends, ("src_index", "dst_index")):
            torch.cat([*(getattr(r, side) for r in self._relations), row[:0]], out=row)
        graph: Any = self._shallow()
        graph._shared_memory = (header, ends)
        return graph


def read_shared(name: str) -> tuple[Schema, list[int], list[Any], torch.dtype]:
    """The parts of a graph that another process shares: types, counts, relations, type of ids."""
    about = json.loads(_known(f"{name}.about").read_text())
    ends = get_shared_mem_array(name, (2, sum(about["edges"])), torch.int64)
    schema = Schema.of(about["ntypes"], [tuple(etype) for etype in about["etypes"]])
    relations = []
    for src, dst, (s, d) in zip(*(side.split(about["edges"]) for side in ends), schema.ends):
        relations.append(known_good(src, dst, (about["counts"][s], about["counts"][d])))
    return schema, about["counts"], relations, torch.int32 if about["int32"] else torch.int64
