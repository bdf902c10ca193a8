"""The command `shape`: computes output sizes and shows them."""
