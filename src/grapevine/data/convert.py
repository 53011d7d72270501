"""Between our graphs and those of NetworkX, SciPy and PyTorch Geometric."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from grapevine.data.base import BaseData
from grapevine.data.batch import Batch
from grapevine.data.data import Data
from grapevine.data.hetero_data import HeteroData
from grapevine.data.temporal import TemporalData
from grapevine.errors import GraphTypeError, GraphValueError, require
from grapevine.graph import maybe_num_nodes

# SciPy ------------------------------------------------------------------------------------------------------


def to_scipy_sparse_matrix(
    edge_index: Tensor, edge_attr: Tensor | None = None, num_nodes: int | None = None
) -> Any:
    """Returns the adjacency matrix of a graph as a `scipy.sparse.coo_matrix`.

    Args:
        edge_index: edges (2, E), sources are rows.
        edge_attr: values (E,) or (E, 1); ones by default.
        num_nodes: number of nodes N; by default the largest id plus one.

    Returns:
        A matrix (N, N).

    Example:
        >>> to_scipy_sparse_matrix(torch.tensor([[0, 1], [1, 2]])).toarray()
        array([[0., 1., 0.],
               [0., 0., 1.],
               [0., 0., 0.]], dtype=float32)
    """
    sparse = require("scipy.sparse", "scipy")
    row, col = edge_index.detach().cpu().numpy()
    value = torch.ones(row.size) if edge_attr is None else edge_attr.detach().reshape(-1).cpu()
    if edge_attr is not None and value.numel() != row.size:
        raise GraphValueError(
            f"expected one value for each of the {row.size} edges, got a tensor of shape "
            f"{list(edge_attr.shape)}; do this instead: choose a column of it"
        )
    size = maybe_num_nodes(edge_index, num_nodes)
    return sparse.coo_matrix((value.numpy(), (row, col)), (size, size))


def from_scipy_sparse_matrix(A: Any) -> tuple[Tensor, Tensor]:
    """Returns the edges (2, nnz) and their values (nnz,) of a SciPy sparse matrix.

    Args:
        A: a sparse matrix of any format.

    Example:
        >>> from scipy.sparse import csr_matrix
        >>> from_scipy_sparse_matrix(csr_matrix([[0, 2], [3, 0]]))[0]
        tensor([[0, 1],
                [1, 0]])
    """
    A = A.tocoo()
    return torch.from_numpy(np.stack([A.row, A.col]).astype(np.int64)), torch.from_numpy(A.data)


# NetworkX ---------------------------------------------------------------------------------------------------


def _rows(value: Any) -> Any:
    return value.tolist() if isinstance(value, Tensor | np.ndarray) else value


def to_networkx(
    data: Data | HeteroData,
    node_attrs: Iterable[str] | None = None,
    edge_attrs: Iterable[str] | None = None,
    graph_attrs: Iterable[str] | None = None,
    to_undirected: bool | str | None = False,
    to_multi: bool = False,
    remove_self_loops: bool = False,
) -> Any:
    """Returns a graph as a `networkx` graph.

    Nodes are numbered from 0, over all types; of a graph with types, nodes and edges have an attribute
    `type`.

    Args:
        data: the graph.
        node_attrs: attributes of the nodes to keep.
        edge_attrs: attributes of the edges to keep.
        graph_attrs: attributes of the graph to keep.
        to_undirected: whether to return an undirected graph, of all edges, or of the `"upper"` or `"lower"`
            triangle of the adjacency matrix only.
        to_multi: whether to keep edges that are stored twice.
        remove_self_loops: whether to leave self-loops out.

    Returns:
        A `Graph`, `DiGraph`, `MultiGraph` or `MultiDiGraph`.

    Raises:
        GraphValueError: if a graph with types is to be undirected.

    Example:
        >>> data = Data(x=torch.tensor([1, 2]), edge_index=torch.tensor([[0, 1], [1, 0]]))
        >>> to_networkx(data, node_attrs=["x"], to_undirected=True).nodes(data=True)
        NodeDataView({0: {'x': 1}, 1: {'x': 2}})
    """
    nx = require("networkx")
    typed = isinstance(data, HeteroData)
    if typed and to_undirected:
        raise GraphValueError(
            "expected a graph with one type for to_undirected=True, got a 'HeteroData'; "
            "do this instead: to_networkx(data.to_homogeneous(), to_undirected=True)"
        )
    if to_undirected:
        out = nx.MultiGraph() if to_multi else nx.Graph()
    else:
        out = nx.MultiDiGraph() if to_multi else nx.DiGraph()
    for key in graph_attrs or ():
        out.graph[key] = _rows(data[key])

    offsets = data.node_offsets
    node_names, edge_names = list(node_attrs or ()), list(edge_attrs or ())
    for node_store in data.node_stores:
        columns = {key: _rows(node_store[key]) for key in node_names}
        start, kind = offsets[node_store._key], {"type": node_store._key} if typed else {}
        for i in range(node_store.num_nodes or 0):
            out.add_node(start + i, **kind, **{key: column[i] for key, column in columns.items()})
    for edge_store in data.edge_stores:
        columns = {key: _rows(edge_store[key]) for key in edge_names}
        edge_type: Any = edge_store._key
        kind = {"type": edge_type} if typed else {}
        for i, (v, w) in enumerate(edge_store.edge_index.t().tolist()):
            if (to_undirected == "upper" and v > w) or (to_undirected == "lower" and v < w):
                continue
            if remove_self_loops and v == w and not edge_store.is_bipartite():
                continue
            if typed:
                v, w = v + offsets[edge_type[0]], w + offsets[edge_type[-1]]
            out.add_edge(v, w, **kind, **{key: column[i] for key, column in columns.items()})
    return out


def _columns(features: Iterable[Mapping[Any, Any]], what: str) -> dict[str, list[Any]]:
    """Attributes of all nodes or edges, as one list for each name."""
    rows = list(features)
    names = list(rows[0]) if rows else []
    for row in rows:
        if set(row) != set(names):
            raise GraphValueError(f"Not all {what} contain the same attributes: {names} and {list(row)}")
    return {str(name): [row[name] for row in rows] for name in names}


def _tensor(value: Any) -> Any:
    """A tensor of numbers, or the value itself if it holds anything else."""
    if isinstance(value, list | tuple) and value and isinstance(value[0], Tensor):
        return torch.stack(list(value))
    if isinstance(value, Tensor | np.ndarray):
        return torch.as_tensor(value)
    array = np.array(value, dtype=object) if isinstance(value, str | Mapping) else _array(value)
    return torch.as_tensor(value) if array.dtype.kind in "biuf" else value


def _array(value: Any) -> np.ndarray[Any, Any]:
    try:
        return np.asarray(value)
    except ValueError:  # lists of different lengths
        return np.array(None, dtype=object)


def _group(data: Data, names: list[str]) -> Tensor:
    """The attributes, taken out of the graph and put side by side as columns."""
    columns = [data[name] for name in names]
    for name in names:
        del data[name]
    return torch.cat([column.view(-1, 1) if column.dim() <= 1 else column for column in columns], dim=-1)


def _asked(names: list[str] | str | Callable[..., bool], every: Iterable[str]) -> list[str]:
    """The attributes to group: those that are named; every one for "all" and for Python's `all`."""
    return list(every) if callable(names) or names == "all" else list(names)


