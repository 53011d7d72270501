"""Shapes as meshes in OFF files, a folder for each class."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from grapevine.data import Data
from grapevine.datasets._parts import TrainTestDataset, obtain_tree
from grapevine.errors import GraphValueError
from grapevine.io import read_off
from grapevine.transforms import Center


class ShapeFolders(TrainTestDataset):
    """Meshes ``raw/CLASS/train/*.off`` and ``raw/CLASS/test/*.off``, classes and files in the order of their names."""

    pattern = "*.off"

    @property
    def categories(self) -> list[str]:
        """The names of the classes, in the order of their numbers."""
        return sorted(path.parent.name for path in Path(self.raw_dir).glob("*/train") if path.is_dir())

    @property
    def raw_file_names(self) -> list[str]:
        return self.categories or ["CLASS"]

    def _read(self, part: str) -> Iterator[Data]:
        for number, name in enumerate(self.categories):
            for path in sorted(Path(self.raw_dir, name, part).glob(self.pattern.format(name))):
                data = read_off(path)
                data.y = torch.tensor([number])
                yield data


class GeometricShapes(ShapeFolders):
    """80 meshes of 40 simple shapes, such as cubes, cups and pyramids: one of each for training, one for testing.

    | graphs | nodes a graph | faces a graph | classes |
    |--------|---------------|---------------|---------|
    | 80     | 148.8         | 286.5         | 40      |

    Both parts hold the very same meshes: what a model is tested on are other points drawn from them, or other poses.

    Args:
        root: folder of the dataset. The zip (``geometric_shapes_raw.zip``, upstream ``raw.zip``) is taken from here or
            from the folder ``$GRAPEVINE_DATA``, and downloaded otherwise; meshes may lie in ``root/raw`` too.
        train: whether to load the part for training, else the part for testing.
        transform: called on a graph at every access, such as `SamplePoints`.
        pre_transform: called on each graph once, before they are saved.
        pre_filter: called on each graph before that; graphs for which it returns False are left out.
        force_reload: whether to read the raw files again.

    Returns:
        Graphs with ``pos`` (N, 3), centred, ``face`` (3, T) and ``y`` (1,).

    Raises:
        DownloadError: if raw files are missing and cannot be downloaded.

    Source: github.com/Yannick-S/geometric_shapes.
    """

    url = "https://github.com/Yannick-S/geometric_shapes/raw/master/raw.zip"

    def download(self) -> None:
        obtain_tree("geometric_shapes_raw.zip", "raw", self.raw_dir, self.url, self.root)

    def _read(self, part: str) -> Iterator[Data]:
        for data in super()._read(part):
            yield Center()(data)


class ModelNet(ShapeFolders):
    """CAD models of furniture and other objects of 10 or 40 classes, as meshes.

    | name | graphs | nodes a graph | faces a graph | classes |
    |------|--------|---------------|---------------|---------|
    | 10   | 4,899  | 9,508.2       | 12,483.5      | 10      |
    | 40   | 12,311 | 17,744.4      | 22,020.3      | 40      |

    Args:
        root: folder of the dataset. The official zip (``ModelNet10.zip``), or the folder that it unpacks to, is taken
            from here or from the folder ``$GRAPEVINE_DATA``, and downloaded otherwise. A folder with some of the
            classes will do: they are numbered in the order of their names.
        name: "10" or "40".
        train: whether to load the part for training, else the part for testing.
        transform: called on a graph at every access, such as `SamplePoints`.
        pre_transform: called on each graph once, before they are saved.
        pre_filter: called on each graph before that; graphs for which it returns False are left out.
        force_reload: whether to read the raw files again.

    Returns:
        Graphs with ``pos`` (N, 3), ``face`` (3, T) and ``y`` (1,).

    Raises:
        DownloadError: if raw files are missing and cannot be downloaded.
        GraphValueError: for another name.

    Source: Wu et al., "3D ShapeNets: A Deep Representation for Volumetric Shapes", arXiv:1406.5670; for academic use.
    """

    urls = {
        "10": "http://3dvision.princeton.edu/projects/2014/3DShapeNets/ModelNet10.zip",
        "40": "http://modelnet.cs.princeton.edu/ModelNet40.zip",
    }
    pattern = "{}_*.off"

    def __init__(
        self,
        root: str,
        name: str = "10",
        train: bool = True,
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
        pre_filter: Callable[..., Any] | None = None,
        force_reload: bool = False,
    ) -> None:
        if name not in self.urls:
            raise GraphValueError(f"expected name '10' or '40', got {name!r}")
        self.name = name
        super().__init__(root, train, transform, pre_transform, pre_filter, force_reload)

    def download(self) -> None:
        folder = f"ModelNet{self.name}"
        obtain_tree(f"{folder}.zip", folder, self.raw_dir, self.urls[self.name], self.root, folder)

    def __repr__(self) -> str:
        return f"{type(self).__name__}{self.name}({len(self)})"
