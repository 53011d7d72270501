"""Neural network layers in PyTorch Geometric's dialect.

    conv    layers that send messages          aggr   from many rows to one
    norm    normalisation                      pool   from nodes to graphs
    dense   linear maps, dense adjacencies     models whole networks
    equivariant   EGNN, the SE(3)-Transformer

Each package lists its own names; all of them are at hand here too: `gv.nn.GCNConv`.
"""

# ruff: noqa: F403 (each package's `__all__` says what comes)
from grapevine.geometry import fps, knn, knn_graph, nearest, radius, radius_graph
from grapevine.nn import (
    aggr,
    attention,
    conv,
    dense,
    encoding,
    equivariant,
    inits,
    models,
    norm,
    pool,
    resolver,
    sequential,
)
from grapevine.nn.aggr import *
from grapevine.nn.attention import *
from grapevine.nn.conv import *
from grapevine.nn.dense import *
from grapevine.nn.encoding import PositionalEncoding, TemporalEncoding
from grapevine.nn.models import *
from grapevine.nn.norm import *
from grapevine.nn.pool import *
from grapevine.nn.sequential import Sequential
from grapevine.nn.to_hetero import to_hetero, to_hetero_with_bases

__all__ = ["PositionalEncoding", "Sequential", "TemporalEncoding", "to_hetero", "to_hetero_with_bases"]
__all__ += ["fps", "knn", "knn_graph", "nearest", "radius", "radius_graph"]
__all__ += aggr.__all__
__all__ += attention.__all__
__all__ += conv.__all__
__all__ += dense.__all__
__all__ += models.__all__
__all__ += norm.__all__
__all__ += pool.__all__
