"""`Fiber`: how many channels of each degree a feature has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import NamedTuple

from torch import Tensor


class FiberEl(NamedTuple):
    """One degree of a fiber and the number of its channels."""

    degree: int
    channels: int


def degree_to_dim(degree: int) -> int:
    """The number of components of a feature of this degree, 2d + 1."""
    return 2 * degree + 1


class Fiber(dict):
    """The structure of a feature: degree -> number of channels.

    Iterates over `(degree, channels)` by ascending number of channels, in the given order where they are equal:
    the order in which parameters are made. A degree that is absent has 0 channels.

    Args:
        structure: a dict, or pairs of degree and channels.

    Example:
        >>> fiber = Fiber({0: 8, 1: 3})
        >>> list(fiber), fiber.degrees, fiber[2], fiber.num_features
        ([FiberEl(degree=1, channels=3), FiberEl(degree=0, channels=8)], [0, 1], 0, 17)

    Source: NVIDIA's SE(3)-Transformer.
    """

    def __init__(self, structure: Mapping[int, int] | Sequence[tuple[int, int]]) -> None:
        pairs = list(structure.items() if isinstance(structure, Mapping) else structure)
        self.structure: list[FiberEl] = sorted(
            (FiberEl(int(d), int(c)) for d, c in pairs), key=lambda el: el.channels
        )
        super().__init__(self.structure)

    @staticmethod
    def create(num_degrees: int, num_channels: int) -> Fiber:
        """Degrees 0 to `num_degrees - 1`, with as many channels each."""
        return Fiber([(degree, num_channels) for degree in range(num_degrees)])

    @staticmethod
    def from_features(feats: Mapping[str, Tensor]) -> Fiber:
        """The structure of features, (..., C, 2d + 1) by degree."""
        return Fiber({int(degree): x.shape[-2] for degree, x in feats.items()})

    @staticmethod
    def combine_max(f1: Fiber, f2: Fiber) -> Fiber:
        """All degrees of both, each with the larger number of channels."""
        return Fiber({d: max(f1[d], f2[d]) for d in dict.fromkeys([*f1.degrees, *f2.degrees])})

    @staticmethod
    def combine_selectively(f1: Fiber, f2: Fiber) -> Fiber:
        """The channels of both, for the degrees of the first."""
        return f1 + f2

    @property
    def degrees(self) -> list[int]:
        """The degrees, ascending."""
        return sorted(el.degree for el in self.structure)

    @property
    def channels(self) -> list[int]:
        """The numbers of channels, by ascending degree."""
        return [self[degree] for degree in self.degrees]

    @property
    def num_features(self) -> int:
        """The number of components of all channels."""
        return sum(el.channels * degree_to_dim(el.degree) for el in self.structure)

    def __getitem__(self, degree: int) -> int:
        return int(self.get(degree, 0))

    def __iter__(self) -> Iterator[FiberEl]:
        return iter(self.structure)

    def __mul__(self, other: Fiber | int) -> Fiber | product[tuple[FiberEl, FiberEl]]:
        """All pairs with another fiber, or a multiple of the channels."""
        if isinstance(other, Fiber):
            return product(self.structure, other.structure)
        return Fiber([(el.degree, el.channels * other) for el in self.structure])

    def __add__(self, other: Fiber) -> Fiber:
        """The channels of both, for the degrees of the first; degrees that only the second has are dropped."""
        return Fiber([(el.degree, el.channels + other[el.degree]) for el in self.structure])

    def __reduce__(self) -> tuple[type, tuple[list[FiberEl]]]:
        return Fiber, (self.structure,)

    def __repr__(self) -> str:
        return f"Fiber({ {el.degree: el.channels for el in self.structure} })"
