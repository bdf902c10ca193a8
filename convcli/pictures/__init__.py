"""Pictures of a layer to keep: files that people look at."""
