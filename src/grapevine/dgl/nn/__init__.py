"""Layers, poolings and helpers in DGL's dialect; importable as `dgl.nn.pytorch` too."""

# ruff: noqa: F403 (each module says by `__all__` what comes)
from grapevine.dgl.nn import (
    conv,
    explain,
    factory,
    functional,
    glob,
    gt,
    hetero,
    linear,
    link,
    network_emb,
    softmax,
    sparse_emb,
    utils,
)
from grapevine.dgl.nn._graphs import expand_as_pair
from grapevine.dgl.nn.conv import *
from grapevine.dgl.nn.explain import *
from grapevine.dgl.nn.factory import *
from grapevine.dgl.nn.glob import *
from grapevine.dgl.nn.gt import *
from grapevine.dgl.nn.hetero import *
from grapevine.dgl.nn.linear import *
from grapevine.dgl.nn.link import *
from grapevine.dgl.nn.network_emb import *
from grapevine.dgl.nn.softmax import *
from grapevine.dgl.nn.sparse_emb import *
from grapevine.dgl.nn.utils import Identity, JumpingKnowledge, LabelPropagation, Sequential, WeightBasis

__all__ = ["Identity", "JumpingKnowledge", "LabelPropagation", "Sequential", "WeightBasis"]
__all__ += conv.__all__
__all__ += explain.__all__
__all__ += factory.__all__
__all__ += glob.__all__
__all__ += gt.__all__
__all__ += hetero.__all__
__all__ += linear.__all__
__all__ += link.__all__
__all__ += network_emb.__all__
__all__ += softmax.__all__
__all__ += sparse_emb.__all__

from grapevine.dgl.nn import pytorch  # noqa: E402  # isort: skip (its names are those above)
