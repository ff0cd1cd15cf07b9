/* Layers that the program brings itself: denpa_layer_register, the proof, gradient checks, the log. */
#include "nets.h"

static void put(const denpa_tensor *t, int64_t i, double value, int add) {
  if (t->dtype == DENPA_FLOAT64)
    ((double *)t->data)[i] = value + (add ? ((double *)t->data)[i] : 0);
  else
    ((float *)t->data)[i] = (float)(value + (add ? (double)((float *)t->data)[i] : 0));
}

/* ------------------------------------------------------------------------------------------------------------------
 * test.power: y = gain * k[column] * x^2, k learned per column. `user_data` says what it does wrong.
 */
enum { RIGHT, WRONG_GRADIENT, FORGETS_TO_ADD, WRITES_BEYOND, NOT_REPEATABLE, WRONG_SHAPE, FAILS, LEAVES_HOLES };
static const int modes[] = {RIGHT, WRONG_GRADIENT, FORGETS_TO_ADD, WRITES_BEYOND, NOT_REPEATABLE, WRONG_SHAPE, FAILS, LEAVES_HOLES};

static int mode_of(void *user_data) { return user_data == NULL ? RIGHT : *(const int *)user_data; }

static denpa_status power_create(const denpa_host *host, void *user_data, const denpa_attribute *attributes, void **instance) {
  double *gain = (double *)malloc(sizeof *gain);
  if (gain == NULL) return host->fail(host, DENPA_OUT_OF_MEMORY, "no memory for a gain");
  (void)user_data;
  *gain = attributes[0].value.f;
  host->log(host, 1, "a power was made");
  *instance = gain;
  return DENPA_OK;
}
static void power_destroy(void *user_data, void *instance) {
  (void)user_data;
  free(instance);
}
static denpa_status power_shape(const denpa_host *host, void *user_data, void *instance, const denpa_tensor *const *inputs,
                                denpa_tensor *const *outputs) {
  int32_t i;
  (void)instance;
  if (inputs[0]->rank != 2) return host->fail(host, DENPA_BAD_SHAPE, "expected rank 2 (rows, columns)");
  outputs[0]->rank = 2;
  for (i = 0; i < 2; i++) outputs[0]->dim[i] = inputs[0]->dim[i];
  if (mode_of(user_data) == WRONG_SHAPE) outputs[0]->dim[1] += 1;
  return DENPA_OK;
}
static denpa_status power_parameter(const denpa_host *host, void *user_data, void *instance, const denpa_tensor *const *inputs,
                                    int32_t index, denpa_parameter *p) {
  (void)host, (void)user_data, (void)instance, (void)index;
  p->name = "k";
  p->role = DENPA_TRAINED;
  p->rank = 1;
  p->dim[0] = inputs[0]->dim[1];
  p->initializer = "ones";
  return DENPA_OK;
}
static denpa_status power_forward(const denpa_call *call) {
  static int calls;
  const denpa_tensor *x = call->inputs[0], *k = call->parameters[0], *y = call->outputs[0];
  int mode = mode_of(call->user_data);
  double gain = *(const double *)call->instance;
  int64_t columns = x->dim[1], i;
  if (mode == FAILS) return call->host->fail(call->host, DENPA_LAYER_FAILED, "the power is out");
  for (i = 0; i < call->rows * columns; i++) {
    double noise = mode == NOT_REPEATABLE ? 1e-3 * (++calls % 7) : 0;
    if (mode == LEAVES_HOLES && i % 3 == 1) continue;
    put(y, i, gain * element(k, i % columns) * element(x, i) * element(x, i) + noise, 0);
  }
  if (mode == WRITES_BEYOND) put(y, call->rows * columns, 1, 0);
  return DENPA_OK;
}
static denpa_status power_backward(const denpa_call *call) {
  const denpa_tensor *x = call->inputs[0], *k = call->parameters[0], *dy = call->doutputs[0], *dx = call->dinputs[0],
                     *dk = call->dparameters[0];
  int mode = mode_of(call->user_data);
  double gain = *(const double *)call->instance;
  int64_t columns = x->dim[1], n = call->rows * columns, i;
  if (dx != NULL)
    for (i = 0; i < n; i++)
      put(dx, i, (mode == WRONG_GRADIENT ? 1 : 2) * gain * element(k, i % columns) * element(x, i) * element(dy, i),
          mode == FORGETS_TO_ADD ? 0 : call->accumulate_inputs[0]);
  if (dk == NULL) return DENPA_OK;
  for (i = 0; i < n; i++)
    put(dk, i % columns, gain * element(x, i) * element(x, i) * element(dy, i), i >= columns || call->accumulate_parameters[0]);
  if (n == 0 && !call->accumulate_parameters[0])
    for (i = 0; i < columns; i++) put(dk, i, 0, 0);
  return DENPA_OK;
}

