"""Layers some of whose parameters wait for the first input to tell their size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch.nn.parameter import UninitializedParameter, is_lazy
from torch.utils.hooks import RemovableHandle

from grapevine.nn.inits import glorot


class Waiting(torch.nn.Module):
    """A layer that takes -1 for its input channels: a mixin, before the layer's other base in the list.

    The layer says what waits in `_sizes`, how to fill it in `_draw` (unless by `glorot`), calls `_wait(channels)` when
    it is built and, in `reset_parameters`, `_draw` unless `_waits()`.
    """

    #: Of the first waiting parameter, which tells the channels of a checkpoint.
    _channel_axis: ClassVar[int] = 1
    _hook: RemovableHandle

    def _sizes(self, channels: int) -> dict[str, tuple[int, ...]]:
        """Names and sizes of the waiting parameters."""
        raise AssertionError("each layer has its own")

    def _draw(self) -> None:
        """Draws the first numbers of the waiting parameters, which have their sizes by now."""
        for name in self._sizes(-1):
            glorot(getattr(self, name))

    def _waits(self) -> bool:
        return is_lazy(getattr(self, next(iter(self._sizes(-1)))))

    def _wait(self, channels: int = -1) -> None:
        for name in self._sizes(channels):
            setattr(self, name, UninitializedParameter())
        if channels > 0:
            self._materialize(channels)
        elif not hasattr(self, "_hook"):
            self._hook = self.register_forward_pre_hook(self.initialize_parameters)

    def _materialize(self, channels: int) -> None:
        for name, size in self._sizes(channels).items():
            getattr(self, name).materialize(size)
        if hasattr(self, "_hook"):
            self._hook.remove()
            del self._hook

    @torch.no_grad()
    def initialize_parameters(self, module: torch.nn.Module | None, input: Sequence[Any]) -> None:
        """Gives waiting parameters their size, from the features `input[0]`, and their first numbers."""
        if self._waits():
            x = input[0]
            self._materialize((x[0] if isinstance(x, (tuple, list)) else x).size(-1))
            self._draw()

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        # A waiting parameter is saved as such: it cannot be detached.
        super()._save_to_state_dict(destination, prefix, keep_vars or self._waits())

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        saved = state_dict.get(prefix + next(iter(self._sizes(-1))))
        if saved is not None and is_lazy(saved):
            self._wait()
        elif saved is not None and self._waits():
            self._materialize(saved.size(self._channel_axis))
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
