/* Parameter groups, limits of gradients, what an optimizer keeps; options of an earlier version; a layer with as many
 * outputs as its attributes say. */
#include "nets.h"

#define ROWS 6

static float xs[ROWS * 3], ts[ROWS * 2];
static denpa_tensor X, T;

static denpa_model *make(void) {
  fill(xs, ROWS * 3, 1);
  fill(ts, ROWS * 2, 2);
  X = denpa_f32(xs, ROWS, 3);
  T = denpa_f32(ts, ROWS, 2);
  return two_layers(3, 4, "tanh", 2, DENPA_FLOAT64, 7);
}

/* Options for one loss and sgd with a rate of 0.1 and a momentum of 0.9. */
static denpa_loss loss;
static denpa_attribute sgd[3];
static denpa_trainer_options options_for_sgd(void) {
  OPTIONS(denpa_trainer_options, o);
  loss = denpa_loss_on(0, "mean_squared_error", NULL);
  sgd[0] = denpa_float("learning_rate", 0.1);
  sgd[1] = denpa_float("momentum", 0.9);
  sgd[2] = denpa_end();
  o.loss_count = 1;
  o.losses = &loss;
  o.optimizer.kind = "sgd";
  o.optimizer.attributes = sgd;
  return o;
}

static double weight(denpa_model *m, const char *name, int64_t index) {
  denpa_tensor view;
  OK(denpa_model_view(m, name, &view));
  return element(&view, index);
}

static double gradient(denpa_trainer *t, const char *name, int64_t index) {
  denpa_tensor view;
  OK(denpa_trainer_gradient(t, name, &view));
  return element(&view, index);
}

static void groups(void) {
  denpa_model *m = make();
  denpa_trainer *t = NULL;
  denpa_trainer_options o = options_for_sgd();
  denpa_parameter_group list[2];
  denpa_attribute slow[2];
  denpa_tensor view;
  double w = weight(m, "hidden.W", 1), b = weight(m, "out.b", 0), v = weight(m, "out.W", 3), loss_value;
  memset(list, 0, sizeof list);
  slow[0] = denpa_float("learning_rate", 0.01);
  slow[1] = denpa_end();
  list[0].pattern = "hidden.*";
  list[0].frozen = 1;
  list[1].pattern = "*.b";
  list[1].attributes = slow;
  o.groups = list;
  o.group_count = 2;
  OK(denpa_trainer_create(m, &o, &t));
  OK(denpa_train_batch(t, &X, 1, &T, 1, &loss_value));
  OK(denpa_publish(t));
  NEAR(v - 0.1 * gradient(t, "out.W", 3), weight(m, "out.W", 3), 1e-15);
  NEAR(b - 0.01 * gradient(t, "out.b", 0), weight(m, "out.b", 0), 1e-15);
  NEAR(w, weight(m, "hidden.W", 1), 0);
  STATUS(denpa_trainer_gradient(t, "hidden.W", &view), DENPA_NOT_FOUND);
  /* What sgd keeps after one step is the gradient. */
  OK(denpa_trainer_optimizer_state(t, "out.W", "velocity", &view));
  NEAR(element(&view, 3), gradient(t, "out.W", 3), 0);
  STATUS(denpa_trainer_optimizer_state(t, "out.W", "first", &view), DENPA_NOT_FOUND);
  CHECK(strstr(denpa_last_error(), "it keeps velocity") != NULL);
  STATUS(denpa_trainer_optimizer_state(t, "nothing", "velocity", &view), DENPA_NOT_FOUND);
  STATUS(denpa_trainer_optimizer_state(t, "out.W", NULL, &view), DENPA_BAD_ARGUMENT);
  STATUS(denpa_trainer_optimizer_state(t, "out.W", "velocity", NULL), DENPA_BAD_ARGUMENT);
  OK(denpa_trainer_destroy(t));
  t = new_trainer(m, "mean_squared_error", NULL, NULL, 0, ROWS);
  STATUS(denpa_trainer_optimizer_state(t, "out.W", "velocity", &view), DENPA_BAD_STATE);
  OK(denpa_trainer_destroy(t));
  OK(denpa_model_destroy(m));
}

