"""Networks from text, and the built-in ones."""
