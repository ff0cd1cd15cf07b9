/* Allocations: none per step once warm, none at all in a real-time session, and every one of them failing in turn. */
#include "nets.h"

#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static float X64[64 * 16], T64[64 * 4], Y64[64 * 4];
static int32_t labels[64];
static void data(void) {
  int i;
  fill(X64, 64 * 16, 1);
  fill(T64, 64 * 4, 2);
  for (i = 0; i < 64; i++) labels[i] = i % 4;
}

static void none_per_training_step(void) {
  static const char *const losses[] = {"mean_squared_error", "softmax_cross_entropy"};
  static const char *const optimizers[] = {"sgd", "adam"};
  int l, o, i;
  data();
  for (l = 0; l < 2; l++)
    for (o = 0; o < 2; o++) {
      denpa_model *m = two_layers(16, 32, "relu", 4, DENPA_FLOAT32, 1);
      denpa_trainer *t = new_trainer(m, losses[l], NULL, optimizers[o], 0.01, 64);
      denpa_tensor X = denpa_f32(X64, 64, 16), T = l == 0 ? denpa_f32(T64, 64, 4) : denpa_i32(labels, 64);
      double loss;
      int64_t before;
      for (i = 0; i < 3; i++) OK(denpa_train_batch(t, &X, 1, &T, 1, &loss));
      before = denpa_test_allocations();
      for (i = 0; i < 50; i++) OK(denpa_train_batch(t, &X, 1, &T, 1, &loss));
      EQUAL(denpa_test_allocations() - before, 0);
      OK(denpa_trainer_gradients(t, &X, 1, &T, 1, NULL, &loss));
      before = denpa_test_allocations();
      for (i = 0; i < 50; i++) {
        OK(denpa_trainer_zero_gradients(t));
        OK(denpa_trainer_gradients(t, &X, 1, &T, 1, NULL, &loss));
        OK(denpa_trainer_step(t));
      }
      EQUAL(denpa_test_allocations() - before, 0);
    }
}

/* A fit allocates as often for many rows as for few: nothing is kept of each batch, shuffled, converted or strided. */
static void few_per_fit(void) {
  enum { MOST = 20000, IN = 4 };
  static double x[MOST * IN];
  static int32_t label[MOST];
  int i, kind;
  for (i = 0; i < MOST; i++) label[i] = i % 3;
  for (i = 0; i < MOST * IN; i++) x[i] = i % 7 - 3;
  for (kind = 0; kind < 3; kind++) {
    int64_t counted[3], before;
    for (i = 0; i < 3; i++) {
      const int64_t rows = i < 2 ? 100 : MOST; /* the first time brings what is made once */
      denpa_model *m = two_layers(IN, 8, "relu", 3, DENPA_FLOAT32, 1);
      denpa_trainer *t = new_trainer(m, "softmax_cross_entropy", NULL, "adam", 0.01, 20);
      denpa_tensor X = kind == 0 ? denpa_f32((const float *)x, rows, IN) : denpa_f64(x, rows, IN), T = denpa_i32(label, rows);
      if (kind == 2) X.stride[0] = 1, X.stride[1] = MOST;
      before = denpa_test_allocations();
      OK(denpa_fit(t, &X, 1, &T, 1, NULL, NULL));
      counted[i] = denpa_test_allocations() - before;
    }
    CHECK(counted[2] < counted[1] + 5); /* hashing is not the same each time */
  }
}

/* Each batch size is laid out when it is first met, and then kept. */
static void none_per_prediction(void) {
  denpa_model *m = two_layers(16, 32, "relu", 4, DENPA_FLOAT32, 1);
  denpa_session *s = new_session(m, 64, 0);
  int64_t before = 0, rows;
  int round;
  data();
  for (round = 0; round < 5; round++) {
    if (round == 1) before = denpa_test_allocations();
    for (rows = 1; rows <= 64; rows += 9) {
      denpa_tensor X = denpa_f32(X64, rows, 16), Y = denpa_f32(Y64, rows, 4);
      OK(denpa_predict(s, &X, 1, &Y, 1));
    }
  }
  EQUAL(denpa_test_allocations() - before, 0);
}

