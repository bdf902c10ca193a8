"""Networks and their layers from ONNX files."""
