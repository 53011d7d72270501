"""Molecules: from and to SMILES and RDKit, atoms and bonds as categories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from grapevine.data import Data
from grapevine.errors import GraphTypeError, GraphValueError, require

#: What the columns of ``x`` mean: category n is entry n. RDKit's own names and order, of which models know the numbers.
x_map: dict[str, list[Any]] = {
    "atomic_num": [*range(119)],
    "chirality": [
        "CHI_UNSPECIFIED",
        "CHI_TETRAHEDRAL_CW",
        "CHI_TETRAHEDRAL_CCW",
        "CHI_OTHER",
        "CHI_TETRAHEDRAL",
        "CHI_ALLENE",
        "CHI_SQUAREPLANAR",
        "CHI_TRIGONALBIPYRAMIDAL",
        "CHI_OCTAHEDRAL",
    ],
    "degree": [*range(11)],
    "formal_charge": [*range(-5, 7)],
    "num_hs": [*range(9)],
    "num_radical_electrons": [*range(5)],
    "hybridization": ["UNSPECIFIED", "S", "SP", "SP2", "SP3", "SP3D", "SP3D2", "OTHER"],
    "is_aromatic": [False, True],
    "is_in_ring": [False, True],
}

#: What the columns of ``edge_attr`` mean.
e_map: dict[str, list[Any]] = {
    "bond_type": [
        *("UNSPECIFIED", "SINGLE", "DOUBLE", "TRIPLE", "QUADRUPLE", "QUINTUPLE", "HEXTUPLE", "ONEANDAHALF"),
        *("TWOANDAHALF", "THREEANDAHALF", "FOURANDAHALF", "FIVEANDAHALF", "AROMATIC", "IONIC", "HYDROGEN"),
        *("THREECENTER", "DATIVEONE", "DATIVE", "DATIVEL", "DATIVER", "OTHER", "ZERO"),
    ],
    "stereo": ["STEREONONE", "STEREOANY", "STEREOZ", "STEREOE", "STEREOCIS", "STEREOTRANS"],
    "is_conjugated": [False, True],
}


def from_rdmol(mol: Any) -> Data:
    """Returns a molecule of RDKit as a graph of atoms.

    Args:
        mol: an `rdkit.Chem.Mol`.

    Returns:
        A graph with ``x`` (N, 9), the categories of `x_map`, ``edge_attr`` (E, 3), those of `e_map`, and an
        ``edge_index`` with both directions of each bond, sorted.

    Raises:
        GraphTypeError: for anything else than a molecule.
        GraphValueError: for an atom or a bond that is in no category.
        MissingDependencyError: without RDKit.
    """
    if not isinstance(mol, require("rdkit.Chem", "rdkit").Mol):
        raise GraphTypeError(f"expected an rdkit.Chem.Mol, got {type(mol).__name__}")
    atoms = [
        _categories(
            x_map,
            atom.GetAtomicNum(),
            str(atom.GetChiralTag()),
            atom.GetTotalDegree(),
            atom.GetFormalCharge(),
            atom.GetTotalNumHs(),
            atom.GetNumRadicalElectrons(),
            str(atom.GetHybridization()),
            atom.GetIsAromatic(),
            atom.IsInRing(),
        )
        for atom in mol.GetAtoms()
    ]
    bonds = {}
    for bond in mol.GetBonds():
        i, j = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        kind = _categories(e_map, str(bond.GetBondType()), str(bond.GetStereo()), bond.GetIsConjugated())
        bonds[i, j] = bonds[j, i] = kind
    ends = sorted(bonds)
    return Data(
        x=torch.tensor(atoms, dtype=torch.long).view(-1, len(x_map)),
        edge_index=torch.tensor(ends, dtype=torch.long).view(-1, 2).t().contiguous(),
        edge_attr=torch.tensor([bonds[pair] for pair in ends], dtype=torch.long).view(-1, len(e_map)),
    )


def _categories(table: dict[str, list[Any]], *values: Any) -> list[int]:
    found = []
    for (name, known), value in zip(table.items(), values, strict=True):
        if value not in known:
            raise GraphValueError(f"expected {name} to be one of {known}, got {value!r}")
        found.append(known.index(value))
    return found


def from_smiles(smiles: str, with_hydrogen: bool = False, kekulize: bool = False) -> Data:
    """Returns the molecule that a SMILES string describes as a graph of atoms; see `from_rdmol`.

    Args:
        smiles: the string, kept as ``smiles``; one that RDKit cannot read gives a graph without atoms.
        with_hydrogen: whether hydrogens are atoms of their own.
        kekulize: whether aromatic bonds become single and double ones.

    Raises:
        MissingDependencyError: without RDKit.
    """
    chem = require("rdkit.Chem", "rdkit")
    with require("rdkit.rdBase", "rdkit").BlockLogs():
        mol = chem.MolFromSmiles(smiles)
    mol = chem.Mol() if mol is None else mol
    if with_hydrogen:
        mol = chem.AddHs(mol)
    if kekulize:
        chem.Kekulize(mol)
    data = from_rdmol(mol)
    data.smiles = smiles
    return data


def to_rdmol(data: Data, kekulize: bool = False) -> Any:
    """Returns a graph of atoms, as `from_rdmol` makes them, as a molecule of RDKit.

    Args:
        data: with ``x`` (N, 9), ``edge_index`` and ``edge_attr`` (E, 3).
        kekulize: whether aromatic bonds become single and double ones.

    Raises:
        GraphValueError: if something is missing.
        MissingDependencyError: without RDKit.
    """
    missing = [key for key in ("x", "edge_index", "edge_attr") if key not in data]
    if missing:
        raise GraphValueError(
            f"expected a molecule with 'x', 'edge_index' and 'edge_attr', got none of {missing}"
        )
    chem = require("rdkit.Chem", "rdkit")
    mol = chem.RWMol()
    for row in data["x"].tolist():
        mol.AddAtom(_atom(chem, row))
    known = set()
    for (i, j), (kind, stereo, conjugated) in zip(
        data["edge_index"].t().tolist(), data["edge_attr"].tolist()
    ):
        if (min(i, j), max(i, j)) in known:
            continue
        known.add((min(i, j), max(i, j)))
        mol.AddBond(i, j, getattr(chem.BondType, e_map["bond_type"][kind]))
        bond = mol.GetBondBetweenAtoms(i, j)
        bond.SetIsConjugated(bool(conjugated))
        if stereo:
            bond.SetStereoAtoms(j, i)
            bond.SetStereo(getattr(chem.BondStereo, e_map["stereo"][stereo]))
    mol = mol.GetMol()
    if kekulize:
        chem.Kekulize(mol)
    chem.SanitizeMol(mol)
    chem.AssignStereochemistry(mol)
    return mol


def _atom(chem: Any, row: Sequence[int]) -> Any:
    number, chirality, _, charge, hydrogens, radicals, hybridization, aromatic, _ = row
    atom = chem.Atom(number)
    atom.SetChiralTag(getattr(chem.ChiralType, x_map["chirality"][chirality]))
    atom.SetFormalCharge(x_map["formal_charge"][charge])
    atom.SetNumExplicitHs(x_map["num_hs"][hydrogens])
    atom.SetNumRadicalElectrons(x_map["num_radical_electrons"][radicals])
    atom.SetHybridization(getattr(chem.HybridizationType, x_map["hybridization"][hybridization]))
    atom.SetIsAromatic(bool(aromatic))
    return atom


def to_smiles(data: Data, kekulize: bool = False) -> str:
    """Returns the SMILES string of a graph of atoms; see `to_rdmol`.

    Args:
        data: with ``x`` (N, 9), ``edge_index`` and ``edge_attr`` (E, 3).
        kekulize: whether aromatic bonds become single and double ones.

    Raises:
        GraphValueError: if something is missing.
        MissingDependencyError: without RDKit.
    """
    text: str = require("rdkit.Chem", "rdkit").MolToSmiles(to_rdmol(data, kekulize), isomericSmiles=True)
    return text
