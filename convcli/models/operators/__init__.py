"""The operators of models, by ONNX's names, which PyTorch's are mapped to: sizes and fields."""
