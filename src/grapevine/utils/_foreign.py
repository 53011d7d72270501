"""Graphs of other libraries: DGL, NetworKit, trimesh."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from grapevine.data import Data, HeteroData
from grapevine.errors import GraphTypeError, GraphValueError, require
from grapevine.graph import is_torch_sparse_tensor, to_edge_index
from grapevine.graph.num_nodes import maybe_num_nodes

_EDGES = ("edge_index", "adj", "adj_t")


def to_dgl(data: Data | HeteroData) -> Any:
    """Returns the graph as one of DGL, with the attributes of nodes and edges; tensors are shared.

    Args:
        data: a graph whose edges are ``edge_index``, or sparse as ``adj_t`` (or ``adj``).

    Raises:
        GraphTypeError: for anything else than a `Data` or `HeteroData`.
        MissingDependencyError: without DGL.
    """
    if not isinstance(data, Data | HeteroData):
        raise GraphTypeError(f"expected a Data or HeteroData, got {type(data).__name__}")
    dgl = require("dgl")
    if isinstance(data, Data):
        graph = dgl.graph(_ends(data), num_nodes=data.num_nodes)
        graph.ndata.update({key: data[key] for key in data.node_attrs()})
        graph.edata.update({key: data[key] for key in data.edge_attrs() if key not in _EDGES})
        return graph
    counts = {kind: data[kind].num_nodes for kind in data.node_types}
    ends = {kind: _ends(store) for kind, store in data.edge_items()}
    graph = dgl.heterograph(ends, counts)
    for node_type, nodes in data.node_items():
        graph.nodes[node_type].data.update({key: nodes[key] for key in nodes.node_attrs()})
    for edge_type, edges in data.edge_items():
        kept = {key: edges[key] for key in edges.edge_attrs() if key not in _EDGES}
        graph.edges[edge_type].data.update(kept)
    return graph


def _ends(store: Any) -> tuple[Tensor, Tensor]:
    """Sources and targets."""
    if "edge_index" in store:
        source, target = store["edge_index"]
        return source, target
    for key in ("adj", "adj_t"):
        if key in store and is_torch_sparse_tensor(store[key]):
            row, col = to_edge_index(store[key])[0]
            return (row, col) if key == "adj" else (col, row)
    nothing = torch.empty(0, dtype=torch.int64)
    return nothing, nothing


def from_dgl(g: Any) -> Data | HeteroData:
    """Returns a graph of DGL as ours, with the attributes of nodes and edges; tensors are shared.

    Args:
        g: a `DGLGraph`, of `dgl` or of `grapevine.dgl`.

    Returns:
        A `Data` for one type of nodes and edges, else a `HeteroData`.

    Raises:
        GraphTypeError: for anything else.
    """
    if not hasattr(g, "canonical_etypes") or not hasattr(g, "ndata"):
        raise GraphTypeError(f"expected a DGLGraph, got {type(g).__name__}")
    if g.is_homogeneous:
        data = Data(edge_index=torch.stack(g.edges()))
        data.update({**g.ndata, **g.edata})
        if not g.ndata:
            data.num_nodes = g.num_nodes()
        return data
    hetero = HeteroData()
    for node_type in g.ntypes:
        hetero[node_type].update(dict(g.nodes[node_type].data))
        if not hetero[node_type]:
            hetero[node_type].num_nodes = g.num_nodes(node_type)
    for edge_type in g.canonical_etypes:
        hetero[edge_type].edge_index = torch.stack(g.edges(etype=edge_type))
        hetero[edge_type].update(dict(g.edges[edge_type].data))
    return hetero


def to_networkit(
    edge_index: Tensor, edge_weight: Tensor | None = None, num_nodes: int | None = None, directed: bool = True
) -> Any:
    """Returns edges as a graph of NetworKit.

    Args:
        edge_index: `(2, E)`.
        edge_weight: `(E,)`.
        num_nodes: number of nodes.
        directed: whether the graph is directed; if not, edges come once from each pair in both directions.

    Raises:
        MissingDependencyError: without NetworKit.
    """
    networkit = require("networkit")
    if not directed:
        once = edge_index[0] <= edge_index[1]
        edge_index = edge_index[:, once]
        edge_weight = None if edge_weight is None else edge_weight[once]
    weighted = edge_weight is not None
    graph = networkit.graph.Graph(
        maybe_num_nodes(edge_index, num_nodes), weighted=weighted, directed=directed
    )
    weights = [1.0] * edge_index.size(1) if edge_weight is None else edge_weight.tolist()
    for source, target, weight in zip(*edge_index.tolist(), weights):
        graph.addEdge(source, target, weight)
    return graph


def from_networkit(g: Any) -> tuple[Tensor, Tensor | None]:
    """Returns the edges of a graph of NetworKit.

    Args:
        g: a `networkit.Graph`.

    Returns:
        `edge_index`, with both directions of undirected edges next to each other, and the weights `(E,)` of a weighted
        graph, else None.
    """
    edges = [(u, v, w) for u, v, w in g.iterEdgesWeights()]
    if not g.isDirected():
        edges = [edge for u, v, w in edges for edge in ((u, v, w), (v, u, w))]
    edge_index = torch.tensor([edge[:2] for edge in edges], dtype=torch.int64).view(-1, 2).t().contiguous()
    return edge_index, torch.tensor([edge[2] for edge in edges]) if g.isWeighted() else None


def to_trimesh(data: Data) -> Any:
    """Returns a mesh, ``pos`` and ``face``, as one of trimesh.

    Args:
        data: with ``pos`` (N, 3) and ``face`` (3, T).

    Raises:
        GraphValueError: if one of them is missing.
        MissingDependencyError: without trimesh.
    """
    missing = [key for key in ("pos", "face") if key not in data]
    if missing:
        raise GraphValueError(f"expected a mesh with 'pos' and 'face', got a graph without {missing}")
    return require("trimesh").Trimesh(
        vertices=data["pos"].detach().cpu().numpy(), faces=data["face"].t().cpu().numpy(), process=False
    )


def from_trimesh(mesh: Any) -> Data:
    """Returns a mesh of trimesh as a graph with ``pos`` (N, 3) and ``face`` (3, T).

    Args:
        mesh: a `trimesh.Trimesh`.
    """
    face = torch.tensor(mesh.faces, dtype=torch.int64).t().contiguous()
    return Data(pos=torch.tensor(mesh.vertices, dtype=torch.float), face=face)