/* Without weight decay an infinite weight, whose gradient is finite, remains what it is. */
static void infinite_weight(void) {
  static const char *const kinds[] = {"sgd",     "sgd",     "adam",     "adamw", "nadam", "radam",
                                      "adamax",  "rmsprop", "adadelta", "rprop", "lion",  "adagrad"};
  size_t k;
  for (k = 0; k < sizeof kinds / sizeof *kinds; k++) {
    denpa_model *m = make();
    denpa_trainer *t = NULL;
    denpa_trainer_options o = options_for_sgd();
    denpa_tensor view;
    double other;
    if (k != 1) sgd[1] = denpa_end();
    o.optimizer.kind = kinds[k];
    OK(denpa_model_view(m, "out.W", &view));
    ((double *)view.data)[2] = (double)INFINITY;
    other = element(&view, 3);
    OK(denpa_trainer_create(m, &o, &t));
    OK(denpa_trainer_gradient(t, "out.W", &view));
    ((double *)view.data)[2] = 1;
    ((double *)view.data)[3] = 1;
    OK(denpa_trainer_step(t));
    OK(denpa_publish(t));
    CHECK(isinf(weight(m, "out.W", 2)));
    CHECK(weight(m, "out.W", 3) < other);
    OK(denpa_trainer_destroy(t));
    OK(denpa_model_destroy(m));
  }
}

static void limits(void) {
  denpa_model *m = make();
  denpa_trainer *t = NULL;
  denpa_trainer_options o = options_for_sgd();
  const char *const names[] = {"hidden.W", "hidden.b", "out.W", "out.b"};
  double sum = 0, value;
  int64_t i, k;
  o.clip_norm = 0.01;
  OK(denpa_trainer_create(m, &o, &t));
  OK(denpa_train_batch(t, &X, 1, &T, 1, &value));
  for (i = 0; i < 4; i++) {
    denpa_tensor view;
    OK(denpa_trainer_gradient(t, names[i], &view));
    for (k = 0; k < tensor_count(&view); k++) sum += element(&view, k) * element(&view, k);
  }
  NEAR(0.0001, sum, 1e-14);
  OK(denpa_trainer_destroy(t));
  o.clip_norm = 0;
  o.clip_value = 0.001;
  OK(denpa_trainer_create(m, &o, &t));
  OK(denpa_trainer_gradients(t, &X, 1, &T, 1, NULL, &value));
  OK(denpa_trainer_step(t));
  for (i = 0; i < 4; i++) {
    denpa_tensor view;
    OK(denpa_trainer_gradient(t, names[i], &view));
    for (k = 0; k < tensor_count(&view); k++) CHECK(element(&view, k) >= -0.001 && element(&view, k) <= 0.001);
  }
  OK(denpa_trainer_destroy(t));
  OK(denpa_model_destroy(m));
}

/* Gradients whose squares overflow keep their direction. */
static void limits_of_huge_gradients(void) {
  static const int32_t dtypes[] = {DENPA_FLOAT32, DENPA_FLOAT64};
  static const double sizes[] = {1e30, 1e250};
  size_t k;
  for (k = 0; k < 2; k++) {
    denpa_model *m = two_layers(3, 4, "tanh", 2, dtypes[k], 7);
    denpa_trainer *t = NULL;
    denpa_trainer_options o = options_for_sgd();
    denpa_tensor view;
    o.clip_norm = 5;
    OK(denpa_trainer_create(m, &o, &t));
    OK(denpa_trainer_gradient(t, "out.W", &view));
    if (k == 0) {
      ((float *)view.data)[1] = (float)(3 * sizes[k]);
      ((float *)view.data)[2] = (float)(-4 * sizes[k]);
    } else {
      ((double *)view.data)[1] = 3 * sizes[k];
      ((double *)view.data)[2] = -4 * sizes[k];
    }
    OK(denpa_trainer_step(t));
    NEAR(3, element(&view, 1), 1e-5);
    NEAR(-4, element(&view, 2), 1e-5);
    NEAR(0, element(&view, 3), 0);
    OK(denpa_trainer_destroy(t));
    OK(denpa_model_destroy(m));
  }
}