def from_networkx(
    G: Any,
    group_node_attrs: list[str] | Literal["all"] | Callable[..., bool] | None = None,
    group_edge_attrs: list[str] | Literal["all"] | Callable[..., bool] | None = None,
) -> Data:
    """Returns a `networkx` graph as `Data`, nodes in the order of `G.nodes`; undirected edges become two.

    Attributes become tensors where they are numbers. Edge attributes that are named like a node attribute get
    the prefix `edge_`, graph attributes `graph_`.

    Args:
        G: a `networkx` graph of any kind.
        group_node_attrs: node attributes to put side by side as `x` (N, F); `"all"`, or Python's `all`: every one.
        group_edge_attrs: edge attributes to put side by side as `edge_attr` (E, D), likewise.

    Returns:
        The graph.

    Raises:
        GraphValueError: if not all nodes, or not all edges, have the same attributes.

    Example:
        >>> import networkx as nx
        >>> from_networkx(nx.path_graph(3))
        Data(edge_index=[2, 4], num_nodes=3)
    """
    require("networkx")
    G = G if G.is_directed() else G.to_directed()
    number = {node: i for i, node in enumerate(G.nodes())}
    edges = [(number[v], number[w]) for v, w in G.edges()]
    nodes = _columns((features for _, features in G.nodes(data=True)), "nodes")
    edge_columns = _columns((features for _, _, features in G.edges(data=True)), "edges")

    def edge_name(name: str) -> str:
        return f"edge_{name}" if name in nodes else name

    attrs: dict[str, Any] = {
        "edge_index": torch.tensor(edges, dtype=torch.int64).view(-1, 2).t().contiguous()
    }
    attrs |= {name: _tensor(column) for name, column in nodes.items()}
    attrs |= {edge_name(name): _tensor(column) for name, column in edge_columns.items()}
    for name, value in G.graph.items():
        if name not in ("node_default", "edge_default"):
            attrs[f"graph_{name}" if name in nodes else str(name)] = _tensor(value)
    data = Data.from_dict(attrs)
    if group_node_attrs is not None:
        data.x = _group(data, _asked(group_node_attrs, nodes))
    if group_edge_attrs is not None:
        names = _asked(group_edge_attrs, edge_columns)
        data.edge_attr = _group(data, [edge_name(name) for name in names])
    if data.x is None and data.pos is None:
        data.num_nodes = G.number_of_nodes()
    return data


