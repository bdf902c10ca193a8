"""What is said of a run: its results, as a table for people and records for programs."""
