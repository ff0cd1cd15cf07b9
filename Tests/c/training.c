/* Learning: single steps, fit, data from a callback, the loop taken apart, and what happens when it cannot go on. */
#include "nets.h"

static const float xorX[] = {0, 0, 0, 1, 1, 0, 1, 1}, xorT[] = {0, 1, 1, 0};

static void learns_xor(void) {
  float y[4];
  double loss = 1;
  int i;
  denpa_model *m = two_layers(2, 8, "tanh", 1, DENPA_FLOAT32, 5);
  denpa_trainer *t = new_trainer(m, "mean_squared_error", NULL, "adam", 0.03, 4);
  denpa_session *s = new_session(m, 4, 0);
  denpa_tensor X = denpa_f32(xorX, 4, 2), T = denpa_f32(xorT, 4, 1), Y = denpa_f32(y, 4, 1);
  for (i = 0; i < 1000; i++) OK(denpa_train_batch(t, &X, 1, &T, 1, &loss));
  CHECK(loss < 1e-3);
  OK(denpa_publish(t));
  OK(denpa_predict(s, &X, 1, &Y, 1));
  for (i = 0; i < 4; i++) NEAR((double)y[i], (double)xorT[i], 0.1);
}

/* The model's parameters are the trainer's only when published, and the other way only when refreshed. */
static void publish_and_refresh(void) {
  uint64_t before;
  float *view;
  denpa_model *m = two_layers(2, 3, "tanh", 1, DENPA_FLOAT32, 5);
  denpa_trainer *t = new_trainer(m, "mean_squared_error", NULL, "sgd", 0.1, 4);
  denpa_tensor X = denpa_f32(xorX, 4, 2), T = denpa_f32(xorT, 4, 1), V;
  double first, second;
  before = model_hash(m);
  OK(denpa_train_batch(t, &X, 1, &T, 1, &first));
  CHECK(model_hash(m) == before);
  OK(denpa_publish(t));
  CHECK(model_hash(m) != before);
  OK(denpa_model_view(m, "out.b", &V));
  view = (float *)V.data;
  view[0] = 100;
  OK(denpa_evaluate(t, &X, 1, &T, 1, &first, NULL, 0));
  CHECK(first < 100);
  OK(denpa_trainer_refresh(t));
  OK(denpa_evaluate(t, &X, 1, &T, 1, &second, NULL, 0));
  CHECK(second > 1000);
}

static denpa_status count_progress(void *user, const denpa_progress *p) {
  int64_t *calls = (int64_t *)user;
  CHECK(p->struct_size >= sizeof *p && p->epochs == 3 && p->epoch >= 0 && p->epoch < 3);
  if (p->end_of_epoch) {
    calls[0]++;
    EQUAL(p->samples, 100);
    EQUAL(p->batch, 7);
    EQUAL(p->batches, 7);
    CHECK(isfinite(p->loss) && isfinite(p->validation_loss));
    CHECK(p->metric_count == 0 && p->loss_count == 1 && p->losses[0] == p->loss);
    CHECK(p->validation_losses != NULL && p->validation_losses[0] == p->validation_loss);
  }
  return DENPA_OK;
}

static void fit_reports(void) {
  static float x[100 * 4];
  static int64_t label[100];
  int64_t calls = 0;
  double loss = -1, again = -2;
  int i;
  denpa_model *m = two_layers(4, 8, "relu", 3, DENPA_FLOAT32, 2);
  denpa_trainer *t = new_trainer(m, "softmax_cross_entropy", NULL, "adam", 0.01, 16);
  denpa_tensor X = denpa_f32(x, 100, 4), T = denpa_i64(label, 100);
  OPTIONS(denpa_fit_options, o);
  fill(x, 400, 1);
  for (i = 0; i < 100; i++) label[i] = x[i * 4] > 0.3f ? 0 : x[i * 4 + 1] > 0 ? 1 : 2;
  o.epochs = 3;
  o.validation_count = 1;
  o.validation_inputs = &X;
  o.validation_targets = &T;
  o.callback = count_progress;
  o.user_data = &calls;
  OK(denpa_fit(t, &X, 1, &T, 1, &o, &loss));
  EQUAL(calls, 3);
  CHECK(loss > 0 && loss < 1.2);
  o.epochs = 200;
  o.callback = NULL;
  OK(denpa_fit(t, &X, 1, &T, 1, &o, &again));
  CHECK(again < loss / 2);
  OK(denpa_evaluate(t, &X, 1, &T, 1, &again, NULL, 0));
  CHECK(again < loss / 2);
}