# PyTorch Geometric ------------------------------------------------------------------------------------------


def _carry(source: Any, target: Any) -> Any:
    """Copies all attributes, with what is private to batching, between graphs of the same types."""
    target.stores_as(source)
    for old, new in zip(source.stores, target.stores):
        for key, value in old.items():
            new[key] = value
        for key, value in old.__dict__.items():
            if key not in ("_mapping", "_parent", "_key", "_cached_attr", "_roles"):
                new.__dict__[key] = copy.copy(value)
    return target


def _kind(data: Any, offered: Mapping[str, type]) -> type:
    """Which of the classes of graphs `data` is one of, by the names of its bases."""
    names = [base.__name__ for base in type(data).__mro__]
    found = next((cls for name, cls in offered.items() if name in names), None)
    if found is None or not hasattr(data, "stores"):
        raise GraphTypeError(
            f"expected a graph ({', '.join(offered)}, or a batch of these), got {type(data).__name__}"
        )
    return found


def from_pyg(data: Any) -> Any:
    """Returns a graph or batch of PyTorch Geometric as ours; tensors are shared, not copied.

    Args:
        data: a `Data`, `HeteroData`, `TemporalData`, or a `Batch` of these.

    Returns:
        The same in our classes (subclasses become the plain class).

    Raises:
        GraphTypeError: if it is something else.
    """
    kind = _kind(data, {"HeteroData": HeteroData, "TemporalData": TemporalData, "Data": Data})
    batched = any(base.__name__ == "Batch" for base in type(data).__mro__)
    return _carry(data, Batch(_base_cls=kind) if batched else kind())


def to_pyg(data: BaseData) -> Any:
    """Returns a graph or batch as that of PyTorch Geometric; tensors are shared, not copied.

    Args:
        data: a `Data`, `HeteroData`, `TemporalData`, or a `Batch` of these.

    Returns:
        The same in PyTorch Geometric's classes (subclasses become the plain class).

    Raises:
        MissingDependencyError: if PyTorch Geometric is not installed.
        GraphTypeError: if it is something else.
    """
    peer = require("torch_geometric.data", "torch_geometric")
    names = ("HeteroData", "TemporalData", "Data")
    kind = _kind(data, {name: getattr(peer, name) for name in names})
    return _carry(data, peer.Batch(_base_cls=kind) if isinstance(data, Batch) else kind())
