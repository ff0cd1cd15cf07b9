/* Inputs with open extents (DENPA_ANY), and sessions that grow. What an open model computes for some length has the same bits
 * as that of a model for this length alone. */
#include "nets.h"

#define SAME(a, b, bytes) CHECK(memcmp(a, b, bytes) == 0)

enum { ROWS = 5, LONGEST = 12, WIDTH = 3, OUT = 2 };

static float xs[ROWS * LONGEST * WIDTH], ys[ROWS * LONGEST * WIDTH], ts[ROWS * OUT];

/* Sequences x and y of one length: out = dense(mean over time of tanh(dense(x + y)) · softmax over time). */
static denpa_model *sequences(int64_t length, uint64_t seed) {
  const int64_t sample[] = {length, WIDTH}, time[] = {1}, turn[] = {2, 1};
  denpa_graph *g = new_graph();
  denpa_value x, y, pair[2], h, sum, turned, weights, mean, out;
  OK(denpa_graph_input(g, "x", DENPA_FLOAT32, 2, sample, &x));
  OK(denpa_graph_input(g, "y", DENPA_FLOAT32, 2, sample, &y));
  pair[0] = x;
  pair[1] = y;
  OK(denpa_graph_add(g, "add", "sum", NULL, pair, 2, &sum, 1));
  h = add_dense(g, "hidden", sum, 4, "tanh");
  OK(denpa_graph_add(g, "transpose", "turned", DENPA_ATTRIBUTES(denpa_ints("axes", turn, 2)), &h, 1, &turned, 1));
  OK(denpa_graph_add(g, "softmax", "weights", NULL, &turned, 1, &turned, 1));
  OK(denpa_graph_add(g, "transpose", "turned_back", DENPA_ATTRIBUTES(denpa_ints("axes", turn, 2)), &turned, 1, &weights, 1));
  pair[0] = h;
  pair[1] = weights;
  OK(denpa_graph_add(g, "multiply", "weighted", NULL, pair, 2, &sum, 1));
  OK(denpa_graph_add(g, "reduce_mean", "mean", DENPA_ATTRIBUTES(denpa_ints("axes", time, 1)), &sum, 1, &mean, 1));
  out = add_dense(g, "out", mean, OUT, NULL);
  return finish_model(g, &out, 1, DENPA_FLOAT32, seed);
}

static void tensors(denpa_tensor inputs[2], denpa_tensor *t, int64_t rows, int64_t length) {
  const int64_t shape[] = {rows, length, WIDTH};
  inputs[0] = denpa_tensor_make(xs, DENPA_FLOAT32, 3, shape);
  inputs[1] = denpa_tensor_make(ys, DENPA_FLOAT32, 3, shape);
  *t = denpa_f32(ts, rows, OUT);
}

static denpa_session *open_session(denpa_model *m, int64_t rows, int32_t realtime) {
  denpa_session *s = NULL;
  OPTIONS(denpa_session_options, o);
  o.max_batch = rows;
  o.realtime = realtime;
  OK(denpa_session_create(m, &o, &s));
  return s;
}

static void predict(denpa_session *s, int64_t rows, int64_t length, float *out) {
  denpa_tensor in[2], t, y = denpa_f32(out, rows, OUT);
  tensors(in, &t, rows, length);
  OK(denpa_predict(s, in, 2, &y, 1));
}

static void fill_all(void) {
  fill(xs, ROWS * LONGEST * WIDTH, 1);
  fill(ys, ROWS * LONGEST * WIDTH, 2);
  fill(ts, ROWS * OUT, 3);
}

static void prediction(void) {
  denpa_model *open, *closed;
  denpa_session *s, *own;
  float got[ROWS * OUT], wanted[ROWS * OUT];
  int round;
  int64_t length;
  fill_all();
  open = sequences(DENPA_ANY, 4);
  s = open_session(open, 2, 0);
  /* More lengths than plans are kept, in two rounds; more rows than max_batch. */
  for (round = 0; round < 2; round++)
    for (length = 1; length <= LONGEST; length++) {
      const int64_t rows = 1 + (length + round) % ROWS;
      closed = sequences(length, 4);
      own = open_session(closed, ROWS, 0);
      predict(s, rows, length, got);
      predict(own, rows, length, wanted);
      SAME(got, wanted, (size_t)(rows * OUT) * sizeof *got);
      predict(s, rows, length, got);
      SAME(got, wanted, (size_t)(rows * OUT) * sizeof *got);
      OK(denpa_session_destroy(own));
      OK(denpa_model_destroy(closed));
    }
  OK(denpa_session_destroy(s));
  OK(denpa_model_destroy(open));
}

