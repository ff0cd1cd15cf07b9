/* What a callback may not call: whatever is at work around it refuses with DENPA_BAD_STATE, where it would wait for
 * itself. */
#define SECONDS_PER_TEST 10
#include "nets.h"

/* test.asks (re-entrant) and test.alone (one call of an instance at a time): y = x, after a question by `ask`. */
static denpa_status (*ask)(const denpa_host *host);
static denpa_status answer;
static char sentence[512];
static int asking, questions;

static void put_question(const denpa_host *host) {
  if (ask == NULL || asking) return;
  asking = 1;
  questions++;
  answer = ask(host);
  snprintf(sentence, sizeof sentence, "%s", answer == DENPA_OK ? "" : denpa_last_error());
  asking = 0;
}

/* Asks with `question` in the first callback from now on. */
static void arm(denpa_status (*question)(const denpa_host *host)) {
  ask = question;
  answer = DENPA_OK;
  questions = 0;
}

static void refused(const char *word) {
  ask = NULL;
  CHECK(questions > 0);
  EQUAL(answer, DENPA_BAD_STATE);
  if (strstr(sentence, word) == NULL) printf("    \"%s\" does not say \"%s\"\n", sentence, word);
  CHECK(strstr(sentence, word) != NULL);
}

static denpa_status asks_shape(const denpa_host *host, void *user_data, void *instance, const denpa_tensor *const *inputs,
                               denpa_tensor *const *outputs) {
  int32_t axis;
  (void)user_data, (void)instance;
  outputs[0]->rank = inputs[0]->rank;
  for (axis = 0; axis < inputs[0]->rank; axis++) outputs[0]->dim[axis] = inputs[0]->dim[axis];
  put_question(host);
  return DENPA_OK;
}

static denpa_status asks_forward(const denpa_call *call) {
  memcpy(call->outputs[0]->data, call->inputs[0]->data, (size_t)tensor_count(call->inputs[0]) * sizeof(float));
  put_question(call->host);
  return DENPA_OK;
}

static denpa_status asks_backward(const denpa_call *call) {
  int64_t i;
  if (call->dinputs[0] == NULL) return DENPA_OK;
  for (i = 0; i < tensor_count(call->inputs[0]); i++)
    ((float *)call->dinputs[0]->data)[i] =
        ((const float *)call->doutputs[0]->data)[i] +
        (call->accumulate_inputs[0] ? ((float *)call->dinputs[0]->data)[i] : 0);
  return DENPA_OK;
}

static void enlist(const char *name, uint32_t flags) {
  static denpa_tensor x;
  static const denpa_tensor *const inputs[] = {&x};
  static denpa_sample sample;
  static const denpa_sample *const samples[] = {&sample};
  static denpa_layer layers[2];
  static int used;
  static const int64_t dim[2] = {3, 2};
  denpa_layer *l = &layers[used++];
  OPTIONS(denpa_plugin_options, o);
  x = denpa_tensor_make(NULL, DENPA_FLOAT64, 2, dim);
  memset(&sample, 0, sizeof sample);
  sample.struct_size = sizeof sample;
  sample.input_count = 1;
  sample.inputs = inputs;
  memset(l, 0, sizeof *l);
  l->struct_size = sizeof *l;
  l->name = name;
  l->summary = "y = x";
  l->version = 1;
  l->flags = DENPA_ROWS_INDEPENDENT | flags;
  l->dtypes = DENPA_SUPPORTS_FLOAT32;
  l->input_count = l->output_count = l->sample_count = 1;
  l->samples = samples;
  l->infer_shape = asks_shape;
  l->forward = asks_forward;
  l->backward = asks_backward;
  OK(denpa_layer_register(l, NULL, &o));
}

static denpa_graph *graph;
static denpa_model *model;
static denpa_session *session, *other;
static denpa_trainer *trainer;
static float xs[4] = {1, 2, 3, 4}, ts[4], ys[4], zs[4];
static denpa_tensor X, T, Y, Z;

