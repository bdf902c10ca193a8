"""Networks from texts and files, made into geometry's graph."""
