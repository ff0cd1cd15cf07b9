/* Structured random calls over the whole API: mostly sensible, often not. Nothing may crash, hang, leak a handle or answer
 * DENPA_INTERNAL_ERROR. DENPA_RANDOM_CALLS says how many (default: 10 million), DENPA_RANDOM_SEED where to begin.
 * A failure prints the seed that repeats it.
 */
#define SECONDS_PER_TEST 280
#include "nets.h"

enum { POOL = 12, ELEMENTS = 1 << 14 };

static uint64_t state;
static denpa_graph *graphs[POOL];
static denpa_model *models[POOL];
static denpa_session *sessions[POOL];
static denpa_trainer *trainers[POOL];
static denpa_model *session_models[POOL], *trainer_models[POOL]; /* what each was made for */
static int32_t loss_counts[POOL];
static double readable[ELEMENTS], writable[4][ELEMENTS];
static int32_t labels[64]; /* 0, 1, 2 */
static char text[1 << 16];
static int64_t text_length;
static int counts[DENPA_CALLBACK_FAILED + 1];

static int below(int n) { return (int)(random_number(&state) * n); }
static int chance(int percent) { return below(100) < percent; }

/* A handle of the pool, seldom something else. Entries that were destroyed stay in their pools: they are stale. */
static void *pick(void *pool) {
  void *all[POOL];
  memcpy(all, pool, sizeof all);
  if (chance(97)) {
    int i, from = below(POOL);
    for (i = 0; i < 4 && all[from] == NULL; i++) from = below(POOL);
    return all[from];
  }
  switch (below(4)) {
  case 0: return NULL;
  case 1: return text;
  case 2: return (void *)(uintptr_t)(random_number(&state) * 1e19);
  default: return chance(50) ? (void *)graphs[below(POOL)] : (void *)models[below(POOL)];
  }
}
#define GRAPH ((denpa_graph *)pick(graphs))
#define MODEL ((denpa_model *)pick(models))
#define SESSION ((denpa_session *)pick(sessions))
#define TRAINER ((denpa_trainer *)pick(trainers))

static int64_t absurd(void) {
  static const int64_t list[] = {-1, -2, -1000, (int64_t)1 << 40, (int64_t)1 << 62, INT64_MAX, INT64_MIN};
  return list[below(COUNT(list))];
}
static int64_t number(int most) { return chance(95) ? below(most + 1) : absurd(); }
/* Never a little more than there is: behind a struct there has to be what its size says (bad_*.c try that). */
static size_t size_of(size_t size) {
  return chance(97) ? size : chance(50) ? (size_t)below((int)size) : (size_t)absurd();
}
static const char *one_of(const char *const *list, int count) { return list[below(count)]; }

static const char *name(void) {
  static const char *const list[] = {NULL, "a", "b", "c", "d", "dense_1", "", "x y", "\xff", "\xe4\xbc\x9d", "a.W", "out.W"};
  return one_of(list, COUNT(list));
}
static const char *parameter(void) {
  static const char *const list[] = {"a.W", "b.W", "c.W", "a.b", "b.b", "d.W", "dense.W", "dense_1.W", "dense_1.b", "", NULL, "no.W"};
  return one_of(list, COUNT(list));
}
static const char *kind(void) {
  static const char *const list[] = {"dense", "dense", "dense", "relu", "sigmoid", "tanh", "softmax", "identity", "add", "flatten", "mean_squared_error",
                                     "softmax_cross_entropy", "cross_entropy", "no_such", "", "adam", NULL};
  return one_of(list, COUNT(list));
}

