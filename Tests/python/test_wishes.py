"""Programs wished for before the library existed: Keras's and PyTorch's habits, a teacher's hour, a daemon in C.

They are here as they were written, except for these lines:

| wish | here | why |
|---|---|---|
| `shape=(50_000_000, 64)` | 5,000 rows | a file for a test |
| `net.where("largest gradient")` | `net.grads.largest()` | its value too, which the condition needs |
| `DENPA_INT(...)`, `DENPA_END` | `denpa_int(...)`, `denpa_end()` | functions, whose types are checked |
| options by position | by name | the structs have more fields than the wish knew |
| a loss by its kind | `denpa_loss_on` | several losses, each with its output, weight and attributes |
| `denpa_fit_source(..., 10)` | options, loss | validation, callbacks, early stopping in one struct |
| `denpa_predict(rt, &X, &Y)` | `(rt, &X, 1, &Y, 1)` | several inputs and outputs; their number is checked |
| `normalise=` | `normalize=` | one spelling, that of the field's libraries |

What the programs do not define (batches, a stream, a log) is made by the tests.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap

import numpy as np
import pytest
from denpa_support import ROOT

KERAS = """
import numpy as np, denpa as dp
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
x, t = load_digits(return_X_y=True)                       # float64 0..16, int64 class numbers
x, xv, t, tv = train_test_split(x / 16, t, stratify=t, random_state=0)
net = dp.Sequential([dp.Dense(64, activation="relu"), dp.Dropout(0.2), dp.Dense(10)], input_shape=(64,),
                    seed=0)
net.compile(loss=dp.SoftmaxCrossEntropy(), optimizer=dp.Adam(learning_rate=1e-3), metrics=["accuracy"])
history = net.fit(x, t, batch_size=64, epochs=50, validation_data=(xv, tv), verbose=1,
                  callbacks=[dp.EarlyStopping(monitor="val_loss", patience=5, restore_best=True)])
