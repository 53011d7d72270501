"""Knowledge graphs: the published counts, and the same graphs as torch_geometric makes from the same files."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import pytest
import torch

from grapevine.datasets import UMLS, FB15k_237, Kinship, Nations, WordNet18, WordNet18RR
from grapevine.errors import GraphValueError
from grapevine.io import DownloadError
from tests.datasets.test_datasets import assert_same

COUNTS = {  # entities, relations, triplets of each split
    FB15k_237: (14_541, 237, (272_115, 17_535, 20_466)),
    UMLS: (135, 46, (5_216, 652, 661)),
    Kinship: (104, 25, (8_544, 1_068, 1_074)),
    Nations: (14, 55, (1_592, 199, 201)),
}


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str, into: object, url: str, *rest: object, **more: object) -> Path:
        raise DownloadError(f"could not download {name!r} from {url}: no network in tests")

    for module in ("grapevine.io.download", "grapevine.datasets._triplets"):
        monkeypatch.setattr(f"{module}.download_file", refuse)
    monkeypatch.delenv("GRAPEVINE_DATA", raising=False)


@pytest.fixture(scope="module")
def peers() -> Any:
    return pytest.importorskip("torch_geometric.datasets")


@pytest.mark.parametrize("kind", COUNTS, ids=lambda kind: kind.__name__)
def test_named_triplets(
    kind: Any, shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, peers: Any
) -> None:
    monkeypatch.setenv("GRAPEVINE_DATA", str(shared_data))
    entities, relations, counts = COUNTS[kind]
    for split, count in zip(("train", "val", "test"), counts):
        dataset = kind(str(tmp_path), split)
        assert (dataset[0].num_nodes, dataset[0].num_edges) == (entities, count)
        if kind is FB15k_237:  # the raw files now lie as the peer lays them
            assert_same(dataset[0], peers.FB15k_237(str(tmp_path), split)[0])
        elif split == "train":
            assert dataset[0].num_edge_types == relations
            names, kinds = dataset.names()
            assert (len(names), len(kinds)) == (entities, relations) == (len(set(names)), len(set(kinds)))
            line = Path(dataset.raw_paths[0]).read_text().splitlines()[7].split("\t")
            (h, t), r = dataset[0].edge_index[:, 7], dataset[0].edge_type[7]
            assert [names[h], kinds[r], names[t]] == line


def test_archives_at_hand(tmp_path: Path) -> None:
    """Line ends of both kinds; the archive is found in the root; transforms are called; errors teach."""
    with pytest.raises(GraphValueError, match=r"expected a split of \('train', 'val', 'test'\), got 'valid'"):
        UMLS(str(tmp_path), "valid")
    with pytest.raises(DownloadError, match=r"umls\.tar\.gz"):
        UMLS(str(tmp_path / "nothing"))
    for number, name in enumerate(("train.txt", "valid.txt", "test.txt")):
        (tmp_path / name).write_bytes(f"a\tlikes\tb\r\nb\tr{number}\tc\r\n".encode())
    with tarfile.open(tmp_path / "umls.tar.gz", "w:gz") as packed:
        for name in ("train.txt", "valid.txt"):
            packed.add(tmp_path / name, f"umls/{name}")
    with pytest.raises(DownloadError, match=r"expected a file 'test.txt' in it"):
        UMLS(str(tmp_path))
    with tarfile.open(tmp_path / "umls.tar.gz", "w:gz") as packed:
        for name in ("train.txt", "valid.txt", "test.txt"):
            packed.add(tmp_path / name, f"umls/{name}")

    def marked(data: Any) -> Any:
        data.mark = 1
        return data

    dataset = UMLS(str(tmp_path / "."), "test", transform=marked, force_reload=True)
    assert dataset.names() == (["a", "b", "c"], ["likes", "r0", "r1", "r2"])
    assert dataset[0].edge_type.tolist() == [0, 3] and dataset[0].edge_index.tolist() == [[0, 1], [1, 2]]
    assert dataset[0].mark == 1 and dataset[0].num_nodes == 3


def written(folder: Path, texts: list[str]) -> None:
    (folder / "raw").mkdir(parents=True)
    for name, text in zip(("train.txt", "valid.txt", "test.txt"), texts):
        (folder / "raw" / name).write_text(text)


@pytest.mark.parametrize("kind", [WordNet18, WordNet18RR], ids=lambda kind: kind.__name__)
def test_word_net_as_the_peer(kind: Any, tmp_path: Path, peers: Any) -> None:
    """Files in the published form: numbered triplets in WN18, named ones in WN18RR."""
    g = torch.Generator().manual_seed(0)
    texts = []
    # No pair twice: its order would be an accident in the peer, whose sort is not stable
    for pairs in torch.randperm(144, generator=g)[:46].split([30, 9, 7]):
        count = pairs.numel()
        relation = torch.randint(11, (count,), generator=g)
        if kind is WordNet18:
            rows = [f"{p // 12} {p % 12} {r}" for p, r in zip(pairs.tolist(), relation.tolist())]
            texts.append("\n".join([str(count), *rows]) + "\n")
        else:
            names = list(WordNet18RR.edge2id)
            rows = [f"0{p // 12}\t{names[r]}\t0{p % 12}" for p, r in zip(pairs.tolist(), relation.tolist())]
            texts.append("\n".join(rows) + "\n")
    written(tmp_path, texts)
    mine, peer = kind(str(tmp_path))[0], getattr(peers, kind.__name__)(str(tmp_path))[0]
    assert [int(mine[f"{s}_mask"].sum()) for s in ("train", "val", "test")] == [30, 9, 7]
    assert_same(mine, peer)
    with pytest.raises(DownloadError, match=r"train\.txt"):
        kind(str(tmp_path / "nothing"))