/* A tensor over memory that is large enough for whatever shape is believed. */
static denpa_tensor tensor(int out) {
  static const int32_t dtypes[] = {DENPA_FLOAT32, DENPA_FLOAT32, DENPA_FLOAT32, DENPA_FLOAT32, DENPA_FLOAT64, DENPA_INT32, DENPA_INT64, DENPA_UINT8, 0, 7};
  denpa_tensor t;
  int64_t dim[DENPA_MAX_RANK], total = 1;
  int32_t rank = chance(80) ? 2 : (int32_t)number(DENPA_MAX_RANK + 1), i;
  for (i = 0; i < DENPA_MAX_RANK; i++) {
    dim[i] = i == 0 && chance(70) ? 3 : number(5);
    if (dim[i] > 0 && dim[i] < 6) total *= dim[i];
    if (total > ELEMENTS / 6) dim[i] = 1, total = 1 << 11;
  }
  t = denpa_tensor_make(out >= 0 ? writable[out] : readable, dtypes[below(COUNT(dtypes))], 0, dim);
  for (i = 0; i < DENPA_MAX_RANK; i++) t.dim[i] = dim[i];
  t.rank = rank;
  if (chance(1)) t.data = NULL;
  if (chance(1)) t.stride[below(DENPA_MAX_RANK)] = absurd();
  return t;
}

/* Where any strides are taken, they are like a pointer: those that lead out of the memory must not be given. */
static void keep_inside(denpa_tensor *list) {
  int i, k;
  for (i = 0; i < 3; i++)
    for (k = 0; k < DENPA_MAX_RANK; k++)
      if (list[i].stride[k] != INT64_MIN && list[i].dim[k] > 1) list[i].stride[k] = chance(95) ? 0 : below(4);
}

/* Tensors that fit a model, most of the time. */
static void fitting(denpa_model *m, int outputs, denpa_tensor *list, int64_t rows) {
  int32_t in = 0, out = 0, n, i, k;
  for (i = 0; i < 3; i++) list[i] = tensor(outputs ? i : -1);
  if (chance(7) || denpa_model_counts(m, &in, &out, NULL) != DENPA_OK) return;
  n = outputs ? out : in;
  for (i = 0; i < n && i < 3; i++) {
    OPTIONS(denpa_port, port);
    if ((outputs ? denpa_model_output(m, i, &port) : denpa_model_input(m, i, &port)) != DENPA_OK) return;
    list[i] = denpa_tensor_make(outputs ? writable[i] : readable, port.dtype, port.rank, port.dim);
    list[i].dim[0] = rows;
    for (k = 0; k < list[i].rank; k++)
      if (list[i].dim[k] < 0 || list[i].dim[k] > 64) list[i].dim[k] = 1;
    if (tensor_count(&list[i]) > ELEMENTS) list[i].dim[0] = 0;
  }
}
static int32_t count_of(denpa_model *m, int outputs) {
  int32_t in = 1, out = 1;
  if (chance(3)) return (int32_t)number(4);
  denpa_model_counts(m, &in, &out, NULL);
  return outputs ? out : in;
}

static denpa_status graph_call(void) {
  denpa_attribute list[4];
  denpa_value values[4], outputs[4];
  int64_t dim[3];
  int n = 0, i;
  switch (below(10)) {
  case 0: return denpa_graph_create(&graphs[below(POOL)]);
  case 1: return chance(30) ? denpa_graph_destroy(GRAPH) : DENPA_OK;
  case 2:
    for (i = 0; i < 3; i++) dim[i] = number(5);
    return denpa_graph_input(GRAPH, name(), chance(80) ? DENPA_FLOAT32 : DENPA_INT32, chance(90) ? 1 : (int32_t)number(3), dim, outputs);
  case 3: return denpa_graph_shape(GRAPH, (denpa_value)number(6), (int32_t *)writable[0], (int32_t *)writable[1], (int64_t *)writable[2]);
  case 4:
    values[0] = (denpa_value)number(5);
    return denpa_graph_share(GRAPH, name(), name(), values, chance(97) ? 1 : (int32_t)number(4), outputs,
                             chance(97) ? 1 : (int32_t)number(4));
  case 5:
    values[0] = values[1] = (denpa_value)number(5);
    return denpa_graph_add_model(GRAPH, MODEL, name(), chance(60) ? NULL : name(), values, (int32_t)number(3), outputs,
                                 (int32_t)number(3));
  default:
    for (i = 0; i < 4; i++) values[i] = (denpa_value)number(5);
    if (chance(80)) list[n++] = denpa_int("units", chance(60) ? 3 : number(6));
    if (chance(40)) list[n++] = denpa_string("activation", chance(90) ? "relu" : name());
    if (chance(5)) list[n++] = denpa_nested("initializer", chance(60) ? "normal" : name(), chance(80) ? NULL : list);
    list[n] = denpa_end();
    {
      const char *k = kind();
      return denpa_graph_add(GRAPH, k, name(), k != NULL && strcmp(k, "dense") == 0 ? list : NULL, values,
                             k != NULL && strcmp(k, "add") == 0 ? 2 : (int32_t)(chance(97) ? 1 : number(4)), outputs, chance(97) ? 1 : (int32_t)number(4));
    }
  }
}

