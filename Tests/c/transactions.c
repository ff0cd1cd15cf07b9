/* A training step happens entirely or not at all, whatever was called before it; a batch of any size gives gradients that
 * depend on nothing but its values. */
#include "nets.h"

static double view_value(denpa_trainer *t, const char *name, int64_t index) {
  denpa_tensor view;
  OK(denpa_trainer_gradient(t, name, &view));
  return element(&view, index);
}

/* x (2) -> trunk (3, tanh) -> a (1) and b (1): two outputs. */
static denpa_model *branches(void) {
  denpa_graph *g = new_graph();
  denpa_value x = add_input(g, "x", 2), h = add_dense(g, "trunk", x, 3, "tanh"), out[2];
  out[0] = add_dense(g, "a", h, 1, NULL);
  out[1] = add_dense(g, "b", h, 1, NULL);
  return finish_model(g, out, 2, DENPA_FLOAT64, 3);
}

static const double x2[] = {0.5, -0.25, 1, 0.75}, t1[] = {1, -1};

/* The hash of the model that the trainer would publish. */
static uint64_t published_hash(denpa_trainer *t, denpa_model *m) {
  OK(denpa_publish(t));
  return model_hash(m);
}

/* --- gradients that depend on nothing but the batch ------------------------------------------------------------------ */

/* Above 2^20 elements the loss is divided into chunks that were not whole vectors. */
static void gradients_of_large_batches_do_not_depend_on_threads(void) {
  enum { ROWS = 1100, WIDTH = 1000 };
  static float x[ROWS * 8], target[ROWS * WIDTH], first[8 * WIDTH];
  static const int32_t threads[] = {1, 2, 3, 8};
  denpa_model *m;
  denpa_graph *g = new_graph();
  denpa_value in = add_input(g, "x", 8), out = add_dense(g, "d", in, WIDTH, NULL);
  denpa_tensor X = denpa_f32(x, ROWS, 8), T = denpa_f32(target, ROWS, WIDTH);
  double expected = 0;
  int i, j, row;
  m = finish_model(g, &out, 1, DENPA_FLOAT32, 1);
  fill(x, ROWS * 8, 1);
  fill(target, ROWS * WIDTH, 2);
  for (i = 0; i < COUNT(threads); i++) {
    denpa_trainer *t = NULL;
    denpa_tensor view;
    denpa_loss l = denpa_loss_on(0, "mean_squared_error", NULL);
    OPTIONS(denpa_trainer_options, o);
    o.max_batch = ROWS;
    o.threads = threads[i];
    o.loss_count = 1;
    o.losses = &l;
    OK(denpa_trainer_create(m, &o, &t));
    OK(denpa_trainer_gradients(t, &X, 1, &T, 1, NULL, NULL));
    OK(denpa_trainer_gradient(t, "d.W", &view));
    if (i == 0) memcpy(first, view.data, sizeof first);
    CHECK(memcmp(first, view.data, sizeof first) == 0);
    OK(denpa_trainer_destroy(t));
  }
  /* d loss/d W[0][j] in double precision: W and b by themselves give the predictions. */
  for (j = 0; j < WIDTH; j += 37) {
    denpa_tensor W, b;
    OK(denpa_model_view(m, "d.W", &W));
    OK(denpa_model_view(m, "d.b", &b));
    expected = 0;
    for (row = 0; row < ROWS; row++) {
      double y = element(&b, j);
      for (i = 0; i < 8; i++) y += (double)x[row * 8 + i] * element(&W, i * WIDTH + j);
      expected += 2 * (y - (double)target[row * WIDTH + j]) * (double)x[row * 8] / ((double)ROWS * WIDTH);
    }
    NEAR((double)first[j], expected, 1e-8);
  }
}

