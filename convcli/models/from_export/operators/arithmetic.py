"""PyTorch's operators that compute numbers: in place, along axes, products of matrices."""

from convcli.geometry.network.operation import Applied
from convcli.geometry.network.operations.pooling import Reduced
from convcli.geometry.network.tensor import Tensor
from convcli.models.from_export.einsum import einsum
from convcli.models.from_export.operators.shared import Args, Operator, first, onnx, turned
from convcli.models.operators.facts import Unknown, rank


def _pointwise(a: Args) -> Applied:
    return onnx("Identity", first(a))


def _layer_norm(a: Args) -> Applied:
    x = a["input"]
    return onnx("LayerNormalization", x, axis=rank(x) - len(a["normalized_shape"]))


def _group_norm(a: Args) -> Applied:
    return onnx("GroupNormalization", first(a))


def _instance_norm(a: Args) -> Applied:
    if not a.get("use_input_stats", True):  # but those that were kept in training
        return _pointwise(a)
    return onnx("InstanceNormalization", a["input"])


def _clamp(a: Args) -> Applied:
    limits = (a.get("min"), a.get("max"))
    return _joined(a) if any(isinstance(limit, Tensor) for limit in limits) else _pointwise(a)


def _joined(a: Args) -> Applied:
    tensors = [value for value in a.values() if isinstance(value, Tensor)]
    return onnx("Add", *tensors)


def _einsum(a: Args) -> Applied:
    return einsum(a["equation"], a["tensors"])


def _linear(a: Args) -> Applied:
    x, w, bias = a["input"], a["weight"], a.get("bias")
    turned = onnx("Transpose", w, perm=[1, 0]).outputs[0]
    made = onnx("MatMul", x, turned)
    return made if bias is None or made.costs is None else _biased(made)


def _biased(made: Applied) -> Applied:
    costs, elements = made.costs, made.outputs[0].elements
    if costs is None or elements is None:
        return made
    return made._replace(costs=costs._replace(flops=costs.flops + elements))


def _addmm(a: Args) -> Applied:
    return _biased(onnx("MatMul", a["mat1"], a["mat2"]))


def _matmul(a: Args) -> Applied:
    return onnx("MatMul", first(a), a.get("other", a.get("mat2")))


def _softmax(a: Args) -> Applied:
    return onnx("Softmax", first(a), axis=a["dim"])


def _reduce(a: Args) -> Applied:
    x = first(a)
    dims = a.get("dim")
    axes = range(rank(x)) if dims in (None, []) else [dims] if isinstance(dims, int) else dims
    return Reduced(tuple(axes), bool(a.get("keepdim", False))).apply((x,))


def _reduce_pair(a: Args) -> Applied:
    if "other" in a:  # the larger of two numbers
        return _joined(a)
    made = _reduce(a)
    return made if "dim" not in a else made._replace(outputs=made.outputs * 2)


def _attention(a: Args) -> Applied:
    """Every query reads every key and value."""
    if a.get("enable_gqa"):
        raise Unknown("groups of queries share their keys")
    scores = onnx("MatMul", a["query"], turned(a["key"]))
    weighted = onnx("MatMul", scores.outputs[0], a["value"])
    if scores.costs is None or weighted.costs is None:
        return weighted
    costs = weighted.costs
    total = costs._replace(
        macs=costs.macs + scores.costs.macs, flops=costs.flops + scores.costs.flops
    )
    return weighted._replace(costs=total)


_POINTWISE = (
    *("relu", "relu6", "hardtanh", "hardswish", "hardsigmoid", "silu", "sigmoid", "tanh", "gelu"),
    *("leaky_relu", "elu", "selu", "celu", "mish", "softplus"),
    *("dropout", "feature_dropout", "alpha_dropout", "native_dropout", "clone", "contiguous"),
    *("alias", "detach", "detach_", "lift_fresh_copy", "to", "_to_copy", "type_as", "exp", "log"),
    *("sqrt", "rsqrt", "neg", "abs", "sin", "cos", "erf", "floor", "ceil", "round", "sign"),
    *("reciprocal", "square", "prelu", "_prelu_kernel", "logical_not", "bitwise_not", "expm1"),
    *("log1p", "softsign", "hardshrink", "softshrink", "threshold", "rrelu", "isnan", "isinf"),
)
_JOINED = (
    *("add", "sub", "rsub", "mul", "div", "pow", "maximum", "minimum", "where", "remainder"),
    *("eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "masked_fill", "atan2"),
    *("floor_divide", "fmod", "bitwise_and", "bitwise_or"),
)

ARITHMETIC: dict[str, Operator] = {
    **dict.fromkeys(_POINTWISE, _pointwise),
    **dict.fromkeys(_JOINED, _joined),
    **dict.fromkeys(("batch_norm", "_native_batch_norm_legit_no_training"), _pointwise),
    **dict.fromkeys(("layer_norm", "native_layer_norm"), _layer_norm),
    **dict.fromkeys(("group_norm", "native_group_norm"), _group_norm),
    **dict.fromkeys(("matmul", "mm", "bmm"), _matmul),
    **dict.fromkeys(("softmax", "_softmax", "log_softmax", "_log_softmax"), _softmax),
    **dict.fromkeys(("mean", "sum", "amax", "amin", "prod", "var", "std", "argmax", "any", "all",
                     "linalg_vector_norm"),
                    _reduce),
    **dict.fromkeys(("max", "min"), _reduce_pair),
    **dict.fromkeys(("clamp", "clamp_min", "clamp_max"), _clamp),
    "instance_norm": _instance_norm,
    "einsum": _einsum,
    "linear": _linear,
    "addmm": _addmm,
    "scaled_dot_product_attention": _attention,
}  # fmt: skip
