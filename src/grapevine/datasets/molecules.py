"""Molecules: as strings, as graphs of atoms and bonds, and as trajectories with forces."""

from __future__ import annotations

import collections
import io
import pickle
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.io import loadmat

from grapevine.data import Data, InMemoryDataset
from grapevine.datasets._parts import PartsDataset
from grapevine.datasets._published import FilteredDataset, NamedDataset, NamedFolder, fetch, known_name
from grapevine.errors import GraphValueError
from grapevine.io import ArrayUnpickler, UnsafePickleError
from grapevine.utils import from_smiles as _from_smiles

SPLITS = ("train", "val", "test")


class _TensorUnpickler(ArrayUnpickler):
    """Unpickles tensors too, whose numbers `torch.load` reads without running what a file says."""

    def find_class(self, module: str, name: str) -> Any:
        known = {
            ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
            ("torch.storage", "_load_from_bytes"): lambda raw: torch.load(io.BytesIO(raw), weights_only=True),
            ("collections", "OrderedDict"): collections.OrderedDict,
        }
        return known.get((module, name)) or super().find_class(module, name)


def read_tensors(file: Path) -> Any:
    """Reads a pickle of lists, dicts, tuples, tensors and arrays, and of nothing else.

    Raises:
        UnsafePickleError: if the pickle names any other class or function, or is broken.
    """
    with file.open("rb") as source:
        try:
            return _TensorUnpickler(source).load()
        except (
            pickle.UnpicklingError,
            EOFError,
            AttributeError,
            TypeError,
            ValueError,
            LookupError,
        ) as error:
            if isinstance(error, UnsafePickleError):
                raise
            raise UnsafePickleError(
                f"{file}: expected a whole pickle, got one that breaks off: {error}"
            ) from error


class QM7b(FilteredDataset):
    """7,211 molecules of up to 23 atoms as complete graphs with Coulomb forces; 14 properties.

    Args:
        root: folder of the dataset.
        transform: called on a graph at every access.
        pre_transform: called on every graph once, before it is saved.
        pre_filter: tells of every graph whether it is kept.
        force_reload: whether to read the raw file again.

    Returns:
        Graphs with ``edge_index``, ``edge_attr`` (E,), entries of the Coulomb matrix, and ``y`` (1, 14).

    Source: Wu et al., "MoleculeNet: A Benchmark for Molecular Machine Learning", arXiv:1703.00564.
    """

    def _urls(self) -> Mapping[str, str]:
        return {"qm7b.mat": "https://deepchemdata.s3-us-west-1.amazonaws.com/datasets/qm7b.mat"}

    def _read(self, folder: Path) -> list[Data]:
        given = loadmat(folder / "qm7b.mat")
        graphs = []
        for matrix, target in zip(torch.from_numpy(given["X"]), torch.from_numpy(given["T"]).float()):
            edge_index = matrix.nonzero().t().contiguous()
            edge_attr = matrix[edge_index[0], edge_index[1]]
            num_nodes = int(edge_index.max()) + 1
            graphs.append(
                Data(edge_index=edge_index, edge_attr=edge_attr, y=target.view(1, -1), num_nodes=num_nodes)
            )
        return graphs


