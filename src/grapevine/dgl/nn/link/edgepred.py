"""Scores of edges from both ends."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grapevine.errors import GraphValueError
from grapevine.nn.inits import reset


class EdgePredictor(nn.Module):
    """A score, or a row, for pairs of nodes.

    Args:
        op: "dot", "cos" (cosine similarity), "ele" (product feature by feature) or "cat".
        in_feats: F; and
        out_feats: F', for a linear map of that.
        bias: of the map.

    Forward:
        h_src, h_dst: (E, F).

    Returns:
        (E, 1) for "dot" and "cos", (E, F) for "ele", (E, 2 F) for "cat"; with a map (E, F').

    Raises:
        GraphValueError: for another op.

    Example:
        >>> EdgePredictor("dot")(torch.ones(3, 4), torch.ones(3, 4)).tolist()
        [[4.0], [4.0], [4.0]]
    """

    def __init__(
        self, op: str, in_feats: int | None = None, out_feats: int | None = None, bias: bool = False
    ) -> None:
        super().__init__()
        if op not in ("dot", "cos", "ele", "cat"):
            raise GraphValueError(f"Expect op to be in ['dot', 'cos', 'ele', 'cat'], got {op}")
        self.op = op
        self.linear: nn.Linear | None = None
        if in_feats is not None and out_feats is not None:
            width = {"dot": 1, "cos": 1, "ele": in_feats, "cat": 2 * in_feats}[op]
            self.linear = nn.Linear(width, out_feats, bias=bias)

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        reset(self.linear)

    def forward(self, h_src: Tensor, h_dst: Tensor) -> Tensor:
        if self.op == "dot":
            h = (h_src * h_dst).sum(-1, keepdim=True)
        elif self.op == "cos":
            h = F.cosine_similarity(h_src, h_dst).unsqueeze(-1)
        elif self.op == "ele":
            h = h_src * h_dst
        else:
            h = torch.cat([h_src, h_dst], dim=-1)
        return h if self.linear is None else self.linear(h)
