"""Where older programs import DGLError from."""
