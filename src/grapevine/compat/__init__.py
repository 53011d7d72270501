"""Running programs written for DGL or PyTorch Geometric unchanged.

    from grapevine import compat

    compat.install()
    import dgl, torch_geometric, torch_scatter, torch_cluster, torch_sparse  # all of them Grapevine

Or, without touching the program: `grapevine run program.py`.
"""

from grapevine.compat.aliases import answered, install, installed, uninstall
from grapevine.compat.port import Use, port, uses
from grapevine.compat.program import run

__all__ = ["Use", "answered", "install", "installed", "port", "run", "uninstall", "uses"]
