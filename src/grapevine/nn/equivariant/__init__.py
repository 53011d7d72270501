"""Networks that turn with their input: EGNN and the SE(3)-Transformer."""

from grapevine.nn.equivariant.egnn import EGNN, E_GCL, EGNN_QM9, E_GCL_vel, EGNN_nbody, EGNN_vel
from grapevine.nn.equivariant.nbody import GNN, RF_vel

__all__ = ["EGNN", "EGNN_QM9", "GNN", "E_GCL", "E_GCL_vel", "EGNN_nbody", "EGNN_vel", "RF_vel"]
