"""Pictures to keep: a layer, a network or a run as SVG, PNG, GIF, TeX or a page of HTML."""