class MoleculeNet(NamedDataset):
    """Molecules with measured or computed properties, read by rdkit from SMILES.

    | name     | graphs  | tasks |                                       |
    |----------|---------|-------|---------------------------------------|
    | ESOL     | 1,128   | 1     | solubility in water, regression       |
    | FreeSolv | 642     | 1     | energy of hydration, regression       |
    | Lipo     | 4,200   | 1     | octanol or water, regression          |
    | PCBA     | 437,929 | 128   | biological activity                   |
    | MUV      | 93,087  | 17    | biological activity                   |
    | HIV      | 41,127  | 1     | inhibition of HIV                     |
    | BACE     | 1,513   | 1     | inhibition of beta-secretase          |
    | BBBP     | 2,050   | 1     | passes from blood to brain            |
    | Tox21    | 7,831   | 12    | toxicity                              |
    | ToxCast  | 8,597   | 617   | toxicity                              |
    | SIDER    | 1,427   | 27    | side effects                          |
    | ClinTox  | 1,484   | 2     | failed or passed clinical trials      |

    Args:
        root: folder of the collection.
        name: which one, in any case.
        transform: called on a graph at every access.
        pre_transform: called on every graph once, before it is saved.
        pre_filter: tells of every graph whether it is kept.
        force_reload: whether to read the raw file again.
        from_smiles: makes a graph of a SMILES; None: `utils.from_smiles`, which needs rdkit.

    Returns:
        Graphs as of `from_smiles`, with ``y`` (1, tasks), not a number where unknown. Molecules without atoms are left
        out, with a warning.

    Raises:
        GraphValueError: for an unknown name.

    Source: Wu et al., "MoleculeNet: A Benchmark for Molecular Machine Learning", arXiv:1703.00564.
    """

    #: Its name in print, the published file, and the columns of SMILES and properties.
    table: dict[str, tuple[str, str, int, int | slice]] = {
        "esol": ("ESOL", "delaney-processed.csv", -1, -2),
        "freesolv": ("FreeSolv", "SAMPL.csv", 1, 2),
        "lipo": ("Lipophilicity", "Lipophilicity.csv", 2, 1),
        "pcba": ("PCBA", "pcba.csv.gz", -1, slice(0, 128)),
        "muv": ("MUV", "muv.csv.gz", -1, slice(0, 17)),
        "hiv": ("HIV", "HIV.csv", 0, -1),
        "bace": ("BACE", "bace.csv", 0, 2),
        "bbbp": ("BBBP", "BBBP.csv", -1, -2),
        "tox21": ("Tox21", "tox21.csv.gz", -1, slice(0, 12)),
        "toxcast": ("ToxCast", "toxcast_data.csv.gz", 0, slice(1, 618)),
        "sider": ("SIDER", "sider.csv.gz", 0, slice(1, 28)),
        "clintox": ("ClinTox", "clintox.csv.gz", 0, slice(1, 3)),
    }
    names = tuple(table)

    def __init__(
        self,
        root: str,
        name: str,
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
        pre_filter: Callable[..., Any] | None = None,
        force_reload: bool = False,
        from_smiles: Callable[[str], Data] | None = None,
    ) -> None:
        self.from_smiles = from_smiles or _from_smiles
        super().__init__(root, name, transform, pre_transform, force_reload, pre_filter=pre_filter)

    def _urls(self) -> Mapping[str, str]:
        file = self.table[self.name][1]
        return {file.removesuffix(".gz"): f"https://deepchemdata.s3-us-west-1.amazonaws.com/datasets/{file}"}

    def _read(self, folder: Path) -> list[Data]:
        _, file, smiles, chosen = self.table[self.name]
        graphs = []
        for line in (folder / file.removesuffix(".gz")).read_text().split("\n")[1:]:
            if not line:
                continue
            # What stands in quotes is no number, and may hold commas.
            values = re.sub(r"\".*\"", "", line).split(",")
            labels = values[chosen] if isinstance(chosen, slice) else [values[chosen]]
            data = self.from_smiles(values[smiles])
            data.y = torch.tensor([[float(label) if label else torch.nan for label in labels]])
            if data.num_nodes == 0:
                warnings.warn(f"molecule {values[smiles]!r} has no atoms and is left out", stacklevel=2)
            else:
                graphs.append(data)
        return graphs

    def __repr__(self) -> str:
        return f"{self.table[self.name][0]}({len(self)})"


class ZINC(PartsDataset):
    """Molecules of up to 38 heavy atoms and their constrained solubility: 220,011 / 24,445 / 5,000 graphs.

    Args:
        root: folder of the dataset.
        subset: take the 10,000 / 1,000 / 1,000 graphs that benchmarks use.
        split: "train", "val" or "test".
        transform: called on a graph at every access.
        pre_transform: called on every graph once, before it is saved.
        pre_filter: tells of every graph whether it is kept.
        force_reload: whether to read the raw files again.

    Returns:
        Graphs with ``x`` (N, 1), kinds of atoms, ``edge_attr`` (E,), kinds of bonds, and ``y`` (1,).

    Raises:
        GraphValueError: for an unknown split.

    Source: Gomez-Bombarelli et al., "Automatic Chemical Design Using a Data-Driven Continuous Representation of
    Molecules", arXiv:1610.02415; Dwivedi et al., arXiv:2003.00982.
    """

    parts = SPLITS

    def __init__(
        self,
        root: str,
        subset: bool = False,
        split: str = "train",
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
        pre_filter: Callable[..., Any] | None = None,
        force_reload: bool = False,
    ) -> None:
        self.subset = subset
        super().__init__(root, split, transform, pre_transform, pre_filter, force_reload)

    @property
    def processed_dir(self) -> str:
        return str(Path(self.root) / ("subset" if self.subset else "full") / "processed")

    @property
    def raw_file_names(self) -> list[str]:
        return [f"{split}.{kind}" for kind in ("pickle", "index") for split in SPLITS]

    def download(self) -> None:
        place = "https://raw.githubusercontent.com/graphdeeplearning/benchmarking-gnns/master/data/molecules"
        urls = {name: f"{place}/{name}" if name.endswith("index") else "" for name in self.raw_file_names}
        archive = "molecules.zip", "https://www.dropbox.com/s/feo9qle74kg48gy/molecules.zip?dl=1"
        fetch(urls, archive, Path(self.raw_dir), self.root, "zinc")

    def _read(self, part: str) -> Iterator[Data]:
        molecules = read_tensors(Path(self.raw_dir, f"{part}.pickle"))
        if self.subset:
            chosen = Path(self.raw_dir, f"{part}.index").read_text().strip().split(",")
            molecules = [molecules[int(i)] for i in chosen]
        for molecule in molecules:
            bonds = molecule["bond_type"]
            edge_index = bonds.nonzero().t().contiguous()
            yield Data(
                x=molecule["atom_type"].long().view(-1, 1),
                edge_index=edge_index,
                edge_attr=bonds[edge_index[0], edge_index[1]].long(),
                y=molecule["logP_SA_cycle_normalized"].float(),
            )


