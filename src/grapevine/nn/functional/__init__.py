"""Penalties for training."""

from grapevine.nn.functional.bro import bro
from grapevine.nn.functional.gini import gini

__all__ = ["bro", "gini"]
