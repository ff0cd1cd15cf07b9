/* A program with a layer of its own, and with trap A of the notes: host PLUGIN, the shared object of batch_softmax_loss.c with
 * RIGHT=0. Valid as C11 and as C++17. The last line is "N passed, N failed". */
#include <denpa.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static int passed, failed;
#define CHECK(condition) check(!!(condition), __LINE__, #condition)
static void check(int good, int line, const char *what) {
  if (good) {
    passed++;
  } else {
    failed++;
    printf("FAIL host.c:%d: %s (%s)\n", line, what, denpa_last_error());
  }
}

/* host.shift: y = x + offset + noise, where offset is what user_data points to and noise is drawn anew in each step. */
static double *element(const denpa_tensor *t, int64_t i) { return (double *)t->data + i; }

static denpa_status shift_forward(const denpa_call *call) {
  const double offset = *(const double *)call->user_data;
  int64_t i, count = call->rows * call->inputs[0]->dim[1];
  for (i = 0; i < count; i++) {
    double draw = 0;
    if (call->training) call->host->random(call, 0, (uint64_t)i, 1, &draw);
    *element(call->outputs[0], i) = *element(call->inputs[0], i) + offset + draw;
  }
  return DENPA_OK;
}
static denpa_status shift_backward(const denpa_call *call) {
  int64_t i, count = call->rows * call->doutputs[0]->dim[1];
  if (call->dinputs[0] == NULL) return DENPA_OK;
  for (i = 0; i < count; i++)
    *element(call->dinputs[0], i) =
        *element(call->doutputs[0], i) + (call->accumulate_inputs[0] ? *element(call->dinputs[0], i) : 0);
  return DENPA_OK;
}

static int forwards;
static denpa_status counted_forward(const denpa_call *call) {
  forwards++; /* not re-entrant: the host lets one in at a time */
  return shift_forward(call);
}

static denpa_layer shift; /* must stay valid as long as the process */
static void describe_shift(void) {
  static const int64_t dim[] = {4, 3};
  static denpa_tensor input;
  static const denpa_tensor *inputs[1];
  static denpa_sample sample;
  static const denpa_sample *samples[1];
  input = denpa_tensor_make(NULL, DENPA_FLOAT64, 2, dim);
  inputs[0] = &input;
  sample.struct_size = sizeof sample;
  sample.input_count = 1;
  sample.inputs = inputs;
  sample.low = -1;
  sample.high = 1;
  samples[0] = &sample;
  shift.struct_size = sizeof shift;
  shift.name = "host.shift";
  shift.summary = "y = x + offset, with noise in training";
  shift.version = 1;
  shift.role = DENPA_LAYER;
  shift.flags = DENPA_ROWS_INDEPENDENT;
  shift.dtypes = DENPA_SUPPORTS_FLOAT64;
  shift.input_count = shift.output_count = shift.sample_count = 1;
  shift.samples = samples;
  shift.forward = counted_forward;
  shift.backward = shift_backward;
}

static void layer_of_the_programs_own(void) {
  static double offset = 10, other = 20;
  const int64_t width = 2;
  double x[] = {1, 2, 3, 4}, y[4] = {0}, z[4] = {0};
  denpa_tensor X = denpa_f64(x, 2, 2), Y = denpa_f64(y, 2, 2), Z = denpa_f64(z, 2, 2);
  denpa_graph *graph = NULL;
  denpa_value in = -1, out = -1;
  denpa_model *model = NULL;
  denpa_session *session = NULL;
  denpa_trainer *trainer = NULL;
  denpa_model_options options;
  denpa_session_options room;
  denpa_trainer_options training;
  int64_t before;
  int i;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.dtype = DENPA_FLOAT64;
  options.seed = 5;
  memset(&room, 0, sizeof room);
  room.struct_size = sizeof room;
  room.max_batch = 2;
  memset(&training, 0, sizeof training);
  training.struct_size = sizeof training;
  training.max_batch = 2;
  describe_shift();
  CHECK(denpa_layer_register(&shift, &offset, NULL) == DENPA_OK);
  CHECK(forwards > 0); /* the proof ran it */
  CHECK(denpa_layer_register(&shift, &other, NULL) == DENPA_ALREADY_EXISTS);
  CHECK(strstr(denpa_last_error(), "host.shift") != NULL);
  CHECK(denpa_graph_create(&graph) == DENPA_OK);
  CHECK(denpa_graph_input(graph, "x", DENPA_FLOAT64, 1, &width, &in) == DENPA_OK);
  CHECK(denpa_graph_add(graph, "host.shift", NULL, NULL, &in, 1, &out, 1) == DENPA_OK);
  CHECK(denpa_model_create(graph, &out, 1, &options, &model) == DENPA_OK);
  CHECK(denpa_session_create(model, &room, &session) == DENPA_OK);
  CHECK(denpa_predict(session, &X, 1, &Y, 1) == DENPA_OK);
  CHECK(y[0] == 11 && y[3] == 14); /* user_data of the registration, no noise in inference */
  offset = 30;
  CHECK(denpa_predict(session, &X, 1, &Y, 1) == DENPA_OK);
  CHECK(y[0] == 31);

  /* Random numbers depend on seed, node, forward and element alone: another trainer draws the same, the next forward others. */
  CHECK(denpa_trainer_create(model, &training, &trainer) == DENPA_OK);
  CHECK(denpa_trainer_forward(trainer, &X, 1, &Z, 1, 1) == DENPA_OK);
  CHECK(denpa_trainer_destroy(trainer) == DENPA_OK);
  CHECK(denpa_trainer_create(model, &training, &trainer) == DENPA_OK);
  CHECK(denpa_trainer_forward(trainer, &X, 1, &Y, 1, 1) == DENPA_OK);
  CHECK(memcmp(y, z, sizeof y) == 0);
  CHECK(denpa_trainer_forward(trainer, &X, 1, &Z, 1, 1) == DENPA_OK);
  CHECK(memcmp(y, z, sizeof y) != 0);
  CHECK(y[0] > 31 && y[0] < 32 && y[0] - 1 != y[1] - 2);

  /* A step allocates nothing. */
  before = denpa_test_allocations();
  for (i = 0; i < 100; i++) {
    CHECK(denpa_predict(session, &X, 1, &Y, 1) == DENPA_OK);
    CHECK(denpa_trainer_forward(trainer, &X, 1, &Y, 1, 1) == DENPA_OK);
  }
  CHECK(denpa_test_allocations() == before);

  CHECK(denpa_trainer_destroy(trainer) == DENPA_OK);
  CHECK(denpa_session_destroy(session) == DENPA_OK);
  CHECK(denpa_model_destroy(model) == DENPA_OK);
  CHECK(denpa_graph_destroy(graph) == DENPA_OK);
}

