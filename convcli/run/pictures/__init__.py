"""Pictures of arrays: in the terminal, and in files."""
