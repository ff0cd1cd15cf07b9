/* One network of many layers: convolution, normalization, dropout, products of matrices, arithmetic, lookup. The same bits by
 * any number of threads, no allocation in a step, every allocation failing in turn, real time. */
#include "nets.h"

enum { ROWS = 300, SIDE = 4, CHANNELS = 2, WORDS = 5, OUT = 2 };

static float images[ROWS * SIDE * SIDE * CHANNELS], wanted[ROWS * OUT], got[ROWS * OUT];
static int64_t words[ROWS];

/* FNV-1a (Fowler, Noll & Vo). */
static uint64_t hash(const void *data, size_t size) {
  uint64_t h = 14695981039346656037u;
  size_t i;
  for (i = 0; i < size; i++) h = (h ^ ((const unsigned char *)data)[i]) * 1099511628211u;
  return h;
}

static void batch(denpa_tensor inputs[2], denpa_tensor *targets, denpa_tensor *outputs, int64_t rows) {
  const int64_t image[] = {rows, SIDE, SIDE, CHANNELS}, row[] = {rows}, out[] = {rows, OUT};
  int i;
  fill(images, ROWS * SIDE * SIDE * CHANNELS, 1);
  fill(wanted, ROWS * OUT, 2);
  for (i = 0; i < ROWS; i++) words[i] = i * 7 % WORDS;
  inputs[0] = denpa_tensor_make(images, DENPA_FLOAT32, 4, image);
  inputs[1] = denpa_tensor_make(words, DENPA_INT64, 1, row);
  *targets = denpa_tensor_make(wanted, DENPA_FLOAT32, 2, out);
  *outputs = denpa_tensor_make(got, DENPA_FLOAT32, 2, out);
}

static denpa_attribute ints(const char *name, const int64_t *values, int64_t count) {
  denpa_attribute a;
  memset(&a, 0, sizeof a);
  a.name = name;
  a.type = DENPA_ATTRIBUTE_INTS;
  a.count = count;
  a.value.ints = values;
  return a;
}

/* Adds a layer of up to two inputs (-1: none). A macro, because C++ keeps lists of attributes for the call alone. */
#define LAYER(kind, attributes, a, b, y)                                                                              \
  (in[0] = (a), in[1] = (b), denpa_graph_add(g, kind, kind, attributes, in, ((a) >= 0) + ((b) >= 0), y, 1))

#define TRY(call)                                                                                                     \
  do {                                                                                                                \
    const denpa_status status_ = (call);                                                                              \
    if (status_ != DENPA_OK) return status_;                                                                          \
  } while (0)

