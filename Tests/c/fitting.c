/* What denpa_fit can do besides training: weights of samples, accumulation, sampling, validation, early stopping,
 * checkpoints; losses without targets. */
#include <unistd.h>

#include "fitting.h"

typedef struct report {
  int calls, ends;
  double rate, loss, validation, metrics[3], best;
} report;

static denpa_status note(void *user, const denpa_progress *p) {
  report *r = (report *)user;
  r->calls++;
  r->ends += p->end_of_epoch;
  r->rate = p->learning_rate;
  r->loss = p->loss;
  r->validation = p->validation_loss;
  if (p->metric_count > 0) memcpy(r->metrics, p->metrics, sizeof(double) * (size_t)p->metric_count);
  if (p->end_of_epoch && p->validation_losses != NULL && (r->ends == 1 || p->validation_loss < r->best))
    r->best = p->validation_loss;
  return DENPA_OK;
}

/* A weight of 2 counts like a sample that is there twice; left out, all weights are 1. */
static void weights_of_samples(void) {
  float twice[ROWS * 2 * 4], twiceT[ROWS * 2], w[ROWS];
  double loss, wanted, plain, again;
  int i, k, n = 0;
  denpa_model *m = two_layers(4, 8, "tanh", 1, DENPA_FLOAT64, 3);
  denpa_loss l = denpa_loss_on(0, "mean_squared_error", NULL), wl = l;
  denpa_trainer *t, *wt;
  denpa_tensor targets[2], X2, T2;
  OPTIONS(denpa_trainer_options, o);
  data_rows();
  for (i = 0; i < ROWS; i++) {
    w[i] = (float)(i % 3);
    for (k = 0; k < i % 3; k++, n++) {
      memcpy(twice + n * 4, X64 + i * 4, 4 * sizeof(float));
      twiceT[n] = T64[i];
    }
  }
  X2 = denpa_f32(twice, n, 4);
  T2 = denpa_f32(twiceT, n, 1);
  wl.weighted = 1;
  t = trainer_of(m, &l, 1, &o);
  wt = trainer_of(m, &wl, 1, &o);
  targets[0] = T;
  targets[1] = denpa_f32(w, ROWS, 1);
  targets[1].rank = 1;
  OK(denpa_trainer_gradients(wt, &X, 1, targets, 2, NULL, &loss));
  OK(denpa_trainer_gradients(t, &X2, 1, &T2, 1, NULL, &wanted));
  CLOSE(loss, wanted * n / ROWS, 1e-12);
  OK(denpa_evaluate(wt, &X, 1, targets, 2, &again, NULL, 0));
  CLOSE(again, loss, 1e-12);
  OK(denpa_evaluate(t, &X, 1, &T, 1, &plain, NULL, 0));
  OK(denpa_evaluate(wt, &X, 1, &T, 1, &again, NULL, 0));
  CHECK(again == plain);
  OK(denpa_check_gradients(wt, &X, 1, targets, 2, NULL, NULL, NULL));
  OK(denpa_train_batch(wt, &X, 1, targets, 2, NULL));
  OK(denpa_train_batch(wt, &X, 1, &T, 1, NULL));
  OK(denpa_fit(wt, &X, 1, targets, 2, NULL, NULL));
  targets[1] = denpa_f32(w, ROWS, 1);
  STATUS(denpa_train_batch(wt, &X, 1, targets, 2, NULL), DENPA_BAD_SHAPE);
  CHECK(strstr(denpa_last_error(), "sample weights") != NULL);
  STATUS(denpa_train_batch(t, &X, 1, targets, 2, NULL), DENPA_BAD_ARGUMENT);
  OK(denpa_trainer_destroy(t));
  OK(denpa_trainer_destroy(wt));
  OK(denpa_model_destroy(m));
}

/* Two batches of half the size, whose gradients are averaged, take the same step as one. */
static void accumulation(void) {
  float whole[8], parts[8];
  int64_t steps;
  int k;
  denpa_tensor view, half = denpa_f32(X64, ROWS / 2, 4), rest = denpa_f32(X64 + ROWS / 2 * 4, ROWS / 2, 4),
                     halfT = denpa_f32(T64, ROWS / 2, 1), restT = denpa_f32(T64 + ROWS / 2, ROWS / 2, 1);
  denpa_loss l = denpa_loss_on(0, "mean_squared_error", NULL);
  data_rows();
  for (k = 0; k < 2; k++) {
    denpa_model *m = two_layers(4, 8, "tanh", 1, DENPA_FLOAT32, 3);
    denpa_trainer *t;
    OPTIONS(denpa_trainer_options, o);
    o.optimizer.kind = "sgd";
    o.accumulation = k ? 2 : 0;
    t = trainer_of(m, &l, 1, &o);
    if (k) {
      OK(denpa_train_batch(t, &half, 1, &halfT, 1, NULL));
      OK(denpa_trainer_step_count(t, &steps));
      EQUAL(steps, 0);
      OK(denpa_train_batch(t, &rest, 1, &restT, 1, NULL));
    } else {
      OK(denpa_train_batch(t, &X, 1, &T, 1, NULL));
    }
    OK(denpa_trainer_step_count(t, &steps));
    EQUAL(steps, 1);
    OK(denpa_publish(t));
    OK(denpa_model_view(m, "out.W", &view));
    memcpy(k ? parts : whole, view.data, sizeof whole);
    OK(denpa_trainer_destroy(t));
    OK(denpa_model_destroy(m));
  }
  for (k = 0; k < 8; k++) CLOSE(parts[k], whole[k], 1e-6);
}