/* A source that hands out the XOR rows, two at a time. */
typedef struct source {
  int at, rewinds, fail_at;
} source;

static denpa_status next_rows(void *user, denpa_tensor *x, denpa_tensor *t) {
  source *s = (source *)user;
  if (s->at == s->fail_at) return DENPA_IO_ERROR;
  if (s->at >= 4) return DENPA_END_OF_DATA;
  *x = denpa_f32(xorX + s->at * 2, 2, 2);
  *t = denpa_f32(xorT + s->at, 2, 1);
  s->at += 2;
  return DENPA_OK;
}
static denpa_status rewind_rows(void *user) {
  source *s = (source *)user;
  s->at = 0;
  s->rewinds++;
  return DENPA_OK;
}

static void fit_source(void) {
  source s = {0, 0, -1};
  double loss = 1;
  denpa_model *m = two_layers(2, 8, "tanh", 1, DENPA_FLOAT32, 5);
  denpa_trainer *t = new_trainer(m, "mean_squared_error", NULL, "adam", 0.03, 4);
  uint64_t before = model_hash(m);
  OPTIONS(denpa_fit_options, o);
  o.epochs = 500;
  OK(denpa_fit_source(t, next_rows, rewind_rows, &s, &o, &loss));
  EQUAL(s.rewinds, 499);
  CHECK(loss < 0.01);
  CHECK(model_hash(m) != before);
  before = model_hash(m);
  s.at = 0;
  s.fail_at = 2;
  o.epochs = 1;
  STATUS(denpa_fit_source(t, next_rows, rewind_rows, &s, &o, &loss), DENPA_IO_ERROR);
  CHECK(model_hash(m) != before); /* what was learned from the first batch is published */
  s.at = 0;
  s.fail_at = -1;
  OK(denpa_fit_source(t, next_rows, NULL, &s, NULL, NULL));
  o.epochs = 2;
  s.at = 0;
  STATUS(denpa_fit_source(t, next_rows, NULL, &s, &o, NULL), DENPA_BAD_ARGUMENT);
}

static denpa_status stop_at_once(void *user, const denpa_progress *p) {
  ++*(int *)user;
  CHECK(p->epoch == 0);
  return DENPA_BUSY; /* anything but OK */
}

static void callback_stops(void) {
  int calls = 0;
  denpa_model *m = two_layers(2, 4, "tanh", 1, DENPA_FLOAT32, 5);
  denpa_trainer *t = new_trainer(m, "mean_squared_error", NULL, "sgd", 0.1, 4);
  denpa_tensor X = denpa_f32(xorX, 4, 2), T = denpa_f32(xorT, 4, 1);
  uint64_t before = model_hash(m);
  OPTIONS(denpa_fit_options, o);
  o.epochs = 1000000000;
  o.callback = stop_at_once;
  o.user_data = &calls;
  STATUS(denpa_fit(t, &X, 1, &T, 1, &o, NULL), DENPA_STOPPED);
  EQUAL(calls, 1);
  CHECK(model_hash(m) != before);
  OK(denpa_train_batch(t, &X, 1, &T, 1, NULL));
}

