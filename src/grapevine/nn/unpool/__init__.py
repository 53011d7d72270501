"""From few points to many."""

from grapevine.nn.unpool.knn_interpolate import knn_interpolate

__all__ = ["knn_interpolate"]
