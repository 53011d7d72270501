"""Molecules: the same graphs as torch_geometric makes from the same raw files."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.io import savemat

import grapevine.datasets as ours
from grapevine.data import Data
from grapevine.datasets.molecules import read_tensors
from grapevine.errors import GraphValueError
from grapevine.io import DownloadError, UnsafePickleError
from tests.datasets.test_published import assert_same, lines

theirs = pytest.importorskip("torch_geometric.datasets")
RNG = np.random.default_rng(0)
PARTS = ("train", "val", "test")


def qm7b(folder: Path) -> None:
    sizes = RNG.integers(2, 6, 8)
    matrices = np.zeros((8, 6, 6), dtype=np.float32)
    for matrix, size in zip(matrices, sizes):
        matrix[:size, :size] = RNG.uniform(1, 9, (size, size))
    savemat(folder / "qm7b.mat", {"X": matrices, "T": RNG.normal(size=(8, 14))})


def zinc(folder: Path) -> None:
    for part in PARTS:
        molecules = [
            {
                "num_atom": n,
                "atom_type": torch.from_numpy(RNG.integers(0, 5, n)),
                "bond_type": torch.from_numpy(np.triu(RNG.integers(0, 3, (n, n)), 1)),
                "logP_SA_cycle_normalized": torch.from_numpy(RNG.normal(size=1)),
            }
            for n in RNG.integers(3, 7, 6)
        ]
        (folder / f"{part}.pickle").write_bytes(pickle.dumps(molecules))
        (folder / f"{part}.index").write_text("4,1,2\n")


def tuples(kind: str) -> list[tuple[Any, ...]]:
    graphs = []
    for n in (4, 5, 6):
        x = torch.from_numpy(RNG.normal(size=(n, 3)))
        edge_index = torch.from_numpy(RNG.integers(0, n, (2, 7)))
        edge_attr = torch.from_numpy(RNG.normal(size=(7, 2)))
        if kind == "contact":
            pairs, label = (
                torch.from_numpy(RNG.integers(0, n, (2, 4))),
                torch.from_numpy(RNG.integers(0, 2, 4)),
            )
            graphs.append((x, edge_attr, edge_index, pairs, label))
        elif kind == "superpixels":
            graphs.append(
                (x, edge_attr, edge_index, RNG.choice([0, 11, 13, 25, 27, 44, 70, 72, 90], n).tolist())
            )
        else:
            graphs.append((x, edge_attr, edge_index, torch.from_numpy(RNG.normal(size=(1, 10)))))
    return graphs


def long_range(kind: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        for part in PARTS:
            if kind == "superpixels":
                (folder / f"{part}.pickle").write_bytes(pickle.dumps(tuples(kind)))
            else:
                torch.save(tuples(kind), folder / f"{part}.pt")

    return write


def frames(file: str, revised: bool) -> Callable[[Path], None]:
    keys = ("nuclear_charges", "coords", "energies", "forces") if revised else ("z", "R", "E", "F")

    def write(folder: Path) -> None:
        energy = RNG.normal(size=5 if revised else (5, 1))
        values = (RNG.integers(1, 9, 4), RNG.normal(size=(5, 4, 3)), energy, RNG.normal(size=(5, 4, 3)))
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        np.savez(folder / file, **dict(zip(keys, values)))

    return write


def coupled(folder: Path) -> None:
    for part in ("train", "test"):
        frames(f"aspirin_ccsd-{part}.npz", revised=False)(folder)


CASES: dict[str, tuple[str, dict[str, Any], str, Callable[[Path], None]]] = {
    "QM7b": ("QM7b", {}, "raw", qm7b),
    "QM7b, some": ("QM7b", {"pre_filter": lambda data: data.num_nodes > 3}, "raw", qm7b),
    "ZINC": ("ZINC", {"split": "val"}, "raw", zinc),
    "ZINC, subset": ("ZINC", {"subset": True}, "raw", zinc),
    "PascalVOC": ("LRGBDataset", {"name": "PascalVOC-SP"}, "pascalvoc-sp/raw", long_range("superpixels")),
    "COCO": ("LRGBDataset", {"name": "COCO-SP", "split": "test"}, "coco-sp/raw", long_range("superpixels")),
    "contacts": ("LRGBDataset", {"name": "PCQM-Contact"}, "pcqm-contact/raw", long_range("contact")),
    "peptides": ("LRGBDataset", {"name": "Peptides-func"}, "peptides-func/raw", long_range("peptides")),
    "MD17": ("MD17", {"name": "uracil"}, "uracil/raw", frames("md17_uracil.npz", False)),
    "MD17, revised": (
        "MD17",
        {"name": "revised ethanol"},
        "raw",
        frames("rmd17/npz_data/rmd17_ethanol.npz", True),
    ),
    "MD17, train": ("MD17", {"name": "aspirin CCSD", "train": True}, "aspirin CCSD/raw", coupled),
    "MD17, test": ("MD17", {"name": "aspirin CCSD", "train": False}, "aspirin CCSD/raw", coupled),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CASES)
def test_same_graphs_as_the_peer(case: str, tmp_path: Path) -> None:
    name, options, raw, write = CASES[case]
    (tmp_path / "ours" / raw).mkdir(parents=True)
    write(tmp_path / "ours" / raw)
    shutil.copytree(tmp_path / "ours", tmp_path / "theirs")
    mine = getattr(ours, name)(str(tmp_path / "ours"), **options)
    other = getattr(theirs, name)(str(tmp_path / "theirs"), **options)
    assert_same(mine, other)
    assert repr(mine) == repr(other)
    if name == "MD17":
        assert mine.mean() == pytest.approx(other.mean(), rel=1e-6)


@pytest.mark.filterwarnings("ignore")
def test_molecule_net(tmp_path: Path, shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The official file, its first sixty molecules."""
    pytest.importorskip("rdkit")
    monkeypatch.delenv("GRAPEVINE_DATA", raising=False)
    head = (shared_data / "molecules/moleculenet/delaney-processed.csv").read_text().splitlines()[:61]
    found = {}
    for library, folder in ((ours, tmp_path / "ours"), (theirs, tmp_path / "theirs")):
        (folder / "esol/raw").mkdir(parents=True)
        (folder / "esol/raw/delaney-processed.csv").write_text(lines(*head))
        found[library] = library.MoleculeNet(str(folder), "ESOL")
    assert_same(found[ours], found[theirs])
    assert repr(found[ours]) == repr(found[theirs]) == "ESOL(60)"


