"""How it is computed: an operation as blocks, a block as tiles, and the threads they go to."""
