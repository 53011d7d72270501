"""Graphs in DGL's files."""

from __future__ import annotations

import mmap
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from grapevine.dgl.base import DGLError
from grapevine.dgl.convert_data import relation
from grapevine.dgl.data.binary import GRAPH, GRAPHS, RELATION, Reader, Writer
from grapevine.dgl.frame import Frame
from grapevine.dgl.heterograph import DGLGraph
from grapevine.dgl.structure import Schema
from grapevine.edges import Edges
from grapevine.topology import check_range

__all__ = ["load_graphs", "load_labels", "save_graphs"]

PathLike = str | os.PathLike[str]

_HEADER = 4096  # the bytes before the labels
_FORMATS = {"coo": 1, "csc": 4, "csr": 2}  # in the order in which they stand in the file


def save_graphs(
    filename: PathLike,
    g_list: DGLGraph | Sequence[DGLGraph],
    labels: Mapping[str, Tensor] | None = None,
    formats: str | Sequence[str] | None = None,
) -> None:
    """Writes graphs with their features to a file that DGL reads too.

    Args:
        filename: the file; its folder is made if need be.
        g_list: a graph, or several. What was batched is one graph afterwards.
        labels: tensors about all graphs, by name.
        formats: any of `"coo"`, `"csr"`, `"csc"`; None means `"coo"`.

    Raises:
        DGLError: for blocks, unknown formats, and a folder in place of a file.

    Example:
        >>> import tempfile
        >>> from grapevine import dgl
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_graphs(f"{folder}/g.bin", [dgl.graph(([0], [1]))], {"y": torch.tensor([7])})
        ...     load_graphs(f"{folder}/g.bin")[1]
        {'y': tensor([7])}
    """
    graphs = [g_list] if isinstance(g_list, DGLGraph) else list(g_list)
    if not graphs or any(not isinstance(g, DGLGraph) or g.is_block for g in graphs):
        raise DGLError("Invalid argument g_list. Must be a DGLGraph or a list of DGLGraphs.")
    wanted = ["coo"] if not formats else [formats] if isinstance(formats, str) else list(formats)
    if unknown := set(wanted) - set(_FORMATS):
        raise DGLError(f"expected formats of {list(_FORMATS)}, got {sorted(unknown)}")
    if len(set(wanted)) > 1:  # DGL mistakes one for the other where only the two compressed ones are there
        wanted = [*wanted, "coo"]
    path = Path(filename)
    if path.is_dir():
        raise DGLError(f"Filename {filename} is an existing directory.")
    path.parent.mkdir(parents=True, exist_ok=True)

    head, named = Writer(), Writer()
    head.put("QQQQ", GRAPHS, 2, 2, len(graphs))
    head.raw(bytes(_HEADER - head.length))
    named.tensors(labels or {})
    head.put("Q", _HEADER + 8 + named.length)
    head.raw(named.bytes())

    starts, index = [], Writer()
    for g in graphs:
        starts.append(head.length)
        _write(head, g, wanted)
    index.put(f"Q{len(starts)}Q", len(starts), *starts)
    head.put("Q", index.length)
    head.raw(index.bytes())
    head.put("Q", index.length)
    path.write_bytes(head.bytes())


def _write(out: Writer, g: DGLGraph, formats: Sequence[str]) -> None:
    out.put("Q", GRAPH)
    out.type_graph(len(g.ntypes), g._schema.ends)
    out.put("Q", len(g._relations))
    for edges, (src, dst) in zip(g._relations, g._schema.ends):
        _write_relation(out, edges, src == dst, formats, g.idtype)
    out.put(f"Q{len(g._counts)}q", len(g._counts), *g._counts)
    for frames in (g._node_frames, g._edge_frames):
        out.put("Q", len(frames))
        for frame in frames:
            out.tensors(dict(frame))
    for names in (g.ntypes, g.etypes):
        out.put("Q", len(names))
        for name in names:
            out.string(name)


def _write_relation(
    out: Writer, edges: Edges, one_type: bool, formats: Sequence[str], idtype: torch.dtype
) -> None:
    out.put("QIIII", RELATION, sum(_FORMATS[name] for name in set(formats)), 1, 7, 1)
    types = (1, [(0, 0)]) if one_type else (2, [(0, 1)])
    src, dst, (num_src, num_dst) = edges.src_index.to(idtype), edges.dst_index.to(idtype), edges.size
    for name in _FORMATS:
        if name not in formats:
            continue
        out.type_graph(*types)
        if name == "coo":
            out.coo((num_src, num_dst), src, dst)
        else:
            row, col, size = (
                (dst, src, (num_dst, num_src)) if name == "csc" else (src, dst, (num_src, num_dst))
            )
            order = torch.argsort(row, stable=True)
            ptr = torch.bincount(row, minlength=size[0]).cumsum(0)
            ptr = torch.cat((ptr.new_zeros(1), ptr))
            out.csr(size, ptr.to(idtype), col[order], order.to(idtype))


