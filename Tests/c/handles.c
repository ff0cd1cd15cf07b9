/* Handles that are NULL, gone, of another kind or never were; any order of destruction. */
#include <pthread.h>

#include "nets.h"

static denpa_graph *as_graph(const void *p) {
  denpa_graph *g;
  memcpy(&g, &p, sizeof g);
  return g;
}
static denpa_model *as_model(const void *p) {
  denpa_model *m;
  memcpy(&m, &p, sizeof m);
  return m;
}
static denpa_session *as_session(const void *p) {
  denpa_session *s;
  memcpy(&s, &p, sizeof s);
  return s;
}
static denpa_trainer *as_trainer(const void *p) {
  denpa_trainer *t;
  memcpy(&t, &p, sizeof t);
  return t;
}

/* One call on each kind of handle; all must be refused. */
static void refused(const void *handle) {
  float x[2] = {0, 0}, y[1] = {7};
  double loss = 7;
  int32_t n = 7;
  int64_t length = 7;
  denpa_value v = 7;
  denpa_tensor X = denpa_f32(x, 1, 2), Y = denpa_f32(y, 1, 1);
  STATUS(denpa_graph_shape(as_graph(handle), 0, &n, NULL, NULL), DENPA_BAD_HANDLE);
  STATUS(denpa_graph_input(as_graph(handle), "x", DENPA_FLOAT32, 0, NULL, &v), DENPA_BAD_HANDLE);
  STATUS(denpa_model_counts(as_model(handle), &n, NULL, NULL), DENPA_BAD_HANDLE);
  STATUS(denpa_model_json(as_model(handle), NULL, 0, &length), DENPA_BAD_HANDLE);
  STATUS(denpa_predict(as_session(handle), &X, 1, &Y, 1), DENPA_BAD_HANDLE);
  STATUS(denpa_train_batch(as_trainer(handle), &X, 1, &Y, 1, &loss), DENPA_BAD_HANDLE);
  STATUS(denpa_publish(as_trainer(handle)), DENPA_BAD_HANDLE);
  CHECK(n == 7 && v == 7 && length == 7 && loss == 7 && y[0] == 7);
}

static void null_and_foreign(void) {
  static char text[4096] = "no handle";
  int stack = 0;
  void *heap = malloc(64);
  uintptr_t number;
  refused(NULL);
  refused(text);
  refused(&stack);
  refused(heap);
  free(heap);
  refused((const void *)(uintptr_t)-1);
  refused((const void *)((uintptr_t)-1 / 2));
  for (number = 1; number < 200; number++) refused((const void *)number);
  for (number = 1; number != 0; number <<= 1) refused((const void *)number);
}

static void destroying_null(void) {
  EQUAL(denpa_graph_destroy(NULL), DENPA_OK);
  EQUAL(denpa_model_destroy(NULL), DENPA_OK);
  EQUAL(denpa_session_destroy(NULL), DENPA_OK);
  EQUAL(denpa_trainer_destroy(NULL), DENPA_OK);
}

static void other_kinds(void) {
  int32_t n;
  int64_t before;
  float x[2] = {0, 0}, y[1];
  denpa_tensor X = denpa_f32(x, 1, 2), Y = denpa_f32(y, 1, 1);
  denpa_graph *g = new_graph();
  denpa_model *m = two_layers(2, 3, "tanh", 1, DENPA_FLOAT32, 1);
  denpa_session *s = new_session(m, 1, 0);
  denpa_trainer *t = new_trainer(m, "mean_squared_error", NULL, "sgd", 0.1, 1);
  before = denpa_test_handles();
  EQUAL(before, 4);
  STATUS(denpa_model_counts(as_model(g), &n, NULL, NULL), DENPA_BAD_HANDLE);
  STATUS(denpa_predict(as_session(m), &X, 1, &Y, 1), DENPA_BAD_HANDLE);
  STATUS(denpa_publish(as_trainer(s)), DENPA_BAD_HANDLE);
  STATUS(denpa_graph_shape(as_graph(t), 0, &n, NULL, NULL), DENPA_BAD_HANDLE);
  STATUS(denpa_graph_destroy(as_graph(m)), DENPA_BAD_HANDLE);
  STATUS(denpa_model_destroy(as_model(t)), DENPA_BAD_HANDLE);
  STATUS(denpa_session_destroy(as_session(g)), DENPA_BAD_HANDLE);
  STATUS(denpa_trainer_destroy(as_trainer(s)), DENPA_BAD_HANDLE);
  EQUAL(denpa_test_handles(), before);
  OK(denpa_predict(s, &X, 1, &Y, 1));
}

