/* Checkpoints: a training that is interrupted anywhere and resumed from a file ends in the same bits. */
#include <unistd.h>

#include "fitting.h"

#define EPOCHS 4
#define BATCH 7 /* 60 rows: nine batches, the last one smaller */

static char path[64];
static void make_path(void) {
  strcpy(path, "/tmp/denpa-checkpoints-XXXXXX");
  close(mkstemp(path));
}

/* A network with states, random numbers and three classes. */
static denpa_model *network(int32_t dtype) {
  denpa_graph *g = new_graph();
  const denpa_attribute rate[] = {denpa_float("rate", 0.3), denpa_end()};
  denpa_value x = add_input(g, "x", 4), h = add_dense(g, "hidden", x, 6, "tanh"), out;
  h = add_plain(g, "batch_norm", "norm", h);
  OK(denpa_graph_add(g, "dropout", "drop", rate, &h, 1, &h, 1));
  out = add_dense(g, "out", h, 3, NULL);
  return finish_model(g, &out, 1, dtype, 5);
}

typedef struct plan {
  const char *optimizer, *schedule;
  const denpa_attribute *rule, *course;
  int32_t accumulation, threads, dtype, stops_early, averages;
} plan;

static plan plan_of(const char *optimizer) {
  plan p;
  memset(&p, 0, sizeof p);
  p.optimizer = optimizer;
  return p;
}

static denpa_trainer *make_trainer(denpa_model *m, const plan *p) {
  static const char *kinds[] = {"accuracy", "auc", "precision", "perplexity"};
  static denpa_metric metrics[4];
  denpa_loss l = denpa_loss_on(0, "softmax_cross_entropy", NULL);
  int i;
  OPTIONS(denpa_trainer_options, o);
  memset(metrics, 0, sizeof metrics);
  for (i = 0; i < 4; i++) metrics[i].kind = kinds[i];
  metrics[1].kind = "f1"; /* auc is for two classes */
  o.optimizer.kind = p->optimizer;
  o.optimizer.attributes = p->rule;
  o.schedule.kind = p->schedule;
  o.schedule.attributes = p->course;
  o.accumulation = p->accumulation;
  o.threads = p->threads;
  o.average_decay = p->averages ? 0.9 : 0;
  o.metrics = metrics;
  o.metric_count = 4;
  return trainer_of(m, &l, 1, &o);
}

/* Stops at the `stop`-th call, after saving. Keeps the numbers of the last epoch. */
typedef struct interruption {
  denpa_trainer *trainer;
  int calls, stop;
  double loss, metrics[4];
} interruption;
static denpa_status interrupt(void *user_data, const denpa_progress *p) {
  interruption *i = (interruption *)user_data;
  if (p->end_of_epoch) {
    i->loss = p->loss;
    memcpy(i->metrics, p->metrics, sizeof i->metrics);
  }
  if (++i->calls != i->stop) return DENPA_OK;
  OK(denpa_trainer_save(i->trainer, path));
  return DENPA_STOPPED;
}

typedef struct batches {
  int next;
} batches;
static denpa_status next_batch(void *user_data, denpa_tensor *inputs, denpa_tensor *targets) {
  batches *b = (batches *)user_data;
  int first = b->next * BATCH, rows = ROWS - first < BATCH ? ROWS - first : BATCH;
  if (first >= ROWS) return DENPA_END_OF_DATA;
  inputs[0] = denpa_f32(X64 + first * 4, rows, 4);
  targets[0] = denpa_i32(labels + first, rows);
  b->next++;
  return DENPA_OK;
}
static denpa_status rewind_batches(void *user_data) {
  ((batches *)user_data)->next = 0;
  return DENPA_OK;
}

static denpa_status fit(denpa_trainer *t, const plan *p, int source, int resume, interruption *i) {
  batches b = {0};
  OPTIONS(denpa_fit_options, f);
  f.epochs = EPOCHS;
  f.batch_size = source ? 0 : BATCH;
  f.callback = interrupt;
  f.user_data = i;
  f.callback_every = 1;
  f.resume = resume;
  if (p->stops_early) {
    f.validation_count = 1;
    f.validation_inputs = &X;
    f.validation_targets = &L;
    f.restore_best = 1;
    f.patience = p->stops_early;
  }
  i->trainer = t;
  if (source) return denpa_fit_source(t, next_batch, rewind_batches, &b, &f, NULL);
  return denpa_fit(t, &X, 1, &L, 1, &f, NULL);
}

