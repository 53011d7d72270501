"""The random numbers of the samplers, as csrc/sampling.h draws them: a function of a key, so the same everywhere."""

from __future__ import annotations

MASK = 2**64 - 1
PHI = 0x9E3779B97F4A7C15
SLOT = 0xD6E8FEB86659FD93


def mix(x: int) -> int:
    """Splitmix64's finaliser: 64 bits, well mixed."""
    x &= MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


class Draw:
    """A stream of draws (wyrand)."""

    def __init__(self, state: int) -> None:
        self.state = state

    def bits(self) -> int:
        """64 bits."""
        self.state = (self.state + 0xA0761D6478BD642F) & MASK
        product = self.state * (self.state ^ 0xE7037ED1A0B428DB)
        return (product >> 64) ^ (product & MASK)

    def split(self, n: int) -> tuple[int, int]:
        """A number in [0, n), without bias (Lemire), and 64 bits that are uniform given it."""
        product = self.bits() * n
        while product & MASK < 2**64 % n:
            product = self.bits() * n
        return product >> 64, product & MASK

    def below(self, n: int) -> int:
        """A number in [0, n)."""
        return self.split(n)[0]

    def unit(self) -> float:
        """A number in [0, 1)."""
        return (self.bits() >> 11) * 2.0**-53
