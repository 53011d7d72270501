"""Which triplets are known to be true."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from grapevine.errors import GraphIndexError, GraphValueError

Side = Literal["head", "tail"]


def ranges(first: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """The numbers `first[i], ..., first[i] + count[i] - 1` of all i one after the other, each with its i.

    Example:
        >>> ranges(torch.tensor([5, 0, 2]), torch.tensor([2, 0, 1]))
        (tensor([0, 0, 2]), tensor([5, 6, 2]))
    """
    which = torch.arange(first.numel(), device=first.device).repeat_interleave(count)
    return which, torch.arange(which.numel(), device=first.device) + (first - count.cumsum(0) + count)[which]


class KnownTriplets:
    """A set of true triplets that tells all answers to a question `(head, relation, ?)` or `(?, relation, tail)`.

    It keeps two sorted lists with one integer for each triplet, so that its size does not depend on the number of
    entities.

    Args:
        head_index: heads, int64 (E,) in [0, N).
        rel_type: relations, int64 (E,) in [0, R).
        tail_index: tails, int64 (E,) in [0, N).
        num_nodes: number of entities N.
        num_relations: number of relations R.

    Raises:
        GraphIndexError: for an entity or a relation outside the range.
        GraphValueError: if N * N * R exceeds what an int64 holds.

    Example:
        >>> h, r, t = torch.tensor([[0, 0, 1], [0, 0, 0], [1, 2, 2]])
        >>> known = KnownTriplets(h, r, t, num_nodes=3, num_relations=1)
        >>> known.answers(torch.tensor([1, 0]), torch.tensor([0, 0]), "tail")
        (tensor([0, 1, 1]), tensor([2, 1, 2]))
    """

    def __init__(
        self, head_index: Tensor, rel_type: Tensor, tail_index: Tensor, num_nodes: int, num_relations: int
    ) -> None:
        if num_nodes * num_nodes * num_relations >= 2**63:
            raise GraphValueError(
                f"expected num_nodes**2 * num_relations below 2**63, got {num_nodes} and {num_relations}; "
                "rank without a filter"
            )
        bounds = (("entity", head_index, num_nodes), ("relation", rel_type, num_relations))
        for name, index, size in (*bounds, ("entity", tail_index, num_nodes)):
            if index.numel() and not 0 <= int(index.min()) <= int(index.max()) < size:
                raise GraphIndexError(
                    f"expected every {name} in [0, {size}), got {int(index.min())} to {int(index.max())}"
                )
        self.num_nodes = num_nodes
        self.num_relations = num_relations
        # A question is a number, and an answer's place in the list is (question, answer) read as one number.
        self._codes: dict[Side, Tensor] = {
            "tail": self._code(self._question(head_index, rel_type), tail_index).unique(),
            "head": self._code(self._question(tail_index, rel_type), head_index).unique(),
        }

    def _question(self, index: Tensor, rel_type: Tensor) -> Tensor:
        return index * self.num_relations + rel_type

    def _code(self, question: Tensor, answer: Tensor) -> Tensor:
        return question * self.num_nodes + answer

    def answers(self, index: Tensor, rel_type: Tensor, side: Side) -> tuple[Tensor, Tensor]:
        """All known answers to each of B questions.

        Args:
            index: the entity that is given: heads for `side="tail"`, tails for `side="head"`; int64 (B,).
            rel_type: relations, int64 (B,).
            side: which end of the triplets is asked for.

        Returns:
            Row of the question and entity of the answer, int64 (K,) each; rows ascend, and so do the entities of a row.
        """
        codes, question = self._codes[side], self._question(index, rel_type)
        first = torch.searchsorted(codes, self._code(question, torch.zeros_like(question)))
        count = torch.searchsorted(codes, self._code(question + 1, torch.zeros_like(question))) - first
        row, place = ranges(first, count)
        return row, codes[place] % self.num_nodes

    def contains(self, head_index: Tensor, rel_type: Tensor, tail_index: Tensor) -> Tensor:
        """Tells for each triplet whether it is known: boolean, of the shape of the indices."""
        codes = self._codes["tail"]
        code = self._code(self._question(head_index, rel_type), tail_index)
        if codes.numel() == 0:
            return torch.zeros_like(code, dtype=torch.bool)
        return codes[torch.searchsorted(codes, code).clamp(max=codes.numel() - 1)] == code

    def __len__(self) -> int:
        return self._codes["tail"].numel()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)}, num_nodes={self.num_nodes}, num_relations={self.num_relations})"
