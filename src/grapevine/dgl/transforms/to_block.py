"""`to_block` and `compact_graphs` under the name of DGL's module."""

from __future__ import annotations

from grapevine.dgl.blocks import compact_graphs, to_block

__all__ = ["compact_graphs", "to_block"]
