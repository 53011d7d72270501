"""Kernels over plain tensors: one folder per op, with its contract, its reference and its backends.

They know no graph container and no autograd: `grapevine.engine.kernels` gives them derivatives.
"""

from grapevine.ops._backend import Backend, Op, backend
from grapevine.ops._fold import fold_rows
from grapevine.ops.alias_tables import alias_tables
from grapevine.ops.attention import attention, attention_backward
from grapevine.ops.edge_dot import edge_dot
from grapevine.ops.edge_program import edge_outputs, edge_program
from grapevine.ops.extreme_backward import extreme_backward
from grapevine.ops.farthest_points import farthest_points
from grapevine.ops.gather_file import gather_file
from grapevine.ops.gather_reduce import gather_reduce
from grapevine.ops.gather_rows import gather_rows
from grapevine.ops.number_edges import number_edges
from grapevine.ops.order import Order
from grapevine.ops.pick_edges import pick_edges
from grapevine.ops.random_walks import random_walks
from grapevine.ops.sample_neighbors import Relation, Sampled, SampleRequest, sample_neighbors
from grapevine.ops.segment_softmax import segment_softmax, segment_softmax_backward
from grapevine.ops.sort_rows import sort_rows
from grapevine.ops.weighted_sum_backward import weighted_sum_backward

__all__ = [
    "Backend",
    "Op",
    "Order",
    "Relation",
    "SampleRequest",
    "Sampled",
    "alias_tables",
    "attention",
    "attention_backward",
    "backend",
    "edge_dot",
    "edge_outputs",
    "edge_program",
    "extreme_backward",
    "farthest_points",
    "fold_rows",
    "gather_file",
    "gather_reduce",
    "gather_rows",
    "number_edges",
    "pick_edges",
    "random_walks",
    "sample_neighbors",
    "segment_softmax",
    "segment_softmax_backward",
    "sort_rows",
    "weighted_sum_backward",
]