/* x -> dense -> the layer, with two sessions and a trainer. */
static void make(const char *name, uint32_t flags) {
  denpa_value y;
  enlist(name, flags);
  graph = new_graph();
  y = add_plain(graph, name, "asks", add_dense(graph, "dense", add_input(graph, "x", 2), 2, NULL));
  OK(denpa_model_create(graph, &y, 1, NULL, &model));
  session = new_session(model, 2, 0);
  other = new_session(model, 2, 0);
  trainer = new_trainer(model, "mean_squared_error", NULL, "sgd", 0.1, 2);
  X = denpa_f32(xs, 2, 2);
  T = denpa_f32(ts, 2, 2);
  Y = denpa_f32(ys, 2, 2);
  Z = denpa_f32(zs, 2, 2);
  OK(denpa_predict(session, &X, 1, &Y, 1));
}

static denpa_status ask_session(const denpa_host *host) {
  (void)host;
  return denpa_predict(session, &X, 1, &Z, 1);
}
static denpa_status ask_other_session(const denpa_host *host) {
  (void)host;
  return denpa_predict(other, &X, 1, &Z, 1);
}
static denpa_status ask_trainer(const denpa_host *host) {
  (void)host;
  return denpa_train_batch(trainer, &X, 1, &T, 1, NULL);
}
static denpa_status ask_graph_shape(const denpa_host *host) {
  (void)host;
  return denpa_graph_shape(graph, 0, NULL, NULL, NULL);
}
static denpa_status ask_graph_input(const denpa_host *host) {
  denpa_value value;
  (void)host;
  return denpa_graph_input(graph, "late", DENPA_FLOAT32, 0, NULL, &value);
}
static denpa_status ask_model(const denpa_host *host) {
  denpa_model *m = NULL;
  denpa_value zero = 0;
  (void)host;
  return denpa_model_create(graph, &zero, 1, NULL, &m);
}

static void a_session_from_within(void) {
  float before[4];
  make("test.asks", DENPA_REENTRANT);
  memcpy(before, ys, sizeof ys);
  memset(ys, 0, sizeof ys);
  arm(ask_session);
  OK(denpa_predict(session, &X, 1, &Y, 1));
  refused("session");
  CHECK(memcmp(before, ys, sizeof ys) == 0);
  arm(ask_other_session); /* another one of the same model is nobody's business */
  OK(denpa_predict(session, &X, 1, &Y, 1));
  EQUAL(answer, DENPA_OK);
  CHECK(memcmp(before, zs, sizeof zs) == 0);
  ask = NULL;
  OK(denpa_predict(session, &X, 1, &Y, 1));
}

static void an_instance_from_within(void) {
  make("test.alone", 0);
  arm(ask_other_session);
  OK(denpa_predict(session, &X, 1, &Y, 1));
  refused("asks");
  OK(denpa_predict(other, &X, 1, &Y, 1));
  arm(ask_other_session);
  OK(denpa_train_batch(trainer, &X, 1, &T, 1, NULL));
  refused("asks");
}

static void a_trainer_from_within(void) {
  make("test.asks", DENPA_REENTRANT);
  arm(ask_trainer);
  OK(denpa_train_batch(trainer, &X, 1, &T, 1, NULL));
  refused("trainer");
  OK(denpa_train_batch(trainer, &X, 1, &T, 1, NULL));
}

static void a_graph_from_within(void) {
  denpa_status (*const all[])(const denpa_host *) = {ask_graph_shape, ask_graph_input, ask_model};
  int i;
  make("test.asks", DENPA_REENTRANT);
  for (i = 0; i < COUNT(all); i++) {
    arm(all[i]);
    add_plain(graph, "test.asks", NULL, 0);
    refused("graph");
  }
  OK(denpa_graph_shape(graph, 0, NULL, NULL, NULL));
}

/* While a prediction reads the parameters, its own layer publishes others and asks for a view of them: the view would wait
 * for the prediction, and the prediction for the view. */
