"""How often neighbours have the same label."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.dgl.heterograph import DGLGraph
from grapevine.graph.measures import homophily

__all__ = ["edge_homophily", "linkx_homophily", "node_homophily"]


def node_homophily(graph: DGLGraph, y: Tensor) -> float:
    """The mean over all nodes of the share of their incoming edges that come from their own class.

    Args:
        graph: a graph with one type of nodes and edges.
        y: `(N,)` the class of every node.

    Example:
        >>> from grapevine import dgl
        >>> node_homophily(dgl.graph(([0, 1, 2], [1, 0, 1])), torch.tensor([0, 0, 1]))
        0.5

    Source: "Geom-GCN: Geometric Graph Convolutional Networks" (arXiv:2002.05287).
    """
    return float(homophily(graph._relation().edge_index, y, method="node"))


def edge_homophily(graph: DGLGraph, y: Tensor) -> float:
    """The share of edges that join nodes of one class.

    Args:
        graph: a graph with one type of nodes and edges.
        y: `(N,)` the class of every node.

    Example:
        >>> from grapevine import dgl
        >>> edge_homophily(dgl.graph(([0, 1], [1, 2])), torch.tensor([0, 0, 1]))
        0.5

    Source: "Beyond Homophily in Graph Neural Networks" (arXiv:2006.11468).
    """
    return float(homophily(graph._relation().edge_index, y, method="edge"))


def linkx_homophily(graph: DGLGraph, y: Tensor) -> float:
    """How much more edges stay within a class than if they were drawn at random, averaged over the classes.

        1 / (C - 1) sum_k max(0, share of edges into class k that come from class k - share of nodes in class k)

    Args:
        graph: a graph with one type of nodes and edges.
        y: `(N,)` the class of every node, 0 to C - 1.

    Example:
        >>> from grapevine import dgl
        >>> round(linkx_homophily(dgl.graph(([0, 1, 2], [1, 0, 2])), torch.tensor([0, 0, 1])), 4)
        1.0

    Source: "Large Scale Learning on Non-Homophilous Graphs" (arXiv:2110.14446).
    """
    relation = graph._relation()
    classes = int(y.max()) + 1
    heads = y[relation.dst_index]
    into = torch.bincount(heads, minlength=classes).to(torch.float32)
    within = torch.bincount(heads[y[relation.src_index] == heads], minlength=classes)
    share = torch.bincount(y, minlength=classes) / len(y)
    # A class without incoming edges gives nothing (0 / 0).
    excess = (within / into).nan_to_num(0.0) - share
    return float(excess.clamp(min=0).sum() / (classes - 1))