/* dx of a wide layer on a few rows: the edge of the product was divided into chunks of no rows at all. */
static void a_wide_layer_on_few_rows(void) {
  enum { MOST = 40, IN = 194, UNITS = 17000 }; /* two columns beyond the last vector, whatever its width */
  static float x[MOST * IN], target[MOST * UNITS];
  float first[MOST * IN], dx[MOST * IN];
  static const int32_t threads[] = {1, 2, 3};
  static const int64_t rows[] = {8, 9, 17, 33, 39};
  denpa_graph *g = new_graph();
  denpa_value in = add_input(g, "x", IN), out = add_dense(g, "d", in, UNITS, "tanh");
  denpa_model *m = finish_model(g, &out, 1, DENPA_FLOAT32, 1);
  int i, k;
  fill(x, MOST * IN, 1);
  fill(target, MOST * UNITS, 2);
  for (k = 0; k < COUNT(rows); k++) {
    denpa_tensor X = denpa_f32(x, rows[k], IN), T = denpa_f32(target, rows[k], UNITS), D = denpa_f32(dx, rows[k], IN);
    for (i = 0; i < COUNT(threads); i++) {
      denpa_trainer *t = NULL;
      denpa_loss l = denpa_loss_on(0, "mean_squared_error", NULL);
      OPTIONS(denpa_trainer_options, o);
      o.threads = threads[i];
      o.loss_count = 1;
      o.losses = &l;
      o.input_gradients = 1;
      OK(denpa_trainer_create(m, &o, &t));
      OK(denpa_trainer_gradients(t, &X, 1, &T, 1, &D, NULL));
      if (i == 0) memcpy(first, dx, sizeof first);
      CHECK(memcmp(first, dx, (size_t)rows[k] * IN * sizeof *dx) == 0);
      OK(denpa_trainer_destroy(t));
    }
  }
}

static void the_loss_reaches_one_branch_and_the_other_one_stays(void) {
  double y[2], z[2], seed[] = {1, 1}, before, ungradient;
  denpa_model *m = branches();
  denpa_trainer *t = new_trainer(m, "mean_squared_error", NULL, "sgd", 0.1, 2);
  denpa_tensor X = denpa_f64(x2, 2, 2), T = denpa_f64(t1, 2, 1), outs[2], seeds[2], view;
  outs[0] = denpa_f64(y, 2, 1);
  outs[1] = denpa_f64(z, 2, 1);
  memset(seeds, 0, sizeof seeds);
  seeds[1] = denpa_f64(seed, 2, 1);
  OK(denpa_trainer_forward(t, &X, 1, outs, 2, 1));
  OK(denpa_trainer_backward(t, seeds, 2, NULL, 0));
  CHECK(view_value(t, "b.b", 0) == 2);
  OK(denpa_model_view(m, "b.b", &view));
  before = element(&view, 0);
  OK(denpa_train_batch(t, &X, 1, &T, 1, NULL));
  OK(denpa_train_batch(t, &X, 1, &T, 1, NULL));
  OK(denpa_publish(t));
  CHECK(element(&view, 0) == before);
  /* By `gradients` too, which begins anew after train_batch. */
  OK(denpa_trainer_gradient(t, "b.b", &view));
  ((double *)view.data)[0] = 7;
  OK(denpa_trainer_gradients(t, &X, 1, &T, 1, NULL, NULL));
  ungradient = view_value(t, "b.b", 0);
  CHECK(ungradient == 0);
}

