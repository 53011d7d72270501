"""The equivariant basis of an edge: what couples features of one degree to messages of another."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import torch
from torch import Tensor

from grapevine.nn.equivariant.fiber import degree_to_dim
from grapevine.nn.equivariant.harmonics import spherical_harmonics, wigner_3j

Basis = dict[str, Tensor]


def get_basis(relative_pos: Tensor, max_degree: int = 4, convention: str = "e3nn") -> Basis:
    r"""The basis of every edge, for all pairs of degrees.

    .. math::
        B_{d, d'}[e, l, f, k] = \sum_j Y_J(\mathbf{r}_e)_j\, C^{J d d'}_{jlk}, \quad J = |d - d'| + f,
        \quad f = 0 \ldots 2 \min(d, d')

    Args:
        relative_pos: x_dst - x_src, (E, 3). An edge of length zero has only the terms with J = 0.
        max_degree: the largest degree.
        convention: the signs of C, see `wigner_3j`; "e3nn-0.3" for checkpoints with 3 or more degrees trained with e3nn
            before 0.5.

    Returns:
        "d,d'" -> (E, 2d + 1, 2 min(d, d') + 1, 2d' + 1).

    Departures from the reference: gradients flow to the positions, so forces by autograd are right.

    Example:
        >>> import torch
        >>> {k: tuple(b.shape) for k, b in get_basis(torch.randn(5, 3), max_degree=1).items()}
        {'0,0': (5, 1, 1, 1), '0,1': (5, 1, 1, 3), '1,0': (5, 3, 1, 1), '1,1': (5, 3, 3, 3)}

    Source: "SE(3)-Transformers: 3D Roto-Translation Equivariant Attention Networks" (arXiv:2006.10503).
    """
    harmonics = spherical_harmonics(range(2 * max_degree + 1), relative_pos)
    couplings = _couplings(max_degree, convention).to(harmonics)
    joint = harmonics @ couplings  # one product for all pairs; the basis are views of it
    found, start = {}, 0
    for d_in in range(max_degree + 1):
        for d_out in range(max_degree + 1):
            shape = degree_to_dim(d_in), degree_to_dim(min(d_in, d_out)), degree_to_dim(d_out)
            size = shape[0] * shape[1] * shape[2]
            found[f"{d_in},{d_out}"] = joint[:, start : start + size].unflatten(1, shape)
            start += size
    return found


@cache
def _couplings(max_degree: int, convention: str) -> Tensor:
    """All coefficients in one matrix, from all harmonics to all entries of the basis."""
    rows = (2 * max_degree + 1) ** 2
    blocks = []
    for d_in in range(max_degree + 1):
        for d_out in range(max_degree + 1):
            first = abs(d_in - d_out)
            shape = degree_to_dim(d_in), degree_to_dim(min(d_in, d_out)), degree_to_dim(d_out)
            block = torch.zeros(rows, *shape, dtype=torch.float64)
            for f in range(shape[1]):
                J = first + f
                block[J * J : (J + 1) ** 2, :, f] = wigner_3j(J, d_in, d_out, convention)
            blocks.append(block.flatten(1))
    return torch.cat(blocks, dim=1)


def update_basis_with_fused(
    basis: Mapping[str, Tensor], max_degree: int, use_pad_trick: bool = False, fully_fused: bool = False
) -> Basis:
    """The blocks of a basis laid side by side, as NVIDIA's kernels want them; ours do not need it.

    Args:
        basis: of `get_basis`.
        max_degree: the largest degree.
        use_pad_trick: a column of zeros more in the last axis of "out{d}_fused", to make it even.
        fully_fused: add "fully_fused" too.

    Returns:
        The basis, with "out{d}_fused" (all inputs for one output degree), "in{d}_fused" (all outputs for one input
        degree) and "fully_fused" added.

    Example:
        >>> import torch
        >>> basis = update_basis_with_fused(get_basis(torch.randn(5, 3), 1), 1, fully_fused=True)
        >>> basis["out1_fused"].shape, basis["fully_fused"].shape
        (torch.Size([5, 4, 4, 3]), torch.Size([5, 4, 6, 4]))

    Source: NVIDIA's SE(3)-Transformer.
    """
    degrees = list(range(max_degree + 1))
    some = basis["0,0"]
    dims = [degree_to_dim(d) for d in degrees]

    def fused(ins: list[int], outs: list[int], pad: int = 0) -> Tensor:
        """l runs over the input degrees, k over the output degrees, f over all pairs (outputs first)."""
        freqs = [degree_to_dim(min(i, o)) for o in outs for i in ins]
        height, width = sum(dims[i] for i in ins), sum(dims[o] for o in outs) + pad
        whole = some.new_zeros(some.shape[0], height, sum(freqs), width)
        f, k = 0, 0
        for o in outs:
            l = 0
            for i in ins:
                block = basis[f"{i},{o}"]
                whole[:, l : l + dims[i], f : f + block.shape[2], k : k + dims[o]] = block
                l, f = l + dims[i], f + block.shape[2]
            k += dims[o]
        return whole

    found = dict(basis)
    for d in degrees:
        found[f"out{d}_fused"] = fused(degrees, [d], int(use_pad_trick))
        found[f"in{d}_fused"] = fused([d], degrees)
    if fully_fused:
        found["fully_fused"] = fused(degrees, degrees)
    return found
