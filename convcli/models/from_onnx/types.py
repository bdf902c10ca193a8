"""The types of ONNX tensors, by their numbers in ``TensorProto.DataType``."""

# float32 1, uint8 2, int8 3, uint16 4, int16 5, int32 6, int64 7, bool 9, float16 10, float64 11,
# uint32 12, uint64 13, complex64 14, complex128 15, bfloat16 16; below that, a byte at most.
_BYTES = {1: 4, 4: 2, 5: 2, 6: 4, 7: 8, 10: 2, 11: 8, 12: 4, 13: 8, 14: 8, 15: 16, 16: 2}


def itemsize(kind: int) -> int:
    """Return the bytes of a number."""
    return _BYTES.get(kind, 1)