static void early_stopping(void) {
  const denpa_attribute high[] = {denpa_float("learning_rate", 0.9), denpa_end()}; /* never settles down */
  report r;
  double loss, again;
  int64_t steps = 0;
  denpa_model *m = two_layers(4, 8, "tanh", 1, DENPA_FLOAT32, 3), *saved = NULL;
  denpa_loss l = denpa_loss_on(0, "mean_squared_error", NULL);
  denpa_trainer *t;
  char path[64] = "/tmp/denpa-fitting-XXXXXX";
  OPTIONS(denpa_trainer_options, o);
  OPTIONS(denpa_fit_options, f);
  data_rows();
  close(mkstemp(path));
  o.optimizer.kind = "sgd";
  o.optimizer.attributes = high;
  t = trainer_of(m, &l, 1, &o);
  memset(&r, 0, sizeof r);
  f.epochs = 500;
  f.validation_count = 1;
  f.validation_inputs = &X;
  f.validation_targets = &T;
  f.patience = 3;
  f.restore_best = 1;
  f.checkpoint = path;
  f.checkpoint_best = 1;
  f.callback = note;
  f.user_data = &r;
  OK(denpa_fit(t, &X, 1, &T, 1, &f, &loss));
  CHECK(r.ends > 3 && r.ends < 500);
  OK(denpa_evaluate(t, &X, 1, &T, 1, &again, NULL, 0));
  CHECK(again == r.best);
  OK(denpa_trainer_step_count(t, &steps));
  EQUAL(steps, r.ends * 4);
  OK(denpa_trainer_destroy(t));
  OK(denpa_model_load(path, &saved));
  t = trainer_of(saved, &l, 1, &o);
  OK(denpa_evaluate(t, &X, 1, &T, 1, &again, NULL, 0));
  CHECK(again == r.best);
  f.checkpoint = "/no/such/folder/m.safetensors";
  f.checkpoint_best = 0;
  STATUS(denpa_fit(t, &X, 1, &T, 1, &f, &loss), DENPA_IO_ERROR);
  OK(denpa_trainer_destroy(t));
  OK(denpa_model_destroy(saved));
  OK(denpa_model_destroy(m));
  remove(path);
}

static void sampling(void) {
  report r;
  double loss, weights[ROWS];
  int i;
  denpa_model *m = two_layers(4, 8, "tanh", 3, DENPA_FLOAT32, 3);
  denpa_loss l = denpa_loss_on(0, "softmax_cross_entropy", NULL);
  denpa_metric accuracy;
  denpa_tensor W = denpa_f64(weights, ROWS, 1);
  denpa_trainer *t;
  OPTIONS(denpa_trainer_options, o);
  OPTIONS(denpa_fit_options, f);
  data_rows();
  W.rank = 1;
  memset(&accuracy, 0, sizeof accuracy);
  accuracy.kind = "accuracy";
  o.metrics = &accuracy;
  o.metric_count = 1;
  t = trainer_of(m, &l, 1, &o);
  memset(&r, 0, sizeof r);
  f.callback = note;
  f.user_data = &r;
  f.callback_every = 1;
  f.sampling = DENPA_WITH_REPLACEMENT;
  f.epoch_rows = 1000;
  OK(denpa_fit(t, &X, 1, &L, 1, &f, &loss));
  EQUAL(r.calls, 64); /* 63 batches of 16, and the end of the epoch */
  CHECK(r.metrics[0] > 0.2 && r.metrics[0] <= 1);
  /* Only the rows of class 2 have a weight: a network that always says 2 is right. */
  f.sampling = DENPA_WEIGHTED;
  f.row_weights = &W;
  f.epochs = 30;
  for (i = 0; i < ROWS; i++) weights[i] = labels[i] == 2 ? 0.5 : 0;
  OK(denpa_fit(t, &X, 1, &L, 1, &f, &loss));
  CHECK(loss < 0.05 && r.metrics[0] == 1);
  weights[3] = -1;
  STATUS(denpa_fit(t, &X, 1, &L, 1, &f, &loss), DENPA_BAD_ARGUMENT);
  for (i = 0; i < ROWS; i++) weights[i] = 0;
  STATUS(denpa_fit(t, &X, 1, &L, 1, &f, &loss), DENPA_BAD_ARGUMENT);
  f.row_weights = NULL;
  STATUS(denpa_fit(t, &X, 1, &L, 1, &f, &loss), DENPA_BAD_ARGUMENT);
  f.sampling = DENPA_SHUFFLED;
  STATUS(denpa_fit(t, &X, 1, &L, 1, &f, &loss), DENPA_BAD_ARGUMENT); /* 1000 of 60 rows */
  f.epoch_rows = 20;
  f.epochs = 1;
  r.calls = 0;
  OK(denpa_fit(t, &X, 1, &L, 1, &f, &loss));
  EQUAL(r.calls, 3);
  f.sampling = 4;
  STATUS(denpa_fit(t, &X, 1, &L, 1, &f, &loss), DENPA_BAD_ARGUMENT);
  OK(denpa_trainer_destroy(t));
  OK(denpa_model_destroy(m));
}