class LRGBDataset(NamedFolder, PartsDataset):
    """The Long Range Graph Benchmark: pictures as superpixels, and molecules.

    | name            | graphs  | task                                        |
    |-----------------|---------|---------------------------------------------|
    | PascalVOC-SP    | 11,355  | classes of nodes, 21                        |
    | COCO-SP         | 123,286 | classes of nodes, 81                        |
    | PCQM-Contact    | 529,434 | links between atoms that are near in space  |
    | Peptides-func   | 15,535  | 10 classes of graphs, several at once       |
    | Peptides-struct | 15,535  | 11 properties of graphs                     |

    Args:
        root: folder of the collection.
        name: which one, in any case.
        split: "train", "val" or "test".
        transform: called on a graph at every access.
        pre_transform: called on every graph once, before it is saved.
        pre_filter: tells of every graph whether it is kept.
        force_reload: whether to read the raw files again.

    Raises:
        GraphValueError: for an unknown name or split.

    Source: Dwivedi et al., "Long Range Graph Benchmark", arXiv:2206.08164.
    """

    parts = SPLITS
    places = {
        "pascalvoc-sp": "8x722ai272wqwl4/pascalvocsp.zip",
        "coco-sp": "r6ihg1f4pmyjjy0/cocosp.zip",
        "pcqm-contact": "qdag867u6h6i60y/pcqmcontact.zip",
        "peptides-func": "ycsq37q8sxs1ou8/peptidesfunc.zip",
        "peptides-struct": "zgv4z8fcpmknhs8/peptidesstruct.zip",
    }
    #: Numbers between 0 and 90 that no object of COCO has.
    gaps = (12, 26, 29, 30, 45, 66, 68, 69, 71, 83)

    def __init__(
        self,
        root: str,
        name: str,
        split: str = "train",
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
        pre_filter: Callable[..., Any] | None = None,
        force_reload: bool = False,
    ) -> None:
        self.name = known_name(name, tuple(self.places))
        super().__init__(root, split, transform, pre_transform, pre_filter, force_reload)

    @property
    def raw_file_names(self) -> list[str]:
        return [f"{split}.{'pickle' if self.name.endswith('-sp') else 'pt'}" for split in SPLITS]

    def download(self) -> None:
        place = self.places[self.name]
        archive = place.split("/")[1], f"https://www.dropbox.com/s/{place}?dl=1"
        fetch(dict.fromkeys(self.raw_file_names, ""), archive, Path(self.raw_dir), self.root, self.name)

    def _read(self, part: str) -> Iterator[Data]:
        if self.name.endswith("-sp"):
            numbers = torch.tensor([i for i in range(91) if i not in self.gaps])
            for x, edge_attr, edge_index, y in read_tensors(Path(self.raw_dir, f"{part}.pickle")):
                y = torch.as_tensor(y, dtype=torch.int64)
                y = torch.searchsorted(numbers, y) if self.name == "coco-sp" else y
                yield Data(x=x.float(), edge_index=edge_index, edge_attr=edge_attr.float(), y=y)
            return
        names = ("edge_label_index", "edge_label") if self.name == "pcqm-contact" else ("y",)
        for x, edge_attr, edge_index, *target in torch.load(
            Path(self.raw_dir, f"{part}.pt"), weights_only=True
        ):
            yield Data(x=x, edge_index=edge_index, edge_attr=edge_attr, **dict(zip(names, target)))


