"""Graphs from tables: CSV files of nodes, edges and graphs, described by a YAML file."""

from __future__ import annotations

import ast
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from grapevine.dgl.base import DGLError, dgl_warning
from grapevine.dgl.construct import heterograph
from grapevine.dgl.data.dgl_dataset import DGLDataset
from grapevine.dgl.data.utils import Subset, load_graphs, save_graphs
from grapevine.errors import require

__all__ = ["CSVDataset"]

Parser = Callable[[Any], Mapping[str, Any]]

# What a description may say of a file, with what it means if it does not.
_NODE = {"file_name": None, "ntype": "_V", "graph_id_field": "graph_id", "node_id_field": "node_id"}
_EDGE = {
    "file_name": None,
    "etype": ("_V", "_E", "_V"),
    "graph_id_field": "graph_id",
    "src_id_field": "src_id",
    "dst_id_field": "dst_id",
}
_GRAPH = {"file_name": None, "graph_id_field": "graph_id"}
_META: dict[str, Any] = {
    "version": "1.0.0",
    "dataset_name": None,
    "separator": ",",
    "node_data": None,
    "edge_data": None,
    "graph_data": {},
}


def _complete(given: Any, known: Mapping[str, Any], where: str) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise DGLError(f"expected {where} to be a mapping with the keys {', '.join(known)}, got {given!r}")
    found = {key: default if given.get(key) is None else given[key] for key, default in known.items()}
    missing = [key for key, value in found.items() if value is None]
    if missing:
        raise DGLError(f"expected {', '.join(missing)} in {where} of the description, got {sorted(given)}")
    return found


def _description(file: str) -> dict[str, Any]:
    meta = _complete(
        require("yaml", "pyyaml").safe_load(Path(file).read_text(encoding="utf-8")), _META, "meta.yaml"
    )
    if meta["version"] != "1.0.0":
        raise DGLError(f"Invalid CSVDataset version {meta['version']}. Supported versions: '1.0.0'")
    meta["node_data"] = [_complete(one, _NODE, "node_data") for one in meta["node_data"]]
    meta["edge_data"] = [_complete(one, _EDGE, "edge_data") for one in meta["edge_data"]]
    if meta["graph_data"]:
        meta["graph_data"] = _complete(meta["graph_data"], _GRAPH, "graph_data")
    for one in meta["edge_data"]:
        one["etype"] = tuple(one["etype"])
    for key, name, kind in (("node_data", "ntype", "node"), ("edge_data", "etype", "edge")):
        types = [one[name] for one in meta[key]]
        if len(types) > len(set(types)):
            raise DGLError(
                f"Each {kind} CSV file must have a unique {kind} type name, but found duplicate {kind} type: {types}."
            )
    return meta


def _columns(table: Any) -> dict[str, Any]:
    """The columns of a table; texts such as "1, 2.5" become rows of numbers."""
    found = {}
    for name in table:
        if "Unnamed" in name:
            dgl_warning("Unamed column is found. Ignored...")
            continue
        column = table[name].to_numpy().squeeze()
        if column.ndim and len(column) and isinstance(column[0], str):
            column = np.array([ast.literal_eval(row) for row in column])
        found[name] = np.atleast_1d(column)
    return found


def _tensor(values: Any) -> Tensor:
    found = torch.as_tensor(np.ascontiguousarray(values))
    return found.float() if found.dtype == torch.float64 else found


def _taken(table: Any, field: str) -> Any:
    return np.atleast_1d(table.pop(field).to_numpy().squeeze()) if field in table else None


class _Table:
    """One CSV file: columns of ids, and features."""

    def __init__(self, meta: Mapping[str, Any], ids: tuple[str, ...], folder: str, sep: str, parser: Parser):
        table = require("pandas").read_csv(os.path.join(folder, meta["file_name"]), sep=sep)
        self.ids = [_taken(table, meta[f"{name}_id_field"]) for name in ids]
        for name, found in zip(ids, self.ids):
            if found is None:
                raise DGLError(
                    f"Missing {name} id field [{meta[f'{name}_id_field']}] in file [{meta['file_name']}]."
                )
        graph_ids = _taken(table, meta["graph_id_field"]) if "graph" not in ids else self.ids[0]
        self.graph_ids = np.zeros(len(self.ids[0]), dtype=np.int64) if graph_ids is None else graph_ids
        self.data = dict(parser(table))
        lengths = {name: len(column) for name, column in self.data.items()} | {"id": len(self.ids[0])}
        if len(set(lengths.values())) > 1:
            raise DGLError(
                "All data are required to have same length while some of them does not. Length of "
                f"data={lengths}"
            )


