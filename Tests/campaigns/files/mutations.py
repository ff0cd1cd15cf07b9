"""What is done to a file: to its bytes, to the header's tree, to the graph's."""

from __future__ import annotations

import copy

from .container import Pairs, Raw, joined, laid_out, sealed, tree

NUMBERS = [
    0, 1, -1, 2, 3, 7, 8, 255, 256, 65_535, 65_536, 1 << 20, (1 << 31) - 1, 1 << 31, -(1 << 31), 1 << 32,
    (1 << 53) + 1, (1 << 62), (1 << 63) - 1, 1 << 63, -(1 << 63), (1 << 64) - 1, 1 << 64, 10**30,
    0.0, -0.0, 0.5, 1.0, -1.5, 1e-320, 1e308, -1e308,
]  # fmt: skip
RAW = [
    "1e999", "-1e999", "NaN", "Infinity", "-", "+1", "01", "1.", ".5", "1e", "0x10", "1_000", "9" * 400, "1e-9999",
    "-0", "tru", "nulL", "'x'", "\\u0041", "", "{", "]", "[1,]", "{,}", '"\\ud800"', '"\\u0000"', '"\x01"', '"\\x"',
    '"', "1.0000000000000000000000000000000000001", "/**/1",
]  # fmt: skip
TEXTS = [
    "", " ", "x", "x:1", "x:99999999999999999999", ":", "a/b", "a.b", "\0", "\ud800", "é" * 200, "n" * 255, "n" * 256,
    "n" * 70_000, "__metadata__", "denpa.checksum", "denpa.format", "denpa.graph", "0", "1", "-1", "18446744073709551615",
    "18446744073709551616", "float32", "float64", "int32", "int64", "uint8", "F32", "F64", "I32", "I64", "U8", "BF16",
    "BOOL", "nan", "inf", "-inf", "input", "dense",
]  # fmt: skip


