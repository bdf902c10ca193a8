"""Text into sizes and layers, and back: our notation, sweeps, and PyTorch's."""
