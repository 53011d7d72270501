"""`dgl.nn.pytorch`: the same modules under their other names, such as `dgl.nn.pytorch.conv.gatconv`."""

# ruff: noqa: F403
from __future__ import annotations

import sys

from grapevine.dgl import nn
from grapevine.dgl.nn import *
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

__all__ = nn.__all__ + ["conv", "explain", "factory", "functional", "glob", "gt", "hetero", "linear", "link"]
__all__ += ["network_emb", "softmax", "sparse_emb", "utils"]

# An import finds what stands in `sys.modules`: each module is loaded once, so its classes are the same by either name.
for _name in [name for name in sys.modules if name.startswith(f"{nn.__name__}.")]:
    if not _name.startswith(__name__):
        sys.modules[_name.replace(nn.__name__, __name__, 1)] = sys.modules[_name]