/* A sample of (3, 5) numbers in -2..2, and the descriptions, in memory that stays. */
static denpa_tensor sampleX;
static const denpa_tensor *sampleInputs[] = {&sampleX};
static denpa_sample sample;
static const denpa_sample *const samples[] = {&sample};
static denpa_attribute_spec gainSpec;
static const denpa_attribute_spec *const attributes[] = {&gainSpec};

static denpa_layer *power_layer(const char *name) {
  static denpa_layer layers[16];
  static int used;
  denpa_layer *l = &layers[used++];
  int64_t dim[2] = {3, 5};
  sampleX = denpa_tensor_make(NULL, DENPA_FLOAT64, 2, dim);
  memset(&sample, 0, sizeof sample);
  sample.struct_size = sizeof sample;
  sample.input_count = 1;
  sample.inputs = sampleInputs;
  sample.low = -2;
  sample.high = 2;
  memset(&gainSpec, 0, sizeof gainSpec);
  gainSpec.struct_size = sizeof gainSpec;
  gainSpec.name = "gain";
  gainSpec.type = DENPA_ATTRIBUTE_FLOAT;
  gainSpec.default_value = denpa_float("gain", 1.5);
  gainSpec.minimum = -10;
  gainSpec.maximum = 10;
  gainSpec.summary = "A factor.";
  memset(l, 0, sizeof *l);
  l->struct_size = sizeof *l;
  l->name = name;
  l->summary = "y = gain * k * x^2";
  l->version = 1;
  l->role = DENPA_LAYER;
  l->flags = DENPA_ROWS_INDEPENDENT | DENPA_REENTRANT | DENPA_NEEDS_INPUTS;
  l->dtypes = DENPA_SUPPORTS_FLOAT32 | DENPA_SUPPORTS_FLOAT64;
  l->input_count = l->output_count = l->parameter_count = l->attribute_count = l->sample_count = 1;
  l->attributes = attributes;
  l->samples = samples;
  l->create = power_create;
  l->destroy = power_destroy;
  l->infer_shape = power_shape;
  l->parameter = power_parameter;
  l->forward = power_forward;
  l->backward = power_backward;
  return l;
}
static denpa_status enlist(const char *name, int mode, int32_t proof) {
  static int kept[8];
  OPTIONS(denpa_plugin_options, o);
  o.proof = proof;
  kept[mode] = modes[mode];
  return denpa_layer_register(power_layer(name), &kept[mode], &o);
}