def load_graphs(
    filename: PathLike, idx_list: Sequence[int] | None = None
) -> tuple[list[DGLGraph], dict[str, Tensor]]:
    """Reads what `save_graphs`, or DGL's since 0.5, wrote.

    Args:
        filename: the file.
        idx_list: which graphs; None means all.

    Returns:
        the graphs, and the labels of all graphs in the file. Masks come back as uint8, as in DGL.

    Raises:
        DGLError: if the file is missing, broken or of another format, and for graphs that it does not hold.
    """
    with _Opened(filename) as data:
        reader, count = _begin(data)
        start = reader.get("Q")
        labels = reader.tensors()
        if not idx_list:
            reader.position = start
            return [_read(reader) for _ in range(count)], labels
        tail = Reader(data, len(data) - 8)
        tail.position = len(data) - 8 - tail.get("Q")
        starts = tail.many(lambda: tail.get("Q"))
        if bad := [i for i in idx_list if not 0 <= i < count]:
            raise DGLError(f"expected numbers of graphs below {count}, got {bad[0]}")
        return [_read(Reader(data, starts[i])) for i in idx_list], labels


def load_labels(filename: PathLike) -> dict[str, Tensor]:
    """Reads the labels alone.

    Args:
        filename: the file.

    Raises:
        DGLError: as `load_graphs`.
    """
    with _Opened(filename) as data:
        reader, _ = _begin(data)
        reader.get("Q")
        return reader.tensors()


class _Opened:
    """A file mapped into memory, so that what is not asked for is not read."""

    def __init__(self, filename: PathLike) -> None:
        if not Path(filename).is_file():
            raise DGLError(f"File {filename} does not exist.")
        if Path(filename).stat().st_size < _HEADER:
            raise DGLError(f"expected a file of graphs, got {filename}, which is shorter than its header")
        self._file = Path(filename).open("rb")  # noqa: SIM115
        self._map = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)

    def __enter__(self) -> mmap.mmap:
        return self._map

    def __exit__(self, *_: object) -> None:
        self._map.close()
        self._file.close()


def _begin(data: mmap.mmap) -> tuple[Reader, int]:
    reader = Reader(data)
    reader.expect(GRAPHS, "a file of graphs")
    version, kind = reader.get("QQ")
    if (version, kind) != (2, 2):
        raise DGLError(
            f"expected a file of version 2 (DGL 0.5 and later), got version {version}; load it with DGL 0.5 to 2, "
            "and save it again"
        )
    count = reader.count()
    reader.position = _HEADER
    return reader, count


def _read(reader: Reader) -> DGLGraph:
    reader.expect(GRAPH, "a graph")
    num_types, ends = reader.type_graph()
    relations = reader.many(lambda: _read_relation(reader))
    counts = reader.many(lambda: int(reader.get("q")))
    nodes, edges = reader.many(reader.tensors), reader.many(reader.tensors)
    ntypes, etypes = reader.many(reader.string), reader.many(reader.string)
    lengths = (len(counts), len(nodes), len(ntypes), len(relations), len(edges), len(etypes))
    if lengths != (num_types, num_types, num_types, len(ends), len(ends), len(ends)):
        raise DGLError(
            f"expected {num_types} node types and {len(ends)} edge types throughout, got {lengths}"
        )
    found = []
    for (src, dst, _), (s, d) in zip(relations, ends):
        check_range(src, counts[s], "source")
        check_range(dst, counts[d], "destination")
        found.append(relation(src, dst, (counts[s], counts[d])))
    return DGLGraph._build(
        Schema.of(ntypes, [(ntypes[s], name, ntypes[d]) for name, (s, d) in zip(etypes, ends)]),
        counts,
        found,
        next((idtype for _, _, idtype in relations), torch.int64),
        torch.device("cpu"),
        [Frame(columns, num_rows=n) for columns, n in zip(nodes, counts)],
        [Frame(columns, num_rows=r.num_edges) for columns, r in zip(edges, found)],
    )


def _read_relation(reader: Reader) -> tuple[Tensor, Tensor, torch.dtype]:
    """Sources, destinations (int64) and the id type; where there are several formats, the first is enough."""
    reader.expect(RELATION, "a relation")
    code, how = reader.get("II")
    reader.get("II")  # the formats that the graph may take
    # Files of DGL 0.5 name one format by its number in place of a set of formats.
    stored = code if how else {1: 1, 2: 2, 3: 4}.get(code, 0)
    found: list[tuple[Tensor, Tensor]] = []
    for name, bit in _FORMATS.items():
        if stored & bit:
            reader.type_graph()
            _, row, col = reader.coo() if name == "coo" else reader.csr()
            found.append((col, row) if name == "csc" else (row, col))
    if not found:
        raise DGLError(f"expected a relation in the format coo, csr or csc, got format {code}")
    src, dst = found[0]
    return src.to(torch.int64), dst.to(torch.int64), src.dtype
