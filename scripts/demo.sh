#!/usr/bin/env bash
# make demo: trains and proves a plugin layer from Python and uses it from C, without a line of Swift.
#   demo.sh BUILD PYTHON
set -euo pipefail
build=$1 python=$2
out=$build/demo
mkdir -p "$out" "$build/plugins"

echo "1. The plugin: examples/plugins/swish.c -> $build/plugins/swish.so"
cc -std=c11 -O2 -fPIC -shared -fvisibility=hidden -Wall -Wextra -Werror -Iinclude \
  examples/plugins/swish.c -o "$build/plugins/swish.so" -lm

echo "2. Python: examples/python/digits.py trains with it, checks every gradient, draws and saves"
DENPA_LIBRARY=$PWD/$build/libdenpa.so.0 PYTHONPATH=bindings/python MPLBACKEND=Agg \
  "$python" examples/python/digits.py "$out"

echo "3. C: examples/c/digits.c loads plugin and model and predicts the same digits"
"$build/examples/digits" "$build/plugins/swish.so" "$out/model.safetensors" "$out/images.f32" "$out/predictions.i32"
echo "demo: all is in $out"