static void registers_and_trains(void) {
  static const double x[] = {1, 2, -1, .5, 3, -2}, t[] = {2, 1, 0};
  static char text[1 << 17];
  double loss = 9, y[6];
  int64_t length;
  denpa_graph *g;
  denpa_value in, p, out;
  denpa_model *m, *back = NULL;
  denpa_trainer *trainer;
  denpa_session *s;
  denpa_tensor X = denpa_f64(x, 3, 2), T = denpa_f64(t, 3, 1), Y = denpa_f64(y, 3, 2);
  int i;
  OK(enlist("test.power", RIGHT, DENPA_PROVE));
  STATUS(enlist("test.power", RIGHT, DENPA_PROVE), DENPA_ALREADY_EXISTS);
  OK(denpa_prove("test.power", text, sizeof text, &length));
  OK(denpa_registry(text, sizeof text, &length));
  CHECK(strstr(text, "\"test.power\"") != NULL && strstr(text, "y = gain * k * x^2") != NULL);

  g = new_graph();
  in = add_input(g, "x", 2);
  STATUS(denpa_graph_add(g, "test.power", "p", DENPA_ATTRIBUTES(denpa_float("gain", 11)), &in, 1, &p, 1), DENPA_BAD_ARGUMENT);
  OK(denpa_graph_add(g, "test.power", "p", DENPA_ATTRIBUTES(denpa_float("gain", 2)), &in, 1, &p, 1));
  out = add_dense(g, "out", p, 1, NULL);
  m = finish_model(g, &out, 1, DENPA_FLOAT64, 4);
  trainer = new_trainer(m, "mean_squared_error", NULL, "adam", 0.05, 3);
  OK(denpa_check_gradients(trainer, &X, 1, &T, 1, NULL, NULL, NULL));
  for (i = 0; i < 2000; i++) OK(denpa_train_batch(trainer, &X, 1, &T, 1, &loss));
  CHECK(loss < 0.5);
  OK(denpa_publish(trainer));
  OK(denpa_model_save_bytes(m, text, sizeof text, &length));
  OK(denpa_model_load_bytes(text, length, &back));
  CHECK(model_hash(back) == model_hash(m));

  g = new_graph();
  in = add_input(g, "x", 2);
  p = add_plain(g, "test.power", NULL, in);
  m = finish_model(g, &p, 1, DENPA_FLOAT64, 4);
  s = new_session(m, 3, 0);
  OK(denpa_predict(s, &X, 1, &Y, 1));
  for (i = 0; i < 6; i++) NEAR(y[i], 1.5 * x[i] * x[i], 1e-14);
  {
    OPTIONS(denpa_session_options, o);
    o.threads = o.realtime = 1;
    STATUS(denpa_session_create(m, &o, &s), DENPA_NOT_SUPPORTED);
  }
}

static void wrong_layers_are_refused(void) {
  static const char *const names[] = {"", "test.gradient", "test.adding", "test.beyond", "test.noise", "test.shape", "test.fails", "test.holes"};
  static const char *const words[] = {"", "gradient", "accumulate", "past the end", "repeatab",
                                      "shape", "the power is out", "did not write"};
  int mode;
  for (mode = WRONG_GRADIENT; mode <= LEAVES_HOLES; mode++) {
    denpa_graph *g = new_graph();
    denpa_value x = add_input(g, "x", 2), y;
    STATUS(enlist(names[mode], mode, DENPA_PROVE), DENPA_PROOF_FAILED);
    CHECK(strstr(denpa_last_error(), names[mode]) != NULL && strstr(denpa_last_error(), words[mode]) != NULL);
    STATUS(denpa_graph_add(g, names[mode], NULL, NULL, &x, 1, &y, 1), DENPA_NOT_REGISTERED);
    OK(denpa_graph_destroy(g));
  }
}

static denpa_status note(void *user, const denpa_check *c) {
  char *text = (char *)user;
  size_t n = strlen(text);
  CHECK(c->struct_size >= sizeof *c && c->checked > 0);
  snprintf(text + n, 400 - n, "%s %s;", c->tensor, c->passed ? "passed" : "failed");
  return DENPA_OK;
}

