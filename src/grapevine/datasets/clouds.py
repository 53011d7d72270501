"""Clouds of points with labels or normals, and images as graphs of patches."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from grapevine.data import Data, InMemoryDataset
from grapevine.datasets._parts import PartsDataset, TrainTestDataset, obtain_tree
from grapevine.errors import GraphValueError
from grapevine.io import read_txt_array


class ShapeNet(PartsDataset):
    """16,881 clouds of about 2,600 points from 16 categories of objects; the points of each are of 2 to 6 parts.

    Args:
        root: folder of the dataset. The zip, ``shapenetcore_partanno_segmentation_benchmark_v0_normal.zip``, is taken
            from here or from the folder ``$GRAPEVINE_DATA``, and downloaded otherwise.
        categories: one or some of the keys of `category_ids`; None: all of them.
        include_normals: whether to keep the normals as ``x``.
        split: "train", "val", "trainval" or "test".
        transform: called on a graph at every access.
        pre_transform: called on each graph once, before they are saved.
        pre_filter: called on each graph before that; graphs for which it returns False are left out.
        force_reload: whether to read the raw files again.

    Returns:
        Graphs with ``pos`` (N, 3), ``x`` (N, 3), ``y`` (N,) and ``category`` (1,), its number among `categories`.
        `y_mask` (16, 50) tells which of the 50 labels a category may have.

    Raises:
        DownloadError: if raw files are missing and cannot be downloaded.
        GraphValueError: for an unknown category or split.

    Source: Yi et al., "A Scalable Active Framework for Region Annotation in 3D Shape Collections", SIGGRAPH Asia 2016.
    """

    url = "https://shapenet.cs.stanford.edu/media/shapenetcore_partanno_segmentation_benchmark_v0_normal.zip"
    category_ids = {
        "Airplane": "02691156",
        "Bag": "02773838",
        "Cap": "02954340",
        "Car": "02958343",
        "Chair": "03001627",
        "Earphone": "03261776",
        "Guitar": "03467517",
        "Knife": "03624134",
        "Lamp": "03636649",
        "Laptop": "03642806",
        "Motorbike": "03790512",
        "Mug": "03797390",
        "Pistol": "03948459",
        "Rocket": "04099429",
        "Skateboard": "04225987",
        "Table": "04379243",
    }
    #: How many labels each category has; they are numbered through.
    part_counts = (4, 2, 2, 4, 4, 3, 3, 2, 4, 2, 6, 2, 3, 3, 3, 3)
    parts = ("train", "val", "test", "trainval")

    def __init__(
        self,
        root: str,
        categories: str | list[str] | None = None,
        include_normals: bool = True,
        split: str = "trainval",
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
        pre_filter: Callable[..., Any] | None = None,
        force_reload: bool = False,
    ) -> None:
        wanted = [categories] if isinstance(categories, str) else categories or list(self.category_ids)
        if not set(wanted) <= set(self.category_ids):
            raise GraphValueError(f"expected categories of {list(self.category_ids)}, got {wanted}")
        self.categories = wanted
        super().__init__(root, split, transform, pre_transform, pre_filter, force_reload)
        if not include_normals:
            self._data.x = None
        owner = torch.arange(16).repeat_interleave(torch.tensor(self.part_counts))
        self.y_mask = torch.arange(16)[:, None] == owner

    @property
    def seg_classes(self) -> dict[str, list[int]]:
        """The labels of each category."""
        return {name: mask.nonzero().flatten().tolist() for name, mask in zip(self.category_ids, self.y_mask)}

    @property
    def num_classes(self) -> int:
        return self.y_mask.size(1)

    @property
    def raw_file_names(self) -> list[str]:
        return [*self.category_ids.values(), "train_test_split"]

    @property
    def processed_file_names(self) -> list[str]:
        name = "_".join(category[:3].lower() for category in self.categories)
        return [f"grapevine_{name}_{part}.pt" for part in self.parts]

    def download(self) -> None:
        folder = Path(self.url).stem
        obtain_tree(f"{folder}.zip", folder, self.raw_dir, self.url, self.root, folder)

    def _read(self, part: str) -> Iterator[Data]:
        if part == "trainval":
            yield from self._read("train")
            yield from self._read("val")
            return
        number = {self.category_ids[name]: i for i, name in enumerate(self.categories)}
        listed = Path(self.raw_dir, "train_test_split", f"shuffled_{part}_file_list.json")
        for line in json.loads(listed.read_text()):
            _, category, name = line.split("/")
            if category in number:
                table = read_txt_array(Path(self.raw_dir, category, f"{name}.txt"))
                yield Data(
                    pos=table[:, :3], x=table[:, 3:6], y=table[:, -1].long(), category=number[category]
                )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)}, categories={self.categories})"


class PCPNetDataset(InMemoryDataset):
    """30 shapes as clouds of 100,000 points, with normals and curvatures, in several states of noise and density.

    Args:
        root: folder of the dataset. The zip, ``pclouds.zip``, is taken from here or from the folder
            ``$GRAPEVINE_DATA``, and downloaded otherwise.
        category: "NoNoise", "Noisy", "VarDensity" or "NoisyAndVarDensity" for training and validation; "All",
            "NoNoise", "LowNoise", "MedNoise", "HighNoise", "VarDensityStriped" or "VarDensityGradient" for testing.
        split: "train", "val" or "test".
        transform: called on a graph at every access.
        pre_transform: called on each graph once, before they are saved.
        pre_filter: called on each graph before that; graphs for which it returns False are left out.
        force_reload: whether to read the raw files again.

    Returns:
        Graphs with ``pos`` (N, 3), ``x`` (N, 5), normals and two curvatures, and ``test_idx``, the points to compare.

    Raises:
        DownloadError: if raw files are missing and cannot be downloaded.
        GraphValueError: for an unknown category or split.

    Source: Guerrero et al., "PCPNet: Learning Local Shape Properties from Raw Point Clouds", arXiv:1710.04954.
    """

    url = "http://geometry.cs.ucl.ac.uk/projects/2018/pcpnet/pclouds.zip"
    _noisy = {
        "NoNoise": "no_noise",
        "Noisy": "whitenoise",
        "VarDensity": "vardensity",
        "NoisyAndVarDensity": "vardensity_whitenoise",
    }
    #: The list of shapes of each split and category.
    files = {
        "train": {name: f"trainingset_{file}.txt" for name, file in _noisy.items()},
        "val": {name: f"validationset_{file}.txt" for name, file in _noisy.items()},
        "test": {
            "All": "testset_all.txt",
            "NoNoise": "testset_no_noise.txt",
            "LowNoise": "testset_low_noise.txt",
            "MedNoise": "testset_med_noise.txt",
            "HighNoise": "testset_high_noise.txt",
            "VarDensityStriped": "testset_vardensity_striped.txt",
            "VarDensityGradient": "testset_vardensity_gradient.txt",
        },
    }

    def __init__(
        self,
        root: str,
        category: str,
        split: str = "train",
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
        pre_filter: Callable[..., Any] | None = None,
        force_reload: bool = False,
    ) -> None:
        if split not in self.files or category not in self.files[split]:
            known = {name: list(categories) for name, categories in self.files.items()}
            raise GraphValueError(f"expected a split and category of {known}, got {split!r} and {category!r}")
        self.category = category
        self.split = split
        super().__init__(root, transform, pre_transform, pre_filter, force_reload=force_reload)
        self.load(self.processed_paths[0])

    @property
    def raw_file_names(self) -> str:
        return self.files[self.split][self.category]

    @property
    def processed_file_names(self) -> str:
        return f"grapevine_{self.split}_{self.category}.pt"

    def download(self) -> None:
        obtain_tree("pclouds.zip", "", self.raw_dir, self.url, self.root)

    def process(self) -> None:
        graphs = []
        for name in Path(self.raw_paths[0]).read_text().split():
            pos, normals, curvature = (
                read_txt_array(Path(self.raw_dir, f"{name}.{part}")).view(-1, columns)
                for part, columns in (("xyz", 3), ("normals", 3), ("curv", 2))
            )
            index = read_txt_array(Path(self.raw_dir, f"{name}.pidx"), dtype=torch.long)
            data = Data(pos=pos, x=torch.cat([normals, curvature], dim=1), test_idx=index)
            graphs.append(data)
        self.save(self._kept(graphs), self.processed_paths[0])

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)}, category={self.category})"


class MNISTSuperpixels(TrainTestDataset):
    """70,000 handwritten digits as graphs of 75 patches each, joined where they touch.

    | graphs | nodes | edges a graph | features | classes |
    |--------|-------|---------------|----------|---------|
    | 70,000 | 75    | 1,393.0       | 1        | 10      |

    Args:
        root: folder of the dataset. The zip, ``MNISTSuperpixels.zip``, is taken from here or from the folder
            ``$GRAPEVINE_DATA``, and downloaded otherwise.
        train: whether to load the part for training, else the part for testing.
        transform: called on a graph at every access.
        pre_transform: called on each graph once, before they are saved.
        pre_filter: called on each graph before that; graphs for which it returns False are left out.
        force_reload: whether to read the raw files again.

    Returns:
        Graphs with ``x`` (75, 1), the brightness, ``pos`` (75, 2), ``edge_index`` and ``y`` (1,).

    Raises:
        DownloadError: if raw files are missing and cannot be downloaded.

    Source: Monti et al., "Geometric Deep Learning on Graphs and Manifolds Using Mixture Model CNNs", arXiv:1611.08402.
    """

    url = "https://data.pyg.org/datasets/MNISTSuperpixels.zip"

    @property
    def raw_file_names(self) -> str:
        return "MNISTSuperpixels.pt"

    def download(self) -> None:
        obtain_tree("MNISTSuperpixels.zip", "", self.raw_dir, self.url, self.root)

    def _read(self, part: str) -> Iterator[Data]:
        graphs = torch.load(self.raw_paths[0], weights_only=True)[self.parts.index(part)]
        yield from (Data(**graph) for graph in graphs)