class MD17(InMemoryDataset):
    """Molecules in motion, with energies (kcal/mol) and forces (kcal/mol/Angstrom) from ab initio dynamics.

    Names are those of molecules, such as "aspirin"; "revised aspirin" is computed anew with tighter criteria; "aspirin
    CCSD", "benzene CCSD(T)" and others are of coupled-cluster theory, with a split for training and test; "benzene
    FHI-aims" is of another program.

    Args:
        root: folder of the collection.
        name: one of `file_names`.
        train: which part, where there are two; None where there are none.
        transform: called on a graph at every access.
        pre_transform: called on every graph once, before it is saved.
        pre_filter: tells of every graph whether it is kept.
        force_reload: whether to read the raw files again.

    Returns:
        Graphs with ``z`` (N,), ``pos`` (N, 3), ``energy`` (1,) or () and ``force`` (N, 3).

    Raises:
        GraphValueError: for an unknown name, or if `train` does not fit it.

    Source: Chmiela et al., "Machine learning of accurate energy-conserving molecular force fields", Science Advances
    2017; Christensen, von Lilienfeld, "On the role of gradients for machine learning of molecular energies and forces",
    arXiv:2007.09593.
    """

    file_names = {
        "benzene": "md17_benzene2017.npz",
        "uracil": "md17_uracil.npz",
        "naphthalene": "md17_naphthalene.npz",
        "aspirin": "md17_aspirin.npz",
        "salicylic acid": "md17_salicylic.npz",
        "malonaldehyde": "md17_malonaldehyde.npz",
        "ethanol": "md17_ethanol.npz",
        "toluene": "md17_toluene.npz",
        "paracetamol": "paracetamol_dft.npz",
        "azobenzene": "azobenzene_dft.npz",
        "revised benzene": "rmd17_benzene.npz",
        "revised uracil": "rmd17_uracil.npz",
        "revised naphthalene": "rmd17_naphthalene.npz",
        "revised aspirin": "rmd17_aspirin.npz",
        "revised salicylic acid": "rmd17_salicylic.npz",
        "revised malonaldehyde": "rmd17_malonaldehyde.npz",
        "revised ethanol": "rmd17_ethanol.npz",
        "revised toluene": "rmd17_toluene.npz",
        "revised paracetamol": "rmd17_paracetamol.npz",
        "revised azobenzene": "rmd17_azobenzene.npz",
        "benzene CCSD(T)": "benzene_ccsd_t.zip",
        "aspirin CCSD": "aspirin_ccsd.zip",
        "malonaldehyde CCSD(T)": "malonaldehyde_ccsd_t.zip",
        "ethanol CCSD(T)": "ethanol_ccsd_t.zip",
        "toluene CCSD(T)": "toluene_ccsd_t.zip",
        "benzene FHI-aims": "benzene2018_dft.npz",
    }

    def __init__(
        self,
        root: str,
        name: str,
        train: bool | None = None,
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
        pre_filter: Callable[..., Any] | None = None,
        force_reload: bool = False,
    ) -> None:
        if name not in self.file_names:
            raise GraphValueError(f"expected one of {list(self.file_names)}, got {name!r}")
        self.name = name
        self.revised, self.ccsd = "revised" in name, "CCSD" in name
        if self.ccsd == (train is None):
            advice = "train=True or train=False" if self.ccsd else "train=None, since it has no split"
            raise GraphValueError(f"expected {advice} for {name!r}, got train={train}")
        super().__init__(root, transform, pre_transform, pre_filter, force_reload=force_reload)
        self.load(self.processed_paths[0 if train is None or train else 1])

    @property
    def raw_dir(self) -> str:
        return str(Path(self.root) / ("" if self.revised else self.name) / "raw")

    @property
    def processed_dir(self) -> str:
        return str(Path(self.root) / self.name / "processed")

    @property
    def raw_file_names(self) -> list[str]:
        file = self.file_names[self.name]
        if self.ccsd:
            return [f"{Path(file).stem}-{part}.npz" for part in ("train", "test")]
        return [f"rmd17/npz_data/{file}" if self.revised else file]

    @property
    def processed_file_names(self) -> list[str]:
        return ["grapevine_train.pt", "grapevine_test.pt"] if self.ccsd else ["grapevine.pt"]

    def download(self) -> None:
        file = self.file_names[self.name]
        place = f"http://quantum-machine.org/gdml/data/npz/{file}"
        names = dict.fromkeys((Path(name).name for name in self.raw_file_names), "")
        archive: tuple[str, str] | None = None
        if self.revised:
            place = "https://archive.materialscloud.org/record/file?filename=rmd17.tar.bz2&record_id=466"
            archive = "rmd17.tar.bz2", place
        elif self.ccsd:
            archive = file, place
        else:
            names = {file: place}
        into = Path(self.raw_paths[0]).parent
        into.mkdir(parents=True, exist_ok=True)
        fetch(names, archive, into, self.root, self.name)

    def process(self) -> None:
        keys = ("nuclear_charges", "coords", "energies", "forces") if self.revised else ("z", "R", "E", "F")
        for raw, path in zip(self.raw_paths, self.processed_paths):
            with np.load(raw) as arrays:
                z, pos, energy, force = (torch.from_numpy(arrays[key]) for key in keys)
            frames = zip(pos.float(), energy.float(), force.float())
            graphs = [Data(z=z.long(), pos=p, energy=e, force=f) for p, e, f in frames]
            self.save(self._kept(graphs), path)

    def mean(self) -> float:
        """The mean energy."""
        return float(torch.stack([graph.energy for graph in self]).mean())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)}, name='{self.name}')"