static denpa_status note(void *user, const denpa_check *c) {
  char *text = (char *)user;
  const size_t used = strlen(text);
  snprintf(text + used, 512 - used, "%s:%s ", c->tensor, c->passed ? "passed" : "failed");
  return DENPA_OK;
}

/* 2-3-3 with weights of 0.01 and one target of each class: softmax over the whole batch gives ln 9 where ln 3 is right. */
static void trap_a(const char *path) {
  static const double x[] = {0.5, -0.2, 0.1, 0.9, -0.7, 0.3}, t[] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
  const denpa_tensor X = denpa_f64(x, 3, 2), T = denpa_f64(t, 3, 3);
  const int64_t width = 2;
  const char *names = NULL;
  const denpa_attribute small[] = {denpa_float("scale", 0.01), denpa_end()};
  denpa_plugin_options on_request;
  denpa_graph *graph = NULL;
  denpa_value in = -1, hidden = -1, out = -1;
  denpa_model *model = NULL;
  denpa_trainer *trainer = NULL;
  denpa_model_options options;
  denpa_trainer_options training;
  denpa_loss loss = denpa_loss_on(0, "book.batch_softmax_loss", NULL);
  denpa_tensor db2;
  char text[512] = "";
  double value = 0;
  memset(&on_request, 0, sizeof on_request);
  on_request.struct_size = sizeof on_request;
  on_request.proof = DENPA_ON_REQUEST;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.dtype = DENPA_FLOAT64;
  options.seed = 1;
  memset(&training, 0, sizeof training);
  training.struct_size = sizeof training;
  training.max_batch = 3;
  training.loss_count = 1;
  training.losses = &loss;

  CHECK(denpa_plugin_load(path, NULL, &names) == DENPA_PROOF_FAILED);
  CHECK(strstr(denpa_last_error(), "book.batch_softmax_loss") != NULL && strstr(denpa_last_error(), "gradient") != NULL);
  CHECK(names == NULL);
  CHECK(denpa_prove("book.batch_softmax_loss", NULL, 0, NULL) == DENPA_NOT_REGISTERED);
  CHECK(denpa_plugin_load(path, &on_request, &names) == DENPA_OK);
  CHECK(names != NULL && strcmp(names, "book.batch_softmax_loss") == 0);
  CHECK(denpa_prove("book.batch_softmax_loss", NULL, 0, NULL) == DENPA_PROOF_FAILED);

  CHECK(denpa_graph_create(&graph) == DENPA_OK);
  CHECK(denpa_graph_input(graph, "x", DENPA_FLOAT64, 1, &width, &in) == DENPA_OK);
  CHECK(denpa_graph_add(graph, "dense", "hidden",
                        DENPA_ATTRIBUTES(denpa_int("units", 3), denpa_string("activation", "sigmoid"),
                                         denpa_nested("initializer", "normal", small)),
                        &in, 1, &hidden, 1) == DENPA_OK);
  CHECK(denpa_graph_add(graph, "dense", "out",
                        DENPA_ATTRIBUTES(denpa_int("units", 3), denpa_nested("initializer", "normal", small)), &hidden, 1,
                        &out, 1) == DENPA_OK);
  CHECK(denpa_model_create(graph, &out, 1, &options, &model) == DENPA_OK);
  CHECK(denpa_trainer_create(model, &training, &trainer) == DENPA_OK);
  CHECK(denpa_trainer_gradients(trainer, &X, 1, &T, 1, NULL, &value) == DENPA_OK);
  CHECK(fabs(value - log(9.0)) < 0.01);
  CHECK(denpa_trainer_gradient(trainer, "out.b", &db2) == DENPA_OK);
  CHECK(fabs(*element(&db2, 0) + 2.0 / 9) < 0.01);
  CHECK(denpa_check_gradients(trainer, &X, 1, &T, 1, NULL, note, text) == DENPA_PROOF_FAILED);
  CHECK(strstr(text, "out.b:failed") != NULL && strstr(text, "out.W:failed") != NULL);
  CHECK(denpa_trainer_destroy(trainer) == DENPA_OK);
  CHECK(denpa_model_destroy(model) == DENPA_OK);
  CHECK(denpa_graph_destroy(graph) == DENPA_OK);
}

int main(int argc, char **argv) {
  layer_of_the_programs_own();
  if (argc > 1) trap_a(argv[1]);
  printf("%d passed, %d failed\n", passed, failed);
  return failed != 0 || argc < 2;
}
