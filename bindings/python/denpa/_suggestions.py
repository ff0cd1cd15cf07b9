"""What a caller may have meant by a name that is not known: a mistyped one, or one of another library."""

from __future__ import annotations

from typing import Any, Iterable

# The words of Keras, PyTorch and scikit-learn, in lower case, and ours. None of them works here: there is one
# name for each thing.
ELSEWHERE = {
    # arguments
    "lr": "learning_rate",
    "learning_rate_init": "learning_rate",
    "use_bias": "bias",
    "out_features": "units",
    "hidden_size": "units",
    "kernel_initializer": "initializer",
    "weight_initializer": "initializer",
    "init": "initializer",
    "betas": "beta1",
    "beta_1": "beta1",
    "beta_2": "beta2",
    "eps": "epsilon",
    "label_smoothing": "smoothing",
    "ignore_index": "ignored",
    "ignore_class": "ignored",
    "weight": "class_weights",
    "negative_slope": "alpha",
    "clipnorm": "clip_norm",
    "global_clipnorm": "clip_norm",
    "clipvalue": "clip_value",
    "p": "rate",
    "normalized_shape": "axis",
    "num_embeddings": "count",
    "embedding_dim": "units",
    "out_channels": "filters",
    "kernel_size": "kernel",
    "stride": "strides",
    # losses
    "sparse_categorical_crossentropy": "softmax_cross_entropy",
    "categorical_crossentropy": "softmax_cross_entropy",
    "crossentropyloss": "softmax_cross_entropy",
    "crossentropy": "cross_entropy",
    "nllloss": "cross_entropy",
    "log_loss": "cross_entropy",
    "binary_crossentropy": "binary_cross_entropy",
    "bceloss": "binary_cross_entropy",
    "bcewithlogitsloss": "sigmoid_cross_entropy",
    "bce": "binary_cross_entropy",
    "mseloss": "mean_squared_error",
    "l2": "mean_squared_error",
    "l1loss": "mean_absolute_error",
    "smoothl1loss": "huber",
    "huberloss": "huber",
    "kldivloss": "kl_divergence",
    "kld": "kl_divergence",
    "pinball": "quantile",
    # layers
    "linear": "dense",
    "activation": "relu",
    "batchnormalization": "batch_norm",
    "batchnorm1d": "batch_norm",
    "batchnorm2d": "batch_norm",
    "layernormalization": "layer_norm",
    "swish": "silu",
    "concatenate": "concat",
    "cat": "concat",
    # initializers
    "he_normal": "he",
    "kaiming_normal": "he",
    "kaiming_uniform": "he_uniform",
    "glorot_normal": "xavier",
    "xavier_normal": "xavier",
    "glorot_uniform": "xavier_uniform",
    "lecun_normal": "lecun",
    "random_normal": "normal",
    "random_uniform": "uniform",
    "truncatednormal": "truncated_normal",
    # schedules and metrics
    "steplr": "step_decay",
    "multisteplr": "multi_step_decay",
    "exponentiallr": "exponential_decay",
    "cosineannealinglr": "cosine_decay",
    "cosinedecayrestarts": "cosine_decay",
    "onecyclelr": "one_cycle",
    "reducelronplateau": "reduce_on_plateau",
    "acc": "accuracy",
    "sparse_categorical_accuracy": "accuracy",
    "binary_accuracy": "accuracy",
    "f1_score": "f1",
    "roc_auc": "auc",
    "rmse": "root_mean_squared_error",
    "r2_score": "r2",
}


def closest(wrong: Any, names: Iterable[str]) -> str:
    """Return the end of a sentence: `; did you mean "units"?`, or a full stop."""
    import difflib  # only after an error: it would slow down every import of denpa

    name = str(wrong)
    known = list(names)
    ours = {plain(name), plain(ELSEWHERE.get(name.lower(), name))}
    found = [candidate for candidate in known if plain(candidate) in ours]
    found = found or difflib.get_close_matches(name, known, 1)
    return f'; did you mean "{found[0]}"?' if found else "."


def plain(name: str) -> str:
    """Return a name without what differs between a kind and its class: "he_uniform", "HeUniform"."""
    return name.lower().replace("_", "")