static void splits(void) {
  report r;
  double loss;
  denpa_model *m = two_layers(4, 8, "tanh", 3, DENPA_FLOAT32, 3);
  denpa_loss l = denpa_loss_on(0, "softmax_cross_entropy", NULL);
  denpa_trainer *t;
  OPTIONS(denpa_trainer_options, o);
  OPTIONS(denpa_fit_options, f);
  data_rows();
  t = trainer_of(m, &l, 1, &o);
  memset(&r, 0, sizeof r);
  f.callback = note;
  f.user_data = &r;
  f.epochs = 3;
  f.validation_every = 2;
  f.validation_fraction = 0.25;
  f.stratified = 1;
  OK(denpa_fit(t, &X, 1, &L, 1, &f, &loss));
  CHECK(isfinite(r.validation) && r.validation != r.loss);
  f.validation_fraction = 0.001;
  STATUS(denpa_fit(t, &X, 1, &L, 1, &f, &loss), DENPA_BAD_ARGUMENT);
  f.validation_fraction = 1;
  STATUS(denpa_fit(t, &X, 1, &L, 1, &f, &loss), DENPA_BAD_ARGUMENT);
  f.validation_fraction = 0;
  STATUS(denpa_fit(t, &X, 1, &L, 1, &f, &loss), DENPA_BAD_ARGUMENT); /* stratified without a fraction */
  f.stratified = 0;
  f.monitor = "validation_loss";
  STATUS(denpa_fit(t, &X, 1, &L, 1, &f, &loss), DENPA_BAD_ARGUMENT);
  f.monitor = "acc";
  STATUS(denpa_fit(t, &X, 1, &L, 1, &f, &loss), DENPA_BAD_ARGUMENT);
  CHECK(strstr(denpa_last_error(), "loss") != NULL);
  f.monitor = NULL;
  f.patience = -1;
  STATUS(denpa_fit(t, &X, 1, &L, 1, &f, &loss), DENPA_BAD_ARGUMENT);
  f.patience = 0;
  f.min_delta = -1;
  STATUS(denpa_fit(t, &X, 1, &L, 1, &f, &loss), DENPA_BAD_ARGUMENT);
  f.min_delta = 0;
  f.checkpoint_every = 2;
  STATUS(denpa_fit(t, &X, 1, &L, 1, &f, &loss), DENPA_BAD_ARGUMENT);
  f.checkpoint_every = 0;
  f.callback_every = -1;
  STATUS(denpa_fit(t, &X, 1, &L, 1, &f, &loss), DENPA_BAD_ARGUMENT);
  f.callback_every = 0;
  f.reserved = 1;
  STATUS(denpa_fit(t, &X, 1, &L, 1, &f, &loss), DENPA_BAD_ARGUMENT);
  f.reserved = 0;
  f.struct_size = offsetof(denpa_fit_options, callback_every); /* an earlier version's */
  f.callback_every = -1;
  OK(denpa_fit(t, &X, 1, &L, 1, &f, &loss));
  OK(denpa_trainer_destroy(t));
  OK(denpa_model_destroy(m));
}

