/* bad_input.h: what the tables of bad input share: a small world of valid things, and everything that is not valid.
 *
 * Each function of denpa.h has a test of its name in one of the bad_*.c files; scripts/check_bad_input.py compares with the
 * exported symbols. A row is one call: BAD(call, status) or REFUSED(call), where any status but DENPA_OK will do. After each
 * row there must be a sentence, and the world must be as it was: weights, trainer, handles.
 */
#ifndef BAD_INPUT_H
#define BAD_INPUT_H

#include "nets.h"

#define ROWS 4
#define COLUMNS 3
#define CLASSES 2

static struct {
  denpa_graph *g;
  denpa_value x, y;
  denpa_model *m;
  denpa_session *s, *realtime;
  denpa_trainer *t;    /* with loss and sgd */
  denpa_trainer *open; /* no loss, no optimizer, input gradients */
  float xs[ROWS * COLUMNS], ys[ROWS * CLASSES];
  int32_t labels[ROWS];
  denpa_tensor X, Y, T; /* valid ones */
  uint64_t hash;
  int64_t handles;
  double loss;
  int rows;
} w;

static void *bad_handles[12]; /* none is valid for anything */
enum { BAD_HANDLES = 12 };

static inline double world_loss(void) {
  double loss = -1;
  OK(denpa_evaluate(w.t, &w.X, 1, &w.T, 1, &loss, NULL, 0));
  return loss;
}

static inline void make_world(void) {
  static char text[256];
  denpa_value h;
  int i;
  OPTIONS(denpa_trainer_options, o);
  w.g = new_graph();
  w.x = add_input(w.g, "x", COLUMNS);
  h = add_dense(w.g, "hidden", w.x, 4, "tanh");
  w.y = add_dense(w.g, "out", h, CLASSES, NULL);
  OK(denpa_model_create(w.g, &w.y, 1, NULL, &w.m));
  w.s = new_session(w.m, ROWS, 0);
  w.realtime = new_session(w.m, ROWS, 1);
  w.t = new_trainer(w.m, "softmax_cross_entropy", NULL, "sgd", 0.1, ROWS);
  o.max_batch = ROWS;
  o.input_gradients = 1;
  OK(denpa_trainer_create(w.m, &o, &w.open));
  fill(w.xs, ROWS * COLUMNS, 1);
  for (i = 0; i < ROWS; i++) w.labels[i] = i % CLASSES;
  w.X = denpa_f32(w.xs, ROWS, COLUMNS);
  w.Y = denpa_f32(w.ys, ROWS, CLASSES);
  w.T = denpa_i32(w.labels, ROWS);
  bad_handles[0] = NULL;
  bad_handles[1] = text;
  bad_handles[2] = (void *)(uintptr_t)1;
  bad_handles[3] = (void *)(uintptr_t)-1;
  bad_handles[4] = (void *)((uintptr_t)1 << 62);
  bad_handles[5] = (void *)((uintptr_t)w.m ^ 1);
  bad_handles[6] = (void *)((uintptr_t)w.t + ((uintptr_t)1 << 32));
  bad_handles[7] = &w;
  bad_handles[8] = new_graph();
  OK(denpa_graph_destroy((denpa_graph *)bad_handles[8]));
  bad_handles[9] = two_layers(1, 1, "relu", 1, DENPA_FLOAT32, 1);
  bad_handles[10] = new_session((denpa_model *)bad_handles[9], 1, 0);
  bad_handles[11] = new_trainer((denpa_model *)bad_handles[9], "mean_squared_error", NULL, "sgd", 1, 1);
  OK(denpa_session_destroy((denpa_session *)bad_handles[10]));
  OK(denpa_trainer_destroy((denpa_trainer *)bad_handles[11]));
  OK(denpa_model_destroy((denpa_model *)bad_handles[9]));
  w.handles = denpa_test_handles();
  w.hash = model_hash(w.m);
  w.loss = world_loss();
}

static inline void row(denpa_status got, int expected, int line, const char *what) {
  w.rows++;
  if (got == DENPA_OK || (expected >= 0 && got != expected) || got < 0 || got > DENPA_CALLBACK_FAILED ||
      got == DENPA_INTERNAL_ERROR) {
    if (++test_failures <= 20)
      printf("    FAIL line %d: %s: expected %s, got %s: \"%s\"\n", line, what,
             expected < 0 ? "an error" : denpa_status_name(expected), denpa_status_name(got), denpa_last_error());
  } else if (denpa_last_error()[0] == 0) {
    test_failures++;
    printf("    FAIL line %d: %s: no sentence\n", line, what);
  }
  if (denpa_test_handles() != w.handles || model_hash(w.m) != w.hash || world_loss() != w.loss) {
    if (++test_failures <= 20) printf("    FAIL line %d: %s: something has changed\n", line, what);
    w.handles = denpa_test_handles();
    w.hash = model_hash(w.m);
    w.loss = world_loss();
  }
}
#define BAD(call, status) row((call), (status), __LINE__, #call)
#define REFUSED(call) row((call), -1, __LINE__, #call)