static void goes_on(const plan *p, int source) {
  interruption whole, first, second;
  denpa_model *m = network(p->dtype), *again;
  denpa_trainer *t = make_trainer(m, p);
  int stop;
  uint64_t hash;
  memset(&whole, 0, sizeof whole);
  OK(fit(t, p, source, 0, &whole));
  hash = model_hash(m);
  OK(denpa_trainer_destroy(t));
  OK(denpa_model_destroy(m));
  for (stop = 1; stop <= whole.calls; stop += stop % 10 == 8 ? 1 : 4) { /* within epochs, and at their ends */
    memset(&first, 0, sizeof first);
    memset(&second, 0, sizeof second);
    first.stop = stop;
    m = network(p->dtype);
    t = make_trainer(m, p);
    STATUS(fit(t, p, source, 0, &first), DENPA_STOPPED);
    OK(denpa_trainer_destroy(t));
    OK(denpa_model_destroy(m));
    m = network(p->dtype);
    t = make_trainer(m, p);
    OK(denpa_trainer_load(t, path));
    OK(fit(t, p, source, 1, &second));
    CHECK(model_hash(m) == hash);
    EQUAL(first.calls + second.calls, whole.calls);
    if (second.calls > 0) CHECK(memcmp(&second.loss, &whole.loss, 5 * sizeof(double)) == 0);
    OK(denpa_trainer_destroy(t));
    OK(denpa_model_load(path, &again)); /* a checkpoint is a model, too */
    OK(denpa_model_destroy(again));
    OK(denpa_model_destroy(m));
  }
}

static void every_optimizer(void) {
  static const char *kinds[] = {"sgd",   "adam",   "adamw",   "rmsprop", "adagrad", "adadelta", "adamax", "nadam",
                                "radam", "rprop",  "lion",    "lamb",    "muon",    "adafactor"};
  const denpa_attribute momentum[] = {denpa_float("learning_rate", 0.05), denpa_float("momentum", 0.9), denpa_end()};
  int i;
  data_rows();
  make_path();
  for (i = 0; i < COUNT(kinds); i++) {
    plan p = plan_of(kinds[i]);
    p.rule = i == 0 ? momentum : NULL;
    p.dtype = i % 2 ? DENPA_FLOAT32 : DENPA_FLOAT64;
    p.threads = 1 + i % 2;
    goes_on(&p, i % 3 == 1);
  }
  remove(path);
}

static void what_else_is_kept(void) {
  const denpa_attribute steps[] = {denpa_int("every", 2), denpa_float("gamma", 0.5), denpa_end()};
  const denpa_attribute plateau[] = {denpa_int("patience", 0), denpa_float("gamma", 0.5), denpa_end()};
  int source;
  data_rows();
  make_path();
  for (source = 0; source < 2; source++) {
    plan p = plan_of("adam");
    p.accumulation = 4;
    p.schedule = "step_decay";
    p.course = steps;
    goes_on(&p, source);
    p.accumulation = 0;
    p.schedule = "reduce_on_plateau";
    p.course = plateau;
    p.stops_early = 1;
    goes_on(&p, source);
    p.schedule = NULL;
    p.course = NULL;
    p.averages = 1;
    goes_on(&p, source);
  }
  remove(path);
}

/* Batches one by one, growing, with gradients that wait for a step. */
static void own_steps(void) {
  static const int64_t rows[] = {5, 9, 33, 60, 2, 17, 60};
  int stop, i;
  uint64_t hash = 0;
  data_rows();
  make_path();
  for (stop = -1; stop < COUNT(rows); stop++) {
    plan p = plan_of("adamw");
    denpa_model *m = network(DENPA_FLOAT32);
    denpa_trainer *t;
    p.accumulation = 2;
    t = make_trainer(m, &p);
    for (i = 0; i < COUNT(rows); i++) {
      denpa_tensor x = denpa_f32(X64, rows[i], 4), l = denpa_i32(labels, rows[i]);
      if (i % 3 == 2) {
        OK(denpa_trainer_gradients(t, &x, 1, &l, 1, NULL, NULL));
      } else {
        OK(denpa_train_batch(t, &x, 1, &l, 1, NULL));
      }
      if (i == stop) {
        OK(denpa_trainer_save(t, path));
        OK(denpa_trainer_destroy(t));
        OK(denpa_model_destroy(m));
        m = network(DENPA_FLOAT32);
        t = make_trainer(m, &p);
        OK(denpa_trainer_load(t, path));
      }
      if (i % 3 == 2) OK(denpa_trainer_step(t));
    }
    OK(denpa_publish(t));
    if (stop < 0) hash = model_hash(m);
    CHECK(model_hash(m) == hash);
    OK(denpa_trainer_destroy(t));
    OK(denpa_model_destroy(m));
  }
  remove(path);
}

