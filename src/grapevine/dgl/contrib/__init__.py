"""Parts of DGL that older programs import from here."""

from __future__ import annotations

from grapevine.dgl.contrib import data

__all__ = ["data"]