/* A model that computes its own loss, with a penalty of a hidden layer: no targets at all. */
static void computed_and_penalty(void) {
  double loss, sum = 0;
  float y[ROWS];
  int i;
  const int64_t width = 4;
  denpa_graph *g = new_graph();
  denpa_value x, h, p, e;
  denpa_model *m = NULL;
  denpa_session *s = NULL;
  denpa_loss l = denpa_loss_on(0, "computed", NULL);
  denpa_tensor Y = denpa_f32(y, ROWS, 1);
  denpa_trainer *t;
  OPTIONS(denpa_trainer_options, o);
  data_rows();
  OK(denpa_graph_input(g, "x", DENPA_FLOAT32, 1, &width, &x));
  OK(denpa_graph_add(g, "dense", "h", DENPA_ATTRIBUTES(denpa_int("units", 1)), &x, 1, &h, 1));
  OK(denpa_graph_add(g, "activity_penalty", "p", DENPA_ATTRIBUTES(denpa_float("l1", 0.5)), &h, 1, &p, 1));
  OK(denpa_graph_add(g, "square", "e", NULL, &p, 1, &e, 1));
  OK(denpa_model_create(g, &e, 1, NULL, &m));
  t = trainer_of(m, &l, 1, &o);
  OK(denpa_evaluate(t, &X, 1, NULL, 0, &loss, NULL, 0));
  OK(denpa_session_create(m, NULL, &s));
  OK(denpa_predict(s, &X, 1, &Y, 1));
  for (i = 0; i < ROWS; i++) sum += (y[i] + 0.5 * sqrt(y[i])) / ROWS;
  CLOSE(loss, sum, 1e-5);
  OK(denpa_check_gradients(t, &X, 1, NULL, 0, NULL, NULL, NULL));
  OK(denpa_fit(t, &X, 1, NULL, 0, NULL, &loss));
  STATUS(denpa_train_batch(t, &X, 1, &T, 1, NULL), DENPA_BAD_ARGUMENT);
  OK(denpa_session_destroy(s));
  OK(denpa_trainer_destroy(t));
  OK(denpa_model_destroy(m));
  OK(denpa_graph_destroy(g));
}

/* A source without an end: the row behind the last one is the first. */
typedef struct endless {
  int64_t at, rows, rewinds;
} endless;
static denpa_status endless_rows(void *user, denpa_tensor *x, denpa_tensor *t) {
  endless *s = (endless *)user;
  *x = denpa_f32(X64 + 4 * s->at, 1, 4);
  *t = denpa_i32(labels + s->at, 1);
  s->at = (s->at + 1) % ROWS;
  s->rows++;
  return DENPA_OK;
}
static denpa_status to_the_first(void *user) {
  endless *s = (endless *)user;
  s->at = 0;
  s->rewinds++;
  return DENPA_OK;
}
static denpa_status sees_batches(void *user, const denpa_progress *p) {
  EQUAL(p->batches, 7);
  if (p->end_of_epoch) ++*(int *)user;
  return DENPA_OK;
}
static void source_without_end(void) {
  endless s = {0, 0, 0};
  int epochs = 0;
  denpa_model *m = two_layers(4, 8, "tanh", 3, DENPA_FLOAT32, 5);
  denpa_loss l = denpa_loss_on(0, "softmax_cross_entropy", NULL);
  denpa_trainer *t;
  OPTIONS(denpa_trainer_options, o);
  OPTIONS(denpa_fit_options, f);
  data_rows();
  t = trainer_of(m, &l, 1, &o);
  f.epochs = 3;
  f.epoch_batches = 7;
  f.callback = sees_batches;
  f.callback_every = 1;
  f.user_data = &epochs;
  OK(denpa_fit_source(t, endless_rows, NULL, &s, &f, NULL));
  EQUAL(epochs, 3);
  EQUAL(s.rows, 21);
  STATUS(denpa_fit(t, &X, 1, &L, 1, &f, NULL), DENPA_BAD_ARGUMENT);
  CHECK(strstr(denpa_last_error(), "epoch_batches is for denpa_fit_source") != NULL);
  /* A source that can go back does, though it has more. */
  OK(denpa_fit_source(t, endless_rows, to_the_first, &s, &f, NULL));
  EQUAL(s.rewinds, 2);
  EQUAL(s.at, 7);
  f.epoch_batches = -1;
  STATUS(denpa_fit_source(t, endless_rows, NULL, &s, &f, NULL), DENPA_BAD_ARGUMENT);
  OK(denpa_trainer_destroy(t));
  OK(denpa_model_destroy(m));
}

static const test_case tests[] = {
    {"source_without_end", source_without_end},
    {"weights_of_samples", weights_of_samples},
    {"accumulation", accumulation},
    {"early_stopping", early_stopping},
    {"sampling", sampling},
    {"splits", splits},
    {"computed_and_penalty", computed_and_penalty},
};

int main(int argc, char **argv) { return test_main(tests, COUNT(tests), argc, argv); }