static void training(void) {
  denpa_model *open, *closed;
  denpa_trainer *a, *b;
  int64_t length;
  fill_all();
  open = sequences(DENPA_ANY, 4);
  a = new_trainer(open, "mean_squared_error", NULL, "adam", 0.01, 2);
  for (length = 1; length <= LONGEST; length++) {
    const int64_t rows = 1 + length % ROWS;
    denpa_tensor in[2], t, mine, other;
    double loss, expected;
    tensors(in, &t, rows, length);
    closed = sequences(length, 4);
    b = new_trainer(closed, "mean_squared_error", NULL, NULL, 0, ROWS);
    OK(denpa_publish(a));
    OK(denpa_model_view(open, "hidden.W", &mine));
    OK(denpa_model_set(closed, "hidden.W", &mine));
    OK(denpa_model_view(open, "out.W", &mine));
    OK(denpa_model_set(closed, "out.W", &mine));
    OK(denpa_model_view(open, "hidden.b", &mine));
    OK(denpa_model_set(closed, "hidden.b", &mine));
    OK(denpa_model_view(open, "out.b", &mine));
    OK(denpa_model_set(closed, "out.b", &mine));
    OK(denpa_trainer_refresh(b));
    OK(denpa_trainer_gradients(b, in, 2, &t, 1, NULL, &expected));
    OK(denpa_trainer_zero_gradients(a));
    OK(denpa_trainer_gradients(a, in, 2, &t, 1, NULL, &loss));
    CHECK(loss == expected);
    OK(denpa_trainer_gradient(a, "hidden.W", &mine));
    OK(denpa_trainer_gradient(b, "hidden.W", &other));
    SAME(mine.data, other.data, WIDTH * 4 * sizeof(float));
    OK(denpa_train_batch(a, in, 2, &t, 1, &loss));
    CHECK(loss == expected);
    OK(denpa_evaluate(a, in, 2, &t, 1, &loss, NULL, 0));
    CHECK(loss < expected);
    OK(denpa_trainer_destroy(b));
    OK(denpa_model_destroy(closed));
  }
  OK(denpa_trainer_destroy(a));
  OK(denpa_model_destroy(open));
}

/* A custom loop: the forward that awaits its backward keeps its length, whatever is predicted in between. */
static void open_loop(void) {
  denpa_model *m;
  denpa_trainer *t;
  float got[ROWS * OUT], dy[ROWS * OUT], first[WIDTH * 4];
  denpa_tensor in[2], target, y = denpa_f32(got, 3, OUT), d = denpa_f32(dy, 3, OUT), view;
  fill_all();
  fill(dy, ROWS * OUT, 9);
  m = sequences(DENPA_ANY, 1);
  t = new_trainer(m, NULL, NULL, NULL, 0, 1);
  tensors(in, &target, 3, 7);
  OK(denpa_trainer_forward(t, in, 2, &y, 1, 1));
  OK(denpa_trainer_backward(t, &d, 1, NULL, 0));
  OK(denpa_trainer_gradient(t, "hidden.W", &view));
  memcpy(first, view.data, sizeof first);
  OK(denpa_trainer_zero_gradients(t));
  OK(denpa_trainer_forward(t, in, 2, &y, 1, 1));
  tensors(in, &target, 3, LONGEST);
  OK(denpa_trainer_forward(t, in, 2, &y, 1, 0));
  /* Refused: the lengths differ. */
  in[1].dim[1] = 2;
  STATUS(denpa_trainer_forward(t, in, 2, &y, 1, 1), DENPA_BAD_SHAPE);
  OK(denpa_trainer_backward(t, &d, 1, NULL, 0));
  OK(denpa_trainer_gradient(t, "hidden.W", &view));
  SAME(first, view.data, sizeof first);
  OK(denpa_trainer_destroy(t));
  OK(denpa_model_destroy(m));
}

