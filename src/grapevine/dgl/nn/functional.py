"""What the layers compute with, as functions."""

from grapevine.dgl.ops import edge_softmax

__all__ = ["edge_softmax"]
