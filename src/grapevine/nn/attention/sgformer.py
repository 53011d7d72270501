"""SGFormer's global attention."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import Linear

from grapevine.errors import GraphValueError


class SGFormerAttention(torch.nn.Module):
    r"""Attention without a softmax, in linear time, with each node's own value counting N times.

    .. math::
        \mathbf{X}^{\prime} = \frac{\tilde{\mathbf{Q}} (\tilde{\mathbf{K}}^{\top} \mathbf{V}) + N \mathbf{V}}
        {\tilde{\mathbf{Q}} (\tilde{\mathbf{K}}^{\top} \mathbf{1}) + N}

    with rows of length one in :math:`\tilde{\mathbf{Q}}` and :math:`\tilde{\mathbf{K}}`; the mean over the heads.

    Args:
        channels: features F, a multiple of `heads`.
        heads: number of heads.
        head_channels: channels per head; None: `channels / heads`.
        qkv_bias: learn shifts of queries, keys and values.

    Forward:
        x: padded node features, (B, N, F).
        mask: which nodes there are, bool (B, N); None: all.

    Returns:
        (B, N, head_channels).

    Raises:
        GraphValueError: for channels that are no multiple of `heads`.

    Departures from the paper: padded nodes take part in the denominator, as in PyTorch Geometric.

    Example:
        >>> SGFormerAttention(channels=16, heads=2)(torch.rand(1, 5, 16)).shape
        torch.Size([1, 5, 64])

    Source: "SGFormer: Simplifying and Empowering Transformers for Large-Graph Representations" (arXiv:2306.10759).
    """

    def __init__(
        self, channels: int, heads: int = 1, head_channels: int | None = 64, qkv_bias: bool = False
    ) -> None:
        super().__init__()
        if channels % heads:
            raise GraphValueError(f"expected channels to be a multiple of heads={heads}, got {channels}")
        self.heads = heads
        self.head_channels = channels // heads if head_channels is None else head_channels
        inner = self.head_channels * heads
        self.q, self.k, self.v = (Linear(channels, inner, bias=qkv_bias) for _ in range(3))

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        for lin in (self.q, self.k, self.v):
            lin.reset_parameters()

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        q, k, v = (lin(x).unflatten(-1, (self.heads, -1)) for lin in (self.q, self.k, self.v))
        if mask is not None:
            v = v.masked_fill(~mask[:, :, None, None], 0.0)
        q, k = (_unit(t.masked_fill(t == 0, 1e-6)) for t in (q, k))
        num_nodes = x.size(1)
        values = torch.einsum("bnhm,bhmd->bnhd", q, torch.einsum("blhm,blhd->bhmd", k, v)) + num_nodes * v
        weights = torch.einsum("bnhm,bhm->bnh", q, k.sum(dim=1)) + num_nodes
        return (values / weights.unsqueeze(-1)).mean(dim=2)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(heads={self.heads}, head_channels={self.head_channels})"


def _unit(x: Tensor) -> Tensor:
    return x / x.norm(dim=-1, keepdim=True)
