"""Reading what other programs wrote: the raw files of datasets, pickles of arrays, tables."""

from grapevine.io.csv import read_csv
from grapevine.io.download import DownloadError, download_file, find, obtain, obtain_archive
from grapevine.io.graph import load_graph, save_graph
from grapevine.io.mesh import read_mesh, read_obj, read_off, read_ply, write_off
from grapevine.io.npz import parse_npz, read_npz
from grapevine.io.pdb import Backbone, read_backbone
from grapevine.io.planetoid import read_planetoid_data
from grapevine.io.text import read_txt_array
from grapevine.io.tu import read_tu_data
from grapevine.io.unpickle import ArrayUnpickler, UnsafePickleError, read_pickle

__all__ = [
    "ArrayUnpickler",
    "Backbone",
    "DownloadError",
    "UnsafePickleError",
    "download_file",
    "find",
    "load_graph",
    "obtain",
    "obtain_archive",
    "parse_npz",
    "read_backbone",
    "read_csv",
    "read_mesh",
    "read_npz",
    "read_obj",
    "read_off",
    "read_pickle",
    "read_planetoid_data",
    "read_ply",
    "read_tu_data",
    "read_txt_array",
    "save_graph",
    "write_off",
]
