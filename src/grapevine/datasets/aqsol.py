"""How well molecules dissolve in water."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch

from grapevine.data import Data
from grapevine.datasets._parts import PartsDataset
from grapevine.datasets._published import fetch
from grapevine.datasets.molecules import read_tensors

_ATOMS = (
    "Br C N O Cl Zn F P S Na Al Si Mo Ca W Pb B V Co Mg Bi Fe Ba K Ti Sn Cd I Re Sr H Cu Ni Lu Pr Te Ce Nd Gd Zr Mn "
    "As Hg Sb Cr Se La Dy Y Pd Ag In Li Rh Nb Hf Cs Ru Au Sm Ta Pt Ir Be Ge"
)


class AQSOL(PartsDataset):
    """9,823 molecules of 2 to 157 atoms, and the logarithm of how much of them water dissolves.

    Args:
        root: folder of the dataset.
        split: ``"train"`` (7,831), ``"val"`` (996) or ``"test"`` (996).
        transform: called on a graph at every access.
        pre_transform: called on every graph once, before it is saved.
        pre_filter: tells of every graph whether it is kept.
        force_reload: whether to read the raw files again.

    Returns:
        Graphs with ``x`` (N,), a number among `atoms`, ``edge_index``, ``edge_attr`` (E,), one among `bonds`, and ``y``
        (1,). Molecules without bonds are left out.

    Raises:
        GraphValueError: for an unknown split.

    Source: Dwivedi et al., "Benchmarking Graph Neural Networks" (arXiv:2003.00982); measured by Sorkun et al., 2019.
    """

    @property
    def raw_file_names(self) -> list[str]:
        return [f"{part}.pickle" for part in self.parts]

    def download(self) -> None:
        archive = "aqsol_graph_raw.zip", "https://www.dropbox.com/s/lzu9lmukwov12kt/aqsol_graph_raw.zip?dl=1"
        fetch(dict.fromkeys(self.raw_file_names, ""), archive, Path(self.raw_dir), self.root, "aqsol")

    def _read(self, part: str) -> Iterator[Data]:
        for x, edge_attr, edge_index, y in read_tensors(Path(self.raw_dir, f"{part}.pickle")):
            if edge_index.size:
                arrays = {"x": x, "edge_index": edge_index, "edge_attr": edge_attr}
                tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
                yield Data(**tensors, y=torch.tensor([float(y)]))

    def atoms(self) -> list[str]:
        """The elements that the numbers in ``x`` stand for."""
        return _ATOMS.split()

    def bonds(self) -> list[str]:
        """The kinds of bonds that the numbers in ``edge_attr`` stand for."""
        return ["NONE", "SINGLE", "DOUBLE", "AROMATIC", "TRIPLE"]
