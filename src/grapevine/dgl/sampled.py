"""The methods of a graph that draw from it: the functions of `sampling`."""

from __future__ import annotations

from grapevine.dgl.sampling import labor, negative, neighbor, typed
from grapevine.dgl.structure import GraphStructure


class SamplingMethods(GraphStructure):
    """Each is the function of the same name with this graph as the first argument."""

    sample_neighbors = neighbor.sample_neighbors
    sample_neighbors_biased = typed.sample_neighbors_biased
    sample_neighbors_fused = typed.sample_neighbors_fused
    sample_etype_neighbors = typed.sample_etype_neighbors
    sample_labors = labor.sample_labors
    select_topk = neighbor.select_topk
    global_uniform_negative_sampling = negative.global_uniform_negative_sampling