static denpa_status model_call(void) {
  static const int32_t dtypes[] = {0, 0, DENPA_FLOAT32, DENPA_FLOAT64, 5};
  denpa_value values[4];
  denpa_tensor t;
  int i;
  OPTIONS(denpa_model_options, o);
  OPTIONS(denpa_port, port);
  switch (below(14)) {
  case 0:
  case 1:
  case 2:
    for (i = 0; i < 4; i++) values[i] = (denpa_value)number(6);
    o.struct_size = size_of(sizeof o);
    o.dtype = dtypes[below(COUNT(dtypes))];
    o.seed = (uint64_t)below(100);
    return denpa_model_create(GRAPH, values, chance(90) ? 1 : (int32_t)number(4), chance(90) ? &o : NULL, &models[below(POOL)]);
  case 3: return chance(30) ? denpa_model_destroy(MODEL) : DENPA_OK;
  case 4: return chance(30) ? denpa_model_copy(MODEL, dtypes[below(COUNT(dtypes))], &models[below(POOL)]) : DENPA_OK;
  case 5: return denpa_model_initialize(MODEL, (uint64_t)below(9));
  case 6: port.struct_size = size_of(sizeof port); return denpa_model_input(MODEL, (int32_t)number(2), &port);
  case 7: port.struct_size = size_of(sizeof port); return denpa_model_parameter(MODEL, (int32_t)number(4), &port);
  case 8: return denpa_model_view(MODEL, parameter(), &t);
  case 9: t = tensor(-1); return denpa_model_set(MODEL, parameter(), &t);
  case 10: return denpa_model_set_trainable(MODEL, chance(50) ? name() : parameter(), below(2));
  case 11: return denpa_model_json(MODEL, text, chance(80) ? (int64_t)sizeof text : number(100) % 70000, &text_length);
  case 12: return denpa_model_save_bytes(MODEL, text, sizeof text, &text_length);
  default:
    if (text_length <= 0 || text_length > (int64_t)sizeof text) return DENPA_OK;
    if (chance(50)) text[below((int)text_length)] ^= (char)(1 << below(8));
    return denpa_model_load_bytes(text, chance(80) ? text_length : below((int)text_length), &models[below(POOL)]);
  }
}

static denpa_status session_call(void) {
  denpa_model **made_for = session_models;
  denpa_tensor in[3], out[3];
  int slot = below(chance(70) ? 4 : POOL);
  int64_t rows = chance(95) ? 1 + below(4) : number(20) % 50;
  OPTIONS(denpa_session_options, o);
  switch (below(8)) {
  case 0:
    o.struct_size = size_of(sizeof o);
    o.max_batch = number(8);
    o.threads = (int32_t)number(3);
    o.realtime = chance(30);
    made_for[slot] = models[below(POOL)];
    return denpa_session_create(chance(95) ? made_for[slot] : MODEL, chance(90) ? &o : NULL, &sessions[slot]);
  case 1: return chance(30) ? denpa_session_destroy(SESSION) : DENPA_OK;
  default:
    fitting(made_for[slot], 0, in, rows);
    fitting(made_for[slot], 1, out, rows);
    return denpa_predict(chance(97) ? sessions[slot] : SESSION, in, count_of(made_for[slot], 0), out, count_of(made_for[slot], 1));
  }
}

