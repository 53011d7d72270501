"""Who liked what: Gowalla and Amazon-Book as LightGCN splits them, and MovieLens."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from grapevine.data import HeteroData
from grapevine.datasets._published import WholeDataset
from grapevine.errors import require
from grapevine.io import obtain, obtain_archive

_LIGHTGCN = "https://raw.githubusercontent.com/gusye1234/LightGCN-PyTorch/master/data"
_GROUPLENS = "https://files.grouplens.org/datasets/movielens"


# Users and items, split by the authors of LightGCN -------------------------------------------------------------


class _Interactions(WholeDataset):
    """``train.txt`` and ``test.txt``: a line for each user, of its number and those of its items."""

    name: str
    item: str
    verbs: tuple[str, str]

    @property
    def raw_file_names(self) -> list[str]:
        return ["train.txt", "test.txt"]

    def download(self) -> None:
        archive = f"{self.name.replace('-', '_')}_lightgcn.zip"
        obtain(self.raw_file_names, self.raw_dir, f"{_LIGHTGCN}/{self.name}", self.root, archive)

    def _graphs(self) -> HeteroData:
        train, test = (_pairs(path) for path in self.raw_paths)
        num_users, num_items = (torch.cat([train, test], dim=1).amax(dim=1) + 1).tolist()
        data = HeteroData()
        data["user"].num_nodes = num_users
        data[self.item].num_nodes = num_items
        data["user", self.verbs[0], self.item].edge_index = train
        data["user", self.verbs[0], self.item].edge_label_index = test
        data[self.item, self.verbs[1], "user"].edge_index = train.flip(0)
        return data


def _pairs(path: str) -> Tensor:
    """Users and their items, int64 (2, E)."""
    users, items = [], []
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            user, *liked = map(int, line.split())
            users.extend([user] * len(liked))
            items.extend(liked)
    return torch.tensor([users, items])


class Gowalla(_Interactions):
    """Who checked in where: 29,858 users, 40,981 places, 810,128 pairs to learn from and 217,242 to predict.

    Args:
        root: folder of the dataset. The raw files ``train.txt`` and ``test.txt``, or an archive
            ``gowalla_lightgcn.zip`` of both, are taken from here, the archive also from the folder
            ``$GRAPEVINE_DATA``, where they lie there, and downloaded otherwise.
        transform: called on the graph at every access.
        pre_transform: called on the graph once, before it is saved.
        force_reload: whether to read the raw files again.

    Returns:
        A graph of ``user`` and ``place``. ``("user", "visits", "place")`` has `edge_index`, the pairs to learn from,
        and `edge_label_index`, the pairs to predict; ``("place", "visited_by", "user")`` leads back.

    Raises:
        DownloadError: if raw files are missing and cannot be downloaded.

    Source: Cho et al., "Friendship and mobility", KDD 2011; the split of He et al., "LightGCN: Simplifying and
    Powering Graph Convolution Network for Recommendation" (arXiv:2002.02126).
    """

    name = "gowalla"
    item = "place"
    verbs = ("visits", "visited_by")


class AmazonBook(_Interactions):
    """Who rated which book: 52,643 users, 91,599 books, 2,380,730 pairs to learn from and 603,378 to predict.

    Arguments and errors as for `Gowalla`; the archive is ``amazon_book_lightgcn.zip``.

    Returns:
        A graph of ``user`` and ``book``. ``("user", "rates", "book")`` has `edge_index`, the pairs to learn from, and
        `edge_label_index`, the pairs to predict; ``("book", "rated_by", "user")`` leads back.

    Source: McAuley et al., "Image-based recommendations on styles and substitutes", SIGIR 2015; the split of He et
    al., "LightGCN: Simplifying and Powering Graph Convolution Network for Recommendation" (arXiv:2002.02126).
    """

    name = "amazon-book"
    item = "book"
    verbs = ("rates", "rated_by")


# MovieLens -----------------------------------------------------------------------------------------------------


class _MovieLens(WholeDataset):
    archive: str

    def download(self) -> None:
        names = [Path(name).name for name in self.raw_file_names]
        into = Path(self.raw_paths[0]).parent
        into.mkdir(parents=True, exist_ok=True)
        obtain_archive(self.archive, names, into, _GROUPLENS, self.root)

    def _rows(self, file: int, separator: str) -> list[list[str]]:
        """The fields of the lines of a raw file."""
        lines = Path(self.raw_paths[file]).read_text(encoding="latin-1").splitlines()
        return [line.split(separator) for line in lines]


def _one_hot(words: Iterable[str], separator: str = "|") -> Tensor:
    """A column for every word, in alphabetical order, 1 where it is among those of the row, float (N, words)."""
    rows = [set(row.split(separator)) - {""} for row in words]
    column = {word: i for i, word in enumerate(sorted(set().union(*rows)))}
    out = torch.zeros(len(rows), len(column))
    for i, row in enumerate(rows):
        out[i, [column[word] for word in row]] = 1.0
    return out


def _rated(rows: Iterable[list[str]], users: dict[str, int], movies: dict[str, int]) -> list[Tensor]:
    """Pairs of user and movie, int64 (2, E), their ratings, float64 (E,), and times in seconds, int64 (E,)."""
    columns = [(users[u], movies[m], float(rating), int(time)) for u, m, rating, time in rows]
    user, movie, rating, time = zip(*columns)
    return [torch.tensor([user, movie]), torch.tensor(rating, dtype=torch.float64), torch.tensor(time)]


def _numbers(rows: Iterable[list[str]]) -> dict[str, int]:
    """Numbers of what the first fields name, as they appear."""
    numbers: dict[str, int] = {}
    for row in rows:
        numbers.setdefault(row[0], len(numbers))
    return numbers


def _join(data: HeteroData, rated: list[Tensor]) -> None:
    """Adds ratings to learn from in both directions."""
    edge_index, rating, time = rated
    for key, pairs in (
        (("user", "rates", "movie"), edge_index),
        (("movie", "rated_by", "user"), edge_index.flip(0)),
    ):
        data[key].edge_index, data[key].rating, data[key].time = pairs, rating.long(), time


class MovieLens100K(_MovieLens):
    """How 943 users rated 1,682 movies: 80,000 ratings to learn from, 20,000 to predict.

    Args:
        root: folder of the dataset. The raw files, or the archive ``ml-100k.zip``, are taken from here, or from the
            folder ``$GRAPEVINE_DATA``, where they lie there; the archive is downloaded otherwise.
        transform: called on the graph at every access.
        pre_transform: called on the graph once, before it is saved.
        force_reload: whether to read the raw files again.

    Returns:
        A graph of ``movie``, with genres as `x` (1682, 18), and ``user``, with age, gender and occupation as `x`
        (943, 24). ``("user", "rates", "movie")`` has `edge_index`, `rating` from 1 to 5 and `time` in seconds, and the
        pairs to predict as `edge_label_index` with `edge_label`; ``("movie", "rated_by", "user")`` leads back.

    Raises:
        DownloadError: if raw files are missing and cannot be downloaded.

    Source: Harper & Konstan, "The MovieLens datasets: history and context", 2015.
    """

    archive = "ml-100k.zip"

    @property
    def raw_file_names(self) -> list[str]:
        return ["u.item", "u.user", "u1.base", "u1.test"]

    def _graphs(self) -> HeteroData:
        data = HeteroData()
        movies, users = self._rows(0, "|"), self._rows(1, "|")
        data["movie"].x = torch.tensor([[float(genre) for genre in row[6:]] for row in movies])
        age = torch.tensor([[float(row[1])] for row in users], dtype=torch.float64)
        about = [_one_hot(row[place] for row in users) for place in (2, 3)]
        data["user"].x = torch.cat([(age / age.max()).float(), *about], dim=1)
        names = (_numbers(users), _numbers(movies))
        _join(data, _rated(self._rows(2, "\t"), *names))
        pairs, rating, _ = _rated(self._rows(3, "\t"), *names)
        data["user", "rates", "movie"].edge_label_index = pairs
        data["user", "rates", "movie"].edge_label = rating.float()
        return data


class MovieLens1M(_MovieLens):
    """How 6,040 users rated 3,883 movies: 1,000,209 ratings.

    Arguments and errors as for `MovieLens100K`; the archive is ``ml-1m.zip``.

    Returns:
        A graph of ``movie``, with genres as `x` (3883, 18), and ``user``, with age group, gender and occupation as `x`
        (6040, 30). ``("user", "rates", "movie")`` has `edge_index`, `rating` from 1 to 5 and `time` in seconds;
        ``("movie", "rated_by", "user")`` leads back.

    Source: Harper & Konstan, "The MovieLens datasets: history and context", 2015.
    """

    archive = "ml-1m.zip"

    @property
    def raw_file_names(self) -> list[str]:
        return ["movies.dat", "users.dat", "ratings.dat"]

    def _graphs(self) -> HeteroData:
        data = HeteroData()
        movies, users = self._rows(0, "::"), self._rows(1, "::")
        data["movie"].x = _one_hot(row[2] for row in movies)
        data["user"].x = torch.cat([_one_hot(row[place] for row in users) for place in (2, 1, 3)], dim=1)
        _join(data, _rated(self._rows(2, "::"), _numbers(users), _numbers(movies)))
        return data


class MovieLens(_MovieLens):
    """How users rate movies: the small one of the graphs that GroupLens keeps up to date.

    Arguments and errors as for `MovieLens100K`, and one more; the archive is ``ml-latest-small.zip``.

    Args:
        model_name: the model of `sentence_transformers` that reads the titles; None: features are the genres alone.

    Returns:
        A graph of ``movie``, with what the model reads in the title and then the genres as `x`, and ``user``, without
        features. ``("user", "rates", "movie")`` has `edge_index`, `edge_label`, the rating without its half star, and
        `time` in seconds.

    Raises:
        MissingDependencyError: without `sentence_transformers`, unless `model_name` is None.

    Departures from PyTorch Geometric: `model_name=None` needs no language model.

    Source: Harper & Konstan, "The MovieLens datasets: history and context", 2015.
    """

    archive = "ml-latest-small.zip"

    def __init__(
        self,
        root: str,
        transform: Callable[..., Any] | None = None,
        pre_transform: Callable[..., Any] | None = None,
        model_name: str | None = "all-MiniLM-L6-v2",
        force_reload: bool = False,
    ) -> None:
        self.model_name = model_name
        super().__init__(root, transform, pre_transform, force_reload)

    @property
    def raw_file_names(self) -> list[str]:
        return ["ml-latest-small/movies.csv", "ml-latest-small/ratings.csv"]

    @property
    def processed_file_names(self) -> str:
        return f"grapevine_{(self.model_name or 'genres').replace('/', '_')}.pt"

    def _graphs(self) -> HeteroData:
        movies, ratings = (_csv(path) for path in self.raw_paths)
        data = HeteroData()
        data["movie"].x = _one_hot(row[2] for row in movies)
        if self.model_name is not None:
            language = require("sentence_transformers", "sentence-transformers")
            titles = [row[1] for row in movies]
            read = language.SentenceTransformer(self.model_name).encode(titles, convert_to_tensor=True)
            data["movie"].x = torch.cat([read.cpu(), data["movie"].x], dim=1)
        users = _numbers(ratings)
        data["user"].num_nodes = len(users)
        pairs, rating, time = _rated(ratings, users, _numbers(movies))
        rates = data["user", "rates", "movie"]
        rates.edge_index, rates.edge_label, rates.time = pairs, rating.long(), time
        return data


def _csv(path: str) -> list[list[str]]:
    """The rows below the header."""
    with open(path, encoding="utf-8", newline="") as lines:
        return list(csv.reader(lines))[1:]
