"""Data sets for recommenders: the published counts, and the same graphs as torch_geometric makes of the same files."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

from grapevine.data import HeteroData
from grapevine.datasets import AmazonBook, Gowalla, MovieLens, MovieLens1M, MovieLens100K
from grapevine.errors import MissingDependencyError
from grapevine.io import DownloadError

GENRES = "|".join("01" * 9)
MOVIES = {
    "ml-100k.zip": {
        "u.item": f"7|Amélie (2001)|01-Jan-1995||http://x|0|{GENRES}\n3|Up|01-Jan-2009||u|1|{GENRES[::-1]}\n",
        "u.user": "2|24|M|technician|85711\n1|53|F|other|94043\n5|40|M|artist|T8H1N\n",
        "u1.base": "1\t3\t5\t874965758\n2\t7\t3\t876893171\n5\t3\t1\t878542960\n",
        "u1.test": "5\t7\t4\t878542961\n2\t3\t2\t876893172\n",
    },
    "ml-1m.zip": {
        "movies.dat": "7::Amélie (2001)::Comedy|Romance\n3::Up, up: and away (2009)::Animation\n",
        "users.dat": "2::F::1::10::48067\n1::M::56::16::70072\n5::M::1::7::55117\n",
        "ratings.dat": "1::3::5::978300760\n2::7::3::978302109\n1::7::1::978301968\n",
    },
    "ml-latest-small.zip": {
        "movies.csv": 'movieId,title,genres\n7,"Up, up and away (2009)",Comedy|Romance\n3,Heat,(no genres listed)\n',
        "ratings.csv": "userId,movieId,rating,timestamp\n4,3,3.5,964982703\n1,7,4.0,964981247\n4,7,0.5,964982224\n",
    },
}


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str, into: object, url: str, *rest: object) -> Path:
        raise DownloadError(f"could not download {name!r} from {url}: no network in tests")

    monkeypatch.setattr("grapevine.io.download.download_file", refuse)
    monkeypatch.delenv("GRAPEVINE_DATA", raising=False)


@pytest.fixture(scope="module")
def peers() -> Any:
    return pytest.importorskip("torch_geometric.datasets")


def assert_same(mine: HeteroData, peer: Any) -> None:
    mine, peer = mine.to_dict(), peer.to_dict()
    assert mine.keys() == peer.keys()
    for key, store in peer.items():
        assert mine[key].keys() == store.keys(), key
        for name, value in store.items():
            if isinstance(value, torch.Tensor):
                assert mine[key][name].dtype == value.dtype, (key, name)
                assert torch.equal(mine[key][name], value), (key, name)
            else:
                assert mine[key][name] == value


def packed(folder: Path, archive: str) -> Path:
    with zipfile.ZipFile(folder / archive, "w") as out:
        for name, text in MOVIES[archive].items():
            encoding = "utf-8" if name.endswith(".csv") else "latin-1"
            out.writestr(f"{archive[:-4]}/{name}", text.encode(encoding))
    return folder


def test_gowalla(shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The counts of the LightGCN paper's table 2: 29,858 users, 40,981 places, 1,027,370 check-ins."""
    monkeypatch.setenv("GRAPEVINE_DATA", str(shared_data))
    data = Gowalla(str(tmp_path))[0]
    visits = data["user", "visits", "place"]
    assert (data["user"].num_nodes, data["place"].num_nodes) == (29_858, 40_981)
    assert visits.edge_index.size(1) + visits.edge_label_index.size(1) == 1_027_370
    code = torch.cat([visits.edge_index, visits.edge_label_index], dim=1)
    assert (code[0] * 40_981 + code[1]).unique().numel() == 1_027_370  # no pair is in both
    assert torch.equal(data["place", "visited_by", "user"].edge_index, visits.edge_index.flip(0))


def test_amazon_book(tmp_path: Path, peers: Any) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "train.txt").write_text("0 3 1\n1 0 2 3 \n2 1\n")
    (raw / "test.txt").write_text("0 2\n1 1\n2\n")
    (raw / "user_list.txt").write_text("org_id remap_id\nA 0\nB 1\nC 2\n")
    (raw / "item_list.txt").write_text("org_id remap_id\na 0\nb 1\nc 2\nd 3\n")
    ours = AmazonBook(str(tmp_path))
    assert_same(ours[0], peers.AmazonBook(str(tmp_path))[0])
    with pytest.raises(DownloadError, match=r"amazon-book/train\.txt"):
        AmazonBook(str(tmp_path / "elsewhere"))


@pytest.mark.filterwarnings("ignore:The given NumPy array is not writable")  # the peer's
@pytest.mark.parametrize(("kind", "archive"), [(MovieLens100K, "ml-100k.zip"), (MovieLens1M, "ml-1m.zip")])
def test_movie_lens(kind: Any, archive: str, tmp_path: Path, peers: Any) -> None:
    """Read from the archive; then the raw files lie as the peer lays them."""
    data = kind(str(packed(tmp_path, archive)))[0]
    assert_same(data, getattr(peers, kind.__name__)(str(tmp_path))[0])
    assert data["movie"].num_nodes == 2 and data["user"].num_nodes == 3


@pytest.mark.filterwarnings("ignore:The given NumPy array is not writable")  # the peer's
def test_movie_lens_with_titles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, peers: Any) -> None:
    """The language model is an optional dependency, played here by one that counts letters."""
    root = str(packed(tmp_path, "ml-latest-small.zip"))
    plain = MovieLens(root, model_name=None)[0]
    assert plain["movie"].x.tolist() == [[0, 1, 1], [1, 0, 0]] and plain["user"].num_nodes == 2
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(MissingDependencyError, match="sentence-transformers"):
        MovieLens(root)
    module: Any = ModuleType("sentence_transformers")
    module.SentenceTransformer = lambda name: SimpleNamespace(
        encode=lambda titles, **kwargs: torch.tensor([[float(len(title))] for title in titles])
    )
    monkeypatch.setitem(sys.modules, "sentence_transformers", module)
    assert_same(MovieLens(root)[0], peers.MovieLens(root)[0])
