"""Cutting a graph into parts on disk, each with the nodes it owns and the edges that end there."""

from __future__ import annotations

import copy
import json
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from rich.console import Console
from rich.progress import Progress
from torch import Tensor

from grapevine.data import Data, HeteroData
from grapevine.distributed.manifest import (
    FORMAT,
    MANIFEST,
    PART,
    ArrayFile,
    Manifest,
    PathLike,
    array_path,
    load_manifest,
    part_name,
    write_json,
)
from grapevine.distributed.partitioners import hashed, ldg, metis
from grapevine.distributed.streams import BLOCK, EdgeStream, counted, grouped, largest
from grapevine.errors import GraphTypeError, GraphValueError
from grapevine.io import load_graph
from grapevine.io.folder import text_checksum
from grapevine.loader.gather import rows
from grapevine.ops import sort_rows

METHODS = ("hash", "ldg", "metis")
_ROWS = 1 << 26  # bytes of an attribute to read at once
_MOST_GLOBAL = 10_000  # numbers of an attribute of the whole graph
_SORTED = 96  # bytes that sorting takes per edge: ends, edge ids, orders and copies

Tell = Callable[[int], None]


@dataclass
class _Nodes:
    """The nodes of one type."""

    count: int
    attrs: dict[str, Any] = field(default_factory=dict)
    order: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.int64))  # original ids, by part
    place: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.int64))  # new id of each node
    offsets: list[int] = field(default_factory=list)


@dataclass
class _Edges:
    """The edges of one type, and their attributes; degrees by original ids."""

    stream: EdgeStream
    attrs: dict[str, Any]
    out_degree: Tensor
    in_degree: Tensor


@dataclass
class _Graph:
    nodes: dict[Any, _Nodes]
    edges: dict[Any, _Edges]
    shared: dict[str, Any]
    hetero: bool

    def ends(self, key: Any) -> tuple[_Nodes, _Nodes]:
        """Source and destination nodes of an edge type."""
        return (self.nodes[None],) * 2 if key is None else (self.nodes[key[0]], self.nodes[key[-1]])