assert history["val_accuracy"][-1] > 0.93
loss, accuracy = net.evaluate(xv, tv)                     # the compiled loss and metrics
assert loss == min(history["val_loss"]) and accuracy > 0.93
logits = net.predict(xv)                                  # with a softmax layer at the end, probabilities
probabilities, classes = net.predict_proba(xv), net.predict_classes(xv)
assert np.allclose(probabilities.sum(axis=1), 1) and (classes == logits.argmax(axis=1)).all()
before = net.step_count
net.fit(x, t, epochs=5)                                   # goes on with Adam's state
assert net.step_count == before + 5 * -(-len(x) // 32)
big = np.memmap("big.f32", dtype="float32", mode="r", shape=(5_000, 64))
net.fit(dp.Batches(big, labels := np.load("t.npy", mmap_mode="r"), batch_size=256, seed=1), epochs=1)
net.fit(big, labels, batch_size=256, epochs=1)            # the same: fit reads maps batch by batch
net.fit((b for b in my_stream()), steps_per_epoch=1000)   # any iterable of (x, t)
net.train_batch(x[0], t[0])                               # online: one sample, without a batch dimension
regression = dp.Sequential([dp.Dense(1)], input_shape=(64,))
regression.fit(x, t.astype("f4"), loss="mse")             # t (n,) beside y (n, 1): never n × n
by_hand = ((regression.predict(x)[:, 0] - t) ** 2).mean()
assert np.isclose(regression.loss(x, t.astype("f4")), by_hand, rtol=1e-5)
import copy, pickle; twin = copy.deepcopy(net); other = pickle.loads(pickle.dumps(net))
assert net.train_batch(x[:9], t[:9]) == twin.train_batch(x[:9], t[:9]) == other.train_batch(x[:9], t[:9])
for name, values in twin.parameters.items():
    assert (net.parameters[name] == values).all() and (other.parameters[name] == values).all()
"""

TORCH = """
import numpy as np, denpa as dp
image, age = dp.Input((64,), name="image"), dp.Input((1,), name="age")
h = dp.Dense(32, activation="relu", name="encoder")(image)
h = dp.concat([h, age])
h = dp.Dense(32, activation="relu", name="mix")(h) + h[:, :32]           # operators, slices
kind, price = dp.Dense(10, name="kind")(h), dp.Dense(1, name="price")(h)
net = dp.Model([image, age], {"kind": kind, "price": price}, dtype="float64", seed=3)
net.layers["encoder"].trainable = False
loss = dp.Sum(dp.SoftmaxCrossEntropy("kind"), 0.1 * dp.MeanSquaredError("price"))             # two targets
optimizer = dp.Adam(learning_rate=1e-3)
frozen, mixed = net.parameters["encoder.W"].copy(), net.parameters["mix.W"].copy()
for x, t in batches:
    out = net.forward(x, training=True)                     # dict of arrays
    value, dout = loss(out, t), loss.gradient(out, t)
    dx = net.backward(dout)                                 # gradients of the inputs too
    if abs(net.grads.largest().value) > 10: print("largest gradient:", net.grads.largest())
    optimizer.step(net); net.zero_grads()                   # parameter gradients accumulate until told
assert (net.parameters["encoder.W"] == frozen).all() and (net.parameters["mix.W"] != mixed).any()
assert list(dx) == ["image", "age"] and dx["image"].shape == (8, 64)
found = net.gradients(x, t, loss=loss, wrt=["mix.W", "image"])
out = net.forward(x, training=True)
for name, gradient in net.vjp(x, loss.gradient(out, t)).items():
    assert name not in found or np.allclose(gradient, found[name], rtol=0, atol=1e-12)
before = net.predict(x)["kind"]
net.parameters["kind.W"][:] *= 0.5                          # view: writes through, sessions see it
bias = net.parameters["kind.b"]
assert np.allclose(net.predict(x)["kind"], 0.5 * (before - bias) + bias)
report = net.check_gradients(x, t, loss=loss, step=1e-3); print("worst:", report.worst)
assert report.passed and report.worst < 1e-8
try: net.predict({"image": x["image"][:, :63], "age": x["age"]})
except dp.ShapeError as e: print(e)
"""

PLAYGROUND = """
# A teacher's hour: everything that a class wants to see.
import denpa as dp, numpy as np
x = np.random.default_rng(0).uniform(-1, 1, (300, 2)); t = (x[:, 0] * x[:, 1] > 0).astype(int)
net = dp.Sequential([dp.Dense(4, activation="tanh"), dp.Dense(2)], input_shape=(2,), seed=0)
film = dp.Film(net, x, t)                                        # weights, loss, decision regions every few steps
net.fit(x, t, loss="softmax_cross_entropy", optimizer=dp.Adam(0.01), epochs=100, callbacks=[film])
film.save("film.html")                                           # a page with a slider, side by side
page = net.explain(x[:1], t[:1]); page.save("explain.html")      # forward and back, each number clickable
net.trace(x[:1], t=t[:1]).factors("dense_1.W", (0, 2))           # error coming back x derivative x input = gradient
net.draw("net.svg"); net.draw_graph("graph.svg")
dp.loss_surface(net, x, t, directions="random", normalize="filter", seed=1).plot("surface.png", path=film)
print(net.check_gradients(x, t))                                 # and it is proved
"""

DAEMON = """
/* A daemon: learn from a sensor log larger than memory, then go on online; a real-time thread predicts. */
#include <denpa.h>
#include <stdio.h>
#define TRY(e) do { if ((e) != DENPA_OK) return fprintf(stderr, "%s\\n", denpa_last_error()), 1; } while (0)
typedef struct { FILE *file; float x[64][8]; float t[64][1]; } sensor_log;
static denpa_status next(void *user, denpa_tensor *x, denpa_tensor *t) {
    sensor_log *l = (sensor_log *)user; size_t n = fread(l->x, sizeof l->x[0], 64, l->file);
    if (n == 0 || fread(l->t, sizeof l->t[0], n, l->file) != n) return DENPA_END_OF_DATA;
    *x = denpa_f32(&l->x[0][0], (int64_t)n, 8); *t = denpa_f32(&l->t[0][0], (int64_t)n, 1); return DENPA_OK;
}
static denpa_status again(void *user) { rewind(((sensor_log *)user)->file); return DENPA_OK; }
int main(int argc, char **argv) {
    static sensor_log l; denpa_graph *g; denpa_value x, h, y; const int64_t width = 8;
    denpa_model *m; denpa_trainer *tr; denpa_session *rt;
    if (argc < 2 || !(l.file = fopen(argv[1], "rb"))) return 2;
    TRY(denpa_graph_create(&g)); TRY(denpa_graph_input(g, "x", DENPA_FLOAT32, 1, &width, &x));
    TRY(denpa_graph_add(g, "dense", "hidden",
        DENPA_ATTRIBUTES(denpa_int("units", 32), denpa_string("activation", "relu")), &x, 1, &h, 1));
    TRY(denpa_graph_add(g, "dense", "out", DENPA_ATTRIBUTES(denpa_int("units", 1)), &h, 1, &y, 1));
    denpa_model_options mo = { .struct_size = sizeof mo, .seed = 1 };
    TRY(denpa_model_create(g, &y, 1, &mo, &m));
    denpa_loss squares = denpa_loss_on(0, "mean_squared_error", NULL);
    denpa_trainer_options to = { .struct_size = sizeof to, .max_batch = 64,
        .loss_count = 1, .losses = &squares,
        .optimizer = { "adam", DENPA_ATTRIBUTES(denpa_float("learning_rate", 1e-3)) } };
    TRY(denpa_trainer_create(m, &to, &tr));
    denpa_session_options so = { .struct_size = sizeof so, .realtime = 1 };   /* all memory is touched now */
    TRY(denpa_session_create(m, &so, &rt));
    denpa_fit_options epochs = { .struct_size = sizeof epochs, .epochs = 10 }; double last;
    TRY(denpa_fit_source(tr, next, again, &l, &epochs, &last));               /* publishes after each epoch */
    float in[8] = { 0 }, t1 = 0, guess; double loss;                          /* then, in two threads: */
    denpa_tensor X = denpa_f32(in, 1, 8), T = denpa_f32(&t1, 1, 1), Y = denpa_f32(&guess, 1, 1);
    TRY(denpa_train_batch(tr, &X, 1, &T, 1, &loss)); TRY(denpa_publish(tr)); /* learner: a sample at a time */
    TRY(denpa_predict(rt, &X, 1, &Y, 1));                     /* audio: no lock, allocation or system call */
    TRY(denpa_model_save(m, "sensor.safetensors"));
    TRY(denpa_session_destroy(rt)); TRY(denpa_trainer_destroy(tr));
    TRY(denpa_model_destroy(m)); TRY(denpa_graph_destroy(g));
    printf("loss %.6f, guess %.3f\\n", last, guess); fclose(l.file); return 0;
}
"""


def run(folder, program, before):
    """What a program prints in an empty folder, with what it does not define made before."""
    path = folder / "program.py"
    path.write_text(textwrap.dedent(before) + program)
    done = subprocess.run(
        [sys.executable, path.name], capture_output=True, text=True, cwd=folder, timeout=120
    )
    assert done.returncode == 0 and done.stderr == "", done.stdout + done.stderr
    return done.stdout


def test_keras_habits(tmp_path):
    pytest.importorskip("sklearn")
    stream = """
    import numpy
    draw = numpy.random.default_rng(3)
    draw.random((5_000, 64), dtype="float32").tofile("big.f32")
    numpy.save("t.npy", draw.integers(0, 10, 5_000))
    def my_stream():
        while True:
            yield draw.random((16, 64)), draw.integers(0, 10, 16)
    """
    text = run(tmp_path, KERAS, stream)
    assert "epoch  1/50" in text and "val_accuracy" in text


def test_torch_habits(tmp_path):
    batches = """
    import numpy
    draw = numpy.random.default_rng(0)
    def batch(scale):
        x = {"image": draw.normal(size=(8, 64)), "age": draw.random((8, 1))}
        return x, {"kind": draw.integers(0, 10, 8), "price": scale * draw.random((8, 1))}
    batches = [batch(1.0), batch(1.0), batch(1e4), batch(1.0)]
    """
    text = run(tmp_path, TORCH, batches)
    lines = text.splitlines()
    assert len(lines) == 3, text  # only the third batch has a large gradient
    assert lines[0].startswith("largest gradient: ") and "] = " in lines[0]
    assert lines[2] == 'input "image": expected (rows, 64), got (8, 63)'


def test_playground(tmp_path):
    pytest.importorskip("matplotlib")
    text = run(tmp_path, PLAYGROUND, "")
    assert text.count(" ok") == 4 and "WRONG" not in text
    for name in ("film.html", "explain.html", "net.svg", "graph.svg", "surface.png"):
        assert (tmp_path / name).stat().st_size > 2000, name


def test_daemon(tmp_path):
    (tmp_path / "daemon.c").write_text(DAEMON)
    library = [f"-L{ROOT / 'build'}", f"-Wl,-rpath,{ROOT / 'build'}", "-ldenpa"]
    subprocess.run(
        ["cc", "-std=c11", "-Wall", "-Werror", f"-I{ROOT / 'include'}", "daemon.c", "-o", "daemon", *library],
        cwd=tmp_path,
        check=True,
    )
    rng = np.random.default_rng(1)
    with (tmp_path / "log").open("wb") as log:  # blocks of up to 64 rows: readings, then targets
        for rows in [64] * 40 + [17]:
            x = rng.uniform(-1, 1, (rows, 8)).astype("f4")
            log.write(x.tobytes() + (x @ np.arange(8, dtype="f4") / 10).tobytes())
    done = subprocess.run(["./daemon", "log"], capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    loss, guess = done.stdout.replace("loss", "").split(", guess")
    assert float(loss) < 0.01 and abs(float(guess)) < 0.2
    assert (tmp_path / "sensor.safetensors").exists()