/* Runs a statement for each bad handle `h`, and for the valid ones of other kinds. */
#define EACH_HANDLE(type, h, own, statement)                                                                          \
  do {                                                                                                                \
    void *others[5];                                                                                                  \
    int n_;                                                                                                           \
    others[0] = w.g, others[1] = w.m, others[2] = w.s, others[3] = w.t, others[4] = w.realtime;                       \
    for (n_ = 0; n_ < BAD_HANDLES + 5; n_++) {                                                                        \
      type *h = (type *)(n_ < BAD_HANDLES ? bad_handles[n_] : others[n_ - BAD_HANDLES]);                              \
      if (strchr(own, "gmstr"[n_ < BAD_HANDLES ? 0 : n_ - BAD_HANDLES]) != NULL && n_ >= BAD_HANDLES) continue;       \
      statement;                                                                                                      \
    }                                                                                                                 \
  } while (0)

/* 1 where any strides are good that do not lead out of all memory. */
static int strides_are_free;

/* The i-th way to spoil a tensor whose batch is its first axis; 0 where there are no more. */
static inline int spoiled(int i, const denpa_tensor *good, denpa_tensor *t) {
  static const int32_t dtypes[] = {0, -1, 1, 0x2003, 0x1002, 0x8002, INT32_MAX, INT32_MIN};
  static const int32_t ranks[] = {-1, 9, 8, 100, INT32_MAX, INT32_MIN};
  static const int64_t extents[] = {-1, -2, (int64_t)1 << 31, (int64_t)1 << 62, INT64_MAX, INT64_MIN, 1000003};
  *t = *good;
  if (i < COUNT(dtypes)) return t->dtype = dtypes[i], 1;
  i -= COUNT(dtypes);
  if (i < COUNT(ranks)) return t->rank = ranks[i], 1;
  i -= COUNT(ranks);
  if (i < COUNT(extents)) return t->dim[0] = extents[i], 1;
  i -= COUNT(extents);
  if (i < COUNT(extents)) return t->dim[good->rank - 1] = extents[i], 1;
  i -= COUNT(extents);
  switch (i) {
  case 0: return t->data = NULL, 1;
  case 1: return t->stride[0] = INT64_MIN, 1;
  case 2: return t->stride[0] = (int64_t)1 << 60, 1;
  case 3: return t->rank = good->rank + 1, t->dim[good->rank] = 5, 1;
  case 4: return t->stride[0] = 77, !strides_are_free;
  case 5: return t->stride[good->rank - 1] = 2, !strides_are_free;
  default: return 0;
  }
}
#define EACH_TENSOR(t, good, statement)                                                                               \
  do {                                                                                                                \
    denpa_tensor t;                                                                                                   \
    int i_;                                                                                                           \
    for (i_ = 0; spoiled(i_, &(good), &t); i_++) {                                                                    \
      statement;                                                                                                      \
    }                                                                                                                 \
  } while (0)

/* Sizes that no struct has. */
static const size_t bad_sizes[] = {0, 1, 4, 7, 9, (size_t)1 << 31, (size_t)1 << 62, (size_t)-1};
#define EACH_SIZE(options, statement)                                                                                 \
  do {                                                                                                                \
    size_t good_ = (options).struct_size;                                                                             \
    int i_;                                                                                                           \
    for (i_ = 0; i_ < COUNT(bad_sizes); i_++) {                                                                       \
      (options).struct_size = bad_sizes[i_];                                                                          \
      statement;                                                                                                      \
    }                                                                                                                 \
    (options).struct_size = good_;                                                                                    \
  } while (0)

/* A struct of a later version: more behind what is known here, which must be 0. */
typedef union later {
  size_t struct_size;
  unsigned char bytes[1024];
} later;
static inline const void *grown(later *l, const void *options, size_t size, unsigned char behind) {
  memset(l, 0, sizeof *l);
  memcpy(l, options, size);
  l->struct_size = size + 24;
  l->bytes[size + 17] = behind;
  return l;
}
#define GROWN(type, options, behind) ((const type *)grown(&later_, &(options), sizeof(type), behind))
#define EACH_TAIL(type, options, name, statement, good)                                                               \
  do {                                                                                                                \
    later later_;                                                                                                     \
    const type *name = GROWN(type, options, 1);                                                                       \
    statement;                                                                                                        \
    name = GROWN(type, options, 0);                                                                                   \
    good;                                                                                                             \
  } while (0)

