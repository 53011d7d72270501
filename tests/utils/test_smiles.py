"""Molecules, beside the peer and RDKit itself."""

from __future__ import annotations

import pytest
import torch

from grapevine import utils
from grapevine.data import Data
from grapevine.errors import GraphTypeError, GraphValueError
from grapevine.utils import smiles as module

Chem = pytest.importorskip("rdkit.Chem")
peer = pytest.importorskip("torch_geometric.utils.smiles")

MOLECULES = [
    "",
    "C",
    "[Na+].[Cl-]",
    "CC(=O)Oc1ccccc1C(=O)O",
    "CN1C=NC2=C1C(=O)N(C(=O)N2C)C",
    "F/C=C/F",
    "F/C=C\\F",
    "N[C@@H](C)C(=O)O",
    "[O-][N+](=O)c1ccccc1",
    "C#N",
    "[CH3]",
    "O=S(=O)(O)O",
]


def test_categories() -> None:
    assert module.x_map == peer.x_map and module.e_map == peer.e_map


@pytest.mark.parametrize("smiles", [*MOLECULES, "no molecule"])
@pytest.mark.parametrize("options", [{}, {"with_hydrogen": True}, {"kekulize": True}], ids=str)
def test_from_smiles(smiles: str, options: dict[str, bool]) -> None:
    ours, theirs = utils.from_smiles(smiles, **options), peer.from_smiles(smiles, **options)
    assert set(ours.keys()) == set(theirs.keys()) and ours.smiles == theirs.smiles
    for key in ("x", "edge_index", "edge_attr"):
        assert torch.equal(ours[key], theirs[key]) and ours[key].dtype is theirs[key].dtype


@pytest.mark.parametrize("smiles", MOLECULES)
@pytest.mark.parametrize("kekulize", [False, True])
def test_there_and_back(smiles: str, kekulize: bool) -> None:
    data = utils.from_smiles(smiles)
    text = utils.to_smiles(data, kekulize)
    assert text == peer.to_smiles(peer.from_smiles(smiles), kekulize)
    if "/" not in smiles:  # the graph does not tell the neighbours that cis and trans are about
        assert Chem.CanonSmiles(text) == Chem.CanonSmiles(smiles)


def test_molecules_of_rdkit() -> None:
    mol = Chem.MolFromSmiles("CCO")
    data = utils.from_rdmol(mol)
    assert data.x[:, 0].tolist() == [6, 6, 8] and data.edge_index.tolist() == [[0, 1, 1, 2], [1, 0, 2, 1]]
    assert utils.to_rdmol(data).GetNumBonds() == 2
    with pytest.raises(GraphTypeError, match=r"expected an rdkit\.Chem\.Mol, got str"):
        utils.from_rdmol("CCO")
    with pytest.raises(GraphValueError, match=r"got none of \['edge_index', 'edge_attr'\]"):
        utils.to_smiles(Data(x=data.x))
    charged = Chem.MolFromSmiles("[Ti+7]")
    with pytest.raises(GraphValueError, match=r"expected formal_charge to be one of \[-5, .*, got 7"):
        utils.from_rdmol(charged)
