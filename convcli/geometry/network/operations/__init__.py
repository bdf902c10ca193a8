"""What the nodes of a network do: each file has one family of operations."""
