"""Optimisers of `dgl.nn.NodeEmbedding`: only rows that a step has read are changed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from grapevine.dgl.base import DGLError
from grapevine.dgl.nn.sparse_emb import NodeEmbedding

__all__ = ["SparseAdagrad", "SparseAdam"]


class SparseGradOptimizer(ABC):
    """Gathers the gradients of the rows that were read, averaged for rows read several times.

    Args:
        params: tables with different names.
        lr: the learning rate.

    Raises:
        DGLError: for other parameters, or names that occur twice.
    """

    def __init__(self, params: Sequence[NodeEmbedding], lr: float) -> None:
        for table in params:
            if not isinstance(table, NodeEmbedding):
                raise DGLError(
                    f"{type(self).__name__} only supports dgl.nn.NodeEmbedding, got {type(table).__name__}"
                )
        if len({table.name for table in params}) < len(params):
            raise DGLError("expected tables with different names, as the state is kept by name")
        self._params = list(params)
        self._lr = lr
        self._clean = False
        for table in params:
            table.set_optm_state(tuple(self._fresh(table.weight)))

    @abstractmethod
    def _fresh(self, weight: Tensor) -> list[Tensor]:
        """What is kept for every row, at the start."""

    @abstractmethod
    def _change(self, grad: Tensor, rows: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """What is taken off the rows with these gradients, and what is kept for them from now on."""

    @torch.no_grad()
    def step(self) -> None:
        """Changes the rows that were read since the last step."""
        for table in self._params:
            read = [(ids, rows.grad) for ids, rows in table.trace if rows.grad is not None]
            if not read:
                continue
            device = table.weight.device
            ids = torch.cat([i.to(device) for i, _ in read])
            grad = torch.cat([g.to(device) for _, g in read])
            self.update(ids, grad, table)
        if self._clean:
            for table in self._params:
                table.reset_trace()
            self._clean = False

    def update(self, idx: Tensor, grad: Tensor, emb: NodeEmbedding) -> None:
        """Changes some rows.

        Args:
            idx: their ids, which may occur several times.
            grad: the gradient of each.
            emb: the table.
        """
        rows, place, count = idx.unique(return_inverse=True, return_counts=True)
        mean = grad.new_zeros(len(rows), grad.shape[1]).index_add(0, place, grad) / count.unsqueeze(1)
        change, kept = self._change(mean, tuple(state[rows] for state in emb.optm_state))
        for state, value in zip(emb.optm_state, kept):
            state[rows] = value.to(state.dtype)
        emb.weight[rows] -= change

    def zero_grad(self) -> None:
        """The next step forgets what was read."""
        self._clean = True

    def state_dict(self, **kwargs: Any) -> dict[str, Any]:
        """What is kept for every row, by the tables' names, and the settings."""
        return {"state": {t.name: t.optm_state for t in self._params}, "param_groups": self.param_groups}

    def load_state_dict(self, state_dict: dict[str, Any], **kwargs: Any) -> None:
        """Takes over what `state_dict` returned.

        Args:
            state_dict: of an optimiser of the same kind.
        """
        for table in self._params:
            for state, value in zip(table.optm_state, state_dict["state"][table.name]):
                state.copy_(value)
        self._set_param_groups(state_dict["param_groups"])

    @property
    @abstractmethod
    def param_groups(self) -> list[dict[str, Any]]:
        """The settings, in a list of one."""

    @abstractmethod
    def _set_param_groups(self, groups: list[dict[str, Any]]) -> None: ...


class SparseAdagrad(SparseGradOptimizer):
    """Adagrad on the rows that were read.

        s <- s + g^2,    w <- w - lr g / sqrt(s + eps)

    Args:
        params: tables.
        lr: the learning rate.
        eps: keeps the root away from zero.

    Example:
        >>> table = NodeEmbedding(3, 1, "t", init_func=torch.nn.init.ones_)
        >>> optimizer = SparseAdagrad([table], lr=0.5)
        >>> table(torch.tensor([2])).sum().backward()
        >>> optimizer.step()
        >>> table.weight.view(-1).tolist()
        [1.0, 1.0, 0.5]

    Source: Duchi, Hazan, Singer, Adaptive Subgradient Methods for Online Learning, 2011.
    """

    def __init__(self, params: Sequence[NodeEmbedding], lr: float, eps: float = 1e-10) -> None:
        self._eps = eps
        super().__init__(params, lr)

    def _fresh(self, weight: Tensor) -> list[Tensor]:
        return [torch.zeros_like(weight)]

    def _change(self, grad: Tensor, rows: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        total = rows[0] + grad * grad
        return self._lr * grad / (total + self._eps).sqrt(), (total,)

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        return [{"lr": self._lr, "eps": self._eps}]

    def _set_param_groups(self, groups: list[dict[str, Any]]) -> None:
        self._lr, self._eps = groups[0]["lr"], groups[0]["eps"]


class SparseAdam(SparseGradOptimizer):
    """Adam on the rows that were read, each with a count of its own steps.

    Args:
        params: tables.
        lr: the learning rate.
        betas: decay of the mean and of the mean square.
        eps: keeps the root away from zero.
        use_uva: accepted.
        dtype: of what is kept for every row, float32 or float16.

    Raises:
        DGLError: for another dtype.

    Source: Kingma, Ba, Adam: A Method for Stochastic Optimization, arXiv:1412.6980.
    """

    def __init__(
        self,
        params: Sequence[NodeEmbedding],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-08,
        use_uva: bool | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        if dtype not in (torch.float16, torch.float32):
            raise DGLError(f"expected dtype torch.float32 or torch.float16, got {dtype}")
        self._betas = betas
        self._eps = eps
        self._dtype = dtype
        super().__init__(params, lr)

    def _fresh(self, weight: Tensor) -> list[Tensor]:
        step = torch.zeros(len(weight), dtype=torch.int32, device=weight.device)
        return [step, *(torch.zeros_like(weight, dtype=self._dtype) for _ in range(2))]

    def _change(self, grad: Tensor, rows: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        step, mean, square = rows
        step = step + 1
        means = []
        for old, new, beta in ((mean, grad, self._betas[0]), (square, grad * grad, self._betas[1])):
            means.append(beta * old.to(grad.dtype) + (1 - beta) * new)
        first, second = (
            m / (1 - beta ** step.to(grad.dtype)).unsqueeze(1) for m, beta in zip(means, self._betas)
        )
        return self._lr * first / (second.sqrt() + self._eps), (step, *means)

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        return [{"lr": self._lr, "betas": self._betas, "eps": self._eps}]

    def _set_param_groups(self, groups: list[dict[str, Any]]) -> None:
        self._lr, self._betas, self._eps = groups[0]["lr"], groups[0]["betas"], groups[0]["eps"]
