"""Surfaces of bodies and faces: the same shape in many poses, as meshes."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import torch

from grapevine.data import Data, InMemoryDataset
from grapevine.datasets._parts import PartsDataset, TrainTestDataset, obtain_by_hand, obtain_tree
from grapevine.errors import GraphValueError
from grapevine.io import read_off, read_ply, read_txt_array


class FAUST(TrainTestDataset):
    """100 watertight meshes of 10 people in 10 poses each, with the same 6,890 vertices; a pose is a class.

    Needs trimesh. The first 80 meshes (8 people) are for training, the others for testing.

    Args:
        root: folder of the dataset. The zip, ``MPI-FAUST.zip``, is given to registered users only; it is taken from
            here or from the folder ``$GRAPEVINE_DATA``.
        train: whether to load the part for training, else the part for testing.
        transform: called on a graph at every access.
        pre_transform: called on each graph once, before they are saved.
        pre_filter: called on each graph before that; graphs for which it returns False are left out.
        force_reload: whether to read the raw files again.

    Returns:
        Graphs with ``pos`` (6890, 3), ``face`` (3, T) and ``y`` (1,).

    Raises:
        DownloadError: if the zip is missing, with the place where to ask for it.
        MissingDependencyError: without trimesh.

    Source: Bogo et al., "FAUST: Dataset and Evaluation for 3D Mesh Registration", CVPR 2014.
    """

    url = "http://faust.is.tue.mpg.de/"

    @property
    def raw_file_names(self) -> str:
        return "MPI-FAUST.zip"

    def download(self) -> None:
        obtain_by_hand(self.raw_file_names, self.raw_dir, self.url, self.root)

    def _read(self, part: str) -> Iterator[Data]:
        numbers = range(80) if part == "train" else range(80, 100)
        names = (f"MPI-FAUST/training/registrations/tr_reg_{number:03d}.ply" for number in numbers)
        for number, data in zip(numbers, _packed(self.raw_paths[0], names)):
            data.y = torch.tensor([number % 10])
            yield data


class CoMA(TrainTestDataset):
    """20,466 meshes of 12 faces that make 12 extreme expressions, with the same 5,023 vertices.

    Needs trimesh. Of each hundred frames of a take the first 90 are for training, the others for testing.

    Args:
        root: folder of the dataset. The zip, ``COMA_data.zip``, is given to registered users only; it is taken from
            here or from the folder ``$GRAPEVINE_DATA``.
        train: whether to load the part for training, else the part for testing.
        transform: called on a graph at every access.
        pre_transform: called on each graph once, before they are saved.
        pre_filter: called on each graph before that; graphs for which it returns False are left out.
        force_reload: whether to read the raw files again.

    Returns:
        Graphs with ``pos`` (5023, 3), ``face`` (3, T) and ``y`` (1,), the number of the expression in `categories`.

    Raises:
        DownloadError: if the zip is missing, with the place where to ask for it.
        MissingDependencyError: without trimesh.

    Departures from torch_geometric: frames are counted before `pre_filter`, not after it.

    Source: Ranjan et al., "Generating 3D faces using Convolutional Mesh Autoencoders", arXiv:1807.10267.
    """

    url = "https://coma.is.tue.mpg.de/"
    categories = (
        "bareteeth",
        "cheeks_in",
        "eyebrow",
        "high_smile",
        "lips_back",
        "lips_up",
        "mouth_down",
        "mouth_extreme",
        "mouth_middle",
        "mouth_open",
        "mouth_side",
        "mouth_up",
    )

    @property
    def raw_file_names(self) -> str:
        return "COMA_data.zip"

    def download(self) -> None:
        obtain_by_hand(self.raw_file_names, self.raw_dir, self.url, self.root)

    def _read(self, part: str) -> Iterator[Data]:
        with zipfile.ZipFile(self.raw_paths[0]) as contents:
            names = sorted(name for name in contents.namelist() if name.endswith(".ply"))
        takes: dict[tuple[str, str], list[str]] = {}
        for name in names:
            face, expression, _ = name.split("/")[-3:]
            takes.setdefault((face, expression), []).append(name)
        for (_, expression), frames in takes.items():
            wanted = [name for i, name in enumerate(frames) if (i % 100 < 90) == (part == "train")]
            for data in _packed(self.raw_paths[0], wanted):
                data.y = torch.tensor([self.categories.index(expression)])
                yield data


class TOSCA(InMemoryDataset):
    """80 meshes of animals and people in many poses; those of a category have the same faces and vertices.

    Args:
        root: folder of the dataset. The zip, ``toscahires-asci.zip``, is taken from here or from the folder
            ``$GRAPEVINE_DATA``, and downloaded otherwise.
        categories: some of "cat", "centaur", "david", "dog", "gorilla", "horse", "michael", "victoria", "wolf"; None:
            all of them.
        transform: called on a graph at every access.
        pre_transform: called on each graph once, before they are saved.
        pre_filter: called on each graph before that; graphs for which it returns False are left out.
        force_reload: whether to read the raw files again.

    Returns:
        Graphs with ``pos`` (N, 3) and ``face`` (3, T), category by category.

    Raises:
        DownloadError: if raw files are missing and cannot be downloaded.
        GraphValueError: for an unknown category.

    Source: Bronstein, Bronstein, Kimmel, "Numerical Geometry of Non-Rigid Shapes", Springer 2008.
    """

    url = "http://tosca.cs.technion.ac.il/data/toscahires-asci.zip"
    categories: tuple[str, ...] = (
        "cat",
        "centaur",
        "david",
        "dog",
        "gorilla",
        "horse",
        "michael",
        "victoria",
        "wolf",
    )

    def __init__(
        self,
        root: str,
        categories: list[str] | None = None,
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
        pre_filter: Callable[..., Any] | None = None,
        force_reload: bool = False,
    ) -> None:
        self.categories = _known(categories, TOSCA.categories)
        super().__init__(root, transform, pre_transform, pre_filter, force_reload=force_reload)
        self.load(self.processed_paths[0])

    @property
    def raw_file_names(self) -> list[str]:
        return ["cat0.vert", "cat0.tri"]

    @property
    def processed_file_names(self) -> str:
        return f"grapevine_{'_'.join(name[:2] for name in self.categories)}.pt"

    def download(self) -> None:
        obtain_tree("toscahires-asci.zip", "", self.raw_dir, self.url, self.root)

    def process(self) -> None:
        graphs = []
        for name in self.categories:
            for path in _by_number(Path(self.raw_dir).glob(f"{name}*.tri")):
                face = read_txt_array(path, dtype=torch.long).view(-1, 3).t().contiguous()
                data = Data(pos=read_txt_array(path.with_suffix(".vert")).view(-1, 3), face=face - face.min())
                graphs.append(data)
        self.save(self._kept(graphs), self.processed_paths[0])


class SHREC2016(PartsDataset):
    """Partial shapes of animals and people, with cuts or holes, to be matched with whole ones.

    Args:
        root: folder of the dataset. The zips, ``shrec2016_PartialDeformableShapes.zip`` and
            ``shrec2016_PartialDeformableShapes_TestSet.zip``, are taken from here or from the folder
            ``$GRAPEVINE_DATA``, and downloaded otherwise.
        partiality: "holes" or "cuts".
        category: "cat", "centaur", "david", "dog", "horse", "michael", "victoria" or "wolf".
        train: whether to load the part for training, else the part for testing.
        transform: called on a graph at every access.
        pre_transform: called on each graph once, before they are saved.
        pre_filter: called on each graph before that; graphs for which it returns False are left out.
        force_reload: whether to read the raw files again.

    Returns:
        Graphs with ``pos`` (N, 3) and ``face`` (3, T); those for training with ``y`` (N,), the face of the whole shape
        `ref` that each vertex lies on, and ``y_baryc`` (N, 3), where on it. `ref` is the whole shape.

    Raises:
        DownloadError: if raw files are missing and cannot be downloaded.
        GraphValueError: for an unknown partiality or category.

    Source: Cosmo et al., "SHREC'16: Partial Matching of Deformable Shapes", 3DOR 2016.
    """

    url = "http://www.dais.unive.it/~shrec2016/data"
    categories = ("cat", "centaur", "david", "dog", "horse", "michael", "victoria", "wolf")
    partialities = ("holes", "cuts")
    parts = ("ref", "training", "test")

    def __init__(
        self,
        root: str,
        partiality: str,
        category: str,
        train: bool = True,
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
        pre_filter: Callable[..., Any] | None = None,
        force_reload: bool = False,
    ) -> None:
        (self.part,) = _known([partiality], self.partialities)
        (self.cat,) = _known([category], self.categories)
        part = "training" if train else "test"
        super().__init__(root, part, transform, pre_transform, pre_filter, force_reload)

    @property
    def ref(self) -> Data:
        """The whole shape."""
        whole = InMemoryDataset(self.root, self.transform)
        whole.load(self.processed_paths[0])
        return whole[0]

    @property
    def raw_file_names(self) -> list[str]:
        return ["training", "test"]

    @property
    def processed_file_names(self) -> list[str]:
        return [f"grapevine_{part}_{self.part}_{self.cat}.pt" for part in self.parts]

    def download(self) -> None:
        for part, ending in (("training", ""), ("test", "_TestSet")):
            name = f"shrec2016_PartialDeformableShapes{ending}"
            obtain_tree(
                f"{name}.zip", name, str(Path(self.raw_dir, part)), f"{self.url}/{name}.zip", self.root
            )

    def _read(self, part: str) -> Iterator[Data]:
        if part == "ref":
            yield read_off(Path(self.raw_paths[0], "null", f"{self.cat}.off"))
            return
        for path in _by_number(Path(self.raw_dir, part, self.part).glob(f"{self.part}_{self.cat}_*.off")):
            data = read_off(path)
            if part == "training":
                place = read_txt_array(path.with_suffix(".baryc_gt")).view(-1, 4)
                data.y, data.y_baryc = place[:, 0].long() - 1, place[:, 1:]
            yield data

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)}, partiality={self.part}, category={self.cat})"


def _known(names: Iterable[str] | None, known: tuple[str, ...]) -> tuple[str, ...]:
    """Names in lower case; None: all."""
    wanted = known if names is None else tuple(name.lower() for name in names)
    if not wanted or not set(wanted) <= set(known):
        raise GraphValueError(f"expected some of {', '.join(map(repr, known))}, got {list(wanted)}")
    return wanted


def _by_number(paths: Iterable[Path]) -> list[Path]:
    """cat2 before cat10."""
    return sorted(paths, key=lambda path: (len(path.name), path.name))


def _packed(archive: str, names: Iterable[str]) -> Iterator[Data]:
    """Meshes in PLY, unpacked one at a time."""
    with zipfile.ZipFile(archive) as contents, tempfile.TemporaryDirectory() as folder:
        for name in names:
            path = Path(contents.extract(name, folder))
            yield read_ply(path)
            path.unlink()
