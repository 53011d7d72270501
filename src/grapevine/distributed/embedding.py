"""Trainable rows, one per node, of which every rank holds those of its own nodes."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from grapevine.distributed.exchange import Exchange
from grapevine.distributed.features import Group, Rows
from grapevine.distributed.hops import by_owner
from grapevine.distributed.world import World, init
from grapevine.errors import GraphValueError


class DistEmbedding(nn.Module):
    r"""A table of trainable rows, shared out among the ranks, with sparse gradients.

    A call fetches rows from their owners; `reduce`, after the backward pass, brings the gradients to the owners, where
    an optimiser for sparse gradients, such as `torch.optim.SparseAdam`, changes the rows that were read. The first
    values are normal with deviation $1 / \sqrt{D}$, and the same for any number of ranks. Under `train` take loaders
    with `even=True`: so all ranks call it as often.

    Args:
        offsets: `(W + 1,)` where the rows of each rank begin, such as `graph.offsets(kind)`; or a number of rows.
        embedding_dim: D.
        seed: of the first values.
        world: the ranks; None: `init()`.

    Call:
        ids: `(n,)` int64; every rank calls it, as often, also without ids.

    Returns:
        `(n, D)`.

    Example:
        >>> table = DistEmbedding(4, 2)
        >>> sparse = torch.optim.SparseAdam(table.parameters())
        >>> table(torch.tensor([1, 3, 1])).sum().backward()
        >>> table.reduce()
        >>> table.weight.grad.coalesce().values()
        tensor([[2., 2.],
                [1., 1.]])
    """

    def __init__(
        self, offsets: Tensor | int, embedding_dim: int, seed: int = 0, world: World | None = None
    ) -> None:
        super().__init__()
        self.world = world = world or init()
        if isinstance(offsets, int):
            offsets = torch.tensor([offsets * rank // world.size for rank in range(world.size + 1)])
        if offsets.numel() != world.size + 1 or embedding_dim < 1:
            raise GraphValueError(
                f"expected {world.size + 1} offsets for {world.size} ranks and embedding_dim of at least 1, got "
                f"{offsets.numel()} and {embedding_dim}; pass graph.offsets(kind)"
            )
        self.offsets, self.embedding_dim = offsets, embedding_dim
        first, last = offsets[world.rank :][:2].tolist()
        self.weight = nn.Parameter(_normal(first, last, embedding_dim, seed))
        self._exchange = Exchange(world, "embedding")
        shift = torch.full((world.size,), first)
        self._rows = Rows(
            {0: Group(offsets, {"rows": self.weight.data}, shift)}, torch.arange(world.size) == world.rank
        )
        self._read: list[tuple[Tensor, Tensor]] = []

    @property
    def num_embeddings(self) -> int:
        """Rows of all ranks together."""
        return int(self.offsets[-1])

    def forward(self, ids: Tensor) -> Tensor:
        if ids.numel() and not 0 <= int(ids.min()) <= int(ids.max()) < self.num_embeddings:
            raise GraphValueError(
                f"expected ids from 0 to {self.num_embeddings - 1}, got {int(ids.min())} to {int(ids.max())}"
            )
        distinct, places = ids.unique(return_inverse=True)
        self._rows.groups[0].values["rows"] = self.weight.data
        rows = self._rows.fetch({0: (distinct, ["rows"])}, self._exchange)[0]["rows"]
        if torch.is_grad_enabled() and self.training:
            rows = rows.detach().requires_grad_()
            self._read.append((distinct, rows))
        return rows[places]

    def reduce(self) -> None:
        """Adds up the gradients of rows read since the last time, at their owners; every rank calls it."""
        with torch.no_grad():
            empty = torch.empty(0, self.embedding_dim, dtype=self.weight.dtype)
            ids = torch.cat([torch.empty(0, dtype=torch.int64), *(ids for ids, _ in self._read)])
            grads = [torch.zeros_like(rows) if rows.grad is None else rows.grad for _, rows in self._read]
            grad = torch.cat([empty, *grads])
            self._read = []
            order, counts = by_owner(ids, self.offsets)
            owned = self._exchange.swap(list(ids[order].split(counts)), "ids of gradients")
            parts = self._exchange.swap(list(grad[order].split(counts)), "gradients")
            first = int(self.offsets[self.world.rank])
            # Coalesced rank by rank: the order of additions, and so the bits, are always the same.
            index = (torch.cat(owned) - first).unsqueeze(0)
            self.weight.grad = torch.sparse_coo_tensor(
                index, torch.cat(parts), self.weight.shape, check_invariants=True
            ).coalesce()

    def own_rows(self, rows: Tensor) -> Tensor:
        """This rank's rows of a whole table.

        Args:
            rows: `(N, D)`.
        """
        first, last = self.offsets[self.world.rank :][:2].tolist()
        return rows[first:last].clone()

    def extra_repr(self) -> str:
        """The shape of the whole table."""
        return f"{self.num_embeddings}, {self.embedding_dim}"


def _normal(first: int, last: int, width: int, seed: int, block: int = 1 << 16) -> Tensor:
    """Rows `first` to `last - 1` of a table of normal numbers that is drawn block by block."""
    out = torch.empty(last - first, width)
    for number in range(first // block, -(-last // block)):
        generator = torch.Generator().manual_seed(seed * 1_000_003 + number)
        rows = torch.randn(block, width, generator=generator)
        low, high = max(first, number * block), min(last, (number + 1) * block)
        out[low - first : high - first] = rows[low - number * block : high - number * block]
    return out / math.sqrt(width)