static denpa_status ask_view(const denpa_host *host) {
  denpa_tensor view;
  (void)host;
  OK(denpa_publish(trainer));
  return denpa_model_view(model, "dense.W", &view);
}
static denpa_status ask_copy(const denpa_host *host) {
  denpa_model *m = NULL;
  (void)host;
  OK(denpa_publish(trainer));
  return denpa_model_copy(model, 0, &m);
}

static void parameters_from_within(void) {
  denpa_status (*const all[])(const denpa_host *) = {ask_view, ask_copy};
  denpa_tensor view;
  int i;
  make("test.asks", DENPA_REENTRANT);
  for (i = 0; i < COUNT(all); i++) {
    arm(all[i]);
    OK(denpa_predict(session, &X, 1, &Y, 1));
    refused("prediction");
    OK(denpa_model_view(model, "dense.W", &view));
  }
}

static void set_again(void *user_data, int32_t level, const char *message) {
  (void)user_data, (void)level, (void)message;
  answer = denpa_set_log(NULL, NULL);
  snprintf(sentence, sizeof sentence, "%s", denpa_last_error());
}
static denpa_status say(const denpa_host *host) {
  host->log(host, 1, "said");
  return answer;
}

static void the_log_from_within(void) {
  make("test.asks", DENPA_REENTRANT);
  OK(denpa_set_log(set_again, NULL));
  arm(say);
  OK(denpa_predict(session, &X, 1, &Y, 1));
  refused("log");
  OK(denpa_set_log(NULL, NULL));
}

/* A schedule: the rate is halved after each epoch, as a callback of fit may; nothing else of the trainer may be used there. */
static denpa_trainer *scheduled;
static denpa_status halve(void *user, const denpa_progress *p) {
  double rate = 0;
  (void)user;
  OK(denpa_trainer_learning_rate(scheduled, &rate));
  NEAR(rate, ldexp(0.5, -(int)p->epoch), 0);
  STATUS(denpa_trainer_set_learning_rate(scheduled, -1), DENPA_BAD_ARGUMENT);
  STATUS(denpa_trainer_step(scheduled), DENPA_BAD_STATE);
  return denpa_trainer_set_learning_rate(scheduled, rate / 2);
}

static void schedule(void) {
  float x[8], target[4];
  double rate;
  int i;
  denpa_model *m = two_layers(2, 4, "tanh", 1, DENPA_FLOAT32, 5), *same = two_layers(2, 4, "tanh", 1, DENPA_FLOAT32, 5);
  denpa_trainer *t = new_trainer(same, "mean_squared_error", NULL, "sgd", 0.5, 4);
  denpa_tensor X = denpa_f32(x, 4, 2), T = denpa_f32(target, 4, 1);
  OPTIONS(denpa_fit_options, o);
  fill(x, 8, 1);
  fill(target, 4, 2);
  scheduled = new_trainer(m, "mean_squared_error", NULL, "sgd", 0.5, 4);
  o.epochs = 6;
  o.sampling = 1;
  o.callback = halve;
  OK(denpa_fit(scheduled, &X, 1, &T, 1, &o, NULL));
  for (i = 0; i < 6; i++) {
    OK(denpa_trainer_set_learning_rate(t, ldexp(0.5, -i)));
    OK(denpa_train_batch(t, &X, 1, &T, 1, NULL));
  }
  OK(denpa_publish(t));
  EQUAL(model_hash(m), model_hash(same));
  OK(denpa_trainer_learning_rate(scheduled, &rate));
  NEAR(rate, ldexp(0.5, -6), 0);
}

static const test_case tests[] = {
    {"schedule", schedule},
    {"a_session_from_within", a_session_from_within},   {"an_instance_from_within", an_instance_from_within},
    {"a_trainer_from_within", a_trainer_from_within},   {"a_graph_from_within", a_graph_from_within},
    {"parameters_from_within", parameters_from_within}, {"the_log_from_within", the_log_from_within},
};

int main(int argc, char **argv) { return test_main(tests, COUNT(tests), argc, argv); }