/* All of it up to the model; the first status that is not DENPA_OK. */
static denpa_status build(denpa_graph *g, denpa_model **m) {
  static const int64_t image[] = {SIDE, SIDE, CHANNELS}, kernel[] = {3, 3}, axes[] = {1, 2};
  denpa_value in[2], x, k, h, two, half[2], y;
  OPTIONS(denpa_model_options, o);
  o.seed = 3;
  TRY(denpa_graph_input(g, "x", DENPA_FLOAT32, 3, image, &x));
  TRY(denpa_graph_input(g, "k", DENPA_INT64, 0, NULL, &k));
  TRY(LAYER("conv2d",
            DENPA_ATTRIBUTES(denpa_int("filters", 4), ints("kernel", kernel, 2), denpa_string("padding", "same"),
                             denpa_int("groups", 2), denpa_string("activation", "tanh")),
            x, -1, &h));
  TRY(LAYER("batch_norm", NULL, h, -1, &h));
  TRY(LAYER("group_norm", DENPA_ATTRIBUTES(denpa_int("groups", 2)), h, -1, &h));
  TRY(LAYER("gaussian_noise", DENPA_ATTRIBUTES(denpa_float("stddev", 0.1)), h, -1, &h));
  TRY(LAYER("softmax", DENPA_ATTRIBUTES(denpa_int("axis", 1)), h, -1, &h));
  TRY(LAYER("dropout", DENPA_ATTRIBUTES(denpa_float("rate", 0.25)), h, -1, &h));
  TRY(LAYER("matmul", DENPA_ATTRIBUTES(denpa_bool("transpose_b", 1)), h, h, &h));
  TRY(LAYER("reduce_max", DENPA_ATTRIBUTES(ints("axes", axes, 2)), h, -1, &h));
  TRY(LAYER("layer_norm", NULL, h, -1, &h));
  TRY(LAYER("maxout", DENPA_ATTRIBUTES(denpa_int("units", SIDE), denpa_int("pieces", 3)), h, -1, &h));
  TRY(denpa_graph_share(g, "maxout", NULL, &h, 1, &h, 1));
  TRY(LAYER("log_softmax", NULL, h, -1, &h));
  TRY(LAYER("square", NULL, h, -1, &h));
  TRY(LAYER("constant", DENPA_ATTRIBUTES(denpa_float("value", 2)), -1, -1, &two));
  TRY(LAYER("add", NULL, h, two, &h));
  TRY(LAYER("power", NULL, h, two, &h));
  TRY(denpa_graph_add(g, "split", "split", DENPA_ATTRIBUTES(denpa_int("parts", 2)), &h, 1, half, 2));
  TRY(LAYER("divide", NULL, half[0], half[1], &h));
  TRY(LAYER("embedding", DENPA_ATTRIBUTES(denpa_int("count", WORDS), denpa_int("units", 2)), k, -1, &k));
  TRY(LAYER("multiply", NULL, h, k, &h));
  TRY(LAYER("dense", DENPA_ATTRIBUTES(denpa_int("units", OUT)), h, -1, &y));
  return denpa_model_create(g, &y, 1, &o, m);
}

static denpa_status train_with(denpa_model *m, int32_t threads, denpa_trainer **t) {
  denpa_loss loss = denpa_loss_on(0, "mean_squared_error", NULL);
  denpa_parameter_group groups[2];
  denpa_attribute still[2];
  OPTIONS(denpa_trainer_options, o);
  memset(groups, 0, sizeof groups);
  still[0] = denpa_float("weight_decay", 0);
  still[1] = denpa_end();
  groups[0].pattern = "*.b";
  groups[0].attributes = still;
  groups[1].pattern = "layer_norm.gamma";
  groups[1].frozen = 1;
  o.max_batch = 3;
  o.threads = threads;
  o.losses = &loss;
  o.loss_count = 1;
  o.optimizer.kind = "adamw";
  o.groups = groups;
  o.group_count = 2;
  o.clip_norm = 1;
  o.clip_value = 0.5;
  return denpa_trainer_create(m, &o, t);
}

static denpa_model *make(void) {
  denpa_graph *g = new_graph();
  denpa_model *m = NULL;
  OK(build(g, &m));
  OK(denpa_graph_destroy(g));
  return m;
}

/* The hash of what is predicted after some steps. */
static uint64_t learned(denpa_model *m, int32_t threads) {
  denpa_tensor inputs[2], targets, outputs;
  denpa_trainer *t = NULL;
  double loss;
  int i;
  batch(inputs, &targets, &outputs, ROWS);
  OK(train_with(m, threads, &t));
  for (i = 0; i < 4; i++) OK(denpa_train_batch(t, inputs, 2, &targets, 1, &loss));
  OK(denpa_publish(t));
  OK(denpa_trainer_destroy(t));
  OK(denpa_predict(new_session(m, ROWS, 0), inputs, 2, &outputs, 1));
  return hash(got, sizeof got);
}

static void same_bits_by_any_number_of_threads(void) {
  static const int32_t counts[] = {2, 3, 8};
  const uint64_t one = learned(make(), 1);
  int i;
  for (i = 0; i < COUNT(counts); i++) CHECK(learned(make(), counts[i]) == one);
}