static void fit_and_check(void) {
  denpa_model *m;
  denpa_trainer *t;
  denpa_tensor in[2], target;
  double loss = 0, before;
  OPTIONS(denpa_fit_options, o);
  OPTIONS(denpa_check_options, c);
  fill_all();
  m = sequences(DENPA_ANY, 1);
  t = new_trainer(m, "mean_squared_error", NULL, "adam", 0.05, 2);
  tensors(in, &target, ROWS, 6);
  OK(denpa_evaluate(t, in, 2, &target, 1, &before, NULL, 0));
  o.epochs = 30;
  o.batch_size = 2;
  OK(denpa_fit(t, in, 2, &target, 1, &o, &loss));
  CHECK(loss < before);
  OK(denpa_check_gradients(t, in, 2, &target, 1, &c, NULL, NULL));
  OK(denpa_trainer_destroy(t));
  OK(denpa_model_destroy(m));
}

/* Images of any size: the windows of a convolution, and its largest values. */
static void images(void) {
  static const int64_t sample[] = {DENPA_ANY, DENPA_ANY, 2}, kernel[] = {3}, axes[] = {1, 2};
  static float pixels[2 * 6 * 7 * 2];
  denpa_graph *g = new_graph();
  denpa_value x, y, z;
  denpa_model *m;
  denpa_session *s;
  float got[2 * 4];
  int32_t rank = 0;
  int64_t dim[DENPA_MAX_RANK];
  int64_t height;
  fill(pixels, 2 * 6 * 7 * 2, 5);
  OK(denpa_graph_input(g, "x", DENPA_FLOAT32, 3, sample, &x));
  OK(denpa_graph_add(g, "conv2d", "conv", DENPA_ATTRIBUTES(denpa_int("filters", 4), denpa_ints("kernel", kernel, 1)), &x, 1,
                     &y, 1));
  OK(denpa_graph_shape(g, y, NULL, &rank, dim));
  CHECK(rank == 4 && dim[0] == DENPA_BATCH && dim[1] == DENPA_ANY && dim[2] == DENPA_ANY && dim[3] == 4);
  OK(denpa_graph_add(g, "reduce_max", "max", DENPA_ATTRIBUTES(denpa_ints("axes", axes, 2)), &y, 1, &z, 1));
  m = finish_model(g, &z, 1, DENPA_FLOAT32, 3);
  s = open_session(m, 1, 0);
  for (height = 3; height <= 6; height++) {
    const int64_t shape[] = {2, height, 7, 2};
    denpa_tensor in = denpa_tensor_make(pixels, DENPA_FLOAT32, 4, shape), out = denpa_f32(got, 2, 4);
    OK(denpa_predict(s, &in, 1, &out, 1));
  }
  {
    const int64_t shape[] = {2, 2, 7, 2};
    denpa_tensor in = denpa_tensor_make(pixels, DENPA_FLOAT32, 4, shape), out = denpa_f32(got, 2, 4);
    STATUS(denpa_predict(s, &in, 1, &out, 1), DENPA_BAD_SHAPE);
    CHECK(strstr(denpa_last_error(), "conv2d \"conv\"") != NULL);
    CHECK(strstr(denpa_last_error(), "smaller than a window") != NULL);
  }
  OK(denpa_session_destroy(s));
  OK(denpa_model_destroy(m));
}

