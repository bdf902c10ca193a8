"""How a tile is convolved: one file for each engine and each method."""