static void no_allocation_in_a_step(void) {
  denpa_model *m = make();
  denpa_tensor inputs[2], targets, outputs;
  denpa_trainer *t = NULL;
  double loss;
  int64_t before;
  int i;
  batch(inputs, &targets, &outputs, ROWS);
  OK(train_with(m, 2, &t));
  for (i = 0; i < 3; i++) OK(denpa_train_batch(t, inputs, 2, &targets, 1, &loss));
  before = denpa_test_allocations();
  for (i = 0; i < 20; i++) OK(denpa_train_batch(t, inputs, 2, &targets, 1, &loss));
  EQUAL(denpa_test_allocations() - before, 0);
}

static void real_time(void) {
  denpa_model *m = make();
  denpa_session *ordinary = new_session(m, 8, 0), *realtime = new_session(m, 8, 1);
  denpa_tensor inputs[2], targets, outputs;
  int64_t rows, before = denpa_test_allocations();
  uint64_t known;
  for (rows = 8; rows > 0; rows--) {
    batch(inputs, &targets, &outputs, rows);
    OK(denpa_predict(realtime, inputs, 2, &outputs, 1));
    known = hash(got, (size_t)rows * OUT * sizeof *got);
    words[rows - 1] = WORDS;
    STATUS(denpa_predict(realtime, inputs, 2, &outputs, 1), DENPA_BAD_ARGUMENT);
    EQUAL(denpa_test_allocations(), before);
    batch(inputs, &targets, &outputs, rows);
    OK(denpa_predict(ordinary, inputs, 2, &outputs, 1));
    CHECK(hash(got, (size_t)rows * OUT * sizeof *got) == known);
    before = denpa_test_allocations();
  }
}

/* From an empty graph to a prediction after one step. */
static denpa_status scenario(denpa_graph **g, denpa_model **m, denpa_trainer **t, denpa_session **s) {
  denpa_tensor inputs[2], targets, outputs;
  double loss;
  OPTIONS(denpa_session_options, o);
  o.max_batch = 3;
  batch(inputs, &targets, &outputs, 3);
  TRY(denpa_graph_create(g));
  TRY(build(*g, m));
  TRY(train_with(*m, 1, t));
  TRY(denpa_train_batch(*t, inputs, 2, &targets, 1, &loss));
  TRY(denpa_publish(*t));
  TRY(denpa_session_create(*m, &o, s));
  return denpa_predict(*s, inputs, 2, &outputs, 1);
}

static denpa_status failing(int64_t first, int64_t count, uint64_t *result) {
  denpa_graph *g = NULL;
  denpa_model *m = NULL;
  denpa_trainer *t = NULL;
  denpa_session *s = NULL;
  denpa_status status;
  OK(denpa_test_fail_allocations(first, count));
  status = scenario(&g, &m, &t, &s);
  OK(denpa_test_fail_allocations(0, 0));
  *result = hash(got, 3 * OUT * sizeof *got);
  OK(denpa_session_destroy(s));
  OK(denpa_trainer_destroy(t));
  OK(denpa_model_destroy(m));
  OK(denpa_graph_destroy(g));
  return status;
}

/* Every seventh allocation: all of them would take longer than the other tests together. */
static void allocations_fail(int64_t count) {
  const int64_t handles = denpa_test_handles();
  uint64_t plain, result;
  int64_t first = 1;
  denpa_status status;
  CHECK(failing(0, 0, &plain) == DENPA_OK);
  do {
    status = failing(first, count, &result);
    CHECK(status == DENPA_OUT_OF_MEMORY || (status == DENPA_OK && result == plain));
    first += 7;
  } while (status != DENPA_OK || first < 1000);
  CHECK(first > 1000);
  EQUAL(denpa_test_handles(), handles);
}

static void allocations_fail_once(void) { allocations_fail(1); }
static void all_allocations_fail_from_one_on(void) { allocations_fail(-1); }

static const test_case tests[] = {
    {"same_bits_by_any_number_of_threads", same_bits_by_any_number_of_threads},
    {"no_allocation_in_a_step", no_allocation_in_a_step},
    {"real_time", real_time},
    {"allocations_fail_once", allocations_fail_once},
    {"all_allocations_fail_from_one_on", all_allocations_fail_from_one_on},
};

int main(int argc, char **argv) { return test_main(tests, COUNT(tests), argc, argv); }