class Mutator:
    def __init__(self, draw, vocabulary):
        self.draw, self.vocabulary = draw, vocabulary

    # -- trees ---------------------------------------------------------------------------------------------

    def places(self, root):
        """All (container, index) of a tree, without the checksum, which is put right anyway."""
        found, waiting = [], [root]
        while waiting:
            here = waiting.pop()
            for at, item in enumerate(here):
                value = item[1] if isinstance(here, Pairs) else item
                if isinstance(here, Pairs) and item[0] == "denpa.checksum":
                    continue
                found.append((here, at))
                if isinstance(value, list):
                    waiting.append(value)
        return found

    def value(self, old):
        """Returns something else in the place of a value, often of the same type."""
        draw = self.draw
        if draw.random() < 0.7:
            if isinstance(old, bool):
                return not old
            if isinstance(old, int):
                return draw.choice([old + 1, old - 1, 2 * old, -old, old << 32, *draw.choices(NUMBERS, k=5)])
            if isinstance(old, float):
                return draw.choice(
                    [old * 2, -old, int(old) if abs(old) < 1e300 else 0, *draw.choices(NUMBERS, k=3)]
                )
            if isinstance(old, str):
                return self.text(old)
            if isinstance(old, Pairs) and old:
                return draw.choice([Pairs(), old[0][1], [old], Pairs(old[:1]), Pairs(old + old)])
            if isinstance(old, list) and old:
                return draw.choice(
                    [[], old[0], old + old, old[::-1], old[:-1], [old], old * draw.choice([3, 50])]
                )
        return self.anything()

    def text(self, old):
        draw = self.draw
        choice = draw.random()
        if choice < 0.5:
            return draw.choice(self.vocabulary)
        if choice < 0.8 and old:
            at = draw.randrange(len(old))
            return draw.choice(
                [old[:at] + old[at + 1 :], old[:at] + draw.choice('0:/.\0é x"\\') + old[at:], old + old]
            )
        return draw.choice(TEXTS)

    def anything(self):
        draw = self.draw
        kind = draw.randrange(8)
        if kind == 0:
            return draw.choice([None, True, False, [], Pairs()])
        if kind == 1:
            return draw.choice(NUMBERS)
        if kind == 2:
            return draw.choice(TEXTS)
        if kind == 3:
            return draw.choice(self.vocabulary)
        if kind == 4:
            return Raw(draw.choice(RAW))
        if kind == 5:
            depth = draw.choice([1, 2, 20, 64, 65, 200, 5000])
            return Raw("[" * depth + "1" + "]" * (depth if draw.random() < 0.9 else depth - 1))
        if kind == 6:
            depth = draw.choice([1, 2, 20, 64, 65, 200, 2000])
            return Raw('{"a":' * depth + "1" + "}" * depth)
        return [draw.choice(NUMBERS) for _ in range(draw.choice([1, 2, 4, 8, 9, 1000, 30_000]))]

    def change(self, root):
        """Changes one thing of a tree in place."""
        draw = self.draw
        places = self.places(root)
        if not places:
            return
        here, at = draw.choice(places)
        other, there = draw.choice(places)
        item = here[at]
        action = draw.random()
        if action < 0.45:
            here[at] = (item[0], self.value(item[1])) if isinstance(here, Pairs) else self.value(item)
        elif action < 0.55:
            del here[at]
        elif action < 0.65:
            here.insert(draw.randrange(len(here) + 1), item)
        elif action < 0.75:
            to = draw.randrange(len(here))
            here[at], here[to] = here[to], here[at]
        elif action < 0.85:  # something from elsewhere
            found = copy.deepcopy(other[there][1] if isinstance(other, Pairs) else other[there])
            here[at] = (item[0], found) if isinstance(here, Pairs) else found
        elif action < 0.95 and isinstance(here, Pairs):
            here[at] = (self.text(item[0]), item[1])
        elif isinstance(here, Pairs):
            here.insert(at, (draw.choice(self.vocabulary), self.anything()))
        else:
            here.insert(at, self.anything())

    def everywhere(self, roots, kind):
        """Replaces a number, or a text, wherever it occurs: names and extents that still belong together."""
        places = [place for root in roots for place in self.places(root)]

        def held(place):
            item = place[0][place[1]]
            return item[1] if isinstance(place[0], Pairs) else item

        known = [held(place) for place in places]
        known = [value for value in known if type(value) is kind]
        if not known:
            return
        old = self.draw.choice(known)
        new = (
            self.draw.choice([1, 2, 3, old + 1, max(old - 1, 0), 2 * old]) if kind is int else self.text(old)
        )
        for here, at in places:
            item = here[at]
            if isinstance(here, Pairs):
                key, value = item
                if kind is str:
                    key = new if key == old else key.replace(f"{old}.", f"{new}.") if old else key
                here[at] = (key, new if type(value) is kind and value == old else value)
            elif type(item) is kind and item == old:
                here[at] = new

    def tensors(self, header):
        """Changes where tensors are, or what they are."""
        draw = self.draw
        entries = [
            value
            for name, value in header
            if isinstance(value, Pairs)
            and all(isinstance(value.get(key), list) for key in ("shape", "data_offsets"))
            and [type(offset) for offset in value.get("data_offsets")] == [int, int]
        ]
        if not entries:
            return
        one, two = draw.choice(entries), draw.choice(entries)
        action = draw.randrange(6)
        if action == 0:
            offsets = list(one.get("data_offsets"))
            offsets[draw.randrange(2)] += draw.choice([1, -1, 4, -4, 8, 1 << 32, 1 << 63, -(1 << 40)])
            one.put("data_offsets", offsets)
        elif action == 1:
            a, b = one.get("data_offsets"), two.get("data_offsets")
            one.put("data_offsets", b)
            two.put("data_offsets", a)
        elif action == 2:
            shape = list(one.get("shape"))
            draw.shuffle(shape)
            one.put(
                "shape",
                draw.choice([shape, [*shape, 1], [1, *shape], [*shape, 0], [-2, *shape], [1 << 32, 1 << 32]]),
            )
        elif action == 3:
            one.put("dtype", draw.choice(["F32", "F64", "I32", "I64", "U8", "F16", "BF16", "f32", ""]))
        elif action == 4:
            header.append((draw.choice(self.vocabulary), Pairs(one)))
        else:
            names = [name for name, _ in header]
            at = draw.randrange(len(header))
            header[at] = (draw.choice(names), header[at][1])

    # -- bytes ---------------------------------------------------------------------------------------------

    def scramble(self, data):
        draw, changed = self.draw, bytearray(data)
        for _ in range(draw.choice([1, 1, 1, 2, 5, 30])):
            if not changed:
                break
            # Mostly in the header, where more depends on each byte.
            at = draw.randrange(len(changed) if draw.random() < 0.2 else min(len(changed), 4000))
            action = draw.randrange(6)
            if action == 0:
                changed[at] ^= 1 << draw.randrange(8)
            elif action == 1:
                changed[at] = draw.choice(b'{}[]",:0123456789eE+-.\\u \n\x00\x7f\x80\xff\xc0tfn')
            elif action == 2:
                del changed[at : at + draw.choice([1, 1, 2, 8, 100])]
            elif action == 3:
                changed[at:at] = changed[at : at + draw.choice([1, 2, 8, 100, 1000])]
            elif action == 4:
                changed[at:at] = bytes(
                    draw.choice(b'{}[]",:09eE-\\ \x00\xff') for _ in range(draw.choice([1, 2, 8]))
                )
            else:
                del changed[at:]
        return bytes(changed)

    def length(self, data):
        """Changes the length of the header."""
        (old,) = (int.from_bytes(data[:8], "little"),)
        new = self.draw.choice(
            [0, 1, 2, old - 1, old + 1, old - 8, old + 8, len(data) - 8, len(data) - 7, len(data)]
        )
        new = self.draw.choice(
            [new, new, 1 << 31, 1 << 32, 1 << 63, (1 << 64) - 1, (1 << 64) - 8, 100_000_001]
        )
        return max(new, 0).to_bytes(8, "little") + data[8:]

    # -- a file --------------------------------------------------------------------------------------------

    def mutate(self, data):
        """Returns (mutant, whether its checksum was put right)."""
        draw = self.draw
        right = draw.random() < 0.75
        action = draw.random()
        if action < 0.15:
            changed = self.scramble(data)
        elif action < 0.18:
            changed = self.length(data)
        else:
            header, graph, tensors = tree(data)
            roots = [header] if graph is None else [graph, graph, graph, header]
            for _ in range(draw.choice([1, 1, 1, 1, 2, 3, 8])):
                kind = draw.random()
                if kind < 0.15:
                    self.tensors(header)
                elif kind < 0.35:
                    self.everywhere([header] if graph is None else [header, graph], draw.choice([int, str]))
                else:
                    self.change(draw.choice(roots))
            if draw.random() < 0.4:
                again = laid_out(header, tensors[:4096])
                tensors = tensors if again is None else again
            changed = joined(header, graph, tensors, pad=draw.random() < 0.9)
        return (sealed(changed), True) if right else (changed, False)