/* From the first call on, in sizes never met before, converting, and with every kind of error. */
static void none_in_real_time(void) {
  double wide[16] = {0};
  int32_t whole[16] = {1, 2, 3};
  denpa_model *m = two_layers(16, 32, "relu", 4, DENPA_FLOAT32, 1);
  denpa_session *s = new_session(m, 64, 1), *gone = new_session(m, 1, 1);
  int64_t before, rows;
  int64_t dim[2] = {1, 16};
  denpa_tensor X, Y, bad;
  data();
  OK(denpa_session_destroy(gone));
  before = denpa_test_allocations();
  for (rows = 64; rows >= 0; rows--) {
    X = denpa_f32(X64, rows, 16);
    Y = denpa_f32(Y64, rows, 4);
    OK(denpa_predict(s, &X, 1, &Y, 1));
  }
  Y = denpa_f32(Y64, 1, 4);
  X = denpa_f64(wide, 1, 16);
  OK(denpa_predict(s, &X, 1, &Y, 1));
  X = denpa_tensor_make(whole, DENPA_INT32, 2, dim);
  OK(denpa_predict(s, &X, 1, &Y, 1));
  X = denpa_f32(X64, 65, 16);
  STATUS(denpa_predict(s, &X, 1, &Y, 1), DENPA_BAD_SHAPE);
  X = denpa_f32(X64, 1, 15);
  STATUS(denpa_predict(s, &X, 1, &Y, 1), DENPA_BAD_SHAPE);
  X = denpa_f32(X64, 1, 16);
  bad = denpa_f64(wide, 1, 4);
  STATUS(denpa_predict(s, &X, 1, &bad, 1), DENPA_BAD_DTYPE);
  STATUS(denpa_predict(s, &X, 1, &Y, 2), DENPA_BAD_ARGUMENT);
  STATUS(denpa_predict(s, NULL, 1, &Y, 1), DENPA_BAD_ARGUMENT);
  STATUS(denpa_predict(gone, &X, 1, &Y, 1), DENPA_BAD_HANDLE);
  STATUS(denpa_predict(NULL, &X, 1, &Y, 1), DENPA_BAD_HANDLE);
  EQUAL(denpa_test_allocations() - before, 0);
}

/* ------------------------------------------------------------------------------------------------------------------
 * Failing allocations. A scenario goes through the library's life; where a call fails for want of memory it must say so
 * and have changed nothing, and the scenario tries again with memory there.
 */
static int64_t first_failure, failure_count;
static int struck;

static int attempt(denpa_status status, const char *call) {
  if (status == DENPA_OK) return 1;
  if (status != DENPA_OUT_OF_MEMORY) {
    printf("    FAIL %s with allocation %d failing (%d times): %s: %s\n", call, (int)first_failure, (int)failure_count,
           denpa_status_name(status), denpa_last_error());
    if (++test_failures > 10) test_end();
  }
  struck = 1;
  denpa_test_fail_allocations(0, 0); /* memory is there again */
  return 0;
}

