"""Knowledge graphs: what data sets of triplets share."""

from __future__ import annotations

import tarfile
from abc import abstractmethod
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from grapevine.data import Data, InMemoryDataset
from grapevine.datasets._published import WholeDataset
from grapevine.errors import GraphValueError
from grapevine.io import DownloadError, download_file, find
from grapevine.io.download import fetched, write_whole

SPLITS = ("train", "val", "test")


class TripletFiles(InMemoryDataset):
    """``train.txt``, ``valid.txt`` and ``test.txt``: out of one archive, or downloaded one by one.

    Subclasses say where the files are published: in the tar `archive` below `url`, or, without a checksum `sha256` for
    the archive, as they are below `url`. An archive of that name is taken from this machine in any case.
    """

    url: str
    archive: str
    sha256: str | None = None

    @property
    def raw_file_names(self) -> list[str]:
        return ["train.txt", "valid.txt", "test.txt"]

    def download(self) -> None:
        into = Path(self.raw_dir)
        if self.sha256 is None and find(self.archive, self.root) is None:
            for name in self.raw_file_names:
                download_file(name, into, f"{self.url}/{name}", archive=self.archive)
            return
        place = f"{self.url}/{self.archive}"
        with (
            fetched(self.archive, into, place, self.root, self.sha256) as packed,
            tarfile.open(packed) as contents,
        ):
            members = {Path(member.name).name: member for member in contents.getmembers() if member.isfile()}
            for name in self.raw_file_names:
                source = contents.extractfile(members[name]) if name in members else None
                if source is None:
                    raise DownloadError(f"{packed}: expected a file {name!r} in it, got {sorted(members)}")
                write_whole(into / name, source)


class TripletDataset(TripletFiles):
    """One graph per split, from lines ``head TAB relation TAB tail``; entities and relations count as they appear."""

    def __init__(
        self,
        root: str,
        split: str = "train",
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
        force_reload: bool = False,
    ) -> None:
        if split not in SPLITS:
            raise GraphValueError(f"expected a split of {SPLITS}, got {split!r}")
        super().__init__(root, transform, pre_transform, force_reload=force_reload)
        self.load(self.processed_paths[SPLITS.index(split)])

    @property
    def processed_file_names(self) -> list[str]:
        return [f"grapevine_{split}.pt" for split in SPLITS]

    def names(self) -> tuple[list[str], list[str]]:
        """Names of the entities and of the relations, in the order of their numbers."""
        entities, relations, _ = self._read()
        return list(entities), list(relations)

    def _read(self) -> tuple[dict[str, int], dict[str, int], list[Tensor]]:
        """Numbers of entities and relations by name, and the triplets of each file, int64 (E, 3)."""
        entities: dict[str, int] = {}
        relations: dict[str, int] = {}
        splits = []
        for path in self.raw_paths:
            triplets = []
            with open(path, encoding="utf-8") as lines:
                for line in lines:
                    head, relation, tail = line.rstrip("\n").split("\t")
                    h = entities.setdefault(head, len(entities))
                    t = entities.setdefault(tail, len(entities))
                    triplets.append((h, relations.setdefault(relation, len(relations)), t))
            splits.append(torch.tensor(triplets))
        return entities, relations, splits

    def process(self) -> None:
        entities, _, splits = self._read()
        for triplets, path in zip(splits, self.processed_paths):
            head, relation, tail = triplets.t().contiguous()
            data = Data(edge_index=torch.stack([head, tail]), edge_type=relation, num_nodes=len(entities))
            self.save(self._kept([data]), path)


class MaskedTripletDataset(TripletFiles, WholeDataset):
    """One graph with a mask for each split, edges sorted by head and tail."""

    @abstractmethod
    def _read(self, words: Iterable[list[str]]) -> list[Tensor]:
        """The words of each file to its triplets (head, relation, tail), int64 (3, E)."""

    def _graphs(self) -> Data:
        splits = self._read(Path(path).read_text(encoding="utf-8").split() for path in self.raw_paths)
        part = torch.arange(3).repeat_interleave(torch.tensor([split.size(1) for split in splits]))
        head, relation, tail = torch.cat(splits, dim=1)
        num_nodes = max(int(head.max()), int(tail.max())) + 1
        order = (num_nodes * head + tail).argsort(stable=True)
        masks = {f"{split}_mask": part[order] == i for i, split in enumerate(SPLITS)}
        return Data(
            edge_index=torch.stack([head[order], tail[order]]),
            edge_type=relation[order],
            num_nodes=num_nodes,
            **masks,
        )
