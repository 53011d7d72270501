"""Graphs of points: neighbours within a radius, nearest ones, periodic images, farthest point sampling.

Every function returns all it promises: there is no hidden limit on the number of neighbours.
"""

from grapevine.geometry.neighbours import knn, knn_graph, nearest, radius, radius_graph
from grapevine.geometry.periodic import periodic_radius_graph
from grapevine.geometry.sampling import fps

__all__ = ["fps", "knn", "knn_graph", "nearest", "periodic_radius_graph", "radius", "radius_graph"]