static void refusals(void) {
  denpa_model *m = make();
  denpa_trainer *t = NULL;
  denpa_parameter_group one;
  denpa_attribute wrong[2];
  denpa_trainer_options o;
  const char *nodes[2] = {"nothing", "out"};
  memset(&one, 0, sizeof one);
  one.pattern = "*.W";
  wrong[0] = denpa_float("rate", 1);
  wrong[1] = denpa_end();
#define REFUSED(status, words, change)                                                                                \
  o = options_for_sgd();                                                                                              \
  o.groups = &one;                                                                                                    \
  o.group_count = 1;                                                                                                  \
  change;                                                                                                             \
  STATUS(denpa_trainer_create(m, &o, &t), status);                                                                    \
  CHECK(strstr(denpa_last_error(), words) != NULL);                                                                   \
  CHECK(t == NULL)
  REFUSED(DENPA_BAD_ARGUMENT, "contradict", o.groups = NULL);
  REFUSED(DENPA_BAD_ARGUMENT, "contradict", o.group_count = 0);
  REFUSED(DENPA_BAD_ARGUMENT, "1024", o.group_count = -1);
  REFUSED(DENPA_BAD_ARGUMENT, "need an optimizer", (o.optimizer.kind = NULL, o.optimizer.attributes = NULL));
  REFUSED(DENPA_BAD_ARGUMENT, "clip_norm", o.clip_norm = -1);
  REFUSED(DENPA_BAD_ARGUMENT, "clip_value", o.clip_value = NAN);
  REFUSED(DENPA_BAD_ARGUMENT, "sam_radius", o.sam_radius = -1);
  REFUSED(DENPA_BAD_ARGUMENT, "accumulation of 1", (o.sam_radius = 1, o.accumulation = 2));
  REFUSED(DENPA_BAD_ARGUMENT, "average_decay", o.average_decay = 1.5);
  REFUSED(DENPA_BAD_ARGUMENT, "average_decay", o.average_decay = NAN);
  REFUSED(DENPA_BAD_ARGUMENT, "average_after", o.average_after = 1);
  REFUSED(DENPA_BAD_ARGUMENT, "average_after", (o.average_decay = 1, o.average_after = -1));
  REFUSED(DENPA_BAD_ARGUMENT, "need an optimizer",
          (o.optimizer.kind = NULL, o.optimizer.attributes = NULL, o.groups = NULL, o.group_count = 0, o.sam_radius = 1));
  REFUSED(DENPA_BAD_ARGUMENT, "1024", o.gradient_value_count = -1);
  REFUSED(DENPA_BAD_ARGUMENT, "contradict", o.gradient_value_count = 1);
  REFUSED(DENPA_BAD_ARGUMENT, "contradict", o.gradient_values = nodes);
  REFUSED(DENPA_NOT_FOUND, "there is no node \"nothing\"", (o.gradient_values = nodes, o.gradient_value_count = 1));
  nodes[0] = nodes[1] = "hidden";
  REFUSED(DENPA_BAD_ARGUMENT, "given twice", (o.gradient_values = nodes, o.gradient_value_count = 2));
  nodes[1] = NULL;
  REFUSED(DENPA_BAD_ARGUMENT, "name 1 of gradient_values", (o.gradient_values = nodes, o.gradient_value_count = 2));
  REFUSED(DENPA_BAD_ARGUMENT, "reserved", o.reserved = 1);
  REFUSED(DENPA_BAD_ARGUMENT, "pattern of parameter group 0", one.pattern = NULL);
  one.pattern = "*.V";
  REFUSED(DENPA_NOT_FOUND, "\"*.V\"", (void)0);
  one.pattern = "*.W";
  REFUSED(DENPA_BAD_ARGUMENT, "unknown attribute \"rate\"", one.attributes = wrong);
  one.attributes = NULL;
  REFUSED(DENPA_BAD_ARGUMENT, "reserved", one.reserved[1] = 1);
  one.reserved[1] = 0;
  REFUSED(DENPA_BAD_ARGUMENT, "reserved", one.reserved0 = 1);
#undef REFUSED
  OK(denpa_model_destroy(m));
}