/* forward, gradient of the loss by hand, backward, step: the same bits as denpa_train_batch. */
static void open_loop(void) {
  double y[4], dy[4], dx[8], loss;
  const double x[] = {0, 0, 0, 1, 1, 0, 1, 1}, target[] = {0, 1, 1, 0};
  int step, i;
  denpa_model *a = two_layers(2, 4, "tanh", 1, DENPA_FLOAT64, 5), *b = two_layers(2, 4, "tanh", 1, DENPA_FLOAT64, 5);
  denpa_trainer *closed = new_trainer(a, "mean_squared_error", NULL, "sgd", 0.5, 4), *open = NULL;
  denpa_tensor X = denpa_f64(x, 4, 2), T = denpa_f64(target, 4, 1), Y = denpa_f64(y, 4, 1), D = denpa_f64(dy, 4, 1),
               DX = denpa_f64(dx, 4, 2), g;
  denpa_attribute rate[2];
  OPTIONS(denpa_trainer_options, o);
  rate[0] = denpa_float("learning_rate", 0.5);
  rate[1] = denpa_end();
  o.max_batch = 4;
  o.optimizer.kind = "sgd";
  o.optimizer.attributes = rate;
  o.input_gradients = 1;
  OK(denpa_trainer_create(b, &o, &open));
  STATUS(denpa_trainer_backward(open, &D, 1, &DX, 1), DENPA_BAD_STATE);
  /* What forward kept belongs to the weights that it had. */
  OK(denpa_trainer_forward(open, &X, 1, &Y, 1, 1));
  OK(denpa_trainer_refresh(open));
  STATUS(denpa_trainer_backward(open, &D, 1, &DX, 1), DENPA_BAD_STATE);
  for (step = 0; step < 20; step++) {
    OK(denpa_train_batch(closed, &X, 1, &T, 1, &loss));
    OK(denpa_trainer_zero_gradients(open));
    OK(denpa_trainer_forward(open, &X, 1, &Y, 1, 1));
    for (i = 0; i < 4; i++) dy[i] = 2 * (y[i] - target[i]) / 4;
    OK(denpa_trainer_backward(open, &D, 1, &DX, 1));
    STATUS(denpa_trainer_backward(open, &D, 1, &DX, 1), DENPA_BAD_STATE);
    OK(denpa_trainer_step(open));
  }
  OK(denpa_publish(closed));
  OK(denpa_publish(open));
  for (i = 0; i < 4; i++) {
    denpa_tensor va, vb;
    OK(denpa_model_view(a, "out.W", &va));
    OK(denpa_model_view(b, "out.W", &vb));
    NEAR(element(&va, i), element(&vb, i), 1e-12);
  }
  /* Gradients add up until they are zeroed. */
  OK(denpa_trainer_zero_gradients(closed));
  OK(denpa_trainer_gradients(closed, &X, 1, &T, 1, NULL, NULL));
  OK(denpa_trainer_gradient(closed, "out.b", &g));
  loss = element(&g, 0);
  OK(denpa_trainer_gradients(closed, &X, 1, &T, 1, NULL, NULL));
  NEAR(element(&g, 0), 2 * loss, 1e-14);
  OK(denpa_trainer_zero_gradients(closed));
  NEAR(element(&g, 0), 0, 0);
  /* An inference pass leaves nothing for backward. */
  OK(denpa_trainer_forward(open, &X, 1, &Y, 1, 0));
  STATUS(denpa_trainer_backward(open, &D, 1, NULL, 0), DENPA_BAD_STATE);
}

static void learning_rate(void) {
  double rate = -1;
  denpa_model *m = two_layers(2, 4, "tanh", 1, DENPA_FLOAT32, 5);
  denpa_trainer *t = new_trainer(m, "mean_squared_error", NULL, "sgd", 0.25, 4), *none;
  denpa_tensor X = denpa_f32(xorX, 4, 2), T = denpa_f32(xorT, 4, 1);
  uint64_t before = model_hash(m);
  OK(denpa_trainer_learning_rate(t, &rate));
  NEAR(rate, 0.25, 0);
  STATUS(denpa_trainer_set_learning_rate(t, -1), DENPA_BAD_ARGUMENT);
  STATUS(denpa_trainer_set_learning_rate(t, (double)NAN), DENPA_BAD_ARGUMENT);
  OK(denpa_trainer_set_learning_rate(t, 0));
  OK(denpa_train_batch(t, &X, 1, &T, 1, NULL));
  OK(denpa_publish(t));
  CHECK(model_hash(m) == before);
  none = new_trainer(m, "mean_squared_error", NULL, NULL, 0, 4);
  STATUS(denpa_trainer_learning_rate(none, &rate), DENPA_BAD_STATE);
  STATUS(denpa_trainer_step(none), DENPA_BAD_STATE);
  STATUS(denpa_train_batch(none, &X, 1, &T, 1, NULL), DENPA_BAD_STATE);
}