/* Values that a field must not have; the field is left as it was. */
#define EACH_NUMBER(type, field, list, statement)                                                                     \
  do {                                                                                                                \
    type good_ = (field);                                                                                             \
    int i_;                                                                                                           \
    for (i_ = 0; i_ < COUNT(list); i_++) {                                                                            \
      (field) = (type)(list)[i_];                                                                                     \
      statement;                                                                                                      \
    }                                                                                                                 \
    (field) = good_;                                                                                                  \
  } while (0)
static const int64_t nonzero[] = {1, -1, INT32_MIN};
static const int64_t bad_counts[] = {-1, INT32_MIN, INT32_MAX, 65};
static const int64_t bad_batches[] = {-1, (int64_t)1 << 31, (int64_t)1 << 62, INT64_MIN, INT64_MAX};
static const int64_t bad_threads[] = {-1, 65, INT32_MAX, INT32_MIN};

static char huge_text[80000]; /* longer than any limit */
static inline const char *huge(void) {
  memset(huge_text, 'a', sizeof huge_text - 1);
  return huge_text;
}

/* The six ways to ask wrongly for a text; none writes. */
static inline void text_rows(denpa_status (*call)(char *, int64_t, int64_t *)) {
  char buffer[4] = "abc";
  int64_t length = -5;
  BAD(call(buffer, 4, &length), DENPA_LIMIT_EXCEEDED);
  REFUSED(call(buffer, 4, NULL));
  BAD(call(NULL, 4, &length), DENPA_BAD_ARGUMENT);
  BAD(call(buffer, -1, &length), DENPA_BAD_ARGUMENT);
  BAD(call(buffer, INT64_MIN, &length), DENPA_BAD_ARGUMENT);
  BAD(call(NULL, 0, NULL), DENPA_BAD_ARGUMENT);
  CHECK(strcmp(buffer, "abc") == 0);
}
#define BAD_TEST(name) {#name, bad_##name}

/* What every function that takes inputs and targets must refuse. */
typedef denpa_status (*data_call)(denpa_trainer *, const denpa_tensor *, int32_t, const denpa_tensor *, int32_t);

static inline void data_rows(data_call call) {
  static const int32_t labels[][ROWS] = {{0, 1, 0, 2}, {0, 1, 0, -1}, {0, 1, 0, INT32_MAX}, {0, 1, 0, INT32_MIN}};
  denpa_tensor many[70], t, x;
  float probabilities[ROWS * (CLASSES + 1)] = {0};
  int i;
  for (i = 0; i < 70; i++) many[i] = w.X;
  EACH_HANDLE(denpa_trainer, h, "t", BAD(call(h, &w.X, 1, &w.T, 1), DENPA_BAD_HANDLE));
  BAD(call(w.t, NULL, 1, &w.T, 1), DENPA_BAD_ARGUMENT);
  BAD(call(w.t, &w.X, 1, NULL, 1), DENPA_BAD_ARGUMENT);
  BAD(call(w.t, NULL, 0, &w.T, 1), DENPA_BAD_ARGUMENT);
  BAD(call(w.t, &w.X, 1, NULL, 0), DENPA_BAD_ARGUMENT);
  for (i = 0; i < COUNT(bad_counts); i++) {
    BAD(call(w.t, many, (int32_t)bad_counts[i], &w.T, 1), DENPA_BAD_ARGUMENT);
    BAD(call(w.t, &w.X, 1, many, (int32_t)bad_counts[i]), DENPA_BAD_ARGUMENT);
  }
  EACH_TENSOR(spoilt, w.X, REFUSED(call(w.t, &spoilt, 1, &w.T, 1)));
  EACH_TENSOR(spoilt, w.T, REFUSED(call(w.t, &w.X, 1, &spoilt, 1)));
  for (i = 0; i < COUNT(labels); i++) {
    t = denpa_i32(labels[i], ROWS);
    BAD(call(w.t, &w.X, 1, &t, 1), DENPA_BAD_ARGUMENT);
  }
  t = denpa_i32(w.labels, ROWS - 1);
  BAD(call(w.t, &w.X, 1, &t, 1), DENPA_BAD_SHAPE);
  t = denpa_f32(probabilities, ROWS, CLASSES + 1);
  BAD(call(w.t, &w.X, 1, &t, 1), DENPA_BAD_SHAPE);
  x = denpa_f32(w.xs, ROWS - 1, COLUMNS);
  BAD(call(w.t, &x, 1, &w.T, 1), DENPA_BAD_SHAPE);
  x = denpa_f32(w.xs, ROWS, COLUMNS - 1);
  BAD(call(w.t, &x, 1, &w.T, 1), DENPA_BAD_SHAPE);
}

#define TRAINER_ONLY(call)                                                                                            \
  make_world();                                                                                                       \
  EACH_HANDLE(denpa_trainer, h, "t", BAD(call, DENPA_BAD_HANDLE))

#endif