static void destroyed(void) {
  denpa_graph *g = new_graph();
  denpa_model *m = two_layers(2, 3, "tanh", 1, DENPA_FLOAT32, 1);
  denpa_session *s = new_session(m, 1, 0);
  denpa_trainer *t = new_trainer(m, "mean_squared_error", NULL, "sgd", 0.1, 1);
  OK(denpa_graph_destroy(g));
  OK(denpa_model_destroy(m));
  OK(denpa_session_destroy(s));
  OK(denpa_trainer_destroy(t));
  refused(g);
  refused(m);
  refused(s);
  refused(t);
  STATUS(denpa_graph_destroy(g), DENPA_BAD_HANDLE);
  STATUS(denpa_model_destroy(m), DENPA_BAD_HANDLE);
  STATUS(denpa_session_destroy(s), DENPA_BAD_HANDLE);
  STATUS(denpa_trainer_destroy(t), DENPA_BAD_HANDLE);
  EQUAL(denpa_test_handles(), 0);
}

/* A slot that is used again gives another handle: the old one stays refused. */
static void stale(void) {
  denpa_graph *old[1000];
  denpa_graph *now;
  int i, k;
  for (i = 0; i < COUNT(old); i++) {
    old[i] = new_graph();
    OK(denpa_graph_destroy(old[i]));
  }
  now = new_graph();
  for (i = 0; i < COUNT(old); i++) {
    CHECK(old[i] != now);
    STATUS(denpa_graph_destroy(old[i]), DENPA_BAD_HANDLE);
    for (k = i + 1; k < i + 5 && k < COUNT(old); k++) CHECK(old[i] != old[k]);
  }
  OK(denpa_graph_destroy(now));
}

static void many(void) {
  enum { N = 5000 };
  static denpa_graph *g[N];
  int i;
  for (i = 0; i < N; i++) g[i] = new_graph();
  EQUAL(denpa_test_handles(), N);
  for (i = 0; i < N; i += 2) OK(denpa_graph_destroy(g[i]));
  for (i = 1; i < N; i += 2) CHECK(add_input(g[i], NULL, 3) == 0);
  for (i = 1; i < N; i += 2) OK(denpa_graph_destroy(g[i]));
  EQUAL(denpa_test_handles(), 0);
}

/* All 24 orders in which graph, model, session and trainer can go; what is left keeps working. */
static void any_order(void) {
  static const int orders[][4] = {
      {0, 1, 2, 3}, {0, 1, 3, 2}, {0, 2, 1, 3}, {0, 2, 3, 1}, {0, 3, 1, 2}, {0, 3, 2, 1}, {1, 0, 2, 3}, {1, 0, 3, 2},
      {1, 2, 0, 3}, {1, 2, 3, 0}, {1, 3, 0, 2}, {1, 3, 2, 0}, {2, 0, 1, 3}, {2, 0, 3, 1}, {2, 1, 0, 3}, {2, 1, 3, 0},
      {2, 3, 0, 1}, {2, 3, 1, 0}, {3, 0, 1, 2}, {3, 0, 2, 1}, {3, 1, 0, 2}, {3, 1, 2, 0}, {3, 2, 0, 1}, {3, 2, 1, 0}};
  float x[2] = {1, 2}, y[1], z[1] = {0.5f};
  denpa_tensor X = denpa_f32(x, 1, 2), Y = denpa_f32(y, 1, 1), T = denpa_f32(z, 1, 1);
  int o, k;
  for (o = 0; o < COUNT(orders); o++) {
    denpa_graph *g = new_graph();
    denpa_value in = add_input(g, "x", 2), out = add_dense(g, "out", in, 1, NULL);
    denpa_model *m = NULL;
    denpa_session *s;
    denpa_trainer *t;
    int gone[4] = {0, 0, 0, 0};
    OK(denpa_model_create(g, &out, 1, NULL, &m));
    s = new_session(m, 1, 0);
    t = new_trainer(m, "mean_squared_error", NULL, "sgd", 0.1, 1);
    for (k = 0; k < 4; k++) {
      gone[orders[o][k]] = 1;
      switch (orders[o][k]) {
      case 0: OK(denpa_graph_destroy(g)); break;
      case 1: OK(denpa_model_destroy(m)); break;
      case 2: OK(denpa_session_destroy(s)); break;
      default: OK(denpa_trainer_destroy(t)); break;
      }
      if (!gone[2]) OK(denpa_predict(s, &X, 1, &Y, 1));
      if (!gone[3]) {
        OK(denpa_train_batch(t, &X, 1, &T, 1, NULL));
        OK(denpa_publish(t));
      }
    }
    EQUAL(denpa_test_handles(), 0);
  }
}

/* Threads make, use and destroy while others use the same handles: answers are DENPA_OK or DENPA_BAD_HANDLE, nothing else. */
static denpa_model *shared[8];
static int stop, accepted;

