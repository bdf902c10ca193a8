"""Sizes of layers and networks: integers and the standard library only."""
