"""QM9: small molecules and what quantum chemistry computes about them."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from grapevine.data import Data
from grapevine.datasets._published import FilteredDataset, rows
from grapevine.errors import require
from grapevine.utils import one_hot, scatter

_HARTREE, _KCAL = 27.211386246, 0.04336414  # in eV
_UNITS = [1.0, 1.0, *[_HARTREE] * 3, 1.0, *[_HARTREE] * 5, 1.0, *[_KCAL] * 4, 1.0, 1.0, 1.0]
_ELEMENTS = (1, 6, 7, 8, 9)
_BONDS = ("SINGLE", "DOUBLE", "TRIPLE", "AROMATIC")
#: Energies of single atoms in eV, and heat capacities, for the targets that have them.
_ATOMS = {
    6: (0.0, 0.0, 0.0, 0.0, 0.0),
    7: (-13.61312172, -1029.86312267, -1485.30251237, -2042.61123593, -2713.48485589),
    8: (-13.5745904, -1029.82456413, -1485.26398105, -2042.5727046, -2713.44632457),
    9: (-13.54887564, -1029.79887659, -1485.2382935, -2042.54701705, -2713.42063702),
    10: (-13.90303183, -1030.25891228, -1485.71166277, -2043.01812778, -2713.88796536),
    11: (0.0, 0.0, 0.0, 0.0, 0.0),
}


class QM9(FilteredDataset):
    """130,831 molecules of up to 9 atoms of carbon, nitrogen, oxygen and fluorine, with 19 properties.

    | target | property                                  | unit      |
    |--------|-------------------------------------------|-----------|
    | 0      | dipole moment μ                           | D         |
    | 1      | isotropic polarisability α                | a_0³      |
    | 2      | energy of the highest occupied orbital    | eV        |
    | 3      | energy of the lowest unoccupied orbital   | eV        |
    | 4      | gap between them                          | eV        |
    | 5      | spatial extent ⟨R²⟩                       | a_0²      |
    | 6      | zero-point vibrational energy             | eV        |
    | 7      | internal energy at 0 K, U_0               | eV        |
    | 8      | internal energy at 298.15 K, U            | eV        |
    | 9      | enthalpy at 298.15 K, H                   | eV        |
    | 10     | free energy at 298.15 K, G                | eV        |
    | 11     | heat capacity at 298.15 K                 | cal/(mol K) |
    | 12-15  | energies 7 to 10 of atomisation           | eV        |
    | 16-18  | rotational constants A, B, C              | GHz       |

    Args:
        root: folder of the dataset. With rdkit, the raw files ``gdb9.sdf``, ``gdb9.sdf.csv`` and
            ``uncharacterized.txt`` are read, without it ``qm9_v3.pt``, which holds the same graphs.
        transform: called on a graph at every access.
        pre_transform: called on every graph once, before it is saved.
        pre_filter: tells of every graph whether it is kept.
        force_reload: whether to read the raw files again.

    Returns:
        Graphs with ``x`` (N, 11): the element, one-hot, its number, whether it is aromatic, sp, sp² and sp³, and the
        number of hydrogens; ``z`` (N,), ``pos`` (N, 3) in Å, ``edge_index``, ``edge_attr`` (E, 4), the kind of bond,
        one-hot, ``y`` (1, 19), ``smiles``, ``name`` and ``idx``.

    Source: Ramakrishnan et al., "Quantum chemistry structures and properties of 134 kilo molecules", Scientific Data 1
    (2014); Wu et al., arXiv:1703.00564.
    """

    def mean(self, target: int) -> float:
        """Mean of a target over the graphs."""
        return float(self._targets(target).mean())

    def std(self, target: int) -> float:
        """Standard deviation of a target over the graphs."""
        return float(self._targets(target).std())

    def _targets(self, target: int) -> Tensor:
        return torch.cat([self.get(i)["y"] for i in self.indices()])[:, target]

    def atomref(self, target: int) -> Tensor | None:
        """What single atoms have of a target, (100, 1), by their number; None for targets without."""
        if target not in _ATOMS:
            return None
        found = torch.zeros(100, 1)
        found[list(_ELEMENTS), 0] = torch.tensor(_ATOMS[target])
        return found

    def _archive(self) -> tuple[str, str]:
        if _with_rdkit():
            return (
                "qm9.zip",
                "https://deepchemdata.s3-us-west-1.amazonaws.com/datasets/molnet_publish/qm9.zip",
            )
        return "qm9_v3.zip", "https://data.pyg.org/datasets/qm9_v3.zip"

    def _urls(self) -> Mapping[str, str]:
        if not _with_rdkit():
            return {"qm9_v3.pt": ""}
        unsure = "https://ndownloader.figshare.com/files/3195404"
        return {"gdb9.sdf": "", "gdb9.sdf.csv": "", "uncharacterized.txt": unsure}

    def _read(self, folder: Path) -> list[Data]:
        if not _with_rdkit():
            return [Data(**graph) for graph in torch.load(folder / "qm9_v3.pt", weights_only=True)]
        table = [row[1:20] for row in rows(folder / "gdb9.sdf.csv", ",", skip=1)]
        y = torch.tensor([[float(cell) for cell in row] for row in table])
        y = y.roll(-3, dims=1) * torch.tensor(_UNITS)
        unsure = (folder / "uncharacterized.txt").read_text().split("\n")[9:-2]
        skipped = {int(line.split()[0]) - 1 for line in unsure}
        with require("rdkit.rdBase", "rdkit").BlockLogs():
            molecules = enumerate(_molecules(folder / "gdb9.sdf"))
            return [Data(**about, y=y[i : i + 1], idx=i) for i, about in molecules if i not in skipped]


def _with_rdkit() -> bool:
    return importlib.util.find_spec("rdkit") is not None


def _molecules(file: Path) -> Iterator[dict[str, Any]]:
    chem = require("rdkit.Chem", "rdkit")
    for molecule in chem.SDMolSupplier(str(file), removeHs=False, sanitize=False):
        atoms, bonds = molecule.GetAtoms(), molecule.GetBonds()
        z = torch.tensor([atom.GetAtomicNum() for atom in atoms])
        ends = [
            (bond.GetBeginAtomIdx(), bond.GetEndAtomIdx(), _BONDS.index(str(bond.GetBondType())))
            for bond in bonds
        ]
        both = torch.tensor([*ends, *((b, a, kind) for a, b, kind in ends)]).view(-1, 3)
        both = both[(both[:, 0] * z.numel() + both[:, 1]).argsort()]
        edge_index = both[:, :2].t().contiguous()
        hydrogens = scatter((z == 1).float()[edge_index[0]], edge_index[1], dim_size=z.numel())
        orbitals = [str(atom.GetHybridization()) for atom in atoms]
        columns = [
            z,
            [atom.GetIsAromatic() for atom in atoms],
            *([orbital == kind for orbital in orbitals] for kind in ("SP", "SP2", "SP3")),
            hydrogens,
        ]
        element = one_hot(torch.tensor([_ELEMENTS.index(int(number)) for number in z]), len(_ELEMENTS))
        about = torch.stack([torch.as_tensor(column, dtype=torch.float32) for column in columns], dim=1)
        yield {
            "x": torch.cat([element, about], dim=1),
            "z": z,
            "pos": torch.tensor(molecule.GetConformer().GetPositions(), dtype=torch.float32),
            "edge_index": edge_index,
            "smiles": chem.MolToSmiles(molecule, isomericSmiles=True),
            "edge_attr": one_hot(both[:, 2], len(_BONDS)),
            "name": molecule.GetProp("_Name"),
        }
