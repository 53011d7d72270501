"""Attention among nodes."""

from grapevine.nn.attention.performer import PerformerAttention

__all__ = ["PerformerAttention"]
