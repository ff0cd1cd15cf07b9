"""What fit shows: a line that moves on a terminal, HTML in a notebook, lines every few seconds elsewhere."""

from __future__ import annotations

import io
import sys
import types

import denpa as dp
import pytest
from denpa._progress import Lines, Notebook, Terminal, progress_bar


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def data(rng):
    return rng.normal(size=(30, 3)), rng.normal(size=(30, 1))


def net():
    return dp.Sequential([dp.Dense(1)], (3,), seed=1)


def progress(epoch, batch, end=False, epochs=20):
    return dp._abi.Progress(epoch=epoch, epochs=epochs, batch=batch, batches=-1, end_of_epoch=int(end))


class Tty(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def notebook(monkeypatch):
    """A fake IPython in a notebook. Its pages are those that the cell shows: displayed ones, and their updates."""
    pages = []

    class Handle:
        def update(self, page):
            pages.append(("update", page.text))

    class HTML:
        def __init__(self, text):
            self.text = text

    def display(page, display_id=None):
        assert display_id is True
        pages.append(("display", page.text))
        return Handle()

    shell = types.SimpleNamespace(kernel=object())
    package = types.ModuleType("IPython")
    package.get_ipython = lambda: shell
    module = types.ModuleType("IPython.display")
    module.display, module.HTML = display, HTML
    monkeypatch.setitem(sys.modules, "IPython", package)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    return types.SimpleNamespace(pages=pages, shell=shell)


def test_which_one(monkeypatch, notebook):
    assert isinstance(progress_bar(), Notebook)
    notebook.shell.kernel = None  # IPython in a terminal
    monkeypatch.setattr(sys, "stdout", Tty())
    assert isinstance(progress_bar(), Terminal)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert isinstance(progress_bar(), Lines)
    monkeypatch.setattr(sys.modules["IPython"], "get_ipython", lambda: None)  # imported, but not running
    assert isinstance(progress_bar(), Lines)
    monkeypatch.delitem(sys.modules, "IPython")
    assert isinstance(progress_bar(), Lines)
    assert "IPython" not in sys.modules  # and not imported


def test_a_terminal(clock):
    stream = Tty()
    bar = Terminal(stream, clock)
    bar.show(progress(0, 3), {"loss": 0.5}, 6)
    clock.now += 2
    bar.show(progress(0, 6, True), {"loss": 0.25}, 6)
    bar.show(progress(1, 2), {"loss": 0.25}, None)
    bar.show(progress(1, 8), {"loss": 0.25}, 6)  # more than were announced
    bar.finish()
    bar.finish()
    lines = stream.getvalue().split("\n")
    assert lines[0].split("\r")[1:] == [
        "epoch  1/20  [##########..........] 3/6  loss 0.5000  0.0 s",
        "epoch  1/20  [####################] 6/6  loss 0.2500  2.0 s",
    ]
    assert lines[1].split("\r")[1:] == [
        "epoch  2/20  2 batches  loss 0.2500  0.0 s",
        "epoch  2/20  8 batches  loss 0.2500  0.0 s",
    ]
    assert lines[2:] == [""]


def test_lines_come_every_few_seconds(clock):
    stream = io.StringIO()
    bar = Lines(stream, clock)
    bar.show(progress(0, 3), {"loss": 0.9}, 6)
    bar.show(progress(0, 6, True), {"loss": 0.8}, 6)  # the first
    for epoch in range(1, 19):
        clock.now += 1
        bar.show(progress(epoch, 3), {"loss": 0.5}, 6)
        bar.show(progress(epoch, 6, True), {"loss": 0.5}, 6)
    clock.now += 1
    bar.show(progress(19, 6, True), {"loss": 0.1}, 6)  # the last
    bar.finish()
    lines = stream.getvalue().splitlines()
    assert [line.split("/")[0] for line in lines] == [
        "epoch  1",
        "epoch  6",
        "epoch 11",
        "epoch 16",
        "epoch 20",
    ]
    assert lines[0] == "epoch  1/20  6/6  loss 0.8000  0.0 s" and "3/6" in lines[1]
    assert "\r" not in stream.getvalue() and "\x1b" not in stream.getvalue()


def test_a_long_epoch_has_lines_and_an_early_end_has_its_last_epoch(clock):
    stream = io.StringIO()
    bar = Lines(stream, clock)
    for batch in range(1, 13):
        clock.now += 1
        bar.show(progress(0, batch), {"loss": 1}, None)
    bar.show(progress(0, 12, True), {"loss": 1}, None)
    bar.show(progress(1, 12, True), {"loss": 2}, None)
    assert stream.getvalue().count("\n") == 2
    bar.finish()
    bar.finish()
    lines = stream.getvalue().splitlines()
    assert [line.split("  ")[1:3] for line in lines] == [
        ["1/20", "5 batches"], ["1/20", "10 batches"], ["2/20", "12 batches"]
    ]  # fmt: skip


def test_a_notebook(clock, notebook):
    bar = Notebook(clock)
    bar.show(progress(0, 1), {"loss": 0.5}, 4)
    assert notebook.pages == [
        ("display", '<progress value="1" max="4"></progress> epoch  1/20  1/4  loss 0.5000  0.0 s')
    ]
    bar.show(progress(0, 2), {"loss": 0.5}, 4)  # too early for another one
    assert len(notebook.pages) == 1
    for epoch in range(12):
        clock.now += 1
        bar.show(progress(epoch, 4, True), {"loss": 0.5, "<b>": epoch}, 4)
    kind, page = notebook.pages[-1]
    assert kind == "update" and len(notebook.pages) == 13
    assert page.startswith(
        "<table><tr><th>epoch</th><th>loss</th><th>&lt;b&gt;</th><th>s</th></tr><tr><td>3</td>"
    )
    assert page.endswith("<tr><td>12</td><td>0.5000</td><td>11.0000</td><td>1.0</td></tr></table>")
    bar.show(progress(12, 4, True), {"loss": 0.25}, None)  # at once
    assert len(notebook.pages) == 13
    bar.finish()
    assert len(notebook.pages) == 14 and "<td>13</td><td>0.2500</td>" in notebook.pages[-1][1]
    bar.finish()
    assert len(notebook.pages) == 14


def test_fit_in_a_notebook(notebook, data, capsys):
    net().fit(*data, loss="mse", epochs=3, verbose=1, validation_data=data)
    assert capsys.readouterr().out == ""
    assert notebook.pages[0][0] == "display" and {kind for kind, _ in notebook.pages[1:]} == {"update"}
    assert notebook.pages[-1][1].count("<tr>") == 4 and "val_loss" in notebook.pages[-1][1]


def test_fit_without_a_terminal(data, capsys):
    net().fit(*data, epochs=2, loss="mse", verbose=1, validation_data=data)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("epoch 1/2  1/1") and "val_loss" in lines[1]
    net().fit(
        *data,
        epochs=50,
        loss="mse",
        verbose=1,
        callbacks=lambda net, epoch, _: setattr(net, "stop_training", epoch == 7),
    )
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("/")[0] for line in lines] == ["epoch  1", "epoch  8"]


class Sized:
    def __init__(self, batches, length):
        self.batches, self.length = batches, length

    def __iter__(self):
        return iter(self.batches)

    def __len__(self):
        if self.length is None:
            raise TypeError("no length")
        return self.length


@pytest.mark.parametrize(
    ("made", "options", "count"),
    [
        (lambda b: b, {}, "3/3"),
        (lambda b: Sized(b, 3), {}, "3/3"),
        (lambda b: Sized(b, 2), {}, "3 batches"),  # wrong
        (lambda b: Sized(b, None), {}, "3 batches"),
        (lambda b: (pair for pair in b), {"epochs": 1}, "3 batches"),
        (lambda b: Sized(b, 3), {"steps_per_epoch": 5}, "5/5"),
    ],
)
def test_the_number_of_batches_of_an_iterable(data, capsys, made, options, count):
    x, t = data
    batches = [(x[first : first + 10], t[first : first + 10]) for first in (0, 10, 20)]
    net().fit(made(batches), loss="mse", verbose=1, **{"epochs": 2, **options})
    assert capsys.readouterr().out.splitlines()[-1].split("  ")[1] == count
