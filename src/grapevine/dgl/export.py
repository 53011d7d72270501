"""A graph as a networkx graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from grapevine.dgl.base import DGLError
from grapevine.errors import require

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLGraph


def to_networkx(
    g: DGLGraph, node_attrs: Sequence[str] | None = None, edge_attrs: Sequence[str] | None = None
) -> Any:
    """A graph as a `networkx.MultiDiGraph`, whose edges hold their ids as `id`.

    Args:
        g: a graph with one type of nodes and edges, in main memory.
        node_attrs: node features that become attributes, as tensors.
        edge_attrs: edge features that become attributes, as tensors.

    Raises:
        DGLError: for several types, or another device.

    Example:
        >>> from grapevine import dgl
        >>> list(to_networkx(dgl.graph(([0, 1], [1, 2]))).edges(data="id"))
        [(0, 1, 0), (1, 2, 1)]
    """
    if g.device.type != "cpu":
        raise DGLError("Cannot convert a CUDA graph to networkx. Call g.cpu() first.")
    if not g.is_homogeneous:
        raise DGLError("dgl.to_networkx only supports homogeneous graphs.")
    found = require("networkx").MultiDiGraph()
    nodes = {name: g.ndata[name] for name in node_attrs or ()}
    edges = {name: g.edata[name] for name in edge_attrs or ()}
    for i in range(g.num_nodes()):
        found.add_node(i, **{name: x[i] for name, x in nodes.items()})
    src, dst = g.edges()
    for i, (u, v) in enumerate(zip(src.tolist(), dst.tolist())):
        found.add_edge(u, v, id=i, **{name: x[i] for name, x in edges.items()})
    return found


def to_cugraph(g: DGLGraph) -> Any:
    """A `cugraph.Graph` with the edges of a graph on the GPU.

    Args:
        g: a graph with one type of nodes and edges.

    Raises:
        DGLError: for a graph that is not on a GPU, and for several types.
        MissingDependencyError: without cudf and cugraph.
    """
    if g.device.type != "cuda":
        raise DGLError(f"Cannot convert a {g.device.type} graph to cugraph. Call g.to('cuda') first.")
    if not g.is_homogeneous:
        raise DGLError("dgl.to_cugraph only supports homogeneous graphs.")
    cudf, cugraph = require("cudf"), require("cugraph")
    columns = {n: cudf.from_dlpack(ids) for n, ids in zip(("source", "destination"), g.edges())}
    made = cugraph.Graph(directed=True)
    made.from_cudf_edgelist(cudf.DataFrame(columns), source="source", destination="destination")
    return made
