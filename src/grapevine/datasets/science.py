"""Air around wings, and what genes tell of tumours."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from grapevine.data import Data
from grapevine.datasets._published import FilteredDataset, PublishedDataset, rows
from grapevine.errors import GraphValueError


class AirfRANS(PublishedDataset):
    """1,000 simulations of air that flows around the profile of a wing, as clouds of about 180,000 points.

    Args:
        root: folder of the dataset.
        task: ``"full"``, 800 for training; ``"scarce"``, 200; ``"reynolds"`` and ``"aoa"``: other speeds, other angles
            of attack in the test.
        train: whether to load the part for training, else the part for testing.
        transform: called on a cloud at every access.
        pre_transform: called on each cloud once, before they are saved.
        pre_filter: tells of every cloud whether it is kept.
        force_reload: whether to read the raw files again.

    Returns:
        Clouds with ``pos`` (N, 2), ``x`` (N, 5): velocity far away, distance to the wing, normals; ``y`` (N, 4):
        velocity, pressure, turbulent viscosity; ``surf`` (N,), whether a point lies on the wing, and ``name``.

    Raises:
        GraphValueError: for an unknown task.

    Source: Bonnet et al., "AirfRANS: High Fidelity Computational Fluid Dynamics Dataset for Approximating
    Reynolds-Averaged Navier-Stokes Solutions" (arXiv:2212.07564).
    """

    tasks = ("full", "scarce", "reynolds", "aoa")

    def __init__(
        self,
        root: str,
        task: str,
        train: bool = True,
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
        pre_filter: Callable[..., Any] | None = None,
        force_reload: bool = False,
    ) -> None:
        if task not in self.tasks:
            raise GraphValueError(f"expected a task of {self.tasks}, got {task!r}")
        self.task = "full" if task == "scarce" and not train else task  # one test for both
        self.split = "train" if train else "test"
        super().__init__(root, transform, pre_transform, force_reload, pre_filter=pre_filter)

    @property
    def processed_file_names(self) -> str:
        return f"grapevine_{self.task}_{self.split}.pt"

    def _archive(self) -> tuple[str, str]:
        return "AirfRANS.zip", "https://data.isir.upmc.fr/extrality/pytorch_geometric/AirfRANS.zip"

    def _urls(self) -> Mapping[str, str]:
        return {"AirfRANS.pt": "", "manifest.json": ""}

    def _read(self, folder: Path) -> list[Data]:
        manifest = json.loads((folder / "manifest.json").read_text())
        wanted = set(manifest[f"{self.task}_{self.split}"])
        clouds = torch.load(folder / "AirfRANS.pt", weights_only=True)
        names = manifest["full_train"] + manifest["full_test"]
        return [Data(**cloud) for cloud, name in zip(clouds, names) if name in wanted]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)}, task={self.task}, split={self.split})"


class BrcaTcga(FilteredDataset):
    """1,082 patients with breast cancer: the activity of 9,288 genes, 271,771 interactions, and how long they lived.

    Args:
        root: folder of the dataset.
        transform: called on a graph at every access.
        pre_transform: called on every graph once, before it is saved.
        pre_filter: tells of every graph whether it is kept.
        force_reload: whether to read the raw files again.

    Returns:
        Graphs with ``x`` (9288, 1), ``edge_index``, the same in all, and ``y``, days of survival.

    Source: Liu et al., "An Integrated TCGA Pan-Cancer Clinical Data Resource", Cell 173 (2018).
    """

    def _archive(self) -> tuple[str, str]:
        return "brca_tcga.zip", "https://zenodo.org/record/8251328/files/brca_tcga.zip?download=1"

    def _urls(self) -> Mapping[str, str]:
        return {"graph_idx.csv": "", "graph_labels.csv": "", "edge_index.pt": ""}

    def _read(self, folder: Path) -> list[Data]:
        table = [row[1:] for row in rows(folder / "graph_idx.csv", ",", skip=1)]
        genes = torch.from_numpy(np.array(table, dtype=np.float64)).float()
        days = torch.from_numpy(np.loadtxt(folder / "graph_labels.csv", delimiter=",", ndmin=1)).float()
        edge_index = torch.load(folder / "edge_index.pt", weights_only=True)
        return [Data(x=x.view(-1, 1), edge_index=edge_index, y=y) for x, y in zip(genes, days)]
