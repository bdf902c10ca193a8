"""Layers and networks: sizes, costs and receptive fields, followed through a graph."""
