"""Junction trees of molecules, as the peer makes them."""

from __future__ import annotations

import pytest
import torch

from grapevine.utils import tree_decomposition

chem = pytest.importorskip("rdkit.Chem")
peer = pytest.importorskip("torch_geometric.utils")

SMILES = [
    "C",
    "CCO",
    "CC(C)(C)C",  # an atom where four bonds meet
    "c1ccccc1",
    "c1ccc2ccccc2c1",
    "C1CC2CCC1C2",  # a bridge
    "C1C2CC3CC1CC(C2)C3",  # adamantane: several
    "c1cc2ccc3cccc4ccc(c1)c2c34",  # rings that meet in an atom
    "CC(=O)Oc1ccccc1C(=O)O",
    "CN1CCC23C4C1CC5=C2C(=C(C=C5)O)OC3C(C=C4)O",
    "C1CC12CC2",
    "[Na+].[Cl-]",
]


@pytest.mark.parametrize("smiles", SMILES)
def test_same_as_peer(smiles: str) -> None:
    molecule = chem.MolFromSmiles(smiles)
    for vocabulary in (False, True):
        mine, other = (
            f(molecule, return_vocab=vocabulary) for f in (tree_decomposition, peer.tree_decomposition)
        )
        assert len(mine) == len(other)
        for value, expected in zip(mine, other, strict=True):
            assert torch.equal(value, expected) if isinstance(expected, torch.Tensor) else value == expected


def test_it_is_a_tree() -> None:
    edge_index, atoms, size = tree_decomposition(chem.MolFromSmiles(SMILES[8]))
    assert edge_index.shape[1] == 2 * (size - 1)
    assert atoms[0].unique().numel() == 13