/* Loaded on request, a wrong layer works; the gradient check of a network names it. */
static void check_names_the_wrong_one(void) {
  static const double x[] = {1, 2, -1, .5, 3, -2}, t[] = {2, 1, 0};
  char text[400] = "";
  denpa_graph *g = new_graph();
  denpa_value in = add_input(g, "x", 2), h, p, out;
  denpa_model *m;
  denpa_trainer *trainer;
  denpa_tensor X = denpa_f64(x, 3, 2), T = denpa_f64(t, 3, 1);
  uint64_t before;
  OPTIONS(denpa_check_options, o);
  OK(enlist("test.wrong", WRONG_GRADIENT, DENPA_ON_REQUEST));
  STATUS(denpa_prove("test.wrong", NULL, 0, NULL), DENPA_PROOF_FAILED);
  h = add_dense(g, "before", in, 2, NULL);
  p = add_plain(g, "test.wrong", "wrong", h);
  out = add_dense(g, "after", p, 1, NULL);
  m = finish_model(g, &out, 1, DENPA_FLOAT32, 4);
  before = model_hash(m);
  trainer = new_trainer(m, "mean_squared_error", NULL, NULL, 0, 3);
  o.inputs = 1;
  STATUS(denpa_check_gradients(trainer, &X, 1, &T, 1, &o, note, text), DENPA_PROOF_FAILED);
  CHECK(strstr(text, "after.W passed") && strstr(text, "after.b passed") && strstr(text, "wrong.k passed"));
  CHECK(strstr(text, "before.W failed") && strstr(text, "x failed"));
  CHECK(strstr(denpa_last_error(), "before.W") || strstr(denpa_last_error(), "before.b") || strstr(denpa_last_error(), "x"));
  CHECK(model_hash(m) == before);
}

/* A description that is wrong is refused before any of its functions is called. */
static void wrong_descriptions(void) {
  static const denpa_sample *const noSample[] = {NULL};
  static const denpa_attribute_spec *const noSpec[] = {NULL};
  denpa_layer *good = power_layer("test.described"), l;
  static char longName[300];
#define REFUSED(change)                                                                                               \
  l = *good;                                                                                                          \
  change;                                                                                                             \
  STATUS(denpa_layer_register(&l, NULL, NULL), DENPA_BAD_PLUGIN)
  memset(longName, 'a', 299);
  memcpy(longName, "test.", 5);
  REFUSED(l.struct_size = 0);
  REFUSED(l.struct_size = 8);
  REFUSED(l.name = NULL);
  REFUSED(l.name = "");
  REFUSED(l.name = "nonamespace");
  REFUSED(l.name = "Test.Upper");
  REFUSED(l.name = "test.two words");
  REFUSED(l.name = longName);
  REFUSED(l.summary = NULL);
  REFUSED(l.role = 7);
  REFUSED(l.dtypes = 0);
  REFUSED(l.input_count = -1);
  REFUSED(l.output_count = 0);
  REFUSED(l.output_count = INT32_MAX);
  REFUSED(l.parameter_count = -1);
  REFUSED(l.parameter = NULL);
  REFUSED(l.saved_count = 1);
  REFUSED(l.attribute_count = 1000000);
  REFUSED(l.attributes = NULL);
  REFUSED(l.attributes = noSpec);
  REFUSED(l.sample_count = 0);
  REFUSED(l.sample_count = -5);
  REFUSED(l.samples = NULL);
  REFUSED(l.samples = noSample);
  REFUSED(l.forward = NULL);
  STATUS(denpa_layer_register(NULL, NULL, NULL), DENPA_BAD_ARGUMENT);
}

/* A layer without backward serves inference; training says so. */
static void inference_only(void) {
  static const float x[] = {1, 2};
  float y[2];
  denpa_layer *l = power_layer("test.forwardonly");
  denpa_graph *g = new_graph();
  denpa_value in = add_input(g, "x", 2), h, p;
  denpa_model *m;
  denpa_trainer *trainer = NULL;
  denpa_loss loss = denpa_loss_on(0, "mean_squared_error", NULL);
  denpa_tensor X = denpa_f32(x, 1, 2), Y = denpa_f32(y, 1, 2);
  OPTIONS(denpa_trainer_options, o);
  l->backward = NULL;
  OK(denpa_layer_register(l, NULL, NULL));
  h = add_dense(g, "first", in, 2, NULL);
  p = add_plain(g, "test.forwardonly", "only", h);
  m = finish_model(g, &p, 1, DENPA_FLOAT32, 1);
  OK(denpa_predict(new_session(m, 1, 0), &X, 1, &Y, 1));
  o.loss_count = 1;
  o.losses = &loss;
  o.optimizer.kind = "sgd";
  STATUS(denpa_trainer_create(m, &o, &trainer), DENPA_NOT_SUPPORTED);
  CHECK(strstr(denpa_last_error(), "only") != NULL);
}