class CSVDataset(DGLDataset):
    """Graphs in a folder with `meta.yaml` and the CSV files that it names.

    Nodes are numbered in the order of their ids, graph by graph. Items are graphs, or `(graph, label)` where the table
    of graphs has one column, or `(graph, dict)` where it has several. float64 becomes float32.

    Args:
        data_path: the folder.
        force_reload: whether to read the tables again.
        verbose: whether to print.
        ndata_parser: from a table (of pandas) of nodes to features by name; or a dict of such by node type.
        edata_parser: likewise of edges, by `(source type, edge type, destination type)`.
        gdata_parser: likewise of graphs.
        transform: called on every graph at access.

    Raises:
        DGLError: for descriptions and tables that do not fit.
    """

    META_YAML_NAME = "meta.yaml"

    def __init__(
        self,
        data_path: str,
        force_reload: bool = False,
        verbose: bool = True,
        ndata_parser: Any = None,
        edata_parser: Any = None,
        gdata_parser: Parser | None = None,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        self.graphs: list[Any] = []
        self.data: dict[str, Tensor] = {}
        self.ndata_parser = ndata_parser or {}
        self.edata_parser = edata_parser or {}
        self.gdata_parser = gdata_parser or _columns
        meta = os.path.join(data_path, self.META_YAML_NAME)
        if not os.path.exists(meta):
            raise DGLError(f"'{self.META_YAML_NAME}' cannot be found under {data_path}.")
        self.meta_yaml = _description(meta)
        super().__init__(
            self.meta_yaml["dataset_name"],
            raw_dir=os.path.dirname(meta),
            force_reload=force_reload,
            verbose=verbose,
            transform=transform,
        )

    def process(self) -> None:
        folder, sep = self.raw_dir, self.meta_yaml["separator"]
        nodes = {}
        for one in self.meta_yaml["node_data"]:
            parser = _for(self.ndata_parser, one["ntype"])
            nodes[one["ntype"]] = _Table(one, ("node",), folder, sep, parser)
        edges = {}
        for one in self.meta_yaml["edge_data"]:
            parser = _for(self.edata_parser, one["etype"])
            edges[one["etype"]] = _Table(one, ("src", "dst"), folder, sep, parser)
        made = {
            graph_id: _graph(graph_id, nodes, edges)
            for graph_id in np.unique(np.concatenate([table.graph_ids for table in nodes.values()])).tolist()
        }
        meta = self.meta_yaml["graph_data"]
        if meta:
            table = _Table(meta, ("graph",), folder, sep, self.gdata_parser)
            wanted = table.graph_ids.tolist()
            missing = [graph_id for graph_id in made if graph_id not in wanted]
            if missing:
                raise DGLError(
                    f"Found following graph ids in node/edge CSVs but not in graph CSV: {missing}."
                )
            columns = table.data
        else:
            wanted, columns = [0], {}
        self.graphs = [made[i] if i in made else heterograph({("_V", "_E", "_V"): ([], [])}) for i in wanted]
        self.data = {name: _tensor(column).reshape(len(wanted), -1) for name, column in columns.items()}

    @property
    def labels(self) -> Tensor:
        """The only column of the table of graphs."""
        if len(self.data) != 1:
            raise AttributeError(f"expected one column of graph data, got {sorted(self.data)}; use .data")
        return next(iter(self.data.values()))

    @property
    def _graph_path(self) -> str:
        return os.path.join(self.save_path, f"{self.name}.bin")

    def has_cache(self) -> bool:
        return os.path.exists(self._graph_path)

    def save(self) -> None:
        save_graphs(self._graph_path, self.graphs, self.data)

    def load(self) -> None:
        self.graphs, self.data = load_graphs(self._graph_path)

    def __getitem__(self, i: Any) -> Any:
        if isinstance(i, Tensor) and i.dim() == 1:
            return Subset(self, i.cpu())
        g = self._transformed(self.graphs[i])
        if len(self.data) == 1:
            return g, self.labels[i]
        return (g, {name: column[i] for name, column in self.data.items()}) if self.data else g

    def __len__(self) -> int:
        return len(self.graphs)


def _for(parsers: Any, type_: Any) -> Parser:
    found: Parser = parsers if callable(parsers) else parsers.get(type_, _columns)
    return found


def _graph(graph_id: Any, nodes: Mapping[str, _Table], edges: Mapping[Any, _Table]) -> Any:
    """One of the graphs: its rows of all tables, with names in place of ids."""
    places: dict[str, Any] = {}
    features: dict[str, dict[str, Tensor]] = {}
    for ntype, table in nodes.items():
        chosen = np.where(table.graph_ids == graph_id)[0]
        if not len(chosen):
            continue
        ids, first, counts = np.unique(table.ids[0][chosen], return_index=True, return_counts=True)
        if (counts > 1).any():
            raise DGLError(
                f"Node IDs are required to be unique but the following ids are duplicate: {ids[counts > 1]}"
            )
        places[ntype] = ids
        features[ntype] = {name: _tensor(column[chosen[first]]) for name, column in table.data.items()}
    ends: dict[Any, Any] = {}
    values: dict[Any, dict[str, Tensor]] = {}
    for etype, table in edges.items():
        chosen = np.where(table.graph_ids == graph_id)[0]
        if len(chosen):
            pair = (
                _place(table.ids[i][chosen], places.get(etype[2 * i]), etype[2 * i], graph_id) for i in (0, 1)
            )
            ends[etype] = tuple(pair)
            values[etype] = {name: _tensor(column[chosen]) for name, column in table.data.items()}
    if not ends:
        ends[next(iter(edges))] = ([], [])
    g = heterograph(ends, {ntype: len(ids) for ntype, ids in places.items()})
    for ntype, columns in features.items():
        g.nodes[ntype].data.update(columns)
    for etype, columns in values.items():
        g.edges[etype].data.update(columns)
    return g


def _place(ids: Any, known: Any, ntype: str, graph_id: Any) -> Tensor:
    if known is None:
        raise DGLError(f"expected nodes of type {ntype!r} in graph {graph_id}, got none")
    ids = ids.astype(known.dtype)
    place = np.searchsorted(known, ids).clip(max=len(known) - 1)
    if (known[place] != ids).any():
        missing = ids[known[place] != ids][0]
        raise DGLError(f"expected edges between known nodes, got {ntype!r} id {missing} in graph {graph_id}")
    return torch.from_numpy(place)
