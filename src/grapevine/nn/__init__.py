"""Neural network layers in PyTorch Geometric's dialect."""
