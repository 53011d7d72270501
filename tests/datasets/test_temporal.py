"""Graphs that change: the published counts, and the same graphs as torch_geometric makes of the same files."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
import torch

from grapevine.datasets import BitcoinOTC, CollegeMsg, JODIEDataset
from grapevine.errors import GraphValueError
from grapevine.io import DownloadError
from tests.datasets.test_datasets import assert_same


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str, into: object, url: str, *rest: object) -> Path:
        raise DownloadError(f"could not download {name!r} from {url}: no network in tests")

    monkeypatch.setattr("grapevine.io.download.download_file", refuse)
    monkeypatch.delenv("GRAPEVINE_DATA", raising=False)
    monkeypatch.setenv("TZ", "UTC")


@pytest.fixture(scope="module")
def peers() -> Any:
    return pytest.importorskip("torch_geometric.datasets")


def test_college_messages(shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SNAP's counts: 1,899 students, 59,835 messages, 20,296 pairs, 193 days."""
    monkeypatch.setenv("GRAPEVINE_DATA", str(shared_data))
    events = CollegeMsg(str(tmp_path))[0]
    assert (events.num_events, events.num_nodes) == (59_835, 1_899)
    assert torch.stack([events.src, events.dst]).unique(dim=1).size(1) == 20_296
    assert bool((events.t.diff() >= 0).all())
    assert (int(events.t[-1]) - int(events.t[0])) // 86_400 == 193
    again = CollegeMsg(str(tmp_path), transform=lambda data: data[:10], force_reload=True)
    assert again[0].num_events == 10 and repr(again) == "CollegeMsg()"


def test_bitcoin(shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, peers: Any) -> None:
    monkeypatch.setenv("GRAPEVINE_DATA", str(shared_data))
    ours = BitcoinOTC(str(tmp_path), edge_window_size=3)
    theirs = peers.BitcoinOTC(str(tmp_path), edge_window_size=3)  # the raw file now lies as the peer lays it
    assert len(ours) == len(theirs) == 138 and ours.num_nodes == theirs.num_nodes == 6005
    for place in (0, 1, 70, 137):
        assert_same(ours[place], theirs[place])
    assert sum(graph.num_edges for graph in BitcoinOTC(str(tmp_path), edge_window_size=1)) == 35_592


@pytest.mark.filterwarnings("ignore:The given NumPy array is not writable")  # the peer's
def test_jodie(tmp_path: Path, peers: Any) -> None:
    rows = ["0,0,0.0,0,-0.1,0.2", "1,2,36.5,0,1.0,3.25", "0,1,77.0,1,0.5,-7.125"]
    header = "user_id,item_id,timestamp,state_label,comma_separated_list_of_features"
    (tmp_path / "wikipedia.csv").write_text("\n".join([header, *rows]) + "\n")
    ours = JODIEDataset(str(tmp_path), "Wikipedia")
    assert_same(ours[0], peers.JODIEDataset(str(tmp_path), "Wikipedia")[0])
    assert ours[0].dst.tolist() == [2, 4, 3] and repr(ours) == "Wikipedia()"
    with pytest.raises(GraphValueError, match="got 'wiki'"):
        JODIEDataset(str(tmp_path), "wiki")


def test_files_at_hand(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "CollegeMsg.txt.gz", "wt") as out:
        out.write("1 2 100\n3 2 101\n")
    assert CollegeMsg(str(tmp_path))[0].src.tolist() == [0, 2]
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "CollegeMsg.txt").write_text("5 4 7\n")
    assert CollegeMsg(str(tmp_path / "plain"))[0].src.tolist() == [1]
    with pytest.raises(DownloadError, match=r"snap\.stanford\.edu/data/soc-sign-bitcoinotc\.csv\.gz"):
        BitcoinOTC(str(tmp_path))