/* A program that was compiled when the struct had neither groups nor limits. */
static void earlier_options(void) {
  denpa_model *m = make();
  denpa_trainer *t = NULL;
  denpa_trainer_options o = options_for_sgd();
  double value;
  size_t size;
  o.struct_size = offsetof(denpa_trainer_options, groups);
  /* What is behind it is not the struct's. */
  o.clip_norm = -1;
  o.groups = (const denpa_parameter_group *)&o;
  OK(denpa_trainer_create(m, &o, &t));
  OK(denpa_train_batch(t, &X, 1, &T, 1, &value));
  OK(denpa_trainer_destroy(t));
  o.struct_size = offsetof(denpa_trainer_options, schedule);
  o.clip_norm = 0;
  o.groups = NULL;
  o.metric_count = -1;
  OK(denpa_trainer_create(m, &o, &t));
  OK(denpa_trainer_destroy(t));
  o.struct_size = offsetof(denpa_trainer_options, sam_radius);
  o.metric_count = 0;
  o.sam_radius = -1;
  o.gradient_value_count = -1;
  OK(denpa_trainer_create(m, &o, &t));
  OK(denpa_trainer_destroy(t));
  t = NULL;
  for (size = 0; size < sizeof o; size++) {
    if (size == offsetof(denpa_trainer_options, groups) || size == offsetof(denpa_trainer_options, schedule) ||
        size == offsetof(denpa_trainer_options, sam_radius))
      continue;
    o.struct_size = size;
    STATUS(denpa_trainer_create(m, &o, &t), DENPA_BAD_ARGUMENT);
  }
  OK(denpa_model_destroy(m));
}

/* The gradient of a value between layers: that of the bias behind it, summed over the rows, and the next layer's
 * weights times the gradient of the output. */
static void values_between_layers(void) {
  denpa_model *m = make();
  denpa_trainer *t = NULL;
  denpa_trainer_options o = options_for_sgd();
  const char *nodes[] = {"out", "hidden"};
  denpa_tensor h, y;
  double dy[ROWS * 2];
  int64_t row, unit;
  int way;
  o.gradient_values = nodes;
  o.gradient_value_count = 2;
  OK(denpa_trainer_create(m, &o, &t));
  STATUS(denpa_trainer_value_gradient(t, "hidden", &h), DENPA_BAD_STATE);
  STATUS(denpa_trainer_value_gradient(t, "x", &h), DENPA_NOT_FOUND);
  for (way = 0; way < 3; way++) {
    denpa_tensor Y = denpa_f64(dy, ROWS, 2);
    if (way == 0) OK(denpa_train_batch(t, &X, 1, &T, 1, NULL));
    OK(denpa_trainer_zero_gradients(t));
    if (way == 1) OK(denpa_trainer_gradients(t, &X, 1, &T, 1, NULL, NULL));
    if (way == 2) {
      OK(denpa_trainer_forward(t, &X, 1, &Y, 1, 1));
      for (row = 0; row < ROWS * 2; row++) dy[row] = 0.1 * (double)row;
      OK(denpa_trainer_backward(t, &Y, 1, NULL, 0));
    }
    OK(denpa_trainer_value_gradient(t, "out", &y));
    OK(denpa_trainer_value_gradient(t, "hidden", &h));
    CHECK(h.rank == 2 && h.dim[0] == ROWS && h.dim[1] == 4 && h.dtype == DENPA_FLOAT64);
    if (way == 2) {
      for (row = 0; row < ROWS * 2; row++) NEAR(element(&y, row), 0.1 * (double)row, 1e-15);
    }
    OK(denpa_publish(t));
    for (row = 0; row < ROWS && way > 0; row++) {
      for (unit = 0; unit < 4; unit++) {
        double expected = 0;
        int64_t k;
        for (k = 0; k < 2; k++) expected += element(&y, row * 2 + k) * weight(m, "out.W", unit * 2 + k);
        NEAR(element(&h, row * 4 + unit), expected, 1e-14);
      }
    }
    if (way > 0) {
      double sum = 0;
      for (row = 0; row < ROWS; row++) sum += element(&y, row * 2);
      NEAR(gradient(t, "out.b", 0), sum, 1e-14);
    }
  }
  OK(denpa_trainer_destroy(t));
  OK(denpa_model_destroy(m));
}

