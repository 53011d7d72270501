"""Molecules and what quantum chemistry says about them: QM7b and QM9."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from scipy.io import loadmat
from torch import Tensor

from grapevine.dgl.construct import graph
from grapevine.dgl.data.dgl_dataset import DGLDataset
from grapevine.dgl.data.published import Contents, PublishedDataset, Record, floats, integers
from grapevine.dgl.data.utils import _get_dgl_url, download
from grapevine.dgl.heterograph import DGLGraph
from grapevine.io import find

__all__ = ["QM9", "QM7b", "QM7bDataset", "QM9Dataset", "QM9Edge", "QM9EdgeDataset"]


def _read_qm7b(data: Any) -> Contents:
    arrays = loadmat(data.raw_file)
    graphs = []
    for coulomb in arrays["X"]:
        src, dst = coulomb.nonzero()
        g = graph((src, dst))
        g.edata["h"] = floats(coulomb[src, dst]).view(-1, 1)
        graphs.append(g)
    return Contents(graphs, {"labels": floats(arrays["T"])})


class QM7bDataset(PublishedDataset):
    """7,211 molecules with their Coulomb matrices (edge feature `h`) and 14 properties.

    Args:
        raw_dir: folder of raw and processed files; None means `get_download_dir()`.
        force_reload: whether to read the raw files again.
        verbose: whether to print.
        transform: called on every graph at access.

    Source: Montavon et al., Machine Learning of Molecular Electronic Properties in Chemical Compound Space,
    arXiv:1305.7074.
    """

    record = Record(
        "qm7b",
        "http://deepchem.io.s3-website-us-west-1.amazonaws.com/datasets/qm7b.mat",
        _read_qm7b,
        sha1="4102c744bb9d6fd7b40ac67a300e49cd87e28392",
        packed=False,
    )
    #: The number of properties.
    num_labels = num_tasks = 14

    def __init__(
        self,
        raw_dir: str | None = None,
        force_reload: bool = False,
        verbose: bool = False,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        super().__init__(raw_dir, force_reload, verbose, transform)

    @property
    def label(self) -> Tensor:
        """`(G, 14)`: the properties."""
        return self._contents.labels["labels"]


QM7b = QM7bDataset


class _Npz(DGLDataset):
    """One `.npz` file in `raw_dir`, read every time."""

    _file: str

    @property
    def npz_path(self) -> str:
        """The file."""
        return os.path.join(self.raw_dir, self._file)

    def download(self) -> None:
        if not os.path.exists(self.npz_path):
            known = find(self._file, self.raw_dir)
            if known is None:
                download(_get_dgl_url(f"dataset/{self._file}"), self.npz_path, log=self.verbose)
            else:
                self._known = str(known)

    def _arrays(self) -> Any:
        if not os.path.exists(self.npz_path):
            self.download()
        return np.load(getattr(self, "_known", self.npz_path), allow_pickle=False)


class QM9Dataset(_Npz):
    """130,831 molecules, their atoms within a distance joined; node features `R` (positions) and `Z` (numbers).

    Args:
        label_keys: the properties that make the targets, such as `["mu", "gap"]`.
        cutoff: largest distance of an edge, in Ångström.
        raw_dir: folder of the file; None means `get_download_dir()`.
        force_reload: accepted; the file is read every time.
        verbose: whether to print.
        transform: called on every graph at access.

    Source: Ramakrishnan et al., Quantum chemistry structures and properties of 134 kilo molecules, 2014.
    """

    _file = "qm9_eV.npz"

    def __init__(
        self,
        label_keys: Sequence[str],
        cutoff: float = 5.0,
        raw_dir: str | None = None,
        force_reload: bool = False,
        verbose: bool = False,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        self.cutoff = cutoff
        self.label_keys = label_keys
        super().__init__(
            "qm9",
            _get_dgl_url("dataset/qm9_eV.npz"),
            raw_dir,
            force_reload=force_reload,
            verbose=verbose,
            transform=transform,
        )

    def process(self) -> None:
        with self._arrays() as arrays:
            self.N, self.R, self.Z = arrays["N"], arrays["R"], arrays["Z"]
            self.label = np.stack([arrays[key] for key in self.label_keys], axis=1)
        self.N_cumsum = np.concatenate([[0], np.cumsum(self.N)])

    @property
    def num_labels(self) -> int:
        """The number of properties."""
        return self.label.shape[1]

    num_tasks = num_labels

    def __getitem__(self, idx: int) -> tuple[DGLGraph, Tensor]:
        """A molecule, and its properties."""
        atoms = slice(self.N_cumsum[idx], self.N_cumsum[idx + 1])
        positions = self.R[atoms]
        near = np.linalg.norm(positions[:, None] - positions[None], axis=-1) <= self.cutoff
        np.fill_diagonal(near, False)
        ends = tuple(torch.from_numpy(side).int() for side in near.nonzero())
        g = graph(ends, num_nodes=len(positions))
        g.ndata["R"], g.ndata["Z"] = floats(positions), integers(self.Z[atoms])
        return self._transformed(g), floats(self.label[idx])

    def __len__(self) -> int:
        return len(self.label)


QM9 = QM9Dataset


class QM9EdgeDataset(_Npz):
    """130,831 molecules with their bonds: node features `pos` and `attr` (11), edge feature `edge_attr` (4).

    Args:
        label_keys: the properties that make the targets, of `keys`; None takes all 19.
        raw_dir: folder of the file; None means `get_download_dir()`.
        force_reload: accepted; the file is read every time.
        verbose: whether to print.
        transform: called on every graph at access.

    Source: Ramakrishnan et al., Quantum chemistry structures and properties of 134 kilo molecules, 2014.
    """

    _file = "qm9_edge.npz"
    #: All properties.
    keys = [
        *("mu", "alpha", "homo", "lumo", "gap", "r2", "zpve", "U0", "U", "H", "G", "Cv"),
        *("U0_atom", "U_atom", "H_atom", "G_atom", "A", "B", "C"),
    ]
    #: From property to column.
    map_dict = {key: column for column, key in enumerate(keys)}

    def __init__(
        self,
        label_keys: Sequence[str] | None = None,
        raw_dir: str | None = None,
        force_reload: bool = False,
        verbose: bool = True,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        self.label_keys = None if label_keys is None else [self.map_dict[key] for key in label_keys]
        self.num_labels = len(self.keys if label_keys is None else label_keys)
        super().__init__(
            "qm9Edge",
            _get_dgl_url("dataset/qm9_edge.npz"),
            raw_dir,
            force_reload=force_reload,
            verbose=verbose,
            transform=transform,
        )

    def has_cache(self) -> bool:
        return os.path.exists(self.npz_path)

    def process(self) -> None:
        self.load()

    def load(self) -> None:
        names = ("n_node", "n_edge", "node_attr", "node_pos", "edge_attr", "targets", "src", "dst")
        with self._arrays() as arrays:
            for name in names:
                setattr(self, name, arrays[name])
        self.n_cumsum, self.ne_cumsum = (
            np.concatenate([[0], np.cumsum(sizes)]) for sizes in (self.n_node, self.n_edge)
        )

    n_node: np.ndarray[Any, Any]
    n_edge: np.ndarray[Any, Any]
    node_attr: np.ndarray[Any, Any]
    node_pos: np.ndarray[Any, Any]
    edge_attr: np.ndarray[Any, Any]
    targets: np.ndarray[Any, Any]
    src: np.ndarray[Any, Any]
    dst: np.ndarray[Any, Any]

    def __getitem__(self, idx: int) -> tuple[DGLGraph, Tensor]:
        """A molecule, and its properties: `(1, 19)` if none were chosen."""
        atoms = slice(self.n_cumsum[idx], self.n_cumsum[idx + 1])
        bonds = slice(self.ne_cumsum[idx], self.ne_cumsum[idx + 1])
        g = graph((self.src[bonds], self.dst[bonds]), num_nodes=int(self.n_node[idx]))
        g.ndata["pos"], g.ndata["attr"] = floats(self.node_pos[atoms]), floats(self.node_attr[atoms])
        g.edata["edge_attr"] = floats(self.edge_attr[bonds])
        return self._transformed(g), floats(self.targets[idx][self.label_keys])

    def __len__(self) -> int:
        return len(self.n_node)

    @property
    def num_tasks(self) -> int:
        """The number of properties."""
        return self.num_labels


QM9Edge = QM9EdgeDataset