static void refusals(void) {
  static const int64_t sample[] = {DENPA_ANY, WIDTH}, fixed[] = {7, WIDTH}, last[] = {4, DENPA_ANY}, bad[] = {-3, WIDTH};
  denpa_graph *g = new_graph();
  denpa_value x, y, pair[2], z;
  denpa_model *m;
  denpa_session *s = NULL;
  denpa_tensor in[2], t, out;
  float got[ROWS * OUT];
  OPTIONS(denpa_session_options, o);
  OK(denpa_graph_input(g, "x", DENPA_FLOAT32, 2, sample, &x));
  OK(denpa_graph_input(g, "fixed", DENPA_FLOAT32, 2, fixed, &y));
  pair[0] = x;
  pair[1] = y;
  STATUS(denpa_graph_add(g, "add", "sum", NULL, pair, 2, &z, 1), DENPA_BAD_SHAPE);
  CHECK(strstr(denpa_last_error(), "open extent") != NULL);
  STATUS(denpa_graph_input(g, "bad", DENPA_FLOAT32, 2, bad, &y), DENPA_BAD_SHAPE);
  CHECK(strstr(denpa_last_error(), "DENPA_ANY") != NULL);
  OK(denpa_graph_input(g, "last", DENPA_FLOAT32, 2, last, &y));
  STATUS(denpa_graph_add(g, "dense", "d", DENPA_ATTRIBUTES(denpa_int("units", 2)), &y, 1, &z, 1), DENPA_BAD_SHAPE);
  CHECK(strstr(denpa_last_error(), "parameter \"W\" depends on an open extent") != NULL);
  OK(denpa_graph_destroy(g));

  fill_all();
  m = sequences(DENPA_ANY, 1);
  o.realtime = 1;
  STATUS(denpa_session_create(m, &o, &s), DENPA_NOT_SUPPORTED);
  s = open_session(m, 1, 0);
  tensors(in, &t, 2, 4);
  out = denpa_f32(got, 2, OUT);
  in[1].dim[1] = 3;
  STATUS(denpa_predict(s, in, 2, &out, 1), DENPA_BAD_SHAPE);
  CHECK(strstr(denpa_last_error(), "add \"sum\"") != NULL);
  in[1].dim[1] = 4;
  in[1].dim[2] = 4;
  STATUS(denpa_predict(s, in, 2, &out, 1), DENPA_BAD_SHAPE);
  CHECK(strstr(denpa_last_error(), "expected (rows, any, 3), got (2, 4, 4)") != NULL);
  in[1].dim[2] = WIDTH;
  OK(denpa_predict(s, in, 2, &out, 1));
  OK(denpa_session_destroy(s));
  OK(denpa_model_destroy(m));
}

static void saved(void) {
  denpa_model *m, *again = NULL;
  denpa_session *a, *b;
  void *bytes = NULL;
  int64_t size = 0;
  float got[ROWS * OUT], wanted[ROWS * OUT];
  OPTIONS(denpa_port, port);
  fill_all();
  m = sequences(DENPA_ANY, 1);
  OK(denpa_model_save_bytes(m, NULL, 0, &size));
  bytes = malloc((size_t)size);
  OK(denpa_model_save_bytes(m, bytes, size, &size));
  OK(denpa_model_load_bytes(bytes, size, &again));
  free(bytes);
  OK(denpa_model_input(again, 0, &port));
  CHECK(port.rank == 3 && port.dim[0] == DENPA_BATCH && port.dim[1] == DENPA_ANY && port.dim[2] == WIDTH);
  a = open_session(m, 1, 0);
  b = open_session(again, 1, 0);
  predict(a, 3, 5, wanted);
  predict(b, 3, 5, got);
  SAME(got, wanted, 3 * OUT * sizeof *got);
  OK(denpa_session_destroy(a));
  OK(denpa_session_destroy(b));
  OK(denpa_model_destroy(m));
  OK(denpa_model_destroy(again));
}