static void an_output_that_is_there_twice_has_two_gradients(void) {
  double y[2], z[2], one[] = {1, 1}, two[] = {2, 2}, dx[4], once;
  denpa_graph *g = new_graph();
  denpa_value x = add_input(g, "x", 2), out[2];
  denpa_model *m;
  denpa_trainer *t = NULL;
  denpa_tensor X = denpa_f64(x2, 2, 2), outs[2], seeds[2], D = denpa_f64(dx, 2, 2);
  OPTIONS(denpa_trainer_options, o);
  out[0] = out[1] = add_dense(g, "d", x, 1, NULL);
  m = finish_model(g, out, 2, DENPA_FLOAT64, 3);
  o.max_batch = 2;
  o.input_gradients = 1;
  OK(denpa_trainer_create(m, &o, &t));
  outs[0] = denpa_f64(y, 2, 1);
  outs[1] = denpa_f64(z, 2, 1);
  memset(seeds, 0, sizeof seeds);
  seeds[0] = denpa_f64(one, 2, 1);
  OK(denpa_trainer_forward(t, &X, 1, outs, 2, 1));
  OK(denpa_trainer_backward(t, seeds, 2, &D, 1));
  once = dx[0];
  EQUAL(view_value(t, "d.b", 0), 2);
  OK(denpa_trainer_zero_gradients(t));
  seeds[1] = denpa_f64(two, 2, 1);
  OK(denpa_trainer_forward(t, &X, 1, outs, 2, 1));
  OK(denpa_trainer_backward(t, seeds, 2, &D, 1));
  EQUAL(view_value(t, "d.b", 0), 6);
  NEAR(dx[0], 3 * once, 1e-15);
}

/* Output 1 alone: what the first gradient has no say in. */
static void the_second_of_two_equal_outputs_counts_alone(void) {
  double y[2], z[2], two[] = {2, 2};
  denpa_graph *g = new_graph();
  denpa_value x = add_input(g, "x", 2), out[2];
  denpa_model *m;
  denpa_trainer *t;
  denpa_tensor X = denpa_f64(x2, 2, 2), outs[2], seeds[2];
  out[0] = out[1] = add_dense(g, "d", x, 1, NULL);
  m = finish_model(g, out, 2, DENPA_FLOAT64, 3);
  t = new_trainer(m, NULL, NULL, NULL, 0, 2);
  outs[0] = denpa_f64(y, 2, 1);
  outs[1] = denpa_f64(z, 2, 1);
  memset(seeds, 0, sizeof seeds);
  seeds[1] = denpa_f64(two, 2, 1);
  OK(denpa_trainer_forward(t, &X, 1, outs, 2, 1));
  OK(denpa_trainer_backward(t, seeds, 2, NULL, 0));
  EQUAL(view_value(t, "d.b", 0), 4);
}

/* --- steps that are refused ------------------------------------------------------------------------------------------ */

static void a_refused_step_stays_refused(void) {
  static const double bad[] = {NAN, 1, 0.5, 0.5};
  uint64_t before, after;
  int i;
  denpa_model *m = branches();
  denpa_trainer *t = new_trainer(m, "mean_squared_error", NULL, "adam", 0.1, 2);
  denpa_tensor X = denpa_f64(x2, 2, 2), N = denpa_f64(bad, 2, 2), T = denpa_f64(t1, 2, 1);
  OK(denpa_train_batch(t, &X, 1, &T, 1, NULL));
  before = published_hash(t, m);
  OK(denpa_trainer_zero_gradients(t));
  OK(denpa_trainer_gradients(t, &N, 1, &T, 1, NULL, NULL));
  for (i = 0; i < 3; i++) STATUS(denpa_trainer_step(t), DENPA_NOT_FINITE);
  CHECK(published_hash(t, m) == before);
  /* Gradients computed anew, or zeroed: it goes on. Adam's step with zero gradients moves the weights by its moments. */
  OK(denpa_trainer_zero_gradients(t));
  OK(denpa_trainer_gradients(t, &X, 1, &T, 1, NULL, NULL));
  OK(denpa_trainer_step(t));
  after = published_hash(t, m);
  CHECK(after != before);
}

static void after_a_refused_batch_there_is_no_gradient(void) {
  static const double bad[] = {NAN, 1, 0.5, 0.5};
  uint64_t before;
  denpa_model *m = branches();
  denpa_trainer *t = new_trainer(m, "mean_squared_error", NULL, "sgd", 0.1, 2);
  denpa_tensor X = denpa_f64(x2, 2, 2), N = denpa_f64(bad, 2, 2), T = denpa_f64(t1, 2, 1);
  OK(denpa_train_batch(t, &X, 1, &T, 1, NULL));
  before = published_hash(t, m);
  STATUS(denpa_train_batch(t, &N, 1, &T, 1, NULL), DENPA_NOT_FINITE);
  CHECK(view_value(t, "a.W", 0) == 0 && view_value(t, "trunk.W", 1) == 0);
  OK(denpa_trainer_step(t)); /* a step with gradients of zero */
  CHECK(published_hash(t, m) == before);
}

