"""Arrays that need no file: named filters, generated arrays, and numbers on the command line."""