/* Levenberg and Marquardt's method fits a small network in a few steps; an average is what is published. */
static void other_ways_to_train(void) {
  denpa_model *m = make();
  denpa_trainer *t = NULL;
  denpa_trainer_options o = options_for_sgd();
  denpa_tensor average;
  double first, last;
  int i;
  o.optimizer.kind = "levenberg_marquardt";
  o.optimizer.attributes = NULL;
  OK(denpa_trainer_create(m, &o, &t));
  OK(denpa_train_batch(t, &X, 1, &T, 1, &first));
  for (i = 0; i < 20; i++) OK(denpa_train_batch(t, &X, 1, &T, 1, &last));
  CHECK(last < 1e-6 * first);
  OK(denpa_trainer_gradients(t, &X, 1, &T, 1, NULL, NULL));
  STATUS(denpa_trainer_step(t), DENPA_BAD_STATE);
  OK(denpa_trainer_destroy(t));
  o = options_for_sgd();
  o.average_decay = 0.5;
  OK(denpa_trainer_create(m, &o, &t));
  OK(denpa_train_batch(t, &X, 1, &T, 1, NULL));
  OK(denpa_train_batch(t, &X, 1, &T, 1, NULL));
  OK(denpa_publish(t));
  OK(denpa_trainer_optimizer_state(t, "out.W", "average", &average));
  for (i = 0; i < 8; i++) NEAR(element(&average, i), weight(m, "out.W", i), 0);
  OK(denpa_trainer_destroy(t));
  OK(denpa_model_destroy(m));
}

static void outputs_by_attributes(void) {
  denpa_graph *g = new_graph();
  denpa_value x = add_input(g, "x", 6), y[8];
  const int64_t extents[] = {1, 2, 3};
  denpa_attribute sizes[2];
  int i;
  memset(sizes, 0, sizeof sizes);
  sizes[0].name = "sizes";
  sizes[0].type = DENPA_ATTRIBUTE_INTS;
  sizes[0].count = 3;
  sizes[0].value.ints = extents;
  sizes[1] = denpa_end();
  OK(denpa_graph_add(g, "split", "parts", sizes, &x, 1, y, 8));
  for (i = 0; i < 3; i++) CHECK(y[i] == x + 1 + i);
  for (i = 3; i < 8; i++) CHECK(y[i] == -1);
  STATUS(denpa_graph_add(g, "split", "q", sizes, &x, 1, y, 2), DENPA_BAD_ARGUMENT);
  CHECK(strstr(denpa_last_error(), "has 3 output(s)") != NULL);
  STATUS(denpa_graph_add(g, "relu", "r", NULL, &x, 1, y, 2), DENPA_BAD_ARGUMENT);
  OK(denpa_graph_destroy(g));
}

static const test_case tests[] = {
    {"groups", groups},
    {"infinite_weight", infinite_weight},
    {"limits", limits},
    {"limits_of_huge_gradients", limits_of_huge_gradients},
    {"refusals", refusals},
    {"earlier_options", earlier_options},
    {"values_between_layers", values_between_layers},
    {"other_ways_to_train", other_ways_to_train},
    {"outputs_by_attributes", outputs_by_attributes},
};

int main(int argc, char **argv) { return test_main(tests, COUNT(tests), argc, argv); }