static void sessions_grow(void) {
  denpa_model *m = two_layers(3, 4, "tanh", 2, DENPA_FLOAT32, 7);
  denpa_session *s = open_session(m, 1, 0), *wide = open_session(m, 500, 0), *fixed = open_session(m, 4, 1);
  static float x[500 * 3], got[500 * 2], wanted[500 * 2];
  int64_t rows;
  fill(x, 500 * 3, 4);
  for (rows = 1; rows <= 500; rows = rows * 2 + 3) {
    denpa_tensor in = denpa_f32(x, rows, 3), out = denpa_f32(got, rows, 2), other = denpa_f32(wanted, rows, 2);
    OK(denpa_predict(s, &in, 1, &out, 1));
    OK(denpa_predict(wide, &in, 1, &other, 1));
    SAME(got, wanted, (size_t)rows * 2 * sizeof *got);
  }
  {
    denpa_tensor in = denpa_f32(x, 5, 3), out = denpa_f32(got, 5, 2);
    STATUS(denpa_predict(fixed, &in, 1, &out, 1), DENPA_BAD_SHAPE);
    CHECK(strstr(denpa_last_error(), "real-time session") != NULL);
  }
  OK(denpa_session_destroy(s));
  OK(denpa_session_destroy(wide));
  OK(denpa_session_destroy(fixed));
  OK(denpa_model_destroy(m));
}

/* A call for a new length that runs out of memory changes nothing: the next call returns what it would have. */
static void allocations_fail(void) {
  denpa_model *m;
  denpa_trainer *t;
  denpa_session *s;
  float got[ROWS * OUT], wanted[ROWS * OUT];
  double expected = 0, loss;
  int64_t first = 1, failed = 0;
  denpa_status status;
  fill_all();
  m = sequences(DENPA_ANY, 4);
  do {
    denpa_tensor in[2], target, y = denpa_f32(got, 3, OUT);
    s = open_session(m, 1, 0);
    t = new_trainer(m, "mean_squared_error", NULL, "adam", 0.01, 1);
    predict(s, 1, 2, wanted);
    tensors(in, &target, 3, 7);
    OK(denpa_test_fail_allocations(first, 1));
    status = denpa_predict(s, in, 2, &y, 1);
    if (status == DENPA_OK) status = denpa_train_batch(t, in, 2, &target, 1, &loss);
    OK(denpa_test_fail_allocations(0, 0));
    CHECK(status == DENPA_OK || status == DENPA_OUT_OF_MEMORY);
    failed += status == DENPA_OUT_OF_MEMORY;
    predict(s, 3, 7, got);
    if (status != DENPA_OK) OK(denpa_train_batch(t, in, 2, &target, 1, &loss));
    if (first == 1) {
      memcpy(wanted, got, sizeof wanted);
      expected = loss;
    }
    predict(s, 3, 7, wanted);
    SAME(got, wanted, 3 * OUT * sizeof *got);
    CHECK(loss == expected);
    OK(denpa_session_destroy(s));
    OK(denpa_trainer_destroy(t));
    first += 3;
  } while (status != DENPA_OK || first < 100);
  CHECK(failed > 50);
  OK(denpa_model_destroy(m));
}

static void known_lengths_compile_nothing(void) {
  denpa_model *m;
  denpa_trainer *t;
  denpa_session *s;
  float got[ROWS * OUT];
  denpa_tensor in[2], target;
  double loss;
  int64_t length;
  int round;
  fill_all();
  m = sequences(DENPA_ANY, 4);
  s = open_session(m, ROWS, 0);
  t = new_trainer(m, "mean_squared_error", NULL, "adam", 0.01, ROWS);
  for (round = 0; round < 3; round++) {
    const int64_t before = denpa_test_allocations();
    for (length = 4; length < 12; length++) {
      tensors(in, &target, 3, length);
      predict(s, 3, length, got);
      OK(denpa_train_batch(t, in, 2, &target, 1, &loss));
      OK(denpa_train_batch(t, in, 2, &target, 1, &loss));
    }
    if (round == 2) CHECK(denpa_test_allocations() - before <= 3 * 8 * 2 * 4);
  }
  OK(denpa_session_destroy(s));
  OK(denpa_trainer_destroy(t));
  OK(denpa_model_destroy(m));
}

static const test_case tests[] = {
    {"prediction", prediction}, {"training", training}, {"open_loop", open_loop}, {"fit_and_check", fit_and_check},
    {"images", images},         {"refusals", refusals}, {"saved", saved},         {"sessions_grow", sessions_grow},
    {"allocations_fail", allocations_fail}, {"known_lengths_compile_nothing", known_lengths_compile_nothing},
};

int main(int argc, char **argv) { return test_main(tests, COUNT(tests), argc, argv); }
