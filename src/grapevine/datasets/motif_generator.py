"""Generators of motifs: the small graphs that an explanation should find."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch

from grapevine.data import Data
from grapevine.errors import GraphTypeError
from grapevine.nn.resolver import Resolver
from grapevine.utils import from_networkx

__all__ = ["CustomMotif", "CycleMotif", "GridMotif", "HouseMotif", "MotifGenerator"]

_GENERATORS = Resolver("motif generator", "Motif")


class MotifGenerator(ABC):
    """Makes a motif when called."""

    @abstractmethod
    def __call__(self) -> Data:
        """The motif."""

    @staticmethod
    def resolve(query: Any, *args: Any, **kwargs: Any) -> MotifGenerator:
        """The generator of that name with these arguments; a generator comes back as it is.

        Example:
            >>> MotifGenerator.resolve("cycle", num_nodes=6)
            CycleMotif(6)
        """
        found: MotifGenerator = _GENERATORS(query, *args, **kwargs)
        return found

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class CustomMotif(MotifGenerator):
    """Any graph as a motif.

    Args:
        structure: a `Data`, or a graph of networkx.

    Raises:
        GraphTypeError: for anything else.

    Example:
        >>> CustomMotif(Data(edge_index=torch.tensor([[0, 1], [1, 0]]), num_nodes=2))().num_nodes
        2
    """

    def __init__(self, structure: Any) -> None:
        if (
            hasattr(structure, "adj")
            and hasattr(structure, "is_directed")
            and not isinstance(structure, Data)
        ):
            structure = from_networkx(structure)
        if not isinstance(structure, Data):
            raise GraphTypeError(
                f"expected a motif as Data or networkx.Graph, got {type(structure).__name__}"
            )
        self.structure = structure

    def __call__(self) -> Data:
        """The motif."""
        return self.structure


class CycleMotif(CustomMotif):
    """A ring.

    Args:
        num_nodes: how many nodes.

    Example:
        >>> CycleMotif(3)().edge_index
        tensor([[0, 0, 1, 1, 2, 2],
                [1, 2, 0, 2, 0, 1]])

    Source: "GNNExplainer: Generating Explanations for Graph Neural Networks" (arXiv:1903.03894).
    """

    def __init__(self, num_nodes: int) -> None:
        self.num_nodes = num_nodes
        nodes = torch.arange(num_nodes)
        around = torch.stack([(nodes - 1) % num_nodes, (nodes + 1) % num_nodes], dim=1).sort(dim=1).values
        edge_index = torch.stack([nodes.repeat_interleave(2), around.flatten()])
        super().__init__(Data(edge_index=edge_index, num_nodes=num_nodes))

    def __repr__(self) -> str:
        return f"CycleMotif({self.num_nodes})"


class GridMotif(CustomMotif):
    """A grid of 3 x 3 nodes, labelled 0 in the corners, 1 at the borders and 2 in the middle.

    Example:
        >>> GridMotif()()
        Data(edge_index=[2, 24], y=[9], num_nodes=9)

    Source: "GNNExplainer: Generating Explanations for Graph Neural Networks" (arXiv:1903.03894).
    """

    def __init__(self) -> None:
        pairs = [(i, j) for i in range(9) for j in (i + 1, i + 3) if j < 9 and (j - i == 3 or j % 3)]
        one_way = torch.tensor(pairs).t()
        edge_index = torch.cat([one_way, one_way.flip(0)], dim=1)
        y = torch.tensor([0, 1, 0, 1, 2, 1, 0, 1, 0])
        super().__init__(Data(edge_index=edge_index, y=y, num_nodes=9))


class HouseMotif(CustomMotif):
    """A house of five nodes and six walls, labelled 0 under the roof, 1 on the floor and 2 at the top.

    Example:
        >>> HouseMotif()()
        Data(edge_index=[2, 12], y=[5], num_nodes=5)

    Source: "GNNExplainer: Generating Explanations for Graph Neural Networks" (arXiv:1903.03894).
    """

    def __init__(self) -> None:
        walls = torch.tensor([[0, 1, 2, 3, 0, 1], [1, 2, 3, 0, 4, 4]])
        edge_index = torch.cat([walls, walls.flip(0)], dim=1)
        super().__init__(Data(edge_index=edge_index, y=torch.tensor([0, 0, 1, 1, 2]), num_nodes=5))


_GENERATORS.register(CustomMotif, CycleMotif, GridMotif, HouseMotif)
