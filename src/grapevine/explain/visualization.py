"""Pictures of graphs whose edges, nodes and features matter more or less."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from grapevine.errors import GraphValueError, require

EdgeType = tuple[str, str, str]
_SIZE = 800  # of the circle of a node, in square points


def visualize_graph(
    edge_index: Tensor,
    edge_weight: Tensor | None = None,
    path: str | None = None,
    backend: str | None = None,
    node_labels: Sequence[str] | None = None,
) -> Any:
    """Draws a graph, each edge as dark as it weighs; those of the least weight are left out.

    Args:
        edge_index: edges, (2, E).
        edge_weight: their weights, (E,); all alike by default.
        path: the file to write; by default a window opens.
        backend: "networkx" (drawn by matplotlib) or "graphviz"; by default the latter where it is installed.
        node_labels: names of the nodes; their numbers by default.

    Returns:
        The graph that was drawn, of the backend's own type.

    Raises:
        GraphValueError: for another backend.

    Departures from PyTorch Geometric: where all edges weigh the same, all are drawn; the layout is always the same.
    """
    weight = torch.ones(edge_index.size(1)) if edge_weight is None else edge_weight.detach().float()
    if weight.numel() > 0 and weight.min() < weight.max():
        weight = (weight - weight.min()) / (weight.max() - weight.min())
        edge_index, weight = edge_index[:, weight > 1e-7], weight[weight > 1e-7]
    else:
        weight = torch.ones_like(weight)
    backend = (backend or ("graphviz" if _has_graphviz() else "networkx")).lower()
    if backend not in ("graphviz", "networkx"):
        raise GraphValueError(f"expected the backend 'networkx' or 'graphviz', got {backend!r}")
    edges = list(zip(edge_index.t().tolist(), weight.tolist(), strict=True))
    names = {node: str(node_labels[node] if node_labels else node) for node in edge_index.unique().tolist()}
    return (_by_graphviz if backend == "graphviz" else _by_networkx)(edges, names, path)


def _has_graphviz() -> bool:
    return find_spec("graphviz") is not None and shutil.which("dot") is not None


def _by_graphviz(edges: list[Any], names: dict[int, str], path: str | None) -> Any:
    suffix = Path(path).suffix[1:] if path else None
    graph = require("graphviz").Digraph("graph", format=suffix)
    graph.attr("node", shape="circle", fontsize="11pt")
    for node, name in names.items():
        graph.node(str(node), label=name)
    for (src, dst), weight in edges:
        graph.edge(str(src), str(dst), color="#" + 3 * f"{255 - round(255 * weight):02x}")
    if path:
        graph.render(str(Path(path).with_suffix("")), cleanup=True)
    else:
        graph.view()
    return graph


def _by_networkx(edges: list[Any], names: dict[int, str], path: str | None) -> Any:
    nx = require("networkx")
    graph = nx.DiGraph()
    graph.add_nodes_from(names)
    graph.add_edges_from((src, dst, {"weight": weight}) for (src, dst), weight in edges)
    places = nx.spring_layout(graph, seed=0, weight=None)
    with _axes(path) as ax:
        nx.draw_networkx_nodes(
            graph, places, ax=ax, node_size=_SIZE, node_color="white", edgecolors="black", margins=0.1
        )
        nx.draw_networkx_labels(graph, places, names, ax=ax, font_size=10)
        _draw_edges(
            graph, places, ax, [1.0] * graph.number_of_edges(), [w for *_, w in graph.edges.data("weight")]
        )
    return graph


def visualize_hetero_graph(
    edge_index_dict: Mapping[EdgeType, Tensor],
    edge_weight_dict: Mapping[EdgeType, Tensor],
    path: str | None = None,
    backend: str | None = None,
    node_labels_dict: Mapping[str, Sequence[str]] | None = None,
    node_weight_dict: Mapping[str, Tensor] | None = None,
    node_size_range: tuple[float, float] = (50, 500),
    node_opacity_range: tuple[float, float] = (1.0, 1.0),
    edge_width_range: tuple[float, float] = (0.1, 2.0),
    edge_opacity_range: tuple[float, float] = (1.0, 1.0),
) -> Any:
    """Draws a graph with types: a colour per node type; edges of no weight and nodes without edges are left out.

    Args:
        edge_index_dict: (2, E) by edge type.
        edge_weight_dict: (E,) by edge type, between 0 and 1.
        path: the file to write; by default a window opens.
        backend: None or "networkx".
        node_labels_dict: names of the nodes by node type.
        node_weight_dict: (N,) by node type, between 0 and 1.
        node_size_range: sizes of nodes of weight 0 and 1.
        node_opacity_range: likewise.
        edge_width_range: likewise, of edges.
        edge_opacity_range: likewise.

    Returns:
        The `networkx.DiGraph` that was drawn; its nodes are pairs of type and number.

    Raises:
        GraphValueError: for another backend.
    """
    if backend not in (None, "networkx"):
        raise GraphValueError(f"expected the backend 'networkx' for a graph with types, got {backend!r}")
    nx = require("networkx")
    graph = nx.DiGraph()
    for (src_type, _, dst_type), index in edge_index_dict.items():
        weights = edge_weight_dict[src_type, _, dst_type].tolist()
        for (src, dst), weight in zip(index.t().tolist(), weights, strict=True):
            if weight > 0:
                graph.add_edge((src_type, src), (dst_type, dst), weight=weight)

    def of_nodes(low: float, high: float) -> list[float]:
        known = node_weight_dict or {}
        weights = [float(known[kind][i]) if kind in known else 1.0 for kind, i in graph]
        return [low + w * (high - low) for w in weights]

    def of_edges(low: float, high: float) -> list[float]:
        return [low + w * (high - low) for *_, w in graph.edges.data("weight")]

    colors = require("matplotlib").colormaps["tab10"]
    kinds = sorted({kind for kind, _ in graph})
    places = nx.spring_layout(graph, seed=0, weight=None)
    names = {(kind, i): str(node_labels_dict[kind][i]) for kind, i in graph} if node_labels_dict else {}
    with _axes(path) as ax:
        nodes = nx.draw_networkx_nodes(
            graph,
            places,
            ax=ax,
            node_size=of_nodes(*node_size_range),
            alpha=of_nodes(*node_opacity_range),
            node_color=[colors(kinds.index(kind) % 10) for kind, _ in graph],
            margins=0.1,
        )
        nodes.set_zorder(2)
        nx.draw_networkx_labels(graph, places, names, ax=ax, font_size=10)
        _draw_edges(graph, places, ax, of_edges(*edge_width_range), of_edges(*edge_opacity_range))
        for number, kind in enumerate(kinds):
            ax.plot([], [], "o", color=colors(number % 10), label=kind)
        if kinds:
            ax.legend(loc="upper right")
    return graph


def _draw_edges(graph: Any, places: Any, ax: Any, width: list[float], alpha: list[float]) -> None:
    if graph.number_of_edges() > 0:
        require("networkx").draw_networkx_edges(
            graph, places, ax=ax, width=width, alpha=alpha, node_size=_SIZE, connectionstyle="arc3,rad=0.1"
        )


def draw_scores(
    scores: Tensor, labels: Sequence[str], path: str | None = None, top_k: int | None = None
) -> None:
    """Draws a bar for each score, the largest on top.

    Args:
        scores: (F,).
        labels: F names.
        path: the file to write; by default a window opens.
        top_k: draw only that many, the largest ones.

    Raises:
        GraphValueError: where there are not as many names as scores.
    """
    if len(labels) != scores.numel():
        raise GraphValueError(f"expected {scores.numel()} labels, one per feature, got {len(labels)}")
    order = scores.argsort(descending=True, stable=True)[:top_k].tolist()
    values = [float(scores[i]) for i in order]
    with _axes(path, (10, 7)) as ax:
        bars = ax.barh([str(labels[i]) for i in order], values)
        ax.bar_label(bars, fmt="%.3f")
        ax.invert_yaxis()
        ax.set(
            title=f"Importance of {len(order)} features", ylabel="Feature", xlim=(0, max(values) * 1.1 or 1.0)
        )


@contextmanager
def _axes(path: str | None, size: tuple[float, float] = (8, 6)) -> Iterator[Any]:
    """An empty plane to draw on; afterwards it is written to a file, or shown."""
    if path:
        figure = require("matplotlib.figure", "matplotlib").Figure(figsize=size)
        yield figure.add_subplot()
        figure.savefig(path, bbox_inches="tight")
    else:
        plt = require("matplotlib.pyplot", "matplotlib")
        figure, ax = plt.subplots(figsize=size)
        yield ax
        plt.show()
        plt.close(figure)
