"""Arrays in and out: their types, their formats, and where they come from and go to."""