/* A layer that fails in the middle of training: its own sentence comes out, the weights are those before. */
static void failing_in_training(void) {
  static int mode = RIGHT;
  static const float x[] = {1, 2}, t[] = {0, 0};
  float y[2];
  uint64_t before;
  denpa_graph *g = new_graph();
  denpa_value in = add_input(g, "x", 2), p, out;
  denpa_model *m;
  denpa_trainer *trainer;
  denpa_session *s;
  denpa_tensor X = denpa_f32(x, 1, 2), Y = denpa_f32(y, 1, 2), T = denpa_f32(t, 1, 2);
  OK(denpa_layer_register(power_layer("test.sometimes"), &mode, NULL));
  p = add_plain(g, "test.sometimes", "sometimes", in);
  out = add_dense(g, "out", p, 2, NULL);
  m = finish_model(g, &out, 1, DENPA_FLOAT32, 1);
  trainer = new_trainer(m, "mean_squared_error", NULL, "sgd", 0.01, 1);
  s = new_session(m, 1, 0);
  OK(denpa_train_batch(trainer, &X, 1, &T, 1, NULL));
  OK(denpa_publish(trainer));
  before = model_hash(m);
  mode = FAILS;
  STATUS(denpa_train_batch(trainer, &X, 1, &T, 1, NULL), DENPA_LAYER_FAILED);
  CHECK(strstr(denpa_last_error(), "the power is out") && strstr(denpa_last_error(), "sometimes"));
  STATUS(denpa_predict(s, &X, 1, &Y, 1), DENPA_LAYER_FAILED);
  mode = RIGHT;
  OK(denpa_publish(trainer));
  CHECK(model_hash(m) == before);
  OK(denpa_train_batch(trainer, &X, 1, &T, 1, NULL));
}

static void plugin_files(void) {
  const char *names = "unchanged";
  char path[] = "/tmp/denpa-plugin-XXXXXX";
  int file = mkstemp(path);
  CHECK(file >= 0);
  EQUAL(write(file, "not an ELF file", 15), 15);
  STATUS(denpa_plugin_load("/no/such/plugin.so", NULL, &names), DENPA_NOT_FOUND);
  STATUS(denpa_plugin_load(path, NULL, &names), DENPA_BAD_PLUGIN);
  STATUS(denpa_plugin_load("/", NULL, &names), DENPA_BAD_PLUGIN);
  STATUS(denpa_plugin_load("libm.so.6", NULL, &names), DENPA_BAD_ARGUMENT); /* no '/': never searched for */
  CHECK(strcmp(names, "unchanged") == 0);
  unlink(path);
}

static void count_lines(void *user, int32_t level, const char *message) {
  if (level == 1 && strstr(message, "a power was made") != NULL) ++*(int *)user;
}

static void log_lines(void) {
  int lines = 0, before;
  denpa_graph *g = new_graph();
  denpa_value in = add_input(g, "x", 2);
  OK(denpa_set_log(count_lines, &lines));
  OK(enlist("test.logs", RIGHT, DENPA_ON_REQUEST));
  add_plain(g, "test.logs", NULL, in);
  CHECK(lines > 0);
  before = lines;
  OK(denpa_set_log(NULL, NULL));
  add_plain(g, "test.logs", NULL, in);
  EQUAL(lines, before);
}

static const test_case tests[] = {
    {"registers_and_trains", registers_and_trains},
    {"wrong_layers_are_refused", wrong_layers_are_refused},
    {"check_names_the_wrong_one", check_names_the_wrong_one},
    {"wrong_descriptions", wrong_descriptions},
    {"inference_only", inference_only},
    {"failing_in_training", failing_in_training},
    {"plugin_files", plugin_files},
    {"log_lines", log_lines},
};

int main(int argc, char **argv) { return test_main(tests, COUNT(tests), argc, argv); }
