"""The views of a graph's nodes, edges and features under the names of DGL's module."""

from __future__ import annotations

from grapevine.dgl.views import EdgeDataView, EdgeView, NodeDataView, NodeView

__all__ = [
    "EdgeDataView",
    "EdgeView",
    "HeteroEdgeDataView",
    "HeteroEdgeView",
    "HeteroNodeDataView",
    "HeteroNodeView",
    "NodeDataView",
    "NodeView",
]

HeteroNodeView, HeteroEdgeView = NodeView, EdgeView
HeteroNodeDataView, HeteroEdgeDataView = NodeDataView, EdgeDataView
