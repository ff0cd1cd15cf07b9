/* Data that does not stand side by side: columns of a table, transposed matrices, rows in the other direction. */
#include "nets.h"

/* What a table teaches: inputs, and targets beside them, `rows` of them. Answers the model's hash and the loss of a last look. */
static uint64_t learned_from(const denpa_tensor *X, const denpa_tensor *T, int32_t in_order, double *loss) {
  denpa_model *m = two_layers(6, 5, "tanh", 2, DENPA_FLOAT32, 3);
  denpa_trainer *t = new_trainer(m, "mean_squared_error", NULL, "adam", 0.01, 7);
  OPTIONS(denpa_fit_options, o);
  o.epochs = 3;
  o.sampling = in_order;
  o.validation_count = 1;
  o.validation_inputs = X;
  o.validation_targets = T;
  OK(denpa_fit(t, X, 1, T, 1, &o, NULL));
  OK(denpa_evaluate(t, X, 1, T, 1, loss, NULL, 0));
  return model_hash(m);
}

/* Rows are read wherever they stand, and teach the same bits as side by side. */
static void any_strides(void) {
  enum { ROWS = 30, IN = 6, OUT = 2, WIDTH = 11 };
  static float table[ROWS * WIDTH], x[ROWS * IN], y[ROWS * OUT], across[IN * ROWS];
  static double wide[2 * ROWS * IN];
  denpa_tensor X = denpa_f32(x, ROWS, IN), T = denpa_f32(y, ROWS, OUT), columns = X, targets = T, transposed = X, doubles, same;
  double loss, other;
  int i, k, in_order;
  fill(table, ROWS * WIDTH, 1);
  for (i = 0; i < ROWS; i++) {
    for (k = 0; k < IN; k++) across[k * ROWS + i] = x[i * IN + k] = table[i * WIDTH + 1 + k];
    for (k = 0; k < IN; k++) wide[2 * ((ROWS - 1 - i) * IN + k)] = (double)x[i * IN + k];
    for (k = 0; k < OUT; k++) y[i * OUT + k] = table[i * WIDTH + 10 - 2 * k];
  }
  columns.data = table + 1, columns.stride[0] = WIDTH, columns.stride[1] = 1;
  targets.data = table + 10, targets.stride[0] = WIDTH, targets.stride[1] = -2; /* two columns, the last one first */
  transposed.data = across, transposed.stride[0] = 1, transposed.stride[1] = ROWS;
  doubles = denpa_f64(wide + 2 * (ROWS - 1) * IN, ROWS, IN);
  doubles.stride[0] = -2 * IN, doubles.stride[1] = 2;
  for (in_order = 0; in_order < 2; in_order++) {
    const uint64_t hash = learned_from(&X, &T, in_order, &loss);
    CHECK(learned_from(&columns, &targets, in_order, &other) == hash && other == loss);
    CHECK(learned_from(&transposed, &targets, in_order, &other) == hash && other == loss);
    CHECK(learned_from(&doubles, &T, in_order, &other) == hash && other == loss);
    /* every row the first one */
    for (i = 1; i < ROWS; i++) memcpy(x + i * IN, table + 1, sizeof *x * IN);
    same = columns, same.stride[0] = 0;
    CHECK(learned_from(&X, &T, in_order, &loss) == learned_from(&same, &T, in_order, &other) && other == loss);
    for (i = 0; i < ROWS; i++) memcpy(x + i * IN, table + i * WIDTH + 1, sizeof *x * IN);
  }
}

/* A single step takes contiguous tensors; and nothing is read where strides lead out of any memory. */
static void refused_strides(void) {
  enum { ROWS = 30, IN = 6, OUT = 2 };
  static float x[ROWS * 2 * IN], y[ROWS * OUT];
  denpa_tensor X = denpa_f32(x, ROWS, IN), T = denpa_f32(y, ROWS, OUT), wide = X, backwards = X;
  static const int64_t absurd[] = {INT64_MAX, INT64_MIN, (int64_t)1 << 61, -1};
  double loss;
  int i;
  denpa_trainer *t = new_trainer(two_layers(IN, 5, "tanh", OUT, DENPA_FLOAT32, 3), "mean_squared_error", NULL, "adam", 0.01, ROWS);
  wide.stride[0] = 2 * IN, wide.stride[1] = 1;
  backwards.data = x + (ROWS - 1) * IN, backwards.stride[0] = -IN, backwards.stride[1] = 1;
  STATUS(denpa_train_batch(t, &wide, 1, &T, 1, NULL), DENPA_BAD_ARGUMENT);
  STATUS(denpa_train_batch(t, &backwards, 1, &T, 1, NULL), DENPA_BAD_ARGUMENT);
  OK(denpa_fit(t, &wide, 1, &T, 1, NULL, NULL));
  OK(denpa_fit(t, &backwards, 1, &T, 1, NULL, NULL));
  backwards.stride[0] = INT64_MIN;
  STATUS(denpa_fit(t, &backwards, 1, &T, 1, NULL, NULL), DENPA_BAD_ARGUMENT);
  CHECK(strstr(denpa_last_error(), "stride") != NULL);
  /* The stride of an axis with one index is used by nobody. */
  wide.dim[0] = T.dim[0] = 1;
  wide.stride[1] = 2;
  for (i = 0; i < COUNT(absurd); i++) {
    wide.stride[0] = absurd[i];
    OK(denpa_fit(t, &wide, 1, &T, 1, NULL, NULL));
    OK(denpa_evaluate(t, &wide, 1, &T, 1, &loss, NULL, 0));
  }
}

static const test_case tests[] = {
    {"any_strides", any_strides},
    {"refused_strides", refused_strides},
};

int main(int argc, char **argv) { return test_main(tests, COUNT(tests), argc, argv); }
