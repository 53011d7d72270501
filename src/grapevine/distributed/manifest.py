"""A partitioned graph on disk: a folder of arrays for each part, and a manifest with their sizes and checksums."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import torch
from torch import Tensor

from grapevine.data import Data, HeteroData
from grapevine.data.aliases import EdgeType, NodeType
from grapevine.errors import GraphIndexError, GraphValueError
from grapevine.io.folder import check_files, text_checksum

FORMAT = "grapevine-partition-1"
MANIFEST = "manifest.json"
PART = "part.json"  # which partition the files of one part belong to

PathLike = str | os.PathLike[str]
Attrs = dict[str, tuple[np.dtype[Any], tuple[int, ...]]]


@dataclass(frozen=True, eq=False)
class Manifest:
    """What is known about a partition without opening its arrays.

    A part owns consecutive node ids of every type, and the edges that end at its nodes: consecutive edge ids, the
    positions of the edges when those of all parts are ordered by destination.

    Args:
        folder: where it lies.
        uuid: drawn when it was written.
        parts: how many parts there are.
        method: how the nodes were assigned.
        hetero: whether the graph has several types of nodes or edges.
        node_types: names; `[None]` for a graph that is not heterogeneous.
        edge_types: names; likewise.
        node_offsets: by type, `parts + 1` ids where the nodes of each part begin.
        edge_offsets: by type, `parts + 1` ids where the edges of each part begin.
        node_attrs: by type and name, dtype and shape of a row.
        edge_attrs: likewise.
        cut: the share of edges whose ends are in different parts.
        globals: attributes of the graph as a whole.
        arrays: size and checksum of every file.
        digest: of the manifest's text and uuid: ranks that have the same read the same partition.
    """

    folder: Path
    uuid: str
    parts: int
    method: str
    hetero: bool
    node_types: list[NodeType | None]
    edge_types: list[EdgeType | None]
    node_offsets: dict[Any, list[int]]
    edge_offsets: dict[Any, list[int]]
    node_attrs: dict[Any, Attrs]
    edge_attrs: dict[Any, Attrs]
    cut: float
    globals: dict[str, Any] = field(repr=False)
    arrays: dict[str, dict[str, Any]] = field(repr=False)
    digest: str = ""


@dataclass(frozen=True, eq=False)
class Part:
    """The arrays of one part, mapped from their files.

    Args:
        index: its number.
        manifest: of the partition.
        nodes: by type, one row per node: all attributes, and `node_id`, its id before the graph was partitioned.
        edges: by type, one row per edge: all attributes, `edge_id` and `index`, the source; and `ptr`, where the edges
            of each of the part's nodes begin.
    """

    index: int
    manifest: Manifest
    nodes: dict[Any, dict[str, np.ndarray]]
    edges: dict[Any, dict[str, np.ndarray]]


def load_manifest(folder: PathLike) -> Manifest:
    """Reads the manifest of a partition.

    Args:
        folder: where `partition` wrote it.

    Raises:
        GraphValueError: if there is none, if it is of another format, or if it was damaged; the error names the file.
    """
    path = Path(folder) / MANIFEST
    if not path.is_file():
        raise GraphValueError(
            f"{path}: expected a manifest, got no such file; partition the graph again: writing it may have been "
            "interrupted"
        )
    text = path.read_bytes()
    try:
        body = json.loads(text)
        checksum, known = body.pop("checksum"), body["format"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise GraphValueError(
            f"{path}: expected a manifest of a partition, got {error!r}; partition the graph again"
        ) from error
    if known != FORMAT:
        raise GraphValueError(
            f"{path}: expected format {FORMAT!r}, got {known!r}; partition the graph again with this release"
        )
    if checksum != text_checksum(body):
        raise GraphValueError(
            f"{path}: expected checksum {checksum}, got {text_checksum(body)}: the manifest was changed or damaged; "
            "copy or partition the graph again"
        )
    nodes = {_type(entry["type"]): entry for entry in body["node_types"]}
    edges = {_type(entry["type"]): entry for entry in body["edge_types"]}
    return Manifest(
        folder=Path(folder),
        uuid=body["uuid"],
        parts=body["parts"],
        method=body["method"],
        hetero=body["hetero"],
        node_types=list(nodes),
        edge_types=list(edges),
        node_offsets={key: entry["offsets"] for key, entry in nodes.items()},
        edge_offsets={key: entry["offsets"] for key, entry in edges.items()},
        node_attrs={key: _attrs(entry) for key, entry in nodes.items()},
        edge_attrs={key: _attrs(entry) for key, entry in edges.items()},
        cut=body["cut"],
        globals=body["globals"],
        arrays=body["arrays"],
        digest=f"{zlib.crc32(text):08x}-{body['uuid']}",
    )


def load_part(folder: PathLike | Manifest, part: int, verify: bool = True) -> Part:
    """Maps the arrays of one part into memory, read-only.

    Args:
        folder: of the partition, or its manifest.
        part: the number of the part.
        verify: compare checksums, which reads every file once; sizes are compared in any case.

    Returns:
        The part. A file that is truncated while it is mapped ends the process when what is missing is read (SIGBUS):
        leave a partition alone while programs use it.

    Raises:
        GraphIndexError: if there is no such part.
        GraphValueError: if a file is missing, damaged or from another partition; the error names it.
    """
    manifest = folder if isinstance(folder, Manifest) else load_manifest(folder)
    if not 0 <= part < manifest.parts:
        raise GraphIndexError(f"expected a part from 0 to {manifest.parts - 1}, got {part}")
    _check_owner(manifest, part)
    prefix = f"{part_name(part)}/"
    entries = ({"file": f, "offset": 0, **e} for f, e in manifest.arrays.items() if f.startswith(prefix))
    check_files(manifest.folder, list(entries), verify)
    nodes, edges = (
        {
            kind: {name: _mapped(manifest.folder / array_path(part, kind, name, level)) for name in names}
            for kind, names in wanted.items()
        }
        for level, wanted in (
            ("nodes", {k: [*attrs, "node_id"] for k, attrs in manifest.node_attrs.items()}),
            ("edges", {k: [*attrs, "edge_id", "ptr", "index"] for k, attrs in manifest.edge_attrs.items()}),
        )
    )
    return Part(part, manifest, nodes, edges)


def load_whole(folder: PathLike | Manifest, verify: bool = True) -> Data | HeteroData:
    """Joins all parts to one graph in memory, with the ids and the order of edges of the partition.

    Args:
        folder: of the partition, or its manifest.
        verify: compare checksums.

    Returns:
        The graph with all its attributes, and the original ids as `node_id` and `edge_id`.

    Raises:
        GraphValueError: as for `load_part`.
    """
    manifest = folder if isinstance(folder, Manifest) else load_manifest(folder)
    parts = [load_part(manifest, part, verify) for part in range(manifest.parts)]
    out: Any = HeteroData() if manifest.hetero else Data()
    for name, value in manifest.globals.items():
        out[name] = value
    for kind in manifest.node_types:
        store = out if kind is None else out[kind]
        for name in (*manifest.node_attrs[kind], "node_id"):
            store[name] = _joined([part.nodes[kind][name] for part in parts])
        store.num_nodes = manifest.node_offsets[kind][-1]
    for key in manifest.edge_types:
        store = out if key is None else out[key]
        first = manifest.node_offsets[None if key is None else key[-1]]
        target = [
            torch.repeat_interleave(
                torch.arange(first[part.index], first[part.index + 1]),
                torch.from_numpy(np.diff(part.edges[key]["ptr"])),
            )
            for part in parts
        ]
        source = _joined([part.edges[key]["index"] for part in parts])
        store.edge_index = torch.stack([source, torch.cat(target)])
        for name in (*manifest.edge_attrs[key], "edge_id"):
            store[name] = _joined([part.edges[key][name] for part in parts])
    return out


# Names -------------------------------------------------------------------------------------------------------------


def part_name(part: int) -> str:
    """The folder of a part."""
    return f"part-{part:05d}"


def array_path(part: int, kind: Any, name: str, level: str) -> str:
    """The file of an array within the folder of the partition; `level` is "nodes" or "edges"."""
    title = "_" if kind is None else kind if isinstance(kind, str) else "__".join(kind)
    return f"{part_name(part)}/{level}/{quote(title, safe=' ')}/{quote(name, safe=' ')}.npy"


# Writing -----------------------------------------------------------------------------------------------------------


class ArrayFile:
    """An array that is written row after row; it gets its name when it is complete and on the disk.

    Args:
        folder: of the partition.
        path: of the file within it.
        dtype: of its numbers.
        shape: of the array.
    """

    def __init__(self, folder: Path, path: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        self.path = folder / path
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.dtype, self.shape = dtype, shape
        self._temporary = self.path.with_name(f"{self.path.name}.part")
        self._file = self._temporary.open("wb")
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self._file, header)
        self._file.flush()
        self._crc32 = zlib.crc32(self._temporary.read_bytes())
        self._rows = 0

    def add(self, rows: Any) -> None:
        """Writes some more rows: a tensor or an array."""
        array = np.ascontiguousarray(np.asarray(rows), dtype=self.dtype)
        data = array.reshape(-1).view(np.uint8).data
        self._crc32 = zlib.crc32(data, self._crc32)
        self._file.write(data)
        self._rows += len(array)

    def close(self) -> dict[str, Any]:
        """Brings the file to the disk and gives it its name; returns its entry in the manifest."""
        assert self._rows == self.shape[0], (self.path, self._rows, self.shape)
        size = self._file.tell()
        _to_disk(self._file)
        os.replace(self._temporary, self.path)
        return {"bytes": size, "crc32": f"{self._crc32:08x}"}


def write_json(path: Path, body: Mapping[str, Any]) -> None:
    """Writes a small file, which is there as a whole or not at all."""
    write_bytes(path, json.dumps(body, indent=1).encode())


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """The same for any content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.part")
    with temporary.open("wb") as file:
        file.write(content)
        _to_disk(file)
    os.replace(temporary, path)
    handle = os.open(path.parent, os.O_RDONLY)  # the name, too, shall survive a power cut
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _to_disk(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())
    file.close()


# Reading -----------------------------------------------------------------------------------------------------------


def _type(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _attrs(entry: Mapping[str, Any]) -> Attrs:
    return {name: (np.dtype(a["dtype"]), tuple(a["shape"])) for name, a in entry["attrs"].items()}


def _check_owner(manifest: Manifest, part: int) -> None:
    """Refuses the files of another partition, which may have the very same sizes."""
    path = manifest.folder / part_name(part) / PART
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise GraphValueError(
            f"{path}: expected the mark of part {part}, got {error!r}; copy or partition the graph again"
        ) from error
    wanted = {"uuid": manifest.uuid, "part": part}
    if found != wanted:
        raise GraphValueError(
            f"{path}: expected {wanted}, got {found}: these files belong to another partition or part; copy the whole "
            "folder again"
        )


def _mapped(path: Path) -> np.ndarray:
    """A file's array: mapped, unless it is empty, which cannot be."""
    try:
        return np.load(path, mmap_mode="r")
    except ValueError:
        array = np.load(path)
        if array.size:
            raise
        return array


def _joined(arrays: list[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.concatenate(arrays))
