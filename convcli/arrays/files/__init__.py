"""Bytes in files and pipes: moved in full, and files that replace old ones once complete."""
