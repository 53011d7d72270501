"""`Dataset`: examples on disk, downloaded and processed once, indexed like a list."""

from __future__ import annotations

import copy
import os
import os.path as osp
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor

from grapevine.data.aliases import IndexType
from grapevine.data.base import BaseData
from grapevine.data.indexing import is_scalar, position, positions
from grapevine.errors import GraphTypeError


class Dataset(torch.utils.data.Dataset[Any]):
    """The base class of datasets: define `len`, `get`, and where needed `download` and `process`.

    `raw_file_names` in `root/raw` show that `download` has been done, `processed_file_names` in
    `root/processed` that `process` has. An index that is a slice, list, mask, tensor or array gives a part of
    the dataset, as a dataset.

    Args:
        root: the folder of the dataset.
        transform: applied to every example whenever it is read.
        pre_transform: applied to every example before it is written.
        pre_filter: says of every example whether it is written.
        log: whether to say on stderr when processing begins and ends.
        force_reload: whether to process again.

    Example:
        >>> from grapevine.data import Data
        >>> class Paths(Dataset):
        ...     def len(self):
        ...         return 4
        ...     def get(self, idx):
        ...         return Data(num_nodes=idx + 1)
        >>> dataset = Paths()
        >>> dataset[1:], dataset[-1]
        (Paths(3), Data(num_nodes=4))
    """

    def __init__(
        self,
        root: str | None = None,
        transform: Callable[[Any], Any] | None = None,
        pre_transform: Callable[[Any], Any] | None = None,
        pre_filter: Callable[[Any], bool] | None = None,
        log: bool = True,
        force_reload: bool = False,
    ) -> None:
        super().__init__()
        self.root = osp.expanduser(osp.normpath(root)) if root else "???"
        self.transform = transform
        self.pre_transform = pre_transform
        self.pre_filter = pre_filter
        self.log = log
        self.force_reload = force_reload
        self._indices: Sequence[int] | None = None
        if self.has_download:
            self._download()
        if self.has_process:
            self._process()

    # To be defined ------------------------------------------------------------------------------------------

    def _undefined(self, name: str) -> NoReturn:
        raise GraphTypeError(
            f"expected '{type(self).__name__}' to define '{name}'; do this instead: override it in the "
            "class, as 'grapevine.data.Dataset' describes"
        )

    @property
    def raw_file_names(self) -> str | Sequence[str]:
        """The files in `raw_dir` that show that nothing needs to be downloaded."""
        self._undefined("raw_file_names")

    @property
    def processed_file_names(self) -> str | Sequence[str]:
        """The files in `processed_dir` that show that nothing needs to be processed."""
        self._undefined("processed_file_names")

    def download(self) -> None:
        """Downloads the files of the dataset to `raw_dir`."""
        self._undefined("download")

    def process(self) -> None:
        """Turns the files in `raw_dir` into files in `processed_dir`."""
        self._undefined("process")

    def len(self) -> int:
        """Returns the number of examples of the whole dataset."""
        self._undefined("len")

    def get(self, idx: int) -> Any:
        """Returns one example of the whole dataset, not transformed."""
        self._undefined("get")

    # Files --------------------------------------------------------------------------------------------------

    @property
    def raw_dir(self) -> str:
        """The folder of the downloaded files."""
        return osp.join(self.root, "raw")

    @property
    def processed_dir(self) -> str:
        """The folder of the processed files."""
        return osp.join(self.root, "processed")

    @property
    def raw_paths(self) -> list[str]:
        """The paths of `raw_file_names`."""
        return [osp.join(self.raw_dir, name) for name in _names(self.raw_file_names)]

    @property
    def processed_paths(self) -> list[str]:
        """The paths of `processed_file_names`."""
        return [osp.join(self.processed_dir, name) for name in _names(self.processed_file_names)]

    @property
    def has_download(self) -> bool:
        """Whether the class defines `download`."""
        return type(self).download is not Dataset.download

    @property
    def has_process(self) -> bool:
        """Whether the class defines `process`."""
        return type(self).process is not Dataset.process

    def _download(self) -> None:
        if not _all_exist(self.raw_paths):
            os.makedirs(self.raw_dir, exist_ok=True)
            self.download()

    def _process(self) -> None:
        settings = {"pre_transform": self.pre_transform, "pre_filter": self.pre_filter}
        paths = {name: osp.join(self.processed_dir, f"{name}.pt") for name in settings}
        for name, value in settings.items():
            if self.force_reload or not osp.exists(paths[name]):
                continue
            if torch.load(paths[name], weights_only=True) != _signature(value):
                warnings.warn(
                    f"The `{name}` argument differs from the one with which '{self.processed_dir}' was "
                    "processed; pass `force_reload=True` to process it again",
                    stacklevel=2,
                )
        if not self.force_reload and _all_exist(self.processed_paths):
            return
        self._say("Processing...")
        os.makedirs(self.processed_dir, exist_ok=True)
        self.process()
        for name, value in settings.items():
            torch.save(_signature(value), paths[name])
        self._say("Done!")

    def _say(self, text: str) -> None:
        if self.log:
            sys.stderr.write(f"{text}\n")

    # Examples -----------------------------------------------------------------------------------------------

    def indices(self) -> Sequence[int]:
        """Returns which examples of the whole dataset this one holds."""
        return range(self.len()) if self._indices is None else self._indices

    def __len__(self) -> int:
        return len(self.indices())

    def __getitem__(self, idx: Any) -> Any:
        if not is_scalar(idx):
            return self.index_select(idx)
        data = self.get(self.indices()[position(idx, len(self))])
        return data if self.transform is None else self.transform(data)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def index_select(self, idx: IndexType) -> Dataset:
        """Returns a part of the dataset.

        Args:
            idx: a slice (bounds that are floats are fractions), or a list, tuple, tensor or array of integers
                or bools.
        """
        indices = self.indices()
        out = copy.copy(self)
        out._indices = [indices[i] for i in positions(idx, len(indices))]
        return out

    def shuffle(self, return_perm: bool = False) -> Dataset | tuple[Dataset, Tensor]:
        """Returns the dataset in random order, and the permutation if `return_perm`."""
        perm = torch.randperm(len(self))
        dataset = self.index_select(perm)
        return (dataset, perm) if return_perm else dataset

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self) if len(self) > 1 else ''})"

    # What the examples have in common -----------------------------------------------------------------------

    def _first(self, count: int) -> list[BaseData]:
        """The graphs of the first examples, transformed."""
        return list(_flatten(self[i] for i in range(count)))

    @property
    def num_node_features(self) -> int:
        """The number of node features of the first example."""
        return int(self._first(1)[0].num_node_features)  # type: ignore[attr-defined]

    @property
    def num_features(self) -> int:
        """The same as `num_node_features`."""
        return self.num_node_features

    @property
    def num_edge_features(self) -> int:
        """The number of edge features of the first example."""
        return int(self._first(1)[0].num_edge_features)  # type: ignore[attr-defined]

    @property
    def num_classes(self) -> int:
        """The number of classes that the labels `y` of all examples tell."""
        labels = [data["y"] for data in self._first(len(self)) if "y" in data]
        if labels and isinstance(labels[0], Tensor):
            return self._infer_num_classes(torch.cat([y.view(1) if y.dim() == 0 else y for y in labels]))
        return self._infer_num_classes(torch.as_tensor(labels))

    def _infer_num_classes(self, y: Tensor | None) -> int:
        """The largest class number plus one; of float labels how many differ; of matrices the columns."""
        if y is None or y.numel() == 0:
            return 0
        if y.dim() > 0 and y.numel() != y.size(0):
            return int(y.size(-1))
        if not y.is_floating_point():
            return int(y.max()) + 1
        num_classes = np.unique(y.detach().cpu().numpy()).size
        if num_classes > 2:
            warnings.warn(
                "Found floating-point labels while asking for 'num_classes': the number of different labels "
                "is returned, which means little unless they are classes",
                stacklevel=3,
            )
        return num_classes


def _names(names: Any) -> Sequence[str]:
    names = names() if callable(names) else names  # a method where a property was meant
    return [names] if isinstance(names, str) else list(names)


def _all_exist(paths: Sequence[str]) -> bool:
    return len(paths) > 0 and all(osp.exists(path) for path in paths)


def _signature(setting: Any) -> str:
    """How a transform prints, without the memory addresses."""
    return re.sub(r"(<.*?)\s.*(>)", r"\1\2", str(setting))


def _flatten(examples: Iterable[Any]) -> Iterator[BaseData]:
    for example in examples:
        if isinstance(example, BaseData):
            yield example
        elif isinstance(example, Mapping):
            yield from _flatten(example.values())
        elif isinstance(example, list | tuple):
            yield from _flatten(example)