typedef struct rows_left {
  int batches, targets;
} rows_left;
static denpa_status next_rows(void *user, denpa_tensor *x, denpa_tensor *t) {
  rows_left *r = (rows_left *)user;
  if (--r->batches < 0) return DENPA_END_OF_DATA;
  *x = tensor(-1);
  if (r->targets > 0) *t = tensor(-1); /* no room for it where there is no loss */
  return chance(95) ? DENPA_OK : (denpa_status)below(DENPA_INTERNAL_ERROR);
}
static denpa_status progress(void *user, const denpa_progress *p) {
  (void)user, (void)p;
  return chance(95) ? DENPA_OK : (denpa_status)below(DENPA_INTERNAL_ERROR);
}

static denpa_status trainer_call(void) {
  denpa_model **made_for = trainer_models;
  static const char *const optimizers[] = {"sgd", "adam", "lbfgs", "levenberg_marquardt", "muon", "adafactor", NULL, "no_such"};
  static const char *const losses[] = {"mean_squared_error", "mean_squared_error", "softmax_cross_entropy", "cross_entropy", "relu", NULL};
  denpa_tensor in[3], out[3], t[3];
  denpa_loss l[2];
  static const char *const metrics[] = {"accuracy", "f1", "mean_absolute_error", "r2", "no_such"};
  static const char *const schedules[] = {"warmup", "cosine_decay", "reduce_on_plateau"};
  static const char *const monitors[] = {NULL, NULL, "loss", "validation_loss", "accuracy", "no_such"};
  static const char *const nodes[] = {"hidden", "out", "h", "no_such"};
  double a, values[4];
  denpa_metric measured[2];
  const denpa_attribute steps[] = {denpa_int("steps", number(9)), denpa_end()};
  int slot = below(chance(70) ? 4 : POOL), which;
  rows_left source = {0, 0};
  int64_t rows = chance(95) ? 1 + below(4) : number(20) % 50;
  denpa_trainer *trainer = chance(97) ? trainers[slot] : TRAINER;
  denpa_model *m = made_for[slot];
  int32_t n, targets = chance(97) ? 1 : (int32_t)number(2);
  OPTIONS(denpa_trainer_options, o);
  OPTIONS(denpa_fit_options, f);
  OPTIONS(denpa_check_options, c);
  n = count_of(m, 0);
  fitting(m, 0, in, rows);
  fitting(m, 1, out, rows);
  fitting(m, 1, t, rows);
  if (chance(60)) t[0].data = readable;
  else t[0] = denpa_tensor_make(labels, DENPA_INT32, 1, &rows);
  which = below(16);
  if (which == 11 || which == 12) keep_inside(in), keep_inside(t);
  switch (which) {
  case 0:
    l[0] = denpa_loss_on((int32_t)(chance(95) ? 0 : number(2)), one_of(losses, COUNT(losses)), NULL);
    l[1] = denpa_loss_on(0, "mean_squared_error", NULL);
    o.struct_size = size_of(sizeof o);
    o.max_batch = number(8);
    o.threads = (int32_t)number(3);
    o.loss_count = (int32_t)(chance(90) ? 1 : number(2)) % 3;
    o.losses = chance(98) ? l : NULL;
    o.optimizer.kind = one_of(optimizers, COUNT(optimizers));
    o.input_gradients = below(2);
    l[0].weighted = chance(20);
    memset(measured, 0, sizeof measured);
    measured[0].kind = one_of(metrics, COUNT(metrics)), measured[1].kind = one_of(metrics, COUNT(metrics));
    o.metrics = chance(30) ? measured : NULL;
    o.metric_count = o.metrics ? 1 + below(2) : 0;
    o.accumulation = chance(80) ? 0 : (int32_t)number(3), o.sam_radius = chance(85) ? 0 : below(3) * 0.1;
    if (chance(20)) o.average_decay = below(12) / 10.0, o.average_after = chance(70) ? 0 : number(3);
    if (chance(30)) o.gradient_values = nodes, o.gradient_value_count = (int32_t)(chance(95) ? 1 : number(2) % 3);
    if (chance(20)) o.schedule.kind = one_of(schedules, COUNT(schedules));
    if (o.schedule.kind && strcmp(o.schedule.kind, "reduce_on_plateau")) o.schedule.attributes = steps;
    {
      denpa_model *m_new = chance(95) ? models[below(POOL)] : MODEL;
      denpa_status status = denpa_trainer_create(m_new, chance(98) ? &o : NULL, &trainers[slot]);
      if (status == DENPA_OK) made_for[slot] = m_new, loss_counts[slot] = o.loss_count;
      return status;
    }
  case 1: return chance(30) ? denpa_trainer_destroy(TRAINER) : DENPA_OK;
  case 2: return denpa_publish(TRAINER);
  case 3: return denpa_trainer_refresh(TRAINER);
  case 4: return denpa_trainer_step(TRAINER);
  case 5: return denpa_trainer_zero_gradients(TRAINER);
  case 6: return chance(50) ? denpa_trainer_set_learning_rate(TRAINER, chance(90) ? 0.01 : -(double)absurd()) : denpa_trainer_learning_rate(TRAINER, &a);
  case 7: return chance(50) ? denpa_trainer_gradient(TRAINER, parameter(), t) : denpa_trainer_value_gradient(TRAINER, one_of(nodes, 3), t);
  case 8: return denpa_trainer_forward(trainer, in, n, out, count_of(m, 1), below(2));
  case 9: return denpa_trainer_backward(trainer, t, count_of(m, 1), chance(50) ? out : NULL, chance(50) ? n : 0);
  case 10: return denpa_trainer_gradients(trainer, in, n, t, targets, chance(90) ? NULL : out, &a);
  case 11: return denpa_evaluate(trainer, in, n, t, targets, &a, chance(70) ? NULL : values, chance(70) ? 0 : 1 + below(3));
  case 12:
    f.struct_size = size_of(sizeof f);
    f.epochs = chance(95) ? below(3) : -1;
    f.batch_size = number(4);
    f.validation_count = chance(80) ? 0 : 1;
    f.validation_inputs = in;
    f.validation_targets = t;
    f.callback = chance(50) ? progress : NULL;
    f.callback_every = chance(70) ? 0 : number(3), f.validation_every = chance(80) ? 0 : number(3);
    f.validation_fraction = chance(70) ? 0 : below(12) / 10.0;
    f.stratified = chance(10), f.restore_best = chance(20), f.epoch_batches = chance(98) ? 0 : number(3);
    f.sampling = chance(60) ? 0 : (int32_t)number(4);
    f.epoch_rows = chance(70) ? 0 : number(9);
    f.row_weights = chance(90) ? NULL : in;
    f.monitor = one_of(monitors, COUNT(monitors));
    f.patience = chance(70) ? 0 : number(3);
    return denpa_fit(trainer, in, n, t, targets, chance(90) ? &f : NULL, &a);
  case 13:
    source.batches = below(4), source.targets = trainer == trainers[slot] ? loss_counts[slot] : 0;
    return denpa_fit_source(trainer, next_rows, NULL, &source, NULL, &a);
  case 14:
    return c.max_elements = 4, chance(10) ? denpa_check_gradients(trainer, in, n, t, targets, &c, NULL, NULL) : DENPA_OK;
  default: return denpa_train_batch(trainer, in, n, t, targets, chance(50) ? &a : NULL);
  }
}