/* Calls until it goes well, at most twice; handles may not become more by a failing call. */
#define TRY(call)                                                                                                     \
  do {                                                                                                                \
    int64_t handles_before = denpa_test_handles();                                                                    \
    if (!attempt((call), #call)) {                                                                                    \
      EQUAL(denpa_test_handles(), handles_before);                                                                    \
      OK(call);                                                                                                       \
    }                                                                                                                 \
  } while (0)

/* Saving syncs, which takes long on a disk. */
#define SAVED (access("/dev/shm", W_OK) == 0 ? "/dev/shm/denpa-memory-test" : "/tmp/denpa-memory-test")

/* Answers the hash of the trained weights. */
static uint64_t scenario(void) {
  static const int32_t swapped[] = {1, 0};
  static const denpa_tensor_map torch[] = {{"0.weight", "hidden.W", swapped, 0}, {"2.weight", "out.W", swapped, 0}};
  denpa_graph *g = NULL;
  denpa_value x, h, y;
  denpa_model *m = NULL, *copy = NULL, *back = NULL;
  denpa_trainer *t = NULL;
  denpa_session *s = NULL, *rt = NULL;
  static unsigned char bytes[1 << 17];
  int64_t width = 16, length = 0, handles = denpa_test_handles();
  denpa_loss l = denpa_loss_on(0, "softmax_cross_entropy", NULL);
  denpa_tensor X = denpa_f32(X64, 8, 16), T = denpa_i32(labels, 8), Y = denpa_f32(Y64, 8, 4), all = denpa_f32(X64, 64, 16),
               allT = denpa_i32(labels, 64), view;
  double loss, accuracy[2];
  denpa_metric metrics[2];
  uint64_t hash;
  int i;
  OPTIONS(denpa_trainer_options, o);
  OPTIONS(denpa_session_options, so);
  OPTIONS(denpa_session_options, ro);
  OPTIONS(denpa_fit_options, f);
  OPTIONS(denpa_check_options, c);
  c.max_elements = 2, o.max_batch = 8;
  o.losses = &l, o.loss_count = 1, o.optimizer.kind = "adam";
  memset(metrics, 0, sizeof metrics);
  metrics[0].kind = "accuracy", metrics[1].kind = "f1";
  o.metrics = metrics, o.metric_count = 2;
  so.max_batch = 8, ro.max_batch = 2;
  ro.threads = ro.realtime = 1, f.epochs = 2;
  TRY(denpa_graph_create(&g));
  TRY(denpa_graph_input(g, "x", DENPA_FLOAT32, 1, &width, &x));
  TRY(denpa_graph_add(g, "dense", "hidden", DENPA_ATTRIBUTES(denpa_int("units", 8), denpa_string("activation", "relu")), &x, 1, &h, 1));
  TRY(denpa_graph_add(g, "dense", "out", DENPA_ATTRIBUTES(denpa_int("units", 4)), &h, 1, &y, 1));
  TRY(denpa_model_create(g, &y, 1, NULL, &m));
  TRY(denpa_trainer_create(m, &o, &t));
  TRY(denpa_session_create(m, &so, &s));
  TRY(denpa_session_create(m, &ro, &rt));
  for (i = 0; i < 3; i++) TRY(denpa_train_batch(t, &X, 1, &T, 1, &loss));
  TRY(denpa_publish(t));
  TRY(denpa_predict(s, &X, 1, &Y, 1));
  TRY(denpa_fit(t, &all, 1, &allT, 1, &f, &loss));
  TRY(denpa_check_gradients(t, &X, 1, &T, 1, &c, NULL, NULL));
  TRY(denpa_registry((char *)bytes, sizeof bytes, &length));
  TRY(denpa_evaluate(t, &all, 1, &allT, 1, &loss, accuracy, 2));
  TRY(denpa_trainer_gradient(t, "hidden.W", &view));
  TRY(denpa_model_view(m, "hidden.W", &view));
  TRY(denpa_model_json(m, (char *)bytes, sizeof bytes, &length));
  TRY(denpa_model_save_bytes(m, bytes, sizeof bytes, &length));
  TRY(denpa_model_load_bytes(bytes, length, &back));
  TRY(denpa_model_copy(m, DENPA_FLOAT64, &copy));
  TRY(denpa_trainer_save(t, SAVED));
  TRY(denpa_trainer_load(t, SAVED));
  TRY(denpa_publish(t));
  TRY(denpa_model_save_tensors(m, SAVED, torch, 2));
  TRY(denpa_model_load_tensors(m, SAVED, torch, 2, 0));
  denpa_test_fail_allocations(0, 0);
  hash = model_hash(m) * 31 + model_hash(back);
  OK(denpa_graph_destroy(g));
  OK(denpa_model_destroy(back));
  OK(denpa_model_destroy(copy));
  OK(denpa_session_destroy(s));
  OK(denpa_session_destroy(rt));
  OK(denpa_trainer_destroy(t));
  OK(denpa_model_destroy(m));
  EQUAL(denpa_test_handles(), handles);
  return hash;
}

static void fail_each(int64_t count) {
  uint64_t expected;
  int64_t total, k, strikes = 0;
  data();
  expected = scenario();
  CHECK(scenario() == expected); /* once more: what is made only once is there now */
  total = denpa_test_allocations();
  CHECK(scenario() == expected);
  total = denpa_test_allocations() - total;
  CHECK(total > 20);
  failure_count = count;
  for (k = 1; k < 1000000; k++) {
    first_failure = k;
    struck = 0;
    OK(denpa_test_fail_allocations(k, count));
    CHECK(scenario() == expected);
    strikes += struck;
    if (!struck && k > total + 20) break;
  }
  OK(denpa_test_fail_allocations(0, 0)); /* there may be some left for the next test */
  printf("    %d allocations in all, %d of them struck a call\n", (int)total, (int)strikes);
  CHECK(strikes > total * 9 / 10); /* the others are those of the calls between */
  unlink(SAVED);
}

static void each_allocation_fails_once(void) { fail_each(1); }
static void all_fail_from_one_on(void) { fail_each(-1); }

/* The very first use of the library, where tables are made, without memory: each time in a process of its own. */
static void first_use_without_memory(void) {
  int k, strikes = 0, reached = 0;
  data();
  for (k = 1; k <= 100000 && !reached; k += k < 400 ? 1 : 37) {
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
      first_failure = k;
      failure_count = -1;
      OK(denpa_test_fail_allocations(k, -1));
      scenario();
      fflush(stdout);
      _exit(test_failures ? 1 : struck ? 0 : 2);
    }
    waitpid(child, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) == 1) {
      printf("    FAIL first use, from allocation %d on: %s %d\n", k, WIFSIGNALED(status) ? "signal" : "exit",
             WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
      if (++test_failures > 5) return;
    }
    strikes += WIFEXITED(status) && WEXITSTATUS(status) == 0;
    reached = WIFEXITED(status) && WEXITSTATUS(status) == 2;
  }
  CHECK(reached && strikes > 400);
}

