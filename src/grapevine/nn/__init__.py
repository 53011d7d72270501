"""Neural network layers in PyTorch Geometric's dialect.

    conv    layers that send messages          aggr   from many rows to one
    norm    normalisation                      pool   from nodes to graphs
    dense   linear maps, dense adjacencies     models whole networks
    equivariant   EGNN, the SE(3)-Transformer             kge    knowledge graph embeddings

Each package lists its own names; all of them are at hand here too: `gv.nn.GCNConv`.
"""

# ruff: noqa: F403 (each package's `__all__` says what comes)
from grapevine.nn import (
    aggr,
    attention,
    conv,
    dense,
    encoding,
    equivariant,
    functional,
    inits,
    kge,
    models,
    norm,
    pool,
    resolver,
    sequential,
    unpool,
)
from grapevine.nn._summary import summary
from grapevine.nn.aggr import *
from grapevine.nn.attention import *
from grapevine.nn.conv import *
from grapevine.nn.data_parallel import DataParallel
from grapevine.nn.dense import *
from grapevine.nn.encoding import PositionalEncoding, TemporalEncoding
from grapevine.nn.functional import *
from grapevine.nn.kge import *
from grapevine.nn.models import *
from grapevine.nn.norm import *
from grapevine.nn.pool import *
from grapevine.nn.reshape import Reshape
from grapevine.nn.sequential import Sequential
from grapevine.nn.to_fixed_size import to_fixed_size
from grapevine.nn.to_hetero import to_hetero, to_hetero_with_bases
from grapevine.nn.unpool import *

__all__ = [
    "DataParallel",
    "PositionalEncoding",
    "Reshape",
    "Sequential",
    "TemporalEncoding",
    "summary",
    "to_fixed_size",
    "to_hetero",
    "to_hetero_with_bases",
]
__all__ += aggr.__all__
__all__ += attention.__all__
__all__ += conv.__all__
__all__ += dense.__all__
__all__ += functional.__all__
__all__ += kge.__all__
__all__ += models.__all__
__all__ += norm.__all__
__all__ += pool.__all__
__all__ += unpool.__all__