#include "random_traces.h"
static denpa_status any_call(void) {
  int n = below(100);
  if (n < 25) return graph_call();
  if (n < 50) return model_call();
  if (n < 70) return session_call();
  if (n < 99) return n < 93 ? trainer_call() : trace_call();
  if (chance(95)) return denpa_set_thread_count((int32_t)number(4));
  return chance(50) ? denpa_registry(text, chance(50) ? 0 : 100, &text_length) : denpa_prove(chance(50) ? "relu" : name(), NULL, 0, NULL);
}

/* One seed: a life of `calls` calls, after which everything is destroyed. */
static void life(uint64_t seed, int calls) {
  int i;
  state = seed;
  memset(graphs, 0, sizeof graphs);
  memset(models, 0, sizeof models);
  memset(sessions, 0, sizeof sessions), memset(trainers, 0, sizeof trainers), memset(traces, 0, sizeof traces);
  for (i = 0; i < 64; i++) labels[i] = i % 3;
  for (i = 0; i < ELEMENTS; i++) readable[i] = 0;
  for (i = 0; i < 2 * ELEMENTS; i += 2) ((float *)readable)[i] = (float)below(3);
  for (i = 0; i < 4; i++) { /* something to begin with */
    graphs[i] = new_graph();
    add_dense(graphs[i], "a", add_dense(graphs[i], "b", add_input(graphs[i], "x", 3), 3, "relu"), 3, NULL);
    models[i] = two_layers(3, 4, "tanh", 3, i % 2 ? DENPA_FLOAT32 : DENPA_FLOAT64, 1);
    sessions[i] = new_session(session_models[i] = models[i], 4, i % 2);
    loss_counts[i] = 1;
    trainers[i] = new_trainer(trainer_models[i] = models[i], i < 2 ? "mean_squared_error" : "softmax_cross_entropy", NULL, i % 2 ? "sgd" : "adam", 0.01, 4);
  }
  for (i = 0; i < calls; i++) {
    denpa_status status = any_call();
    if (status >= 0 && status <= DENPA_CALLBACK_FAILED && status != DENPA_INTERNAL_ERROR) counts[status]++;
    else {
      printf("    FAIL seed %" PRIu64 ", call %d: %s: %s\n", seed, i, denpa_status_name(status), denpa_last_error());
      test_failures++;
    }
  }
}

