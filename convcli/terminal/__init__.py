"""What both commands draw with Rich: tables, progress, colours."""
