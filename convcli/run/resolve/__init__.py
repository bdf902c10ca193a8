"""What is computed: each question that options and an input leave open, resolved."""
