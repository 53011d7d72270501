"""Kernels over plain tensors: one folder per op, with its contract, its reference and its backends.

They know no graph container and no autograd: `grapevine.engine.kernels` gives them derivatives.
"""

from grapevine.ops._backend import Backend, Op, backend
from grapevine.ops.edge_dot import edge_dot
from grapevine.ops.edge_program import edge_program
from grapevine.ops.extreme_backward import extreme_backward
from grapevine.ops.gather_reduce import gather_reduce
from grapevine.ops.order import Order
from grapevine.ops.segment_softmax import segment_softmax, segment_softmax_backward
from grapevine.ops.sort_rows import sort_rows

__all__ = [
    "Backend",
    "Op",
    "Order",
    "backend",
    "edge_dot",
    "edge_program",
    "extreme_backward",
    "gather_reduce",
    "segment_softmax",
    "segment_softmax_backward",
    "sort_rows",
]