static void a_step_looks_at_the_gradients_themselves(void) {
  static const double bad[] = {NAN, 1, 0.5, 0.5};
  denpa_tensor view;
  uint64_t before;
  int64_t i;
  static const char *const names[] = {"trunk.W", "trunk.b", "a.W", "a.b"};
  denpa_model *m = branches();
  denpa_trainer *t = new_trainer(m, "mean_squared_error", NULL, "sgd", 0.1, 2);
  denpa_tensor X = denpa_f64(x2, 2, 2), N = denpa_f64(bad, 2, 2), T = denpa_f64(t1, 2, 1);
  before = published_hash(t, m);
  OK(denpa_trainer_gradients(t, &X, 1, &T, 1, NULL, NULL));
  OK(denpa_trainer_gradient(t, "trunk.W", &view));
  ((double *)view.data)[3] = NAN;
  STATUS(denpa_trainer_step(t), DENPA_NOT_FINITE);
  CHECK(strstr(denpa_last_error(), "trunk.W") != NULL);
  CHECK(published_hash(t, m) == before);
  ((double *)view.data)[3] = INFINITY;
  STATUS(denpa_trainer_step(t), DENPA_NOT_FINITE);
  ((double *)view.data)[3] = 0;
  OK(denpa_trainer_step(t));
  CHECK(published_hash(t, m) != before);
  /* And NaN that was replaced is no NaN. */
  OK(denpa_trainer_zero_gradients(t));
  OK(denpa_trainer_gradients(t, &N, 1, &T, 1, NULL, NULL));
  for (i = 0; i < COUNT(names); i++) {
    int64_t k;
    OK(denpa_trainer_gradient(t, names[i], &view));
    for (k = 0; k < tensor_count(&view); k++)
      if (!isfinite(((double *)view.data)[k])) ((double *)view.data)[k] = 0;
  }
  OK(denpa_trainer_step(t));
}

/* A class number out of range is found before any gradient: those that were accumulated are still there. */
static void a_wrong_batch_leaves_accumulated_gradients(void) {
  static const int32_t good[] = {0, 1}, wrong[] = {0, 9};
  double kept;
  denpa_model *m = two_layers(2, 3, "tanh", 2, DENPA_FLOAT64, 3);
  denpa_trainer *t = new_trainer(m, "softmax_cross_entropy", NULL, "sgd", 0.1, 2);
  denpa_tensor X = denpa_f64(x2, 2, 2), T = denpa_i32(good, 2), W = denpa_i32(wrong, 2), S = denpa_f64(x2, 1, 4);
  OK(denpa_trainer_gradients(t, &X, 1, &T, 1, NULL, NULL));
  kept = view_value(t, "out.W", 2);
  CHECK(kept != 0);
  STATUS(denpa_trainer_gradients(t, &X, 1, &W, 1, NULL, NULL), DENPA_BAD_ARGUMENT);
  CHECK(view_value(t, "out.W", 2) == kept);
  STATUS(denpa_train_batch(t, &X, 1, &W, 1, NULL), DENPA_BAD_ARGUMENT);
  CHECK(view_value(t, "out.W", 2) == kept);
  STATUS(denpa_train_batch(t, &S, 1, &T, 1, NULL), DENPA_BAD_SHAPE);
  CHECK(view_value(t, "out.W", 2) == kept);
  OK(denpa_trainer_gradients(t, &X, 1, &T, 1, NULL, NULL));
  NEAR(view_value(t, "out.W", 2), 2 * kept, 1e-15);
}

