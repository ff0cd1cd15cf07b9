/* Mistakes that would train well and mean nothing, and what errors say: the row, the epoch, whose data. */
#include "nets.h"

static void says(const char *words, int line) {
  if (strstr(denpa_last_error(), words) != NULL) return;
  test_failures++;
  printf("    FAIL line %d: \"%s\" in \"%s\"\n", line, words, denpa_last_error());
}
#define SAYS(words) says(words, __LINE__)

/* ------------------------------------------------------------------------------------------------------------------
 * Losses that do not belong where they are.
 */
static denpa_value dense(denpa_graph *g, denpa_value x, int64_t units, const char *activation) {
  return add_dense(g, NULL, x, units, activation);
}

/* What a trainer with this loss on the value says; ends the model. */
static denpa_status trainer_on(denpa_graph *g, denpa_value y, const char *kind) {
  denpa_model *m = finish_model(g, &y, 1, DENPA_FLOAT32, 1);
  denpa_trainer *t = NULL;
  denpa_loss l = denpa_loss_on(0, kind, NULL);
  denpa_status status;
  OPTIONS(denpa_trainer_options, o);
  o.loss_count = 1;
  o.losses = &l;
  status = denpa_trainer_create(m, &o, &t);
  OK(denpa_trainer_destroy(t));
  OK(denpa_model_destroy(m));
  return status;
}

static void one_class(void) {
  static const char *const losses[] = {"cross_entropy", "softmax_cross_entropy"}, *const activations[] = {"sigmoid", "identity"};
  int i, k;
  for (i = 0; i < 2; i++)
    for (k = 0; k < 2; k++) {
      denpa_graph *g = new_graph();
      denpa_value y = add_dense(g, "out", add_input(g, "x", 3), 1, activations[k]);
      STATUS(trainer_on(g, y, losses[i]), DENPA_BAD_ARGUMENT);
      SAYS("dense \"out\"");
      SAYS("two outputs with softmax_cross_entropy");
      SAYS("binary cross-entropy");
    }
}

static void softmax_twice(void) {
  int way;
  for (way = 0; way < 3; way++) {
    denpa_graph *g = new_graph();
    denpa_value y = add_plain(g, "softmax", "p", dense(g, add_input(g, "x", 3), 4, NULL));
    if (way == 1) y = add_plain(g, "identity", NULL, y);
    if (way == 2) y = add_plain(g, "flatten", NULL, add_plain(g, "identity", NULL, y));
    STATUS(trainer_on(g, y, "softmax_cross_entropy"), DENPA_BAD_ARGUMENT);
    SAYS("softmax \"p\"");
    SAYS("use cross_entropy");
  }
}

static void logits_as_probabilities(void) {
  static const char *const activations[] = {NULL, "identity", "relu", "tanh", "gelu", "selu", "erf"};
  static const char *const layers[] = {"relu", "tanh", "gelu", "erf", "mish", "log_sigmoid", "relu6"};
  int i, way;
  for (i = 0; i < COUNT(activations) + COUNT(layers); i++)
    for (way = 0; way < 3; way++) {
      denpa_graph *g = new_graph();
      denpa_value x = add_input(g, "x", 3), y;
      const char *layer = i < COUNT(activations) ? NULL : layers[i - COUNT(activations)];
      y = layer == NULL ? add_dense(g, "end", x, 4, activations[i]) : add_plain(g, layer, "end", dense(g, x, 4, NULL));
      if (way > 0) y = add_plain(g, way == 1 ? "identity" : "flatten", NULL, y);
      STATUS(trainer_on(g, y, "cross_entropy"), DENPA_BAD_ARGUMENT);
      SAYS("\"end\"");
      SAYS("use softmax_cross_entropy");
    }
}

/* Losses of one answer, on values that cannot be what they take. */
static void answers_of_the_wrong_kind(void) {
  static const struct { const char *loss, *activation, *words; } wrong[] = {
      {"binary_cross_entropy", NULL, "use sigmoid_cross_entropy"},
      {"binary_cross_entropy", "relu", "no probabilities"},
      {"kl_divergence", "tanh", "put a softmax behind it"},
      {"sigmoid_cross_entropy", "sigmoid", "leave the sigmoid out"},
      {"focal", "sigmoid", "leave the sigmoid out"},
      {"poisson", NULL, "a rate is never negative"},
  };
  int i;
  for (i = 0; i < COUNT(wrong); i++) {
    denpa_graph *g = new_graph();
    STATUS(trainer_on(g, add_dense(g, "end", add_input(g, "x", 3), 4, wrong[i].activation), wrong[i].loss), DENPA_BAD_ARGUMENT);
    SAYS("dense \"end\"");
    SAYS(wrong[i].words);
  }
  {
    static const char *const right[][2] = {{"binary_cross_entropy", "sigmoid"}, {"sigmoid_cross_entropy", NULL}, {"focal", "tanh"},
                                           {"poisson", "exp"}, {"poisson", "relu"}, {"kl_divergence", "exp"}, {"huber", NULL}};
    for (i = 0; i < COUNT(right); i++) {
      denpa_graph *g = new_graph();
      OK(trainer_on(g, dense(g, add_input(g, "x", 3), 4, right[i][1]), right[i][0]));
    }
  }
}