def test_molecule_net_of_several_tasks(tmp_path: Path) -> None:
    """Gaps, quotes, and a function of one's own for SMILES."""
    (tmp_path / "clintox/raw").mkdir(parents=True)
    table = lines("smiles,FDA,TOX", "CC,1,0", "C,,1", ",0,0", 'CCC,1,0"a, b"')
    (tmp_path / "clintox/raw/clintox.csv").write_text(table)
    with pytest.warns(UserWarning, match="has no atoms"):
        dataset = ours.MoleculeNet(str(tmp_path), "ClinTox", from_smiles=lambda s: Data(num_nodes=len(s)))
    assert [graph.num_nodes for graph in dataset] == [2, 1, 3]
    expected = torch.tensor([[[1.0, 0.0]], [[torch.nan, 1.0]], [[1.0, 0.0]]])
    torch.testing.assert_close(torch.stack([graph.y for graph in dataset]), expected, equal_nan=True)


def test_the_revised_trajectories_as_published(tmp_path: Path, shared_data: Path) -> None:
    file = shared_data / "molecules/rmd17/rmd17_ethanol_train_01.npz"
    place = tmp_path / "raw/rmd17/npz_data/rmd17_ethanol.npz"
    place.parent.mkdir(parents=True)
    shutil.copy(file, place)
    dataset = ours.MD17(str(tmp_path), "revised ethanol")
    with np.load(file) as arrays:
        energies, forces = torch.from_numpy(arrays["energies"]), torch.from_numpy(arrays["forces"])
    assert len(dataset) == 1000 and dataset[0].z.tolist().count(1) == 6
    torch.testing.assert_close(dataset[7].energy.view(()), energies[7].float())
    torch.testing.assert_close(dataset[7].force, forces[7].float())


def test_pickles_run_nothing(tmp_path: Path) -> None:
    file = tmp_path / "x.pickle"
    file.write_bytes(pickle.dumps([Path("x")]))
    with pytest.raises(UnsafePickleError, match="pathlib"):
        read_tensors(file)
    file.write_bytes(pickle.dumps([torch.ones(3)])[:40])
    with pytest.raises(UnsafePickleError):
        read_tensors(file)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda root: ours.MD17(root, "water"), "got 'water'"),
        (lambda root: ours.MD17(root, "uracil", train=True), "expected train=None"),
        (lambda root: ours.MD17(root, "aspirin CCSD"), "expected train=True or train=False"),
        (lambda root: ours.LRGBDataset(root, "peptides"), "got 'peptides'"),
        (lambda root: ours.ZINC(root, split="valid"), "got 'valid'"),
        (lambda root: ours.MoleculeNet(root, "qm8"), "got 'qm8'"),
    ],
)
def test_errors_teach(make: Callable[[str], Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(GraphValueError, match=message):
        make(str(tmp_path))


@pytest.mark.parametrize(
    "make, file",
    [
        (lambda root: ours.MD17(root, "uracil"), "md17_uracil.npz"),
        (lambda root: ours.MD17(root, "revised uracil"), "rmd17.tar.bz2"),
        (lambda root: ours.MD17(root, "aspirin CCSD", True), "aspirin_ccsd.zip"),
        (ours.ZINC, "molecules.zip"),
        (lambda root: ours.LRGBDataset(root, "COCO-SP"), "cocosp.zip"),
        (ours.QM7b, "qm7b.mat"),
        (lambda root: ours.MoleculeNet(root, "Tox21"), "tox21.csv.gz"),
    ],
)
def test_what_is_fetched(
    make: Callable[[str], Any], file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(name: str, into: object, url: str, *rest: object) -> Path:
        raise DownloadError(f"{name} from {url}")

    for module in ("grapevine.io.download", "grapevine.datasets._published"):
        monkeypatch.setattr(f"{module}.download_file", refuse)
    monkeypatch.delenv("GRAPEVINE_DATA", raising=False)
    with pytest.raises(DownloadError, match=file):
        make(str(tmp_path))