static void frozen_parameters(void) {
  denpa_model *m = two_layers(2, 4, "tanh", 1, DENPA_FLOAT32, 5);
  denpa_trainer *t;
  denpa_tensor X = denpa_f32(xorX, 4, 2), T = denpa_f32(xorT, 4, 1), W, g;
  double W0, b0;
  OK(denpa_model_set_trainable(m, "hidden", 0));
  OK(denpa_model_view(m, "hidden.W", &W));
  W0 = element(&W, 0);
  t = new_trainer(m, "mean_squared_error", NULL, "sgd", 0.1, 4);
  OK(denpa_train_batch(t, &X, 1, &T, 1, NULL));
  OK(denpa_publish(t));
  OK(denpa_model_view(m, "hidden.W", &W));
  NEAR(element(&W, 0), W0, 0);
  OK(denpa_model_view(m, "out.b", &W));
  b0 = element(&W, 0);
  CHECK(b0 != 0);
  STATUS(denpa_trainer_gradient(t, "hidden.W", &g), DENPA_NOT_FOUND);
}

/* Learning from wide inputs at a high rate runs away: it stops with the step named and the last good weights kept. */
static void stops_at_not_finite(void) {
  static float x[1000 * 2], target[1000];
  denpa_model *m = two_layers(2, 10, "relu", 1, DENPA_FLOAT32, 1);
  denpa_trainer *t = new_trainer(m, "mean_squared_error", NULL, "sgd", 0.9, 1);
  denpa_status status = DENPA_OK;
  denpa_tensor X, T, V;
  int i, k;
  fill(x, 2000, 3);
  for (i = 0; i < 2000; i++) x[i] *= 50;
  for (i = 0; i < 1000; i++) target[i] = 3 * x[2 * i] + 2 * x[2 * i + 1];
  for (i = 0; i < 1000 && status == DENPA_OK; i++) {
    X = denpa_f32(x + 2 * i, 1, 2);
    T = denpa_f32(target + i, 1, 1);
    status = denpa_train_batch(t, &X, 1, &T, 1, NULL);
  }
  EQUAL(status, DENPA_NOT_FINITE);
  CHECK(i > 1 && strstr(denpa_last_error(), "step") != NULL);
  CHECK(strstr(denpa_last_error(), "mean_squared_error") != NULL);
  OK(denpa_publish(t));
  OK(denpa_model_view(m, "hidden.W", &V));
  for (k = 0; k < 20; k++) CHECK(isfinite(element(&V, k)));
}

/* NaN in the data is met in the same way, and a good batch goes on from the good weights. */
static void goes_on_after_not_finite(void) {
  float x[2] = {0.1f, 0.2f}, target = 0.5f;
  double before, loss = -1;
  denpa_model *m = two_layers(2, 10, "tanh", 1, DENPA_FLOAT32, 1);
  denpa_trainer *t = new_trainer(m, "mean_squared_error", NULL, "sgd", 0.1, 1);
  denpa_tensor X = denpa_f32(x, 1, 2), T = denpa_f32(&target, 1, 1);
  uint64_t hash;
  OK(denpa_train_batch(t, &X, 1, &T, 1, NULL));
  OK(denpa_publish(t));
  hash = model_hash(m);
  OK(denpa_evaluate(t, &X, 1, &T, 1, &before, NULL, 0));
  x[0] = NAN;
  STATUS(denpa_train_batch(t, &X, 1, &T, 1, &loss), DENPA_NOT_FINITE);
  NEAR(loss, -1, 0);
  CHECK(strstr(denpa_last_error(), "\"x\"") != NULL && strstr(denpa_last_error(), "step 1") != NULL);
  OK(denpa_publish(t));
  CHECK(model_hash(m) == hash);
  x[0] = 0.1f;
  OK(denpa_train_batch(t, &X, 1, &T, 1, &loss));
  NEAR(loss, before, 0);
  OK(denpa_evaluate(t, &X, 1, &T, 1, &loss, NULL, 0));
  CHECK(loss < before);
}

