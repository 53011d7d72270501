"""Names that DGL had before 0.5, for programs of that time."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from grapevine.dgl.base import DGLError
from grapevine.dgl.batch import batch, unbatch
from grapevine.dgl.construct import heterograph
from grapevine.dgl.export import to_cugraph
from grapevine.dgl.heterograph import DGLGraph
from grapevine.dgl.homogeneous import to_heterogeneous, to_homogeneous
from grapevine.dgl.shared import read_shared

__all__ = [
    "BatchedDGLGraph",
    "TypeCode",
    "as_heterograph",
    "as_immutable_graph",
    "batch_hetero",
    "bipartite",
    "enable_verbose_logging",
    "from_cugraph",
    "get_global_func",
    "hetero_from_relations",
    "hetero_from_shared_memory",
    "is_libxsmm_enabled",
    "list_global_func_names",
    "load_backend",
    "register_func",
    "to_cugraph",
    "to_hetero",
    "to_homo",
    "unbatch_hetero",
    "use_libxsmm",
]

batch_hetero = batch
unbatch_hetero = unbatch
to_homo = to_homogeneous
to_hetero = to_heterogeneous


class _AnyGraph(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, DGLGraph)


class BatchedDGLGraph(metaclass=_AnyGraph):
    """What `isinstance` of older programs asks for: true of every graph, each of which may hold several.

    Raises:
        DGLError: when called; `dgl.batch` makes one.

    Example:
        >>> from grapevine import dgl
        >>> isinstance(dgl.batch([dgl.graph(([0], [1]))]), BatchedDGLGraph)
        True
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise DGLError("expected dgl.batch(graphs), which makes a batched graph")


def bipartite(
    data: Any,
    utype: str = "_U",
    etype: str = "_E",
    vtype: str = "_V",
    num_nodes: tuple[int, int] | None = None,
    card: tuple[int, int] | None = None,
    validate: bool = True,
    restrict_format: str = "auto",
    **kwargs: Any,
) -> DGLGraph:
    """A graph from nodes of one type to nodes of another.

    Args:
        data: what `dgl.graph` takes; or a scipy matrix, rows to columns.
        utype: the type of the sources.
        etype: the type of the edges.
        vtype: the type of the destinations.
        num_nodes: how many of both.
        card: the same under an older name.
        validate: accepted, like the rest.
        restrict_format: accepted.
        **kwargs: `idtype`, `device` as of `dgl.heterograph`.

    Raises:
        DGLError: if both types are one.

    Example:
        >>> bipartite([(0, 1), (1, 2)], "user", "plays", "game").num_nodes("game")
        3
    """
    if utype == vtype:
        raise DGLError("utype should not be equal to vtype. Use ``dgl.graph`` instead.")
    sizes = card if num_nodes is None else num_nodes
    if hasattr(data, "tocoo"):
        matrix = data.tocoo()
        data, sizes = (matrix.row, matrix.col), sizes or matrix.shape
    counts = None if sizes is None else {utype: sizes[0], vtype: sizes[1]}
    return heterograph({(utype, etype, vtype): data}, counts, **kwargs)


def as_heterograph(g: DGLGraph, ntype: str = "_N", etype: str = "_E") -> DGLGraph:
    """The graph with its types renamed; all graphs are heterographs.

    Args:
        g: a graph with one type of nodes and edges.
        ntype: the node type's new name.
        etype: the edge type's new name.

    Example:
        >>> from grapevine import dgl
        >>> as_heterograph(dgl.graph(([0], [1])), "user", "follows").canonical_etypes
        [('user', 'follows', 'user')]
    """
    renamed = heterograph({(ntype, etype, ntype): g.edges()}, {ntype: g.num_nodes()}, g.idtype, g.device)
    renamed.ndata.update(g.ndata)
    renamed.edata.update(g.edata)
    return renamed


def as_immutable_graph(hg: DGLGraph) -> DGLGraph:
    """The graph itself: there is one kind.

    Args:
        hg: a graph.
    """
    return hg


def hetero_from_relations(
    rel_graphs: Sequence[DGLGraph], num_nodes_per_type: Mapping[str, int] | None = None
) -> DGLGraph:
    """One graph of several, each with a type of edges; features of edges are kept.

    Args:
        rel_graphs: graphs with one type of edges each.
        num_nodes_per_type: how many nodes; None means the most of any graph.

    Example:
        >>> likes = bipartite([(0, 1)], "user", "likes", "game")
        >>> plays = bipartite([(0, 4)], "user", "plays", "game")
        >>> hetero_from_relations([likes, plays]).num_nodes("game")
        5
    """
    counts: dict[str, int] = dict(num_nodes_per_type or {})
    if num_nodes_per_type is None:
        for g in rel_graphs:
            for ntype in g.ntypes:
                counts[ntype] = max(counts.get(ntype, 0), g.num_nodes(ntype))
    joined = heterograph({g.canonical_etypes[0]: g.edges() for g in rel_graphs}, counts)
    for g in rel_graphs:
        joined.edges[g.canonical_etypes[0]].data.update(g._edge_frames[0])
    return joined


