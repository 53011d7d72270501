"""Message passing on graphs."""

from __future__ import annotations

from grapevine.dgl.features import FeatureMethods


class MessageMethods(FeatureMethods):
    """`update_all`, `apply_edges` and their relatives."""