/* f(x) = 3a + 2b learned online from drawn samples, as the notes do: the median over 20 seeds of the last losses' mean. */
static int ascending(const void *a, const void *b) {
  double d = *(const double *)a - *(const double *)b;
  return (d > 0) - (d < 0);
}
static double online_median(const char *activation) {
  double last[20], loss;
  denpa_attribute scale[2];
  int seed, i;
  scale[0] = denpa_float("scale", 1);
  scale[1] = denpa_end();
  for (seed = 0; seed < 20; seed++) {
    uint64_t state = 100 + (uint64_t)seed;
    denpa_graph *g = new_graph();
    denpa_value in = add_input(g, "x", 2), h, y;
    denpa_model *m;
    denpa_trainer *t;
    OK(denpa_graph_add(g, "dense", "hidden",
                       DENPA_ATTRIBUTES(denpa_int("units", 10), denpa_string("activation", activation), denpa_nested("initializer", "normal", scale),
                                        denpa_nested("bias_initializer", "normal", scale)),
                       &in, 1, &h, 1));
    OK(denpa_graph_add(g, "dense", "out",
                       DENPA_ATTRIBUTES(denpa_int("units", 1), denpa_nested("initializer", "normal", scale),
                                        denpa_nested("bias_initializer", "normal", scale)),
                       &h, 1, &y, 1));
    m = finish_model(g, &y, 1, DENPA_FLOAT32, (uint64_t)seed);
    t = new_trainer(m, "mean_squared_error", listed(denpa_bool("half", 1), denpa_end()), "sgd", 0.07, 1);
    last[seed] = 0;
    for (i = 0; i < 1000; i++) {
      float x[2], target;
      denpa_tensor X = denpa_f32(x, 1, 2), T = denpa_f32(&target, 1, 1);
      x[0] = (float)random_number(&state);
      x[1] = (float)random_number(&state);
      target = 3 * x[0] + 2 * x[1];
      OK(denpa_train_batch(t, &X, 1, &T, 1, &loss));
      if (i >= 900) last[seed] += loss / 100;
    }
    OK(denpa_trainer_destroy(t));
    OK(denpa_model_destroy(m));
  }
  qsort(last, 20, sizeof last[0], ascending);
  return (last[9] + last[10]) / 2;
}
static void online_regression(void) {
  CHECK(online_median("relu") < 0.001);
  CHECK(online_median("sigmoid") < 0.004);
}

/* 0 rows change nothing; one sample may come without its batch axis; smaller batches than max_batch are fine. */
static void odd_batches(void) {
  double loss = 5;
  int64_t two = 2, one = 1;
  denpa_model *m = two_layers(2, 4, "tanh", 1, DENPA_FLOAT32, 5);
  denpa_trainer *t = new_trainer(m, "mean_squared_error", NULL, "sgd", 0.1, 4);
  denpa_session *s = new_session(m, 4, 0);
  uint64_t before = model_hash(m);
  float y[4] = {9, 9, 9, 9};
  denpa_tensor none = denpa_f32(xorX, 0, 2), noTarget = denpa_f32(xorT, 0, 1), noY = denpa_f32(y, 0, 1);
  denpa_tensor x1 = denpa_tensor_make(xorX, DENPA_FLOAT32, 1, &two), t1 = denpa_tensor_make(xorT, DENPA_FLOAT32, 1, &one),
               y1 = denpa_tensor_make(y, DENPA_FLOAT32, 1, &one);
  denpa_tensor x3 = denpa_f32(xorX, 3, 2), t3 = denpa_tensor_make(xorT, DENPA_FLOAT32, 1, &one), x5 = denpa_f32(xorX, 5, 2);
  OK(denpa_train_batch(t, &none, 1, &noTarget, 1, &loss));
  NEAR(loss, 0, 0);
  OK(denpa_publish(t));
  CHECK(model_hash(m) == before);
  OK(denpa_predict(s, &none, 1, &noY, 1));
  NEAR((double)y[0], 9, 0);
  OK(denpa_train_batch(t, &x1, 1, &t1, 1, &loss));
  OK(denpa_predict(s, &x1, 1, &y1, 1));
  t3.dim[0] = 3; /* targets (n,) meet outputs (n, 1) as equal */
  OK(denpa_train_batch(t, &x3, 1, &t3, 1, &loss));
  STATUS(denpa_train_batch(t, &x5, 1, &t3, 1, &loss), DENPA_BAD_SHAPE);
}

static const test_case tests[] = {
    {"learns_xor", learns_xor},
    {"publish_and_refresh", publish_and_refresh},
    {"fit_reports", fit_reports},
    {"fit_source", fit_source},
    {"callback_stops", callback_stops},
    {"open_loop", open_loop},
    {"learning_rate", learning_rate},
    {"frozen_parameters", frozen_parameters},
    {"stops_at_not_finite", stops_at_not_finite},
    {"goes_on_after_not_finite", goes_on_after_not_finite},
    {"online_regression", online_regression},
    {"odd_batches", odd_batches},
};

int main(int argc, char **argv) { return test_main(tests, COUNT(tests), argc, argv); }
