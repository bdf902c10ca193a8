"""Does items, such as blocks of an array, on the workers of a cluster."""