/* What may be meant is nobody's business. */
static void perhaps_meant(void) {
  static const char *const layers[] = {"softmax", "sigmoid", "exp", "identity", "flatten"};
  denpa_graph *g;
  denpa_value x, y, both[2];
  int i;
  for (i = 0; i < COUNT(layers); i++) {
    g = new_graph();
    x = add_input(g, "x", 3);
    OK(trainer_on(g, add_plain(g, layers[i], NULL, i < 3 ? dense(g, x, 3, NULL) : x), "cross_entropy"));
  }
  for (i = 0; i < 2; i++) {
    g = new_graph();
    OK(trainer_on(g, dense(g, add_input(g, "x", 3), 2, i == 0 ? "sigmoid" : "exp"), "cross_entropy"));
  }
  g = new_graph();
  both[0] = both[1] = dense(g, add_input(g, "x", 3), 4, NULL);
  OK(denpa_graph_add(g, "add", NULL, NULL, both, 2, &y, 1));
  OK(trainer_on(g, y, "cross_entropy"));
  for (i = 0; i < 3; i++) {
    g = new_graph();
    OK(trainer_on(g, dense(g, add_input(g, "x", 3), 2, i == 0 ? NULL : i == 1 ? "sigmoid" : "relu"), "softmax_cross_entropy"));
  }
  g = new_graph(); /* other losses may be on one output */
  OK(trainer_on(g, dense(g, add_input(g, "x", 3), 1, "sigmoid"), "mean_squared_error"));
}

/* ------------------------------------------------------------------------------------------------------------------
 * Which row: the caller's, whatever batch it was in.
 */
enum { MANY = 1000, BATCH = 32, WRONG = 777 };
static float xs[MANY * 3];
static int32_t labels[MANY], good[MANY];
static denpa_tensor data(void) {
  fill(xs, MANY * 3, 1);
  memset(labels, 0, sizeof labels);
  labels[WRONG] = 5;
  return denpa_f32(xs, MANY, 3);
}
static denpa_trainer *classifier(uint64_t seed) {
  return new_trainer(two_layers(3, 4, "tanh", 2, DENPA_FLOAT32, seed), "softmax_cross_entropy", NULL, "sgd", 0.1, BATCH);
}

static void row_of_the_data(void) {
  denpa_tensor X = data(), T = denpa_i32(labels, MANY), few, fewT;
  int seed, shuffled;
  for (seed = 1; seed < 4; seed++)
    for (shuffled = 0; shuffled < 2; shuffled++) {
      denpa_trainer *t = classifier((uint64_t)seed);
      OPTIONS(denpa_fit_options, o);
      o.sampling = !shuffled;
      STATUS(denpa_fit(t, &X, 1, &T, 1, &o, NULL), DENPA_BAD_ARGUMENT);
      SAYS("got 5 in row 777");
      STATUS(denpa_evaluate(t, &X, 1, &T, 1, NULL, NULL, 0), DENPA_BAD_ARGUMENT);
      SAYS("got 5 in row 777");
      few = denpa_f32(xs + 3 * (WRONG - 3), 4, 3); /* and in a batch of the caller's its own */
      fewT = denpa_i32(labels + WRONG - 3, 4);
      STATUS(denpa_train_batch(t, &few, 1, &fewT, 1, NULL), DENPA_BAD_ARGUMENT);
      SAYS("got 5 in row 3");
    }
}

