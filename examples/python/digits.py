"""Train with a custom layer written in C on handwritten digits, and use the network from a C program.

    python examples/python/digits.py [folder]

1. Compiles examples/plugins/swish.c and loads it, which proves its forward and backward.
2. Trains a network with it on scikit-learn's 1,797 digits of 8 x 8, of which a fifth is the test set.
3. Checks the gradients of every parameter, the plugin's included, against numerical differentiation.
4. Writes the curves (curves.png), the network (model.safetensors), and the test set (images.f32, float32)
   with the predictions (predictions.i32, int32), for comparison by examples/c/digits.c.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import denpa as dp
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

ROOT = Path(__file__).resolve().parents[2]


def compile_plugin(folder: Path) -> Path:
    """Compile examples/plugins/swish.c to a shared object; it needs only the header denpa_plugin.h."""
    plugin = folder / "swish.so"
    source = ROOT / "examples" / "plugins" / "swish.c"
    command = ["cc", "-std=c11", "-O2", "-fPIC", "-shared", "-fvisibility=hidden", f"-I{ROOT / 'include'}"]
    subprocess.run([*command, str(source), "-o", str(plugin), "-lm"], check=True)
    return plugin


def digits() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return x (rows, 64) from 0 to 1 and class numbers, split 80/20 with equal shares of every class."""
    x, t = load_digits(return_X_y=True)
    x, xv, t, tv = train_test_split((x / 16).astype("float32"), t, test_size=0.2, stratify=t, random_state=2)
    return x, t, xv, tv


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)

    names = dp.load_plugin(compile_plugin(folder))
    print(f"loaded and proved: {', '.join(names)}")
    print(f"    {dp.layers.Swish.__doc__.splitlines()[0]}\n")

    x, t, xv, tv = digits()
    layers = [
        dp.Dense(128, name="hidden"),
        dp.layers.Swish(name="swish"),
        dp.Dense(64, activation="relu", name="mix"),
        dp.Dense(10, name="out"),
    ]
    net = dp.Sequential(layers, input_shape=(64,), seed=0)
    print(net.summary(), end="\n\n")
    net.compile(loss=dp.SoftmaxCrossEntropy(), optimizer=dp.Adam(learning_rate=2e-3), metrics=["accuracy"])
    beta = net.parameters["swish.beta"].copy()
    history = net.fit(x, t, batch_size=32, epochs=20, validation_data=(xv, tv), verbose=1)
    net.learning_rate /= 10  # smaller steps at the end; Adam keeps its state
    history.extend(net.fit(x, t, batch_size=32, epochs=10, validation_data=(xv, tv), verbose=1))
    loss, accuracy = net.evaluate(xv, tv)
    moved = float(np.abs(net.parameters["swish.beta"] - beta).max())
    print(
        f"\ntest: loss {loss:.4f}, accuracy {accuracy:.2%}; "
        f"the plugin's beta has moved by up to {moved:.3f}\n"
    )
    assert accuracy >= 0.97, "the test's accuracy is below 97 %"
    assert moved > 0, "the plugin's parameter was not learned"

    report = net.check_gradients(x[:16], t[:16], inputs=True)
    print("backpropagation against numerical differentiation, float64:")
    print(report, end="\n\n")
    assert report.passed and "swish.beta" in [row.tensor for row in report]

    history.plot(folder / "curves.png", title="Digits with a layer from a plugin")
    net.save(folder / "model.safetensors")
    xv.tofile(folder / "images.f32")
    net.predict_classes(xv).astype("int32").tofile(folder / "predictions.i32")
    again = dp.load(folder / "model.safetensors")
    assert np.array_equal(again.predict(xv), net.predict(xv)), "the file holds another network"
    print(f"curves, network, digits and predictions are in {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "digits-demo"))
