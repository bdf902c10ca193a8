"""Networks and their layers from the archives of ``torch.export``."""