/* Checkpoints that fit itself saves, within epochs too. */
static void saved_by_fit(void) {
  double loss = 0, again = 0;
  denpa_model *m = network(DENPA_FLOAT64), *saved = NULL;
  plan p = plan_of("adam");
  denpa_trainer *t;
  uint64_t hash;
  OPTIONS(denpa_fit_options, f);
  data_rows();
  make_path();
  p.dtype = DENPA_FLOAT64;
  t = make_trainer(m, &p);
  f.epochs = EPOCHS;
  f.batch_size = BATCH;
  f.checkpoint = path;
  f.checkpoint_trainer = 1;
  f.checkpoint_batches = 4;
  OK(denpa_fit(t, &X, 1, &L, 1, &f, &loss));
  hash = model_hash(m);
  OK(denpa_trainer_destroy(t));
  OK(denpa_model_load(path, &saved)); /* the last one: after the last epoch */
  CHECK(model_hash(saved) == hash);
  t = make_trainer(saved, &p);
  OK(denpa_trainer_load(t, path));
  f.resume = 1;
  OK(denpa_fit(t, &X, 1, &L, 1, &f, &again)); /* nothing is missing */
  CHECK(again == loss && model_hash(saved) == hash);
  f.epochs = EPOCHS + 2; /* two more are */
  OK(denpa_fit(t, &X, 1, &L, 1, &f, NULL));
  CHECK(model_hash(saved) != hash);
  OK(denpa_trainer_destroy(t));
  OK(denpa_model_destroy(saved));
  saved = network(DENPA_FLOAT64); /* and so it is without an interruption */
  hash = model_hash(m);
  t = make_trainer(saved, &p);
  f.resume = 0;
  f.checkpoint = NULL;
  f.checkpoint_trainer = 0;
  f.checkpoint_batches = 0;
  OK(denpa_fit(t, &X, 1, &L, 1, &f, NULL));
  OK(denpa_model_destroy(m));
  OK(denpa_model_load(path, &m));
  CHECK(model_hash(m) == model_hash(saved));
  OK(denpa_trainer_destroy(t));
  OK(denpa_model_destroy(saved));
  OK(denpa_model_destroy(m));
  remove(path);
}

static void refused(void) {
  plan p = plan_of("adam"), other = plan_of("sgd");
  interruption none;
  denpa_model *m = network(DENPA_FLOAT32), *wide = two_layers(4, 6, "tanh", 3, DENPA_FLOAT32, 5);
  denpa_trainer *t, *u;
  denpa_tensor few = denpa_f32(X64, 20, 4), labels_of_few = denpa_i32(labels, 20);
  uint64_t hash;
  OPTIONS(denpa_fit_options, f);
  data_rows();
  make_path();
  t = make_trainer(m, &p);
  memset(&none, 0, sizeof none);
  f.resume = 1;
  STATUS(denpa_fit(t, &X, 1, &L, 1, &f, NULL), DENPA_BAD_STATE); /* there is nothing to go on with */
  none.stop = 13;
  STATUS(fit(t, &p, 0, 0, &none), DENPA_STOPPED);
  hash = model_hash(m);
  f.epochs = EPOCHS;
  f.batch_size = BATCH;
  STATUS(denpa_fit(t, &few, 1, &labels_of_few, 1, &f, NULL), DENPA_BAD_ARGUMENT); /* other data */
  u = make_trainer(m, &other);
  STATUS(denpa_trainer_load(u, path), DENPA_BAD_FILE);
  CHECK(strstr(denpa_last_error(), "adam") != NULL && strstr(denpa_last_error(), path) != NULL);
  OK(denpa_trainer_destroy(u));
  u = make_trainer(wide, &p);
  STATUS(denpa_trainer_load(u, path), DENPA_BAD_FILE);
  OK(denpa_trainer_destroy(u));
  OK(denpa_model_save(m, path));
  STATUS(denpa_trainer_load(t, path), DENPA_BAD_FILE); /* a model without a trainer */
  CHECK(strstr(denpa_last_error(), "no trainer") != NULL);
  remove(path);
  STATUS(denpa_trainer_load(t, path), DENPA_NOT_FOUND);
  STATUS(denpa_trainer_save(t, "/no/such/folder/c"), DENPA_IO_ERROR);
  CHECK(model_hash(m) == hash);
  none.stop = 0;
  OK(fit(t, &p, 0, 1, &none)); /* what was refused has changed nothing: it goes on */
  EQUAL(none.calls, EPOCHS * 10);
  OK(denpa_trainer_destroy(t));
  OK(denpa_model_destroy(wide));
  OK(denpa_model_destroy(m));
}

static const test_case tests[] = {
    {"every_optimizer", every_optimizer},
    {"what_else_is_kept", what_else_is_kept},
    {"own_steps", own_steps},
    {"saved_by_fit", saved_by_fit},
    {"refused", refused},
};

int main(int argc, char **argv) { return test_main(tests, COUNT(tests), argc, argv); }
