"""What explains a layer, for both commands: words, pictures, the layer elsewhere, an animation."""