def hetero_from_shared_memory(name: str) -> DGLGraph:
    """The structure of a graph that another process shares by `g.shared_memory(name)`.

    Args:
        name: as given there.

    Raises:
        DGLError: if there is none.

    Example:
        >>> from grapevine import dgl
        >>> shared = dgl.graph(([0, 1], [1, 2])).shared_memory("example_graph")
        >>> hetero_from_shared_memory("example_graph").edges()
        (tensor([0, 1]), tensor([1, 2]))
    """
    return DGLGraph._build(*read_shared(name), torch.device("cpu"))


# -- cuGraph ------------------------------------------------------------------------------------------


def from_cugraph(cugraph_graph: Any) -> DGLGraph:
    """A graph from one of cuGraph, on the GPU.

    Args:
        cugraph_graph: a `cugraph.Graph`; edges without direction go both ways.
    """
    graph = cugraph_graph if cugraph_graph.is_directed() else cugraph_graph.to_directed()
    edges = graph.edges()
    src, dst = (torch.from_dlpack(edges[side].to_dlpack()) for side in ("src", "dst"))
    return heterograph({("_N", "_E", "_N"): (src, dst)})


# -- settings of DGL's own library, which there is none of --------------------------------------------


class TypeCode:
    """Numbers of the kinds of values that DGL's library takes."""

    INT, UINT, FLOAT, HANDLE, NULL = range(5)
    DGL_DATA_TYPE, DGL_CONTEXT, ARRAY_HANDLE, OBJECT_HANDLE, MODULE_HANDLE = range(5, 10)
    FUNC_HANDLE, STR, BYTES, NDARRAY_CONTAINER = range(10, 14)
    EXT_BEGIN = 15


_functions: dict[str, Callable[..., Any]] = {}


def register_func(func_name: Any, f: Callable[..., Any] | None = None, override: bool = False) -> Any:
    """Keeps a function under a name, for `get_global_func`.

    Args:
        func_name: the name; or the function itself, under its own.
        f: the function; without it, a decorator is returned.
        override: whether to replace another.

    Raises:
        DGLError: if the name is taken.

    Example:
        >>> @register_func("example.double", override=True)
        ... def double(x):
        ...     return 2 * x
        >>> get_global_func("example.double")(4), "example.double" in list_global_func_names()
        (8, True)
    """
    if callable(func_name):
        func_name, f = func_name.__name__, func_name
    name = str(func_name)

    def keep(function: Callable[..., Any]) -> Callable[..., Any]:
        if name in _functions and not override:
            raise DGLError(f"expected a new name, got {name!r}; pass override=True to replace its function")
        _functions[name] = function
        return function

    return keep if f is None else keep(f)


def get_global_func(name: str, allow_missing: bool = False) -> Any:
    """The function under a name.

    Args:
        name: as of `register_func`.
        allow_missing: whether None comes back for unknown names.

    Raises:
        DGLError: for an unknown name.
    """
    if name not in _functions and not allow_missing:
        raise DGLError(f"Cannot find global function {name}; register it with dgl.register_func")
    return _functions.get(name)


def list_global_func_names() -> list[str]:
    """All names of `register_func`."""
    return list(_functions)


_settings = {"libxsmm": False}


def use_libxsmm(flag: bool) -> None:
    """Accepted; kernels are those of Grapevine in any case.

    Args:
        flag: what `is_libxsmm_enabled` shall tell.
    """
    _settings["libxsmm"] = bool(flag)


def is_libxsmm_enabled() -> bool:
    """What was last said by `use_libxsmm`."""
    return _settings["libxsmm"]


def enable_verbose_logging() -> None:
    """Sets the logger `dgl-core` to DEBUG."""
    logging.getLogger("dgl-core").setLevel(logging.DEBUG)


def load_backend(mod_name: str) -> None:
    """Does nothing for PyTorch, the only framework.

    Args:
        mod_name: `"pytorch"`.

    Raises:
        DGLError: for another.
    """
    if mod_name != "pytorch":
        raise DGLError(f"expected the backend 'pytorch', got {mod_name!r}")
    importlib.import_module("grapevine.dgl.backend")
