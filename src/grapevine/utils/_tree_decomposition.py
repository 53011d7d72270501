"""Molecules as trees of rings and bonds."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import torch
from scipy.sparse.csgraph import minimum_spanning_tree
from torch import Tensor

from grapevine.data.convert import from_scipy_sparse_matrix, to_scipy_sparse_matrix
from grapevine.errors import require
from grapevine.graph import to_undirected

RING, BOND, BRIDGED, SINGLE = range(4)


def tree_decomposition(mol: Any, return_vocab: bool = False) -> tuple[Any, ...]:
    """The junction tree of a molecule: its rings, its other bonds, and atoms where several of them meet.

    Rings that share more than two atoms are one. Parts that share atoms are joined, and a spanning tree, of those that
    share most, is kept.

    Args:
        mol: an `rdkit.Chem.Mol`.
        return_vocab: whether to tell what each part is too.

    Returns:
        the edges of the tree, int64 (2, E), both directions; which atom belongs to which part, int64 (2, ·); the number
        of parts C; with `return_vocab` also int64 (C,): 0 for a ring, 1 a bond, 2 rings that were joined, 3 a single
        atom.

    Raises:
        MissingDependencyError: without rdkit.

    Source: "Junction Tree Variational Autoencoder for Molecular Graph Generation" (arXiv:1802.04364).
    """
    rings = [list(ring) for ring in require("rdkit.Chem", "rdkit").GetSymmSSSR(mol)]
    bonds = [{bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()} for bond in mol.GetBonds() if not bond.IsInRing()]
    parts = [*_joined(rings), *((BOND, bond) for bond in bonds)]
    cliques, kinds = [part for _, part in parts], [kind for kind, _ in parts]

    shared: dict[tuple[int, int], int] = {}
    for atom, owners in enumerate(_owners(cliques, mol.GetNumAtoms())):
        at_bonds = sum(len(cliques[c]) == 2 for c in owners)
        at_rings = sum(len(cliques[c]) > 4 for c in owners)
        crowd = at_bonds > 2 or (at_bonds == 2 and len(owners) > 2)
        if len(owners) > 1 and (crowd or at_rings > 2):  # an atom of its own in the middle
            shared |= {(c, len(cliques)): 1 if crowd else 99 for c in owners}
            cliques.append({atom})
            kinds.append(SINGLE)
        else:
            for one, two in combinations(owners, 2):
                common = len(cliques[one] & cliques[two])
                shared[one, two] = min(common, shared.get((one, two), 99))

    owners_of = _owners(cliques, mol.GetNumAtoms())
    pairs = [(atom, c) for atom, owners in enumerate(owners_of) for c in owners]
    atom2clique = torch.tensor(pairs, dtype=torch.long).view(-1, 2).t().contiguous()
    found = _spanning(shared, len(cliques)), atom2clique, len(cliques)
    return (*found, torch.tensor(kinds, dtype=torch.long)) if return_vocab else found


def _joined(rings: list[list[int]]) -> list[tuple[int, set[int]]]:
    """Rings, those joined that share more than two atoms, and whether each is of several."""
    sets, kinds = [set(ring) for ring in rings], [RING] * len(rings)
    for one, ring in enumerate(rings):
        for two in (two for atom in ring for two in range(one + 1, len(rings)) if atom in rings[two]):
            if len(sets[one] & sets[two]) > 2:
                sets[one] |= sets[two]
                sets[two] = set()
                kinds[one] = BRIDGED
    return [(kind, atoms) for kind, atoms in zip(kinds, sets, strict=True) if atoms]


def _owners(cliques: list[set[int]], num_atoms: int) -> list[list[int]]:
    """The parts that each atom belongs to, ascending."""
    return [[c for c, clique in enumerate(cliques) if atom in clique] for atom in range(num_atoms)]


def _spanning(shared: dict[tuple[int, int], int], size: int) -> Tensor:
    """The tree of the pairs that share most."""
    if not shared:
        return torch.empty(2, 0, dtype=torch.long)
    pairs = torch.tensor(list(shared)).t()
    graph = to_scipy_sparse_matrix(pairs, 100 - torch.tensor(list(shared.values())), size)
    edge_index, _ = from_scipy_sparse_matrix(minimum_spanning_tree(graph))
    return to_undirected(edge_index, num_nodes=size)