/* What backward reads of a forward is still that forward's after another one was refused. */
static void a_refused_forward_does_not_disturb_the_one_before(void) {
  double y[2], seed[] = {1, 1}, other[] = {9, 9, 9, 9}, narrow[1], expected;
  int round;
  denpa_model *m = two_layers(2, 3, "tanh", 1, DENPA_FLOAT64, 3);
  denpa_trainer *t = new_trainer(m, NULL, NULL, NULL, 0, 2);
  denpa_tensor X = denpa_f64(x2, 2, 2), Y = denpa_f64(y, 2, 1), D = denpa_f64(seed, 2, 1), O = denpa_f64(other, 2, 2),
               Z = denpa_f64(narrow, 1, 1);
  expected = 0;
  for (round = 0; round < 2; round++) {
    OK(denpa_trainer_zero_gradients(t));
    OK(denpa_trainer_forward(t, &X, 1, &Y, 1, 1));
    if (round == 1) STATUS(denpa_trainer_forward(t, &O, 1, &Z, 1, 1), DENPA_BAD_SHAPE);
    OK(denpa_trainer_backward(t, &D, 1, NULL, 0));
    if (round == 0) expected = view_value(t, "hidden.W", 0);
    CHECK(view_value(t, "hidden.W", 0) == expected);
  }
}

/* --- batches that grow ----------------------------------------------------------------------------------------------- */

/* Two trainers see the same batches; one has room for the largest from the beginning, the other for one row. */
static void a_trainer_grows_and_loses_nothing(void) {
  enum { ROWS = 300 };
  static double x[ROWS * 2], target[ROWS];
  static const int64_t sizes[] = {1, 5, 4, 64, 3, 300, 300, 7};
  uint64_t state = 5;
  double y[ROWS], rates[2], losses[2];
  int i, k;
  denpa_model *models[2];
  denpa_trainer *trainers[2];
  for (i = 0; i < ROWS * 2; i++) x[i] = random_number(&state);
  for (i = 0; i < ROWS; i++) target[i] = random_number(&state);
  for (k = 0; k < 2; k++) {
    models[k] = two_layers(2, 5, "tanh", 1, DENPA_FLOAT64, 3);
    trainers[k] = new_trainer(models[k], "mean_squared_error", NULL, "adam", 0.1, k == 0 ? ROWS : 1);
    OK(denpa_trainer_set_learning_rate(trainers[k], 0.05));
  }
  for (i = 0; i < COUNT(sizes); i++) {
    denpa_tensor X = denpa_f64(x, sizes[i], 2), T = denpa_f64(target, sizes[i], 1), Y = denpa_f64(y, sizes[i], 1);
    for (k = 0; k < 2; k++) {
      OK(denpa_train_batch(trainers[k], &X, 1, &T, 1, NULL));
      OK(denpa_trainer_zero_gradients(trainers[k]));
      OK(denpa_trainer_gradients(trainers[k], &X, 1, &T, 1, NULL, NULL));
      OK(denpa_trainer_forward(trainers[k], &X, 1, &Y, 1, 1));
      OK(denpa_trainer_backward(trainers[k], &Y, 1, NULL, 0));
      OK(denpa_trainer_forward(trainers[k], &X, 1, &Y, 1, 0));
      OK(denpa_trainer_step(trainers[k]));
    }
  }
  for (k = 0; k < 2; k++) {
    denpa_tensor X = denpa_f64(x, ROWS, 2), T = denpa_f64(target, ROWS, 1);
    OPTIONS(denpa_fit_options, o);
    o.epochs = 2;
    o.batch_size = 250;
    OK(denpa_fit(trainers[k], &X, 1, &T, 1, &o, &losses[k]));
    OK(denpa_trainer_learning_rate(trainers[k], &rates[k]));
  }
  CHECK(losses[0] == losses[1]);
  CHECK(rates[0] == 0.05 && rates[1] == 0.05);
  CHECK(model_hash(models[0]) == model_hash(models[1]));
}

