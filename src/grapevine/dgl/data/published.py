"""Datasets that are published as one file: a record says which, where it is and how it is read."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from grapevine.dgl.base import DGLError
from grapevine.dgl.data.dgl_dataset import DGLBuiltinDataset
from grapevine.dgl.data.utils import (
    _get_dgl_url,
    download,
    extract_archive,
    generate_mask_tensor,
    idx2mask,
    load_graphs,
    save_graphs,
)
from grapevine.dgl.heterograph import DGLGraph
from grapevine.io import find

__all__ = ["Contents", "OneGraphDataset", "PublishedDataset", "Record"]

MASKS = ("train_mask", "val_mask", "test_mask")


@dataclass
class Contents:
    """What a reader found.

    Args:
        graphs: the graphs.
        labels: tensors with one row per graph, by name; they are saved with the graphs.
    """

    graphs: list[DGLGraph]
    labels: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    """All that tells one published dataset from another.

    Texts may name attributes of the dataset in braces, such as `"{self.mode}.bin"`.

    Args:
        name: of the dataset and of its folder.
        path: of its archive on DGL's server, or a whole URL.
        read: makes the contents of the raw files, which lie in the dataset's `raw_path`.
        cache: name of the file of processed graphs; None where the raw files are read every time.
        num_classes: how many; None counts the labels.
        sha1: checksum of the archive, where its publisher names one.
        packed: whether the file is an archive that is unpacked into `raw_path`; else it stays in `raw_dir`.
        also: the name under which others publish the same archive.
    """

    name: str
    path: str
    read: Callable[[Any], Contents]
    cache: str | None = "dgl_graph.bin"
    num_classes: int | None = None
    sha1: str | None = None
    packed: bool = True
    also: str | None = None


class PublishedDataset(DGLBuiltinDataset):
    """Graphs read as a `Record` says, kept in DGL's own files; folders that DGL filled are read as they are.

    Args:
        raw_dir: folder of raw and processed files; None means `get_download_dir()`.
        force_reload: whether to read the raw files again.
        verbose: whether to print.
        transform: called on every graph at access.
        hash_key: tells apart several forms of the dataset.

    Raises:
        DownloadError: if the archive is missing and cannot be downloaded.
    """

    record: ClassVar[Record]
    _contents: Contents

    def __init__(
        self,
        raw_dir: str | None = None,
        force_reload: bool = False,
        verbose: bool = False,
        transform: Callable[[Any], Any] | None = None,
        hash_key: tuple[Any, ...] = (),
    ) -> None:
        path = self.record.path.format(self=self)
        super().__init__(
            self.record.name.format(self=self),
            path if "://" in path else _get_dgl_url(path),
            raw_dir,
            hash_key,
            force_reload,
            verbose,
            transform,
        )

    def download(self) -> None:
        assert self.url is not None
        archive = self.url.split("/")[-1]
        ours = self.name + archive[archive.index(".") :]
        wanted = dict.fromkeys(name for name in (ours, archive, self.record.also) if name)
        found = next((file for name in wanted if (file := find(name, self.raw_dir)) is not None), None)
        if found is None:
            kept = ours if self.record.packed else archive
            target = os.path.join(self.raw_dir, kept)
            found = Path(download(self.url, target, sha1_hash=self.record.sha1, log=self.verbose))
        self._raw_file = str(found)
        if self.record.packed:
            extract_archive(str(found), self.raw_path)

    @property
    def raw_file(self) -> str:
        """The published file itself, where it is not unpacked."""
        if not hasattr(self, "_raw_file"):
            self.download()
        return self._raw_file

    def process(self) -> None:
        self._contents = self.record.read(self)

    @property
    def graph_path(self) -> str:
        """Where the processed graphs are."""
        return os.path.join(self.save_path, (self.record.cache or "").format(self=self))

    def has_cache(self) -> bool:
        return self.record.cache is not None and os.path.exists(self.graph_path)

    def save(self) -> None:
        if self.record.cache is not None:
            save_graphs(self.graph_path, self._contents.graphs, self._contents.labels)

    def load(self) -> None:
        self._contents = Contents(*load_graphs(self.graph_path))
        for g in self.graphs:
            for frame in (*g._node_frames, *g._edge_frames):
                for name, column in frame.items():
                    if name.endswith("mask") and column.dtype == torch.uint8:  # the files know no booleans
                        frame[name] = column.bool()

    @property
    def graphs(self) -> list[DGLGraph]:
        """The graphs, without transforms."""
        return self._contents.graphs

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        if self.record.num_classes is not None:
            return self.record.num_classes
        labels = self._contents.labels.get("labels")
        return int((self.graphs[0].ndata["label"] if labels is None else labels).max()) + 1

    def __getitem__(self, idx: int) -> Any:
        graph = self._transformed(self.graphs[idx])
        if not self._contents.labels:
            return graph
        (label,) = (rows[idx] for rows in self._contents.labels.values())
        return graph, label

    def __len__(self) -> int:
        return len(self.graphs)


class OneGraphDataset(PublishedDataset):
    """A published dataset of one graph; arguments as of `PublishedDataset`.

    Raises:
        DGLError: for an index other than 0.
    """

    def __getitem__(self, idx: int) -> DGLGraph:
        if idx != 0:
            raise DGLError(f"This dataset has only one graph, got index {idx}")
        found: DGLGraph = self._transformed(self.graphs[0])
        return found

    def __len__(self) -> int:
        return 1


def put_masks(data: Any, masks: Any, count: int | None = None) -> None:
    """Sets `train_mask`, `val_mask` and `test_mask`, given as masks, or (with `count`) as lists of ids."""
    for name, mask in zip(MASKS, masks):
        data[name] = generate_mask_tensor(np.asarray(mask) if count is None else idx2mask(mask, count))


def floats(values: Any) -> Tensor:
    """Numbers of any kind as float32."""
    return torch.as_tensor(np.asarray(values)).to(torch.float32)


def integers(values: Any) -> Tensor:
    """Numbers of any kind as int64."""
    return torch.as_tensor(np.asarray(values)).to(torch.int64)