/* The proof of a layer, likewise. The number of its allocations varies a little, because hashing does. */
static void proof_without_memory(void) {
  enum { VARIES = 200 };
  int64_t k, total;
  OK(denpa_prove("dense", NULL, 0, NULL)); /* what is made once is there now */
  total = denpa_test_allocations();
  OK(denpa_prove("dense", NULL, 0, NULL));
  total = denpa_test_allocations() - total;
  CHECK(total > 300);
  for (k = 1; k < total - VARIES; k += 1 + total / 300) {
    OK(denpa_test_fail_allocations(k, -1));
    STATUS(denpa_prove("dense", NULL, 0, NULL), DENPA_OUT_OF_MEMORY);
    OK(denpa_test_fail_allocations(0, 0));
  }
  OK(denpa_test_fail_allocations(total + VARIES, -1));
  OK(denpa_prove("dense", NULL, 0, NULL));
  OK(denpa_test_fail_allocations(0, 0));
  EQUAL(denpa_test_handles(), 0);
}

static void controls(void) {
  denpa_graph *g = NULL;
  STATUS(denpa_test_fail_allocations(-1, 1), DENPA_BAD_ARGUMENT);
  OK(denpa_test_fail_allocations(1, -1));
  STATUS(denpa_graph_create(&g), DENPA_OUT_OF_MEMORY);
  CHECK(g == NULL);
  STATUS(denpa_graph_create(&g), DENPA_OUT_OF_MEMORY);
  OK(denpa_test_fail_allocations(0, 0));
  OK(denpa_graph_create(&g));
  EQUAL(denpa_test_handles(), 1);
}

/* Errors allocate nothing, those included that are composed of others; more of them than the reserve has room for leave nothing
 * behind. Also with allocations that would fail. */
static void errors_allocate_nothing(void) {
  denpa_model *m = two_layers(16, 32, "relu", 4, DENPA_FLOAT32, 1);
  denpa_session *s;
  denpa_tensor X = denpa_f32(X64, 64, 15), Y = denpa_f32(Y64, 64, 4);
  int i, fails;
  int64_t before;
  OPTIONS(denpa_session_options, o);
  o.threads = o.realtime = 1;
  o.max_batch = 64;
  OK(denpa_session_create(m, &o, &s));
  before = denpa_test_allocations();
  for (fails = 0; fails < 2; fails++) {
    if (fails) OK(denpa_test_fail_allocations(1, -1));
    for (i = 0; i < 20000; i++) {
      STATUS(denpa_predict(s, &X, 1, &Y, 1), DENPA_BAD_SHAPE);
      STATUS(denpa_predict((denpa_session *)m, &X, 1, &Y, 1), DENPA_BAD_HANDLE);
    }
    CHECK(strstr(denpa_last_error(), "expected a session, got a model") != NULL);
    OK(denpa_test_fail_allocations(0, 0));
  }
  EQUAL(denpa_test_allocations() - before, 0);
}

