from __future__ import annotations

import bz2
import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from grapevine.data import download_url, extract_bz2, extract_gz, extract_tar, extract_zip, makedirs
from grapevine.errors import GraphValueError


def test_archives(tmp_path) -> None:
    out = str(tmp_path / "out")
    makedirs(out)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("z/a.txt", "zip")
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        info = tarfile.TarInfo("t/a.txt")
        info.size = 3
        archive.addfile(info, io.BytesIO(b"tar"))
    with gzip.open(tmp_path / "g.txt.gz", "wb") as f:
        f.write(b"gz")
    with bz2.open(tmp_path / "b.txt.bz2", "wb") as f:
        f.write(b"bz2")
    extract_zip(str(tmp_path / "a.zip"), out)
    extract_tar(str(tmp_path / "a.tar.gz"), out)
    extract_gz(str(tmp_path / "g.txt.gz"), out, log=False)
    extract_bz2(str(tmp_path / "b.txt.bz2"), out)
    found = {str(p.relative_to(out)): p.read_text() for p in (tmp_path / "out").rglob("*.txt")}
    assert found == {"z/a.txt": "zip", "t/a.txt": "tar", "g.txt": "gz", "b.txt": "bz2"}


def test_archives_stay_in_their_folder(tmp_path) -> None:
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("../evil.txt"))
    with pytest.raises(GraphValueError, match="stay in its folder"):
        extract_tar(str(tmp_path / "a.tar.gz"), str(tmp_path / "out"))


def test_download(tmp_path, capsys) -> None:
    (tmp_path / "source.txt").write_text("text")
    url = (tmp_path / "source.txt").as_uri()
    path = download_url(url, str(tmp_path / "new"))
    assert Path(path).read_text() == "text"
    (tmp_path / "source.txt").write_text("other")
    assert download_url(url, str(tmp_path / "new")) == path and Path(path).read_text() == "text"
    assert download_url(url, str(tmp_path / "new"), log=False, filename="b").endswith("b")
    assert capsys.readouterr().err == f"Downloading {url}\nUsing existing file source.txt\n"
