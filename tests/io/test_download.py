"""Raw files: found in folders and zips on this machine, else downloaded and checked."""

from __future__ import annotations

import hashlib
import http.server
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from grapevine.errors import GrapevineError
from grapevine.io import DownloadError, download_file, find, obtain, obtain_archive

NOWHERE = "http://127.0.0.1:9"  # the discard port: nothing answers


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)
    monkeypatch.delenv("GRAPEVINE_DATA", raising=False)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The address of a server on this machine, and the folder that it publishes."""
    folder = tmp_path / "published"
    folder.mkdir()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", folder
        running.shutdown()
        thread.join()


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    (tmp_path / "raw").mkdir()
    return tmp_path / "raw"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


def pack(path: Path, **members: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members.items():
            archive.writestr(name.replace("__", "/"), text)


@pytest.mark.parametrize("where", [".", "sub", "sub/sub"])
@pytest.mark.parametrize("by", ["root", "variable"])
def test_found_in_folders(
    where: str, by: str, root: Path, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAPEVINE_DATA", str(root if by == "variable" else root / "nothing"))
    (root / where).mkdir(parents=True, exist_ok=True)
    (root / where / "a").write_text("here")
    here = root if by == "root" else root / "elsewhere"
    obtain(["a"], into=raw, url=NOWHERE, root=here)
    assert (raw / "a").read_text() == "here"
    assert find("a", here) == root / where / "a"
    assert [path.name for path in raw.iterdir()] == ["a"]


@pytest.mark.parametrize("folder", ["", "inner__"])
def test_found_in_a_zip(folder: str, root: Path, raw: Path) -> None:
    pack(root / "all.zip", **{f"{folder}a": "packed", f"{folder}b": "other"})
    (root / "b").write_text("loose")
    obtain(["a", "b"], into=raw, url=NOWHERE, root=root, archive="all.zip")
    assert (raw / "a").read_text() == "packed"
    assert (raw / "b").read_text() == "loose"  # a file by its own name comes first


def test_what_is_there_stays(root: Path, raw: Path) -> None:
    (raw / "a").write_text("mine")
    (root / "a").write_text("other")
    obtain(["a"], into=raw, url=NOWHERE, root=root)
    assert (raw / "a").read_text() == "mine"


def test_downloaded_and_checked(server: tuple[str, Path], root: Path, raw: Path) -> None:
    url, folder = server
    (folder / "a").write_bytes(b"published")
    digest = hashlib.sha256(b"published").hexdigest()
    obtain(["a"], into=raw, url=url, root=root, sha256={"a": digest})
    assert (raw / "a").read_bytes() == b"published"

    with pytest.raises(DownloadError, match=r"could not download 'a' .* hash"):
        download_file("a", root, f"{url}/a", sha256="0" * 64)
    assert not list(root.iterdir())  # the wrong file is not kept


def test_download_that_fails_says_what_to_do(server: tuple[str, Path], root: Path, raw: Path) -> None:
    with pytest.raises(DownloadError) as caught:
        obtain(["ind.cora.x"], into=raw, url=NOWHERE, root=root, archive="cora.zip")
    text = str(caught.value)
    assert text.startswith("could not download 'ind.cora.x' from http://127.0.0.1:9/ind.cora.x: ")
    assert f"put it into {raw}, or put it (or 'cora.zip') into a folder" in text
    assert text.endswith("GRAPEVINE_DATA names") and "\n" not in text
    assert isinstance(caught.value, GrapevineError) and isinstance(caught.value, OSError)
    with pytest.raises(DownloadError, match="404"):
        obtain(["none"], into=raw, url=server[0], root=root)


@pytest.mark.parametrize("how", ["loose", "zip", "download"])
def test_archives(how: str, server: tuple[str, Path], root: Path, raw: Path) -> None:
    members = {"SET__SET_A.txt": "edges", "SET__SET_y.txt": "labels", "SET__README.txt": "text"}
    if how == "loose":
        (root / "SET").mkdir()
        for name, text in members.items():
            (root / name.replace("__", "/")).write_text(text)
    else:
        pack((root if how == "zip" else server[1]) / "SET.zip", **members)
    obtain_archive("SET.zip", ["SET_A.txt", "SET_y.txt", "SET_z.txt"], into=raw, url=server[0], root=root)
    assert {path.name: path.read_text() for path in raw.iterdir()} == {
        "SET_A.txt": "edges",
        "SET_y.txt": "labels",
    }


def test_archive_without_the_file(root: Path, raw: Path) -> None:
    pack(root / "SET.zip", other="text")
    with pytest.raises(DownloadError, match=r"a zip that holds 'SET_A.txt', got \['other'\]"):
        obtain_archive("SET.zip", ["SET_A.txt"], into=raw, url=NOWHERE, root=root)


def test_a_member_cannot_leave_the_folder(root: Path, raw: Path) -> None:
    pack(root / "SET.zip", **{"..__..__SET_A.txt": "edges"})
    obtain_archive("SET.zip", ["SET_A.txt"], into=raw, url=NOWHERE, root=root)
    assert (raw / "SET_A.txt").read_text() == "edges"
    assert not (raw.parent.parent / "SET_A.txt").exists()


def test_no_root_means_download(server: tuple[str, Path], raw: Path) -> None:
    pack(server[1] / "SET.zip", SET_A="cleaned")
    obtain_archive("SET.zip", ["SET_A"], into=raw, url=server[0], root=None)
    assert (raw / "SET_A").read_text() == "cleaned"
