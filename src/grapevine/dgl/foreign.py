"""Graphs from and to the forms of other packages: scipy, networkx, and `grapevine.data`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from grapevine.data import Data, HeteroData
from grapevine.dgl.base import DGLError
from grapevine.dgl.construct import graph, heterograph
from grapevine.dgl.convert_data import numbered, ordered_edges, scipy_entries, stored
from grapevine.dgl.heterograph import DGLGraph

__all__ = [
    "bipartite_from_networkx",
    "bipartite_from_scipy",
    "from_networkx",
    "from_pyg",
    "from_scipy",
    "to_pyg",
]


def from_scipy(
    sp_mat: Any, eweight_name: str | None = None, idtype: torch.dtype | None = None, device: Any = None
) -> DGLGraph:
    """A graph from a square sparse matrix: an edge from row to column for every entry, in its order.

    Args:
        sp_mat: a scipy sparse matrix or array.
        eweight_name: the edge feature for the values; None drops them.
        idtype: torch.int64 (None) or torch.int32.
        device: where the graph goes.

    Raises:
        DGLError: if it is not square.

    Example:
        >>> from scipy.sparse import coo_matrix
        >>> from_scipy(coo_matrix(([0.5], ([0], [1])), shape=(2, 2)), "w").edata["w"].tolist()
        [0.5]
    """
    if sp_mat.shape[0] != sp_mat.shape[1]:
        raise DGLError(
            f"Expect the number of rows to be the same as the number of columns for sp_mat, got {sp_mat.shape[0]} and "
            f"{sp_mat.shape[1]}."
        )
    g = graph(scipy_entries(sp_mat), num_nodes=sp_mat.shape[0], idtype=idtype)
    if eweight_name is not None:
        g.edata[eweight_name] = torch.as_tensor(stored(sp_mat).data)
    return g.to(device)


def bipartite_from_scipy(
    sp_mat: Any,
    utype: str,
    etype: str,
    vtype: str,
    eweight_name: str | None = None,
    idtype: torch.dtype | None = None,
    device: Any = None,
) -> DGLGraph:
    """A bipartite graph from a sparse matrix: rows are nodes of one type, columns of another.

    Args:
        sp_mat: a scipy sparse matrix or array.
        utype: the type of the rows.
        etype: the edge type.
        vtype: the type of the columns.
        eweight_name: the edge feature for the values; None drops them.
        idtype: torch.int64 (None) or torch.int32.
        device: where the graph goes.

    Example:
        >>> from scipy.sparse import coo_matrix
        >>> bipartite_from_scipy(coo_matrix(([1], ([0], [1])), shape=(2, 3)), "u", "e", "v").num_nodes("v")
        3
    """
    counts = {utype: sp_mat.shape[0], vtype: sp_mat.shape[1]}
    g = heterograph({(utype, etype, vtype): scipy_entries(sp_mat)}, counts, idtype=idtype)
    if eweight_name is not None:
        g.edata[eweight_name] = torch.as_tensor(stored(sp_mat).data)
    return g.to(device)


def from_networkx(
    nx_graph: Any,
    node_attrs: Sequence[str] | None = None,
    edge_attrs: Sequence[str] | None = None,
    edge_id_attr_name: str | None = None,
    idtype: torch.dtype | None = None,
    device: Any = None,
) -> DGLGraph:
    """A graph from a networkx graph, its nodes sorted by their labels; undirected edges become two.

    Args:
        nx_graph: any networkx graph.
        node_attrs: node attributes that become features.
        edge_attrs: edge attributes that become features, of directed graphs only.
        edge_id_attr_name: the edge attribute that holds the ids of the edges, of directed graphs only.
        idtype: torch.int64 (None) or torch.int32.
        device: where the graph goes.

    Raises:
        DGLError: for attributes that some edge lacks, ids out of range, or edge attributes of an undirected graph.

    Example:
        >>> import networkx as nx
        >>> from_networkx(nx.path_graph(3)).edges()
        (tensor([0, 1, 1, 2]), tensor([1, 0, 2, 1]))
    """
    if not nx_graph.is_directed() and (edge_id_attr_name is not None or edge_attrs is not None):
        raise DGLError(
            "Expect edge_id_attr_name and edge_attrs to be None when nx_graph is undirected, got "
            f"{edge_id_attr_name} and {edge_attrs}; do this instead: nx_graph.to_directed()"
        )
    nx_graph = numbered(nx_graph)
    edges = ordered_edges(nx_graph, edge_id_attr_name)
    ends = [u for u, _, _ in edges], [v for _, v, _ in edges]
    g = graph(ends, num_nodes=nx_graph.number_of_nodes(), idtype=idtype)
    nodes = [nx_graph.nodes[i] for i in range(nx_graph.number_of_nodes())]
    g.ndata.update(_features(nodes, node_attrs, "nodes"))
    g.edata.update(_features([data for _, _, data in edges], edge_attrs, "edges"))
    return g.to(device)


def bipartite_from_networkx(
    nx_graph: Any,
    utype: str,
    etype: str,
    vtype: str,
    u_attrs: Sequence[str] | None = None,
    e_attrs: Sequence[str] | None = None,
    v_attrs: Sequence[str] | None = None,
    edge_id_attr_name: str | None = None,
    idtype: torch.dtype | None = None,
    device: Any = None,
) -> DGLGraph:
    """A bipartite graph from a directed networkx graph whose nodes have the attribute `bipartite`, 0 or 1.

    Args:
        nx_graph: its edges lead from nodes of 0 to nodes of 1; nodes are sorted by their labels.
        utype: the type of the nodes of 0.
        etype: the edge type.
        vtype: the type of the nodes of 1.
        u_attrs: node attributes of 0 that become features.
        e_attrs: edge attributes that become features.
        v_attrs: node attributes of 1 that become features.
        edge_id_attr_name: the edge attribute that holds the ids of the edges.
        idtype: torch.int64 (None) or torch.int32.
        device: where the graph goes.

    Raises:
        DGLError: for an undirected graph, nodes without the attribute, and edges the other way.
    """
    if not nx_graph.is_directed():
        raise DGLError("Expect nx_graph to be a directed NetworkX graph.")
    sides: tuple[list[Any], list[Any]] = ([], [])
    for node, data in nx_graph.nodes(data=True):
        if data.get("bipartite") not in (0, 1):
            raise DGLError(f"Expect the node {node} to have attribute bipartite, 0 or 1")
        sides[data["bipartite"]].append(node)
    sides = (sorted(sides[0]), sorted(sides[1]))
    places = [{node: i for i, node in enumerate(side)} for side in sides]
    edges = ordered_edges(nx_graph, edge_id_attr_name)
    for u, v, _ in edges:
        if u not in places[0] or v not in places[1]:
            raise DGLError(
                f"Expect edges from nodes with bipartite=0 to nodes with bipartite=1, got {(u, v)}"
            )
    ends = [places[0][u] for u, _, _ in edges], [places[1][v] for _, v, _ in edges]
    counts = {utype: len(sides[0]), vtype: len(sides[1])}
    g = heterograph({(utype, etype, vtype): ends}, counts, idtype=idtype)
    g.srcdata.update(_features([nx_graph.nodes[n] for n in sides[0]], u_attrs, "nodes"))
    g.dstdata.update(_features([nx_graph.nodes[n] for n in sides[1]], v_attrs, "nodes"))
    g.edata.update(_features([data for _, _, data in edges], e_attrs, "edges"))
    return g.to(device)


def _features(
    attributes: Iterable[dict[str, Any]], names: Sequence[str] | None, kind: str
) -> dict[str, Tensor]:
    rows = list(attributes)
    found = {}
    for name in names or ():
        if any(name not in row for row in rows):
            raise DGLError(f"Not all {kind} have attribute {name}.")
        values = [row[name] for row in rows]
        stacked = values and isinstance(values[0], Tensor)
        found[name] = torch.stack(values) if stacked else torch.tensor(values)
    return found


def from_pyg(data: Any) -> DGLGraph:
    """A graph from a `Data` or `HeteroData`: tensors with a row per node or edge become features of the same name.

    Args:
        data: of `grapevine.data`, or of torch_geometric.

    Example:
        >>> data = Data(x=torch.ones(2, 1), edge_index=torch.tensor([[0], [1]]))
        >>> sorted(from_pyg(data).ndata)
        ['x']
    """
    if hasattr(data, "edge_types"):
        counts = {ntype: int(data[ntype].num_nodes) for ntype in data.node_types}
        relations = {tuple(etype): tuple(data[etype].edge_index) for etype in data.edge_types}
        g = heterograph(relations, counts)
        for ntype in data.node_types:
            g.nodes[ntype].data.update(_rows(data[ntype], counts[ntype]))
        for etype in data.edge_types:
            g.edges[tuple(etype)].data.update(_rows(data[etype], data[etype].edge_index.shape[1]))
        return g
    g = graph(tuple(data.edge_index), num_nodes=int(data.num_nodes))
    for name in data.keys():  # noqa: SIM118 - of `Data`, not of a dict
        value = data[name]
        if isinstance(value, Tensor) and name != "edge_index":
            if data.is_node_attr(name):
                g.ndata[name] = value
            elif data.is_edge_attr(name):
                g.edata[name] = value
    return g


def _rows(store: Any, count: int) -> dict[str, Tensor]:
    return {
        name: value
        for name, value in store.items()
        if isinstance(value, Tensor) and name != "edge_index" and value.dim() and value.shape[0] == count
    }


def to_pyg(g: DGLGraph) -> Data | HeteroData:
    """A graph as `Data`, or as `HeteroData` where it has several types; features keep their names.

    Args:
        g: a graph.

    Raises:
        DGLError: if a node and an edge feature of a one-typed graph share a name, or for a block whose types do.

    Example:
        >>> from grapevine import dgl
        >>> to_pyg(dgl.graph(([0], [1])))
        Data(edge_index=[2, 1], num_nodes=2)
    """
    if g.is_homogeneous:
        shared = set(g.ndata) & set(g.edata)
        if shared:
            raise DGLError(
                f"expected node and edge features of different names, got {sorted(shared)} on both"
            )
        return Data(
            edge_index=g._relation().edge_index, num_nodes=g.num_nodes(), **dict(g.ndata), **dict(g.edata)
        )
    if len(set(g.ntypes)) != len(g.ntypes):
        raise DGLError("expected node types of different names; do this instead: dgl.block_to_graph(block)")
    data = HeteroData()
    for ntype, frame, count in zip(g.ntypes, g._node_frames, g._counts):
        data[ntype].num_nodes = count
        for name in frame:
            data[ntype][name] = frame[name]
    for etype, frame, relation in zip(g.canonical_etypes, g._edge_frames, g._relations):
        data[etype].edge_index = relation.edge_index
        for name in frame:
            data[etype][name] = frame[name]
    return data