/* A class for each of two positions in a row. */
static void position_in_a_row(void) {
  static const int64_t sample[] = {2, 3}, all[] = {MANY / 2, 2, 3}, classes[] = {MANY / 2, 2};
  denpa_graph *g = new_graph();
  denpa_value x, y;
  denpa_model *m;
  denpa_trainer *t;
  denpa_tensor X, T;
  static float more[MANY * 3];
  (void)data();
  OK(denpa_graph_input(g, "x", DENPA_FLOAT32, 2, sample, &x));
  y = add_dense(g, "out", x, 2, NULL);
  m = finish_model(g, &y, 1, DENPA_FLOAT32, 1);
  t = new_trainer(m, "softmax_cross_entropy", NULL, "sgd", 0.1, BATCH);
  X = denpa_tensor_make(more, DENPA_FLOAT32, 3, all);
  T = denpa_tensor_make(labels, DENPA_INT32, 2, classes);
  STATUS(denpa_fit(t, &X, 1, &T, 1, NULL, NULL), DENPA_BAD_ARGUMENT);
  SAYS("in row 388, position 1");
}

static void validation_data(void) {
  denpa_tensor X = data(), T = denpa_i32(good, MANY), bad = denpa_i32(labels, MANY), narrow = denpa_f32(xs, MANY, 2);
  denpa_trainer *t = classifier(1);
  OPTIONS(denpa_fit_options, o);
  o.validation_count = 1;
  o.validation_inputs = &X;
  o.validation_targets = &bad;
  STATUS(denpa_fit(t, &X, 1, &T, 1, &o, NULL), DENPA_BAD_ARGUMENT);
  SAYS("validation data: ");
  SAYS("got 5 in row 777");
  o.validation_inputs = &narrow;
  STATUS(denpa_fit(t, &X, 1, &T, 1, &o, NULL), DENPA_BAD_SHAPE);
  SAYS("validation data: input \"x\": expected (rows, 3), got (1000, 2)");
  narrow.dim[1] = 3;
  X.dim[1] = 2;
  STATUS(denpa_fit(t, &X, 1, &T, 1, &o, NULL), DENPA_BAD_SHAPE);
  CHECK(strstr(denpa_last_error(), "validation") == NULL);
}

/* ------------------------------------------------------------------------------------------------------------------
 * Epochs are counted from 1, and a status has a name.
 */
static denpa_status stop_at(void *user, const denpa_progress *p) {
  return p->epoch == *(const int64_t *)user && p->end_of_epoch ? DENPA_IO_ERROR : DENPA_OK;
}
static denpa_status stop_now(void *user, const denpa_progress *p) {
  (void)user, (void)p;
  usleep(1000);
  return DENPA_STOPPED;
}
static void epochs(void) {
  denpa_tensor X = data(), T = denpa_i32(good, MANY);
  int64_t last = 0;
  denpa_trainer *t = classifier(1);
  OPTIONS(denpa_fit_options, o);
  o.epochs = 5;
  o.callback = stop_at;
  o.user_data = &last;
  STATUS(denpa_fit(t, &X, 1, &T, 1, &o, NULL), DENPA_STOPPED);
  SAYS("after epoch 1 of 5");
  last = 4;
  STATUS(denpa_fit(t, &X, 1, &T, 1, &o, NULL), DENPA_STOPPED);
  SAYS("after epoch 5 of 5");
  o.epochs = 1000000;
  o.callback = stop_now;
  STATUS(denpa_fit(t, &X, 1, &T, 1, &o, NULL), DENPA_STOPPED);
  SAYS(" of 1000000");
}

static denpa_status broken(void *user, denpa_tensor *x, denpa_tensor *t) {
  (void)x, (void)t;
  return *(const denpa_status *)user;
}
static void names_of_statuses(void) {
  denpa_status answer = DENPA_IO_ERROR;
  denpa_trainer *t = classifier(1);
  STATUS(denpa_fit_source(t, broken, NULL, &answer, NULL, NULL), DENPA_IO_ERROR);
  SAYS("the data callback returned DENPA_IO_ERROR");
  answer = 4711;
  STATUS(denpa_fit_source(t, broken, NULL, &answer, NULL, NULL), DENPA_LAYER_FAILED);
  SAYS("returned 4711, which is no status");
}

static const test_case tests[] = {
    {"one_class", one_class},
    {"softmax_twice", softmax_twice},
    {"answers_of_the_wrong_kind", answers_of_the_wrong_kind},
    {"logits_as_probabilities", logits_as_probabilities},
    {"perhaps_meant", perhaps_meant},
    {"row_of_the_data", row_of_the_data},
    {"position_in_a_row", position_in_a_row},
    {"validation_data", validation_data},
    {"epochs", epochs},
    {"names_of_statuses", names_of_statuses},
};

int main(int argc, char **argv) { return test_main(tests, COUNT(tests), argc, argv); }