/* One sample among tensors with a batch axis was cut into rows along the wrong axis. */
static void samples_and_batches_do_not_mix_in_fit(void) {
  static double wide[100000], target[1];
  static const int64_t sample = 100000;
  double narrow[4] = {1, 2, 3, 4};
  denpa_graph *g = new_graph();
  denpa_value in[2], sum, d[2], out;
  denpa_model *m;
  denpa_trainer *t;
  denpa_tensor inputs[2], T = denpa_f64(target, 1, 1);
  in[0] = add_input(g, "a", 4);
  in[1] = add_input(g, "b", 100000);
  d[0] = add_dense(g, "da", in[0], 1, NULL);
  d[1] = add_dense(g, "db", in[1], 1, NULL);
  OK(denpa_graph_add(g, "add", "sum", NULL, d, 2, &sum, 1));
  out = sum;
  m = finish_model(g, &out, 1, DENPA_FLOAT64, 3);
  t = new_trainer(m, "mean_squared_error", NULL, "sgd", 1e-9, 1);
  inputs[0] = denpa_f64(narrow, 1, 4);
  inputs[1] = denpa_tensor_make(wide, DENPA_FLOAT64, 1, &sample);
  STATUS(denpa_fit(t, inputs, 2, &T, 1, NULL, NULL), DENPA_BAD_SHAPE);
  CHECK(strstr(denpa_last_error(), "\"b\"") != NULL);
  STATUS(denpa_evaluate(t, inputs, 2, &T, 1, NULL, NULL, 0), DENPA_BAD_SHAPE);
  inputs[1] = denpa_f64(wide, 1, 100000);
  OK(denpa_fit(t, inputs, 2, &T, 1, NULL, NULL));
}

/* What the model is told of its parameters counts for trainers made afterwards, also where a plan is compiled later. */
static void freezing_counts_for_later_trainers(void) {
  uint64_t before;
  denpa_model *m = two_layers(2, 3, "tanh", 1, DENPA_FLOAT64, 3);
  denpa_trainer *t = new_trainer(m, "mean_squared_error", NULL, "sgd", 0.1, 2);
  denpa_tensor X = denpa_f64(x2, 2, 2), T = denpa_f64(t1, 2, 1), view;
  double first;
  OK(denpa_model_set_trainable(m, "hidden", 0));
  OK(denpa_model_view(m, "hidden.W", &view));
  first = element(&view, 0);
  OK(denpa_train_batch(t, &X, 1, &T, 1, NULL));
  before = published_hash(t, m);
  CHECK(before != 0 && element(&view, 0) != first);
}

static const test_case tests[] = {
    {"gradients_of_large_batches_do_not_depend_on_threads", gradients_of_large_batches_do_not_depend_on_threads},
    {"a_wide_layer_on_few_rows", a_wide_layer_on_few_rows},
    {"the_loss_reaches_one_branch_and_the_other_one_stays", the_loss_reaches_one_branch_and_the_other_one_stays},
    {"an_output_that_is_there_twice_has_two_gradients", an_output_that_is_there_twice_has_two_gradients},
    {"the_second_of_two_equal_outputs_counts_alone", the_second_of_two_equal_outputs_counts_alone},
    {"a_refused_step_stays_refused", a_refused_step_stays_refused},
    {"after_a_refused_batch_there_is_no_gradient", after_a_refused_batch_there_is_no_gradient},
    {"a_step_looks_at_the_gradients_themselves", a_step_looks_at_the_gradients_themselves},
    {"a_wrong_batch_leaves_accumulated_gradients", a_wrong_batch_leaves_accumulated_gradients},
    {"a_refused_forward_does_not_disturb_the_one_before", a_refused_forward_does_not_disturb_the_one_before},
    {"a_trainer_grows_and_loses_nothing", a_trainer_grows_and_loses_nothing},
    {"samples_and_batches_do_not_mix_in_fit", samples_and_batches_do_not_mix_in_fit},
    {"freezing_counts_for_later_trainers", freezing_counts_for_later_trainers},
};
int main(int argc, char **argv) { return test_main(tests, COUNT(tests), argc, argv); }
