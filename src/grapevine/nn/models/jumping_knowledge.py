"""Jumping knowledge: one representation out of those of all layers."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import LSTM, Linear

from grapevine.errors import GraphValueError
from grapevine.nn.inits import reset

_MODES = ("cat", "max", "lstm")


class JumpingKnowledge(torch.nn.Module):
    r"""Joins the representations of a node in all layers.

    .. math::
        \text{"cat"}: \mathbf{x}^{(1)}_v \, \Vert \, \dots \, \Vert \, \mathbf{x}^{(T)}_v, \qquad
        \text{"max"}: \max ( \mathbf{x}^{(1)}_v, \dots, \mathbf{x}^{(T)}_v ), \qquad
        \text{"lstm"}: \sum_{t=1}^{T} \alpha^{(t)}_v \mathbf{x}^{(t)}_v

    with attention :math:`\alpha` from a bi-directional LSTM over the layers.

    Args:
        mode: "cat", "max" or "lstm".
        channels: size of the representations F; for "lstm".
        num_layers: number of them T; for "lstm".

    Forward:
        xs: the representations, T tensors of (N, F).

    Returns:
        (N, T F) for "cat", (N, F) otherwise.

    Raises:
        GraphValueError: for another mode, or "lstm" without sizes.

    Example:
        >>> JumpingKnowledge("cat")([torch.ones(2, 3), torch.ones(2, 3)]).shape
        torch.Size([2, 6])

    Source: "Representation Learning on Graphs with Jumping Knowledge Networks" (arXiv:1806.03536).
    """

    def __init__(self, mode: str, channels: int | None = None, num_layers: int | None = None) -> None:
        super().__init__()
        self.mode = mode.lower()
        if self.mode not in _MODES:
            raise GraphValueError(f"expected mode to be one of {', '.join(_MODES)}, got {mode!r}")
        self.lstm: LSTM | None = None
        self.att: Linear | None = None
        self.channels: int | None = None
        self.num_layers: int | None = None
        if self.mode == "lstm":
            if channels is None or num_layers is None:
                raise GraphValueError(
                    f"expected channels and num_layers for 'lstm', got channels={channels}, num_layers={num_layers}"
                )
            hidden = num_layers * channels // 2
            self.lstm = LSTM(channels, hidden, bidirectional=True, batch_first=True)
            self.att = Linear(2 * hidden, 1)
            self.channels, self.num_layers = channels, num_layers
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        for module in (self.lstm, self.att):
            if module is not None:
                module.reset_parameters()

    def forward(self, xs: list[Tensor]) -> Tensor:
        if self.mode == "cat":
            return torch.cat(xs, dim=-1)
        if self.mode == "max":
            return torch.stack(xs, dim=-1).max(dim=-1)[0]
        assert self.lstm is not None and self.att is not None
        x = torch.stack(xs, dim=1)
        alpha = self.att(self.lstm(x)[0]).softmax(dim=1)
        return (x * alpha).sum(dim=1)

    def __repr__(self) -> str:
        sizes = f", channels={self.channels}, layers={self.num_layers}" if self.mode == "lstm" else ""
        return f"{type(self).__name__}({self.mode}{sizes})"


class HeteroJumpingKnowledge(torch.nn.Module):
    """A `JumpingKnowledge` for each type of nodes.

    Args:
        types: the types.
        mode: "cat", "max" or "lstm".
        channels: size of the representations F; for "lstm".
        num_layers: number of them T; for "lstm".

    Forward:
        xs_dict: for each type its representations, T tensors of (N, F).

    Returns:
        for each type what its `JumpingKnowledge` makes of them.

    Raises:
        GraphValueError: for another mode, or "lstm" without sizes.

    Example:
        >>> jk = HeteroJumpingKnowledge(["author", "paper"], "max")
        >>> out = jk({"author": [torch.ones(2, 3)] * 2, "paper": [torch.ones(4, 3)] * 2})
        >>> out["paper"].shape
        torch.Size([4, 3])
    """

    def __init__(
        self, types: list[str], mode: str, channels: int | None = None, num_layers: int | None = None
    ) -> None:
        super().__init__()
        self.mode = mode.lower()
        self.jk_dict = torch.nn.ModuleDict(
            {key: JumpingKnowledge(mode, channels, num_layers) for key in types}
        )

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        reset(self.jk_dict)

    def forward(self, xs_dict: dict[str, list[Tensor]]) -> dict[str, Tensor]:
        return {key: jk(xs_dict[key]) for key, jk in self.jk_dict.items()}

    def __repr__(self) -> str:
        sizes = ""
        if self.mode == "lstm":
            first = next(iter(self.jk_dict.values()))
            sizes = f", channels={first.channels}, layers={first.num_layers}"
        return f"{type(self).__name__}(num_types={len(self.jk_dict)}, mode={self.mode}{sizes})"
