"""The methods of a graph that draw from it: the functions of `sampling`."""

from __future__ import annotations

from grapevine.dgl.sampling import negative, neighbor
from grapevine.dgl.structure import GraphStructure


class SamplingMethods(GraphStructure):
    """Each is the function of the same name with this graph as the first argument."""

    sample_neighbors = neighbor.sample_neighbors
    select_topk = neighbor.select_topk
    global_uniform_negative_sampling = negative.global_uniform_negative_sampling