static void *user(void *seed) {
  uint64_t state = (uint64_t)(uintptr_t)seed;
  while (!test_is_set(&stop)) {
    int k = (int)(random_number(&state) * 8);
    int32_t n = 0;
    denpa_session *s = NULL;
    denpa_status status = denpa_model_counts(__atomic_load_n(&shared[k], __ATOMIC_ACQUIRE), &n, NULL, NULL);
    CHECK(status == DENPA_OK ? n == 1 : status == DENPA_BAD_HANDLE);
    status = denpa_session_create(__atomic_load_n(&shared[k], __ATOMIC_ACQUIRE), NULL, &s);
    CHECK(status == DENPA_OK || status == DENPA_BAD_HANDLE);
    if (status == DENPA_OK) {
      __atomic_add_fetch(&accepted, 1, __ATOMIC_RELAXED);
      float x[2] = {1, 2}, y[1];
      denpa_tensor X = denpa_f32(x, 1, 2), Y = denpa_f32(y, 1, 1);
      OK(denpa_predict(s, &X, 1, &Y, 1));
      OK(denpa_session_destroy(s));
    }
  }
  return NULL;
}

static void threads(void) {
  pthread_t thread[6];
  int i, round;
  for (i = 0; i < 8; i++) shared[i] = two_layers(2, 3, "tanh", 1, DENPA_FLOAT32, 1);
  for (i = 0; i < COUNT(thread); i++) pthread_create(&thread[i], NULL, user, (void *)(uintptr_t)(i + 1));
  for (round = 0; round < 500 || (__atomic_load_n(&accepted, __ATOMIC_RELAXED) < 100 && round < 100000); round++) {
    denpa_model *old = shared[round % 8];
    OK(denpa_model_destroy(old));
    __atomic_store_n(&shared[round % 8], two_layers(2, 3, "tanh", 1, DENPA_FLOAT32, 1), __ATOMIC_RELEASE);
  }
  test_set(&stop);
  for (i = 0; i < COUNT(thread); i++) pthread_join(thread[i], NULL);
  CHECK(accepted >= 100);
  for (i = 0; i < 8; i++) OK(denpa_model_destroy(shared[i]));
  EQUAL(denpa_test_handles(), 0);
}

/* The sentence of an error is each thread's own. */
static void *other_error(void *unused) {
  (void)unused;
  CHECK(denpa_last_error()[0] == 0);
  STATUS(denpa_prove("no.such.layer", NULL, 0, NULL), DENPA_NOT_REGISTERED);
  CHECK(strstr(denpa_last_error(), "no.such.layer") != NULL);
  return NULL;
}
static void last_error(void) {
  char first[256];
  pthread_t thread;
  CHECK(denpa_last_error() != NULL && denpa_last_error()[0] == 0);
  STATUS(denpa_publish(NULL), DENPA_BAD_HANDLE);
  snprintf(first, sizeof first, "%s", denpa_last_error());
  pthread_create(&thread, NULL, other_error, NULL);
  pthread_join(thread, NULL);
  CHECK(strcmp(first, denpa_last_error()) == 0);
  OK(denpa_graph_destroy(new_graph())); /* a call that succeeds leaves it alone */
  CHECK(strcmp(first, denpa_last_error()) == 0);
}

static void names(void) {
  int i;
  CHECK(strcmp(denpa_version(), DENPA_VERSION) == 0);
  CHECK(strcmp(denpa_status_name(DENPA_OK), "DENPA_OK") == 0);
  CHECK(strcmp(denpa_status_name(DENPA_BAD_SHAPE), "DENPA_BAD_SHAPE") == 0);
  CHECK(strcmp(denpa_status_name(DENPA_INTERNAL_ERROR), "DENPA_INTERNAL_ERROR") == 0);
  for (i = 0; i <= DENPA_CALLBACK_FAILED; i++) CHECK(strncmp(denpa_status_name(i), "DENPA_", 6) == 0);
  CHECK(strcmp(denpa_status_name(-1), "unknown status") == 0);
  CHECK(strcmp(denpa_status_name(INT32_MAX), "unknown status") == 0);
  CHECK(strcmp(denpa_status_name(INT32_MIN), "unknown status") == 0);
}

static const test_case tests[] = {
    {"null_and_foreign", null_and_foreign},
    {"destroying_null", destroying_null},
    {"other_kinds", other_kinds},
    {"destroyed", destroyed},
    {"stale", stale},
    {"many", many},
    {"any_order", any_order},
    {"threads", threads},
    {"last_error", last_error},
    {"names", names},
};

int main(int argc, char **argv) { return test_main(tests, COUNT(tests), argc, argv); }