/* More than an address space of 2^47 bytes has in one piece: 120 TiB of weights, or for a batch of 2^31 - 1. And more than may
 * be asked for. */
static void too_large(void) {
  denpa_graph *g = new_graph();
  denpa_value x = add_input(g, "x", 1 << 20), y;
  denpa_model *m = NULL;
  denpa_session *s = NULL;
  int64_t handles;
  OPTIONS(denpa_session_options, o);
#define UNITS(count) denpa_graph_add(g, "dense", "big", DENPA_ATTRIBUTES(denpa_int("units", count)), &x, 1, &y, 1)
  STATUS(UNITS((int64_t)1 << 40), DENPA_BAD_ARGUMENT);
  STATUS(UNITS(INT32_MAX), DENPA_LIMIT_EXCEEDED);
  OK(UNITS(15 << 21));
  handles = denpa_test_handles();
  STATUS(denpa_model_create(g, &y, 1, NULL, &m), DENPA_OUT_OF_MEMORY);
  CHECK(m == NULL);
  EQUAL(denpa_test_handles(), handles);
  m = two_layers(1, 15 << 10, "relu", 1, DENPA_FLOAT32, 1);
  handles = denpa_test_handles();
  o.max_batch = INT32_MAX;
  STATUS(denpa_session_create(m, &o, &s), DENPA_OUT_OF_MEMORY);
  CHECK(s == NULL);
  EQUAL(denpa_test_handles(), handles);
}

/* A real-time session makes no system call, good input or bad: under strict seccomp any other than read, write and exit would
 * kill the process. In a child, because there is no way back. */
static void real_time_makes_no_system_call(void) {
  static float x[8 * 3], y[8 * 2];
  denpa_model *m = two_layers(3, 16, "tanh", 2, DENPA_FLOAT32, 1);
  denpa_session *s = new_session(m, 8, 1);
  int state = 0;
  pid_t child = fork();
  if (child == 0) {
    int rows, bad = 0;
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) syscall(SYS_exit, 77);
    for (rows = 8; rows >= 0; rows--) {
      denpa_tensor X = denpa_f32(x, rows, 3), Y = denpa_f32(y, rows, 2), wide = denpa_f32(x, rows, 4);
      bad += denpa_predict(s, &X, 1, &Y, 1) != DENPA_OK;
      bad += denpa_predict(s, &wide, 1, &Y, 1) != DENPA_BAD_SHAPE;
      bad += denpa_predict(s, NULL, 1, &Y, 1) != DENPA_BAD_ARGUMENT;
      bad += denpa_last_error()[0] == 0;
    }
    syscall(SYS_exit, bad);
  }
  waitpid(child, &state, 0);
  CHECK(WIFEXITED(state) && (WEXITSTATUS(state) == 0 || WEXITSTATUS(state) == 77)); /* 77: a kernel without seccomp */
}

static const test_case tests[] = {
    {"none_per_training_step", none_per_training_step},
    {"few_per_fit", few_per_fit},
    {"none_per_prediction", none_per_prediction},
    {"none_in_real_time", none_in_real_time},
    {"errors_allocate_nothing", errors_allocate_nothing},
    {"controls", controls},
    {"each_allocation_fails_once", each_allocation_fails_once},
    {"all_fail_from_one_on", all_fail_from_one_on},
    {"first_use_without_memory", first_use_without_memory},
    {"proof_without_memory", proof_without_memory},
    {"too_large", too_large},
    {"real_time_makes_no_system_call", real_time_makes_no_system_call},
};

int main(int argc, char **argv) { return test_main(tests, COUNT(tests), argc, argv); }
