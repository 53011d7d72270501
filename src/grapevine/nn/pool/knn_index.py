"""Search for the nearest among many vectors: exact in PyTorch, approximate in faiss."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, NamedTuple

import torch
from torch import Tensor

from grapevine.errors import GrapevineError, GraphValueError, require

__all__ = ["ApproxL2KNNIndex", "ApproxMIPSKNNIndex", "KNNIndex", "KNNOutput", "L2KNNIndex", "MIPSKNNIndex"]

#: How many scores an exact search holds at a time.
_SCORES = 1 << 24
#: The longest lists that faiss returns on every device.
_FAISS_LIMIT = 2048


class KNNOutput(NamedTuple):
    """Results of a search.

    Attributes:
        score: inner products, or squared distances, the best first, (Q, k).
        index: numbers of the vectors found, int64 (Q, k).
    """

    score: Tensor
    index: Tensor  # type: ignore[assignment]  # the name that PyTorch Geometric gives it


class EmptyIndexError(GrapevineError, RuntimeError):
    """A search among no vectors."""


class KNNIndex:
    """Finds the nearest of many vectors with any index of faiss.

    Args:
        index_factory: description of the index in faiss' language, such as ``"IVF64,Flat"``.
        emb: the vectors to search among, (N, F); more can be added.
        reserve: number of vectors to reserve memory for on a GPU.

    Raises:
        MissingDependencyError: without faiss.
        GraphValueError: for vectors that are no matrix.

    Example:
        >>> index = MIPSKNNIndex(torch.eye(3))
        >>> index.search(torch.tensor([[0.1, 0.9, 0.5]]), k=2).index
        tensor([[1, 2]])

    Source: Johnson et al., "Billion-scale similarity search with GPUs" (arXiv:1702.08734).
    """

    #: Whether the smallest scores are the best.
    ascending = False

    def __init__(
        self, index_factory: str | None = None, emb: Tensor | None = None, reserve: int | None = None
    ) -> None:
        self.index_factory = index_factory
        self.reserve = reserve
        self.index: Any = None
        self._start()
        if emb is not None:
            self.add(emb)

    @property
    def numel(self) -> int:
        """How many vectors there are."""
        return 0 if self.index is None else int(self.index.ntotal)

    def add(self, emb: Tensor) -> None:
        """Adds vectors, (N, F). The first ones of an approximate index also tell it what vectors are like."""
        self._add(_matrix(emb))

    def search(self, emb: Tensor, k: int, exclude_links: Tensor | None = None) -> KNNOutput:
        """The k nearest of each vector.

        Args:
            emb: what to look for, (Q, F).
            k: how many to find; all where there are fewer.
            exclude_links: pairs (row of `emb`, number of a vector) that are not to be found, int64 (2, L).

        Returns:
            scores and numbers, (Q, k); where too few are left, the score is -inf and the number -1.

        Raises:
            EmptyIndexError: if there are no vectors yet.
            GraphValueError: for an `emb` that is no matrix, or an approximate search of more than 2,048 vectors.
        """
        emb = _matrix(emb)
        if self.numel == 0:
            raise EmptyIndexError(
                f"expected vectors to search among, got none; do this first: {type(self).__name__}.add(emb)"
            )
        return self._search(emb, min(k, self.numel), exclude_links)

    def get_emb(self) -> Tensor:
        """The vectors, (N, F); of a compressed index, what it makes of them.

        Raises:
            EmptyIndexError: if there are none yet.
        """
        if self.numel == 0:
            raise EmptyIndexError("expected vectors, got none; do this first: add(emb)")
        return self._stored()

    # What faiss does -------------------------------------------------------------------------------------------

    def _start(self) -> None:
        require("faiss", "faiss-cpu")

    def _create_index(self, channels: int) -> Any:
        if self.index_factory is None:
            raise GraphValueError("expected an index_factory, such as 'IVF64,Flat', got None")
        return require("faiss").index_factory(channels, self.index_factory)

    def _add(self, emb: Tensor) -> None:
        faiss = require("faiss", "faiss-cpu")
        vectors = _numpy(emb)
        if self.index is None:
            index = self._create_index(emb.size(1))
            if emb.is_cuda:
                index = faiss.index_cpu_to_gpu(faiss.StandardGpuResources(), emb.get_device(), index)
                if self.reserve is not None and hasattr(index, "reserveMemory"):
                    index.reserveMemory(self.reserve)
            index.train(vectors)
            self.index = index
        self.index.add(vectors)

    def _search(self, emb: Tensor, k: int, exclude_links: Tensor | None) -> KNNOutput:
        longest = 0 if exclude_links is None else int(exclude_links[0].bincount(minlength=1).max())
        wanted = min(k + longest, self.numel)
        if wanted > _FAISS_LIMIT:
            raise GraphValueError(
                f"expected k, and the most links excluded for one vector, of at most {_FAISS_LIMIT} together, got "
                f"{k} + {longest}; do this instead: MIPSKNNIndex or L2KNNIndex, which are exact"
            )
        score, index = (
            torch.from_numpy(part).to(emb.device) for part in self.index.search(_numpy(emb), wanted)
        )
        missing = index < 0
        if exclude_links is not None:
            row = torch.arange(emb.size(0), device=emb.device).unsqueeze(1) * self.numel
            excluded = exclude_links[0] * self.numel + exclude_links[1]
            missing = missing | torch.isin(row + index, excluded)
        first = missing.to(torch.uint8).argsort(dim=1, stable=True)[:, :k]  # the found ones, in their order
        missing = missing.gather(1, first)
        score = score.gather(1, first).masked_fill(missing, -torch.inf)
        return KNNOutput(score, index.gather(1, first).masked_fill(missing, -1))

    def _stored(self) -> Tensor:
        return torch.from_numpy(self.index.reconstruct_n(0, self.numel))


class _ExactIndex(KNNIndex):
    """Compares with all vectors, block by block, on any device; takes no faiss and stores no Q x N matrix."""

    def __init__(self, emb: Tensor | None = None) -> None:
        super().__init__(None, emb)

    @property
    def numel(self) -> int:
        """How many vectors there are."""
        return 0 if self.index is None else int(self.index.size(0))

    def _start(self) -> None:
        pass

    def _add(self, emb: Tensor) -> None:
        self.index = emb if self.index is None else torch.cat([self.index, emb])

    def _stored(self) -> Tensor:
        stored: Tensor = self.index
        return stored

    def _search(self, emb: Tensor, k: int, exclude_links: Tensor | None) -> KNNOutput:
        if exclude_links is not None:
            row, order = exclude_links[0].sort()
            column = exclude_links[1][order]
        worst = torch.inf if self.ascending else -torch.inf
        blocks = []
        step = max(1, _SCORES // self.numel)
        for start in range(0, emb.size(0), step):
            scores = self._scores(emb[start : start + step])
            if exclude_links is not None:
                ends = torch.tensor([start, start + scores.size(0)], device=row.device)
                first, last = torch.searchsorted(row, ends).tolist()
                scores[row[first:last] - start, column[first:last]] = worst
            blocks.append(scores.topk(k, dim=1, largest=not self.ascending))
        score = torch.cat([values for values, _ in blocks]) if blocks else emb.new_empty(0, k)
        index = torch.cat([places for _, places in blocks]) if blocks else score.long()
        missing = score == worst
        return KNNOutput(score.masked_fill(missing, -torch.inf), index.masked_fill(missing, -1))

    @abstractmethod
    def _scores(self, emb: Tensor) -> Tensor:
        """Scores against all vectors, (Q, N)."""


class MIPSKNNIndex(_ExactIndex):
    r"""Finds the vectors of the largest inner product, exactly.

    .. math:: \mathrm{score}_{qi} = \mathbf{q}^\top \mathbf{x}_i

    Args:
        emb: the vectors to search among, (N, F); more can be added.

    Departures from PyTorch Geometric: needs no faiss, and has no upper limit of k.

    Example:
        >>> index = MIPSKNNIndex(torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 3.0]]))
        >>> index.search(torch.tensor([[1.0, 0.0]]), k=2)
        KNNOutput(score=tensor([[2., 1.]]), index=tensor([[1, 0]]))
        >>> index.search(torch.tensor([[1.0, 0.0]]), k=1, exclude_links=torch.tensor([[0], [1]])).index
        tensor([[0]])
    """

    def _scores(self, emb: Tensor) -> Tensor:
        scores: Tensor = emb @ self.index.t()
        return scores


class L2KNNIndex(_ExactIndex):
    r"""Finds the vectors at the smallest distance, exactly; scores are squared distances.

    .. math:: \mathrm{score}_{qi} = \Vert \mathbf{q} - \mathbf{x}_i \Vert^2

    Arguments and departures as for `MIPSKNNIndex`.

    Example:
        >>> index = L2KNNIndex(torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 3.0]]))
        >>> index.search(torch.tensor([[4.0, 0.0]]), k=2)
        KNNOutput(score=tensor([[4., 9.]]), index=tensor([[1, 0]]))
    """

    ascending = True

    def _scores(self, emb: Tensor) -> Tensor:
        points: Tensor = self.index
        squares = emb.square().sum(1, keepdim=True) + points.square().sum(1)
        return torch.addmm(squares, emb, points.t(), alpha=-2).clamp_(min=0)


class _ApproxIndex(KNNIndex):
    def __init__(
        self,
        num_cells: int,
        num_cells_to_visit: int,
        bits_per_vector: int,
        emb: Tensor | None = None,
        reserve: int | None = None,
    ) -> None:
        self.num_cells = num_cells
        self.num_cells_to_visit = num_cells_to_visit
        self.bits_per_vector = bits_per_vector
        super().__init__(None, emb, reserve)

    def _create_index(self, channels: int) -> Any:
        faiss = require("faiss", "faiss-cpu")
        flat, metric = (
            (faiss.IndexFlatL2, faiss.METRIC_L2)
            if self.ascending
            else (faiss.IndexFlatIP, faiss.METRIC_INNER_PRODUCT)
        )
        quantizer = flat(channels)
        index = faiss.IndexIVFPQ(quantizer, channels, self.num_cells, self.bits_per_vector, 8, metric)
        index.nprobe = self.num_cells_to_visit
        return index


class ApproxMIPSKNNIndex(_ApproxIndex):
    """Finds vectors of large inner product among compressed vectors in cells; takes faiss.

    Args:
        num_cells: how many cells the vectors are sorted into.
        num_cells_to_visit: how many of them a search looks into.
        bits_per_vector: into how many parts, of 8 bits each, a vector is compressed; it divides F.
        emb: the vectors to search among, (N, F); more can be added.
        reserve: number of vectors to reserve memory for on a GPU.

    Raises:
        MissingDependencyError: without faiss.

    Source: Jegou et al., "Product quantization for nearest neighbor search", 2011.
    """


class ApproxL2KNNIndex(_ApproxIndex):
    """Finds vectors at a small distance among compressed vectors in cells; takes faiss.

    Arguments, errors and source as for `ApproxMIPSKNNIndex`; scores are squared distances.
    """

    ascending = True


def _matrix(emb: Tensor) -> Tensor:
    if emb.dim() != 2:
        raise GraphValueError(f"expected vectors as a matrix (N, F), got shape {tuple(emb.shape)}")
    return emb.detach()


def _numpy(emb: Tensor) -> Any:
    return emb.to("cpu", torch.float32).contiguous().numpy()