static void random_calls(void) {
  const char *wanted = getenv("DENPA_RANDOM_CALLS"), *first = getenv("DENPA_RANDOM_SEED");
  uint64_t seed = first != NULL ? strtoull(first, NULL, 10) : 1;
  int64_t calls = wanted != NULL ? atoll(wanted) : 10000000, done = 0;
  enum { AT_ONCE = 2 };
  pid_t child[AT_ONCE + 1] = {0, 0, 0}, ended;
  uint64_t seeds[AT_ONCE + 1];
  int i, running = 0, status = 0;
  setvbuf(stdout, NULL, _IONBF, 0);
  while ((done < calls && test_failures < 5) || running > 0) {
    /* Pools leak handles on purpose (a slot that is overwritten), so each life is a process; so is each crash. */
    while (running < AT_ONCE && done < calls && test_failures < 5) {
      for (i = 0; child[i] != 0; i++) continue;
      if ((child[i] = fork()) == 0) {
        alarm(30);
        test_failures = 0;
        life(seed, 1000);
        _exit(test_failures != 0);
      }
      seeds[i] = seed++;
      done += 1000;
      running++;
    }
    ended = waitpid(-1, &status, 0);
    for (i = 0; i < AT_ONCE && child[i] != ended; i++) continue;
    if (i == AT_ONCE) continue;
    child[i] = 0;
    running--;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
      printf("    FAIL seed %" PRIu64 ": %s; repeat with DENPA_RANDOM_SEED\n", seeds[i], WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "failed");
      test_failures++;
    }
  }
  life(seed, 1000); /* one here, to show that the calls are no mere refusals */
  for (i = 0; i <= DENPA_CALLBACK_FAILED; i++)
    if (counts[i] > 0) printf("    %5d %s\n", counts[i], denpa_status_name(i));
  CHECK(counts[DENPA_OK] > 100);
}

static const test_case tests[] = {{"random_calls", random_calls}};

int main(int argc, char **argv) { return test_main(tests, COUNT(tests), argc, argv); }
