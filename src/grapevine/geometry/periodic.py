"""Neighbours in periodic cells, for crystals and liquids."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from grapevine.errors import GraphValueError
from grapevine.geometry.neighbours import radius


def periodic_radius_graph(
    pos: Tensor,
    r: float,
    cell: Tensor,
    pbc: bool | Sequence[bool] = True,
    batch: Tensor | None = None,
    loop: bool = False,
) -> tuple[Tensor, Tensor]:
    r"""An edge to every atom from each atom, and each of its periodic images, at most r away.

    .. math:: \mathbf{d}_{ij} = \mathbf{x}_i - (\mathbf{x}_j + \mathbf{s}_{ij} \mathbf{C}), \quad |\mathbf{d}_{ij}|
    \le r

    Args:
        pos: (N, 3); atoms may lie outside the cell.
        r: the radius, inclusive; it may exceed the cell.
        cell: rows are the cell's vectors, (3, 3), or (G, 3, 3) with `batch`.
        pbc: along which of the three vectors the cell repeats.
        batch: (N,), the cell of each atom.
        loop: join each atom to itself (in the same image) too; its other images are neighbours in any case.

    Returns:
        edge_index, (2, E), sources above, and the shifts s of the sources in numbers of cells, (E, 3).
        Differentiable vectors are `pos[dst] - pos[src] - torch.einsum("ek,ekd->ed", shift.to(cell), cell[batch[src]])`.

    Raises:
        GraphValueError: for a cell without volume, or of the wrong shape.

    Example:
        >>> import torch
        >>> edge_index, shift = periodic_radius_graph(torch.zeros(1, 3), 1.1, torch.eye(3))
        >>> edge_index.shape, shift.abs().sum(1).tolist()  # a simple cubic lattice: six neighbours
        (torch.Size([2, 6]), [1, 1, 1, 1, 1, 1])
    """
    if pos.dim() != 2 or pos.shape[1] != 3 or cell.shape[-2:] != (3, 3):
        raise GraphValueError(
            f"expected positions (N, 3) and cells (3, 3) or (G, 3, 3), got {list(pos.shape)}, {list(cell.shape)}"
        )
    flags = [pbc] * 3 if isinstance(pbc, bool) else list(pbc)
    cells = cell.detach().double().view(-1, 3, 3)
    of = pos.new_zeros(pos.shape[0], dtype=torch.int64) if batch is None else batch
    sources, targets, shifts = [], [], []
    for g, vectors in enumerate(cells):
        atoms = (of == g).nonzero().squeeze(1)
        if len(atoms):
            i, j, s = _one_cell(pos.detach()[atoms].double(), r, vectors, flags, loop)
            targets.append(atoms[i])
            sources.append(atoms[j])
            shifts.append(s)
    if not sources:
        return of.new_empty(2, 0), of.new_empty(0, 3)
    return torch.stack([torch.cat(sources), torch.cat(targets)]), torch.cat(shifts)


def _one_cell(
    x: Tensor, r: float, cell: Tensor, pbc: list[bool], loop: bool
) -> tuple[Tensor, Tensor, Tensor]:
    volume = float(cell.det().abs())
    if volume < 1e-12:
        raise GraphValueError(f"expected a cell with volume, got {cell.tolist()}; pass pbc=False without one")
    # Atoms are folded into the cell; then images up to r / height away along each vector are all that can be near.
    home = (x @ cell.inverse()).floor() * torch.tensor(pbc, dtype=x.dtype, device=x.device)
    folded = x - home @ cell
    reach = []
    for k in range(3):
        area = float(torch.linalg.cross(cell[k - 2], cell[k - 1]).norm())
        reach.append(math.ceil(r * area / volume) if pbc[k] else 0)
    steps = itertools.product(*(range(-n, n + 1) for n in reach))
    images = torch.tensor(list(steps), dtype=x.dtype, device=x.device)
    ghosts = (folded[None] + (images @ cell)[:, None]).flatten(0, 1)
    low, high = folded.amin(0) - r - 1e-9, folded.amax(0) + r + 1e-9
    close = ((ghosts >= low) & (ghosts <= high)).all(1).nonzero().squeeze(1)
    i, at = radius(ghosts[close], folded, r)
    ghost = close[at]
    j, image = ghost % len(x), ghost // len(x)
    if not loop:
        real = (i != j) | images[image].any(1)
        i, j, image = i[real], j[real], image[real]
    # Shifts for the atoms where they are, not where they were folded to.
    shift = images[image] + home[i] - home[j]
    return i, j, shift.round().long()
