"""Names of layers that stand for one vendor's kernels: each says which layer computes the same here."""

from __future__ import annotations

from torch import nn

from grapevine.dgl.base import DGLError

__all__ = ["CuGraphBaseConv"]


class CuGraphBaseConv(nn.Module):
    """What the three are subclasses of.

    Raises:
        DGLError: always.
    """

    _instead = "the layer without CuGraph in its name"

    def _refuse(self) -> None:
        raise DGLError(
            f"expected a layer that runs here, got {type(self).__name__}, which needs pylibcugraphops 23.04 (CUDA 11, "
            f"Python 3.8 or 3.10); do this instead: {self._instead}"
        )