def partition(
    data: Data | HeteroData | PathLike,
    folder: PathLike,
    parts: int,
    method: Literal["hash", "ldg", "metis"] = "ldg",
    *,
    edges: Any = None,
    balance: str | None = "train_mask",
    passes: int = 5,
    slack: float = 1.05,
    seed: int = 0,
    memory: int = 1 << 30,
    progress_bar: bool = False,
) -> Manifest:
    """Cuts a graph into parts and writes each to a folder of its own, for the ranks of a distributed training.

    Nodes of every type, and training nodes, are spread evenly over the parts. Nodes get new ids, so that a part owns
    consecutive ones, in their original order; a part holds the edges that end at its nodes, grouped by destination
    and in their original order. `node_id` and `edge_id` keep the original ids. The manifest is written last: a folder
    with one is complete.

    Args:
        data: the graph; a graph that `save_graph` wrote (a folder's features are not read into memory); or a file of
            edges, see `EdgeStream`. Attributes of nodes and edges may be arrays of `numpy.memmap`.
        folder: where to write. A partition that is there already is replaced.
        parts: how many; any number of ranks up to that many can read them.
        method: `"ldg"` streams over the nodes several times, with the edges of some of them in memory; `"metis"` needs
            the graph in memory and pymetis, and may cut fewer edges; `"hash"` deals the nodes out at random.
        edges: a file, array or tensor of edges instead of `data.edge_index`; of a heterogeneous graph, those of each
            type in a dictionary.
        balance: a boolean attribute of nodes; those where it holds are spread evenly too.
        passes: how often `"ldg"` goes over the nodes.
        slack: how much larger than the mean a part may be, in nodes of any type and in training nodes.
        seed: of `"hash"`.
        memory: about how many bytes to use for edges, beyond some 90 bytes per node; more edges are sorted in files,
            which need about 50 bytes of disk per edge until all is written.
        progress_bar: whether to show how far it is.

    Returns:
        The manifest of what was written.

    Raises:
        GraphValueError: for an unknown method, more parts than nodes, or a graph without edges or with attributes of
            the wrong length.
        GraphIndexError: for edges that name no node.
        GraphTypeError: for attributes that cannot be written as arrays or JSON.
        MissingDependencyError: for METIS without pymetis.

    Example:
        >>> data = Data(x=torch.rand(4, 2), edge_index=torch.tensor([[0, 1, 2, 3], [1, 0, 3, 2]]))
        >>> manifest = partition(data, tempfile.mkdtemp(), parts=2)
        >>> manifest.node_offsets[None], manifest.cut
        ([0, 2, 4], 0.0)
    """
    if method not in METHODS or parts < 1 or passes < 1 or slack < 1 or memory < 1:
        raise GraphValueError(
            f"expected a method of {', '.join(METHODS)}, parts, passes and memory of at least 1 and slack of at least "
            f"1.0, got method={method!r}, parts={parts}, passes={passes}, memory={memory}, slack={slack}"
        )
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    console = Console(stderr=True)
    with (
        Progress(
            console=console, transient=True, disable=not (progress_bar and console.is_terminal)
        ) as progress,
        tempfile.TemporaryDirectory(dir=target, prefix=".scratch-") as scratch,
    ):

        def stage(title: str, total: int) -> Tell:
            task = progress.add_task(title, total=total)
            return lambda done: progress.update(task, advance=done)

        most = max(memory // _SORTED, 1)
        graph = _opened(data, edges, max(min(BLOCK, most // 2), 1), stage)
        num_nodes = sum(n.count for n in graph.nodes.values())
        if parts > num_nodes:
            raise GraphValueError(f"expected at most a part per node, {num_nodes}, got parts={parts}")
        _check_space(graph, target, method)
        part, used = _assigned(graph, parts, method, balance, passes, slack, seed, most, Path(scratch), stage)
        first = 0
        for nodes in graph.nodes.values():
            _number(nodes, part[first : first + nodes.count], parts)
            first += nodes.count
        return _write(graph, target, parts, used, most, Path(scratch), stage)


# Reading -----------------------------------------------------------------------------------------------------------


def _opened(data: Any, edges: Any, block: int, stage: Callable[[str, int], Tell]) -> _Graph:
    """The graph as streams of edges, with their degrees, and attributes by level."""
    if not isinstance(data, Data | HeteroData):
        path = Path(data)
        if edges is None and path.is_file() and path.suffix != ".safetensors":
            data, edges = Data(), path
        else:
            data = load_graph(path)
    hetero = isinstance(data, HeteroData)
    data = copy.copy(data)
    stores: dict[Any, Any] = dict(data.node_items()) if isinstance(data, HeteroData) else {None: data._store}
    links: dict[Any, Any] = dict(data.edge_items()) if isinstance(data, HeteroData) else {None: data._store}
    given = {} if edges is None else dict(edges) if isinstance(edges, Mapping) else {None: edges}
    if hetero:
        for key in given:
            if not (isinstance(key, tuple) and len(key) == 3):
                raise GraphValueError(
                    f"expected edges as {{(source, relation, destination): ...}} of a heterogeneous graph, got {key!r}"
                )
    streams: dict[Any, EdgeStream] = {}
    for key in [*links, *(key for key in given if key not in links)]:
        source = given.get(key, None if key not in links else links[key].get("edge_index"))
        if source is None:
            where = "data" if key is None else f"data[{key}]"
            raise GraphValueError(f"expected {where}.edge_index, or edges=..., got neither")
        streams[key] = EdgeStream(source, block)
    nodes = {k: _Nodes(s.num_nodes or 0 if s.can_infer_num_nodes else 0) for k, s in stores.items()}
    unknown = {kind for kind, known in nodes.items() if not known.count}  # counted from the edges
    for key, stream in streams.items():
        names = (None, None) if key is None else (key[0], key[-1])
        if any(name not in nodes or name in unknown for name in names):
            for name, most in zip(names, largest(stream)):
                known = nodes.setdefault(name, _Nodes(0))
                if name in unknown or name not in stores:
                    known.count = max(known.count, most + 1)
    for kind in unknown:
        stores[kind].num_nodes = nodes[kind].count
    graph = _Graph(nodes, {}, {}, hetero)
    for key, stream in streams.items():
        sizes = [end.count for end in graph.ends(key)]
        title = "reading edges" if key is None else f"reading {'-'.join(key)}"
        graph.edges[key] = _Edges(stream, {}, *counted(stream, sizes, stage(title, 0)))
    _sort_attributes(data, graph, stores, links)
    return graph


def _sort_attributes(data: Any, graph: _Graph, stores: Mapping[Any, Any], links: Mapping[Any, Any]) -> None:
    """Gives every attribute to the nodes, edges or graph that it describes."""
    plain = data._store if not graph.hetero else data._global_store
    for store, kind, of_edges in (
        *((store, kind, False) for kind, store in stores.items() if graph.hetero),
        *((store, key, True) for key, store in links.items() if graph.hetero),
        (plain, None, False),
    ):
        for name, level in store._levels().items():
            value = store[name]
            if name in ("edge_index", "num_nodes"):
                continue
            is_edge = of_edges or level == "edge"
            if level is None and store is plain:
                # Of edges that come from a file the graph does not know how many there are.
                counted_edges = None if graph.hetero else int(graph.edges[None].in_degree.sum())
                is_edge = isinstance(value, Tensor | np.ndarray) and value.shape[:1] == (counted_edges,)
                if not is_edge:
                    graph.shared[name] = _json(name, value)
                    continue
            where = name if kind is None else f"{kind}.{name}"
            target: Any = graph.edges[kind] if is_edge else graph.nodes[kind]
            count = int(target.in_degree.sum()) if is_edge else target.count
            if not isinstance(value, Tensor | np.ndarray) or value.ndim == 0 or _dtype(value) is None:
                raise GraphTypeError(
                    f"expected {where} as a tensor or array of numbers (not bfloat16, which files of numpy lack), got "
                    f"{type(value).__name__} {getattr(value, 'dtype', '')}; convert it or delete it"
                )
            if len(value) != count or store._cat_dim(name) != 0:
                raise GraphValueError(
                    f"expected {where} with a row for each of {count} {'edges' if is_edge else 'nodes'}, got shape "
                    f"{list(value.shape)}; transpose or delete it"
                )
            if getattr(data._role_of(name, value, store), "points_to", None) is not None:
                raise GraphValueError(
                    f"expected attributes that hold no node ids, which the parts number anew, got {where}; delete it, "
                    "and look its ids up by `node_id`"
                )
            target.attrs[name] = value


def _json(name: str, value: Any) -> Any:
    if isinstance(value, Tensor | np.ndarray | np.generic):
        if value.size > _MOST_GLOBAL if not isinstance(value, Tensor) else value.numel() > _MOST_GLOBAL:
            raise GraphTypeError(
                f"expected {name} with a row for each node or edge, or of at most {_MOST_GLOBAL} numbers, got shape "
                f"{list(value.shape)}; delete it before"
            )
        value = value.tolist()
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError) as error:
        raise GraphTypeError(
            f"expected {name}, an attribute of the whole graph, as JSON, got {type(value).__name__}: {error}; "
            "delete it before"
        ) from error


def _dtype(value: Any) -> np.dtype[Any] | None:
    """As files of numpy have it; None for what they lack."""
    if isinstance(value, np.ndarray):
        return value.dtype if value.dtype.kind in "biufc" else None
    if value.layout is not torch.strided or value.dtype is torch.bfloat16:
        return None
    return np.dtype(str(value.dtype).removeprefix("torch."))


def _check_space(graph: _Graph, folder: Path, method: str) -> None:
    """Refuses to begin what the disk has no room for."""
    attrs = [
        *(nodes.attrs for nodes in graph.nodes.values()),
        *(edges.attrs for edges in graph.edges.values()),
    ]
    needed = sum(_row_bytes(value) * len(value) for values in attrs for value in values.values())
    needed += sum(16 * nodes.count for nodes in graph.nodes.values())
    num_edges = sum(int(edges.in_degree.sum()) for edges in graph.edges.values())
    needed += num_edges * (16 + 24)
    if method != "hash":
        needed = max(needed, num_edges * 2 * (24 + 8))
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise GraphValueError(
            f"{folder}: expected about {needed / 1e9:.1f} GB of free disk space, got {free / 1e9:.1f} GB; choose "
            "another folder"
        )


def _row_bytes(value: Any) -> int:
    """Bytes of a row of an attribute."""
    size = value.element_size() if isinstance(value, Tensor) else value.itemsize
    return int(np.prod(value.shape[1:], dtype=np.int64)) * size


# Assigning ---------------------------------------------------------------------------------------------------------


class _Neighbours:
    """The neighbours of all nodes of all types in both directions, in memory or in a file."""

    def __init__(self, graph: _Graph, most: int, scratch: Path, tell: Tell) -> None:
        first = dict(zip(graph.nodes, accumulate((n.count for n in graph.nodes.values()), initial=0)))
        degree = torch.zeros(sum(n.count for n in graph.nodes.values()), dtype=torch.int64)
        shifts = {}
        for key, edges in graph.edges.items():
            shifts[key] = (first[None], first[None]) if key is None else (first[key[0]], first[key[-1]])
            for shift, added in zip(shifts[key], (edges.out_degree, edges.in_degree)):
                degree[shift : shift + len(added)] += added
        self.ptr = np.concatenate([[0], np.cumsum(degree.numpy())])

        def both_ways() -> Iterator[tuple[Tensor, Tensor]]:
            for key, edges in graph.edges.items():
                for src, dst in edges.stream.blocks():
                    a, b = src + shifts[key][0], dst + shifts[key][1]
                    yield torch.cat([a, b]), torch.cat([b, a])
                    tell(len(src))

        self._dtype: Any = np.int32 if len(degree) < 2**31 - 1 else np.int64
        self._memory: np.ndarray | None = None
        self._file = scratch / "neighbours.bin"
        groups = grouped(both_ways(), self.ptr, most, scratch)
        if self.ptr[-1] <= most:
            found = [stretch.columns[0].numpy() for stretch in groups]
            self._memory = np.concatenate(found).astype(self._dtype)
            return
        with self._file.open("wb") as file:
            for stretch in groups:
                file.write(stretch.columns[0].numpy().astype(self._dtype).data)

    def read(self, start: int, stop: int) -> np.ndarray:
        low, high = int(self.ptr[start]), int(self.ptr[stop])
        if self._memory is not None:
            return self._memory[low:high]
        offset = low * np.dtype(self._dtype).itemsize
        return np.fromfile(self._file, self._dtype, high - low, offset=offset)


def _assigned(
    graph: _Graph,
    parts: int,
    method: str,
    balance: str | None,
    passes: int,
    slack: float,
    seed: int,
    most: int,
    scratch: Path,
    stage: Callable[[str, int], Tell],
) -> tuple[np.ndarray, str]:
    """The part of every node, of all types one after the other, and the method that found it."""
    kinds = []
    for number, (kind, nodes) in enumerate(graph.nodes.items()):
        chosen = np.zeros(nodes.count, dtype=np.int64)
        if balance in nodes.attrs:
            mask = np.asarray(nodes.attrs[balance])
            if mask.shape != (nodes.count,) or mask.dtype != bool:
                where = balance if kind is None else f"{kind}.{balance}"
                raise GraphValueError(
                    f"expected balance to name a boolean per node, got {where} of {mask.dtype} {mask.shape}"
                )
            chosen += mask
        kinds.append(2 * number + chosen)
    kind_of = np.concatenate(kinds)
    if parts == 1:
        return np.zeros(len(kind_of), dtype=np.int32), method
    if method == "hash":
        return hashed(kind_of, parts, seed), method
    num_edges = sum(int(edges.in_degree.sum()) for edges in graph.edges.values())
    neighbours = _Neighbours(graph, most, scratch, stage("grouping edges", num_edges))
    if method == "metis":
        found = metis(neighbours, kind_of, parts, scratch, slack)
        if found is not None:
            return found, method
    return ldg(
        neighbours, kind_of, parts, passes, slack, stage("placing nodes", passes * len(kind_of))
    ), "ldg"


def _number(nodes: _Nodes, part: np.ndarray, parts: int) -> None:
    """New ids: part after part, in the old order within a part."""
    ptr, perm = sort_rows(torch.from_numpy(part.astype(np.int64)), parts)
    everything = torch.arange(nodes.count)
    nodes.order = everything if perm is None else perm.to(torch.int64)
    nodes.place = torch.empty_like(nodes.order)
    nodes.place[nodes.order] = everything
    nodes.offsets = ptr.tolist()


# Writing -----------------------------------------------------------------------------------------------------------


class _Writer:
    """Writes the arrays of one part of one type."""

    def __init__(self, folder: Path, part: int, kind: Any, level: str, arrays: dict[str, Any]) -> None:
        self._where = folder, part, kind, level
        self._arrays = arrays
        self._open: dict[str, ArrayFile] = {}

    def begin(self, name: str, count: int, like: Any = None) -> None:
        """Opens an array of `count` rows that look like those of `like`; of int64 without."""
        dtype = np.dtype(np.int64) if like is None else _dtype(like)
        assert dtype is not None
        folder, part, kind, level = self._where
        shape = (count, *(() if like is None else like.shape[1:]))
        self._open[name] = ArrayFile(folder, array_path(part, kind, name, level), dtype, shape)

    def add(self, name: str, values: Any) -> None:
        """Adds rows."""
        self._open[name].add(values)

    def copy(self, name: str, value: Any, ids: Tensor) -> None:
        """Adds some rows of an attribute, a piece at a time."""
        for piece in ids.split(max(_ROWS // max(_row_bytes(value), 1), 1)):
            self.add(name, rows(value, piece))

    def close(self) -> None:
        """Completes all arrays."""
        _, part, kind, level = self._where
        for name, file in self._open.items():
            self._arrays[array_path(part, kind, name, level)] = file.close()


def _write(
    graph: _Graph,
    folder: Path,
    parts: int,
    method: str,
    most: int,
    scratch: Path,
    stage: Callable[[str, int], Tell],
) -> Manifest:
    """Writes all parts, and the manifest last."""
    if (folder / MANIFEST).exists():  # what was there ends here
        (folder / MANIFEST).unlink()
        for old in folder.glob("part-" + 5 * "[0-9]"):
            shutil.rmtree(old)
    arrays: dict[str, Any] = {}
    body: dict[str, Any] = {
        "format": FORMAT,
        "uuid": uuid.uuid4().hex,
        "parts": parts,
        "method": method,
        "hetero": graph.hetero,
        "node_types": [],
        "edge_types": [],
    }
    tell = stage("writing nodes", sum(nodes.count for nodes in graph.nodes.values()))
    for kind, nodes in graph.nodes.items():
        for part, (low, high) in enumerate(pairwise(nodes.offsets)):
            writer = _Writer(folder, part, kind, "nodes", arrays)
            ids = nodes.order[low:high]
            writer.begin("node_id", len(ids))
            writer.add("node_id", ids)
            for name, value in nodes.attrs.items():
                writer.begin(name, len(ids), value)
                writer.copy(name, value, ids)
            writer.close()
            tell(len(ids))
        body["node_types"].append(_entry(kind, nodes.offsets, nodes.attrs))
    tell = stage("writing edges", sum(int(edges.in_degree.sum()) for edges in graph.edges.values()))
    cut = total = 0
    for key, edges in graph.edges.items():
        offsets, crossing = _write_edges(graph, key, folder, parts, most, scratch, arrays, tell)
        cut, total = cut + crossing, total + offsets[-1]
        body["edge_types"].append(_entry(key, offsets, edges.attrs))
    for part in range(parts):
        write_json(folder / part_name(part) / PART, {"uuid": body["uuid"], "part": part})
    body |= {"cut": cut / max(total, 1), "globals": graph.shared, "arrays": arrays}
    write_json(folder / MANIFEST, {**body, "checksum": text_checksum(body)})
    return load_manifest(folder)


def _write_edges(
    graph: _Graph,
    key: Any,
    folder: Path,
    parts: int,
    most: int,
    scratch: Path,
    arrays: dict[str, Any],
    tell: Tell,
) -> tuple[list[int], int]:
    """Writes the edges of one type; returns where those of each part begin, and how many join different parts."""
    source, target = graph.ends(key)
    edges = graph.edges[key]
    ptr = np.concatenate([[0], np.cumsum(edges.in_degree[target.order].numpy())])

    def numbered() -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        first = 0
        for src, dst in edges.stream.blocks():
            yield target.place[dst], source.place[src], torch.arange(first, first + len(src))
            first += len(src)

    groups = grouped(numbered(), ptr, most, scratch, target.offsets)
    done = crossing = 0
    for part, (low, high) in enumerate(pairwise(target.offsets)):
        writer = _Writer(folder, part, key, "edges", arrays)
        count = int(ptr[high] - ptr[low])
        writer.begin("ptr", high - low + 1)
        writer.add("ptr", ptr[low : high + 1] - ptr[low])
        writer.begin("index", count)
        writer.begin("edge_id", count)
        for name, value in edges.attrs.items():
            writer.begin(name, count, value)
        while done < high:
            stretch = next(groups)
            index, ids = stretch.columns
            writer.add("index", index)
            writer.add("edge_id", ids)
            for name, value in edges.attrs.items():
                writer.copy(name, value, ids)
            inside = (index >= source.offsets[part]) & (index < source.offsets[part + 1])
            crossing += len(index) - int(inside.sum())
            done = stretch.stop
            tell(len(index))
        writer.close()
    return ptr[target.offsets].tolist(), crossing


def _entry(kind: Any, offsets: list[int], attrs: Mapping[str, Any]) -> dict[str, Any]:
    """What the manifest says about a type."""
    described = {name: {"dtype": str(_dtype(v)), "shape": list(v.shape[1:])} for name, v in attrs.items()}
    return {"type": kind, "offsets": offsets, "attrs": described}
