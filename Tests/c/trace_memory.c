/* Traces, drawings and the summary where each allocation fails in turn, and from several threads. */
#include "traces.h"

#include <pthread.h>

static int64_t failing;
static int struck;
#define TRY(call)                                                                                                     \
  do {                                                                                                                \
    int64_t handles_ = denpa_test_handles();                                                                          \
    denpa_status status_ = (call);                                                                                    \
    if (status_ != DENPA_OK) {                                                                                        \
      if (status_ != DENPA_OUT_OF_MEMORY) {                                                                           \
        printf("    FAIL with allocation %d failing: %s: %s: %s\n", (int)failing, #call, denpa_status_name(status_),    \
               denpa_last_error());                                                                                   \
        if (++test_failures > 10) test_end();                                                                         \
      }                                                                                                               \
      struck = 1;                                                                                                     \
      denpa_test_fail_allocations(0, 0);                                                                              \
      EQUAL(denpa_test_handles(), handles_);                                                                          \
      OK(call);                                                                                                       \
    }                                                                                                                 \
  } while (0)

static void each_allocation_fails(void) {
  static const int64_t index[] = {0, 1};
  static char text[65536];
  static float x[8 * 6], y[8 * 2];
  denpa_tensor X = denpa_f32(x, 8, 6), T = denpa_f32(y, 8, 2);
  denpa_model *m = noisy_model(), *chain = notes_model();
  denpa_trainer *t = new_trainer(m, "mean_squared_error", NULL, "adam", 0.01, 8), *u = notes_trainer(chain);
  denpa_trace *gradients = notes_trace(u, DENPA_LABELS_BOOK);
  uint64_t hash = model_hash(m);
  int64_t count;
  OPTIONS(denpa_trace_options, o);
  OPTIONS(denpa_drawing_options, d);
  OPTIONS(denpa_factors, f);
  fill(x, 48, 1);
  fill(y, 16, 2);
  o.training = 1;
  d.kind = DENPA_DRAW_NETWORK;
  d.parameter = "W1";
  d.index = index;
  d.rank = 2;
  for (count = 1; count >= -1; count -= 2) {
    failing = 0;
    do {
      denpa_trace *trace = NULL, *plain = NULL;
      denpa_factor_term terms[4];
      int64_t length;
      int32_t found;
      failing++;
      struck = 0;
      denpa_test_fail_allocations(failing, count);
      TRY(denpa_trace_trainer(t, &X, 1, &T, 1, &o, &trace));
      TRY(denpa_trace_model(m, &X, 1, NULL, &plain));
      TRY(denpa_trace_find(trace, "norm", &found));
      TRY(denpa_trace_print(trace, text, sizeof text, &length));
      TRY(denpa_trace_draw(trace, NULL, text, sizeof text, &length));
      TRY(denpa_trace_draw(gradients, &d, text, sizeof text, &length));
      TRY(denpa_trace_factors(gradients, "W1", index, 2, 0, &f, terms, 4));
      TRY(denpa_trace_print_factors(gradients, "W1", index, 2, 0, text, sizeof text, &length));
      TRY(denpa_model_draw(m, NULL, text, sizeof text, &length));
      TRY(denpa_model_summary(m, &X, 1, NULL, text, sizeof text, &length));
      denpa_test_fail_allocations(0, 0);
      OK(denpa_trace_destroy(trace));
      OK(denpa_trace_destroy(plain));
      CHECK(model_hash(m) == hash);
    } while (struck && failing < 20000);
    CHECK(failing > 500 && failing < 20000);
  }
}

/* ------------------------------------------------------------------------------------------------------------------ */
static denpa_trace *shared_trace;
static denpa_trainer *shared_trainer;
static int finished;

static void *reads(void *unused) {
  static const int64_t index[] = {1, 2};
  int i;
  char text[16384];
  for (i = 0; i < 200; i++) {
    int64_t length;
    denpa_traced v = named(shared_trace, "u1");
    OPTIONS(denpa_factors, f);
    NEAR(element(&v.value, 1), 1.3, 1e-14);
    OK(denpa_trace_factors(shared_trace, "W1", index, 2, 0, &f, NULL, 0));
    NEAR(f.product, f.gradient, 1e-12);
    OK(denpa_trace_draw(shared_trace, NULL, text, sizeof text, &length));
  }
  return unused;
}
static void *trains(void *unused) {
  denpa_tensor X = denpa_f64(half, 1, 2), T = denpa_f64(target, 1, 2);
  double loss;
  while (!test_is_set(&finished)) {
    OK(denpa_train_batch(shared_trainer, &X, 1, &T, 1, &loss));
    OK(denpa_publish(shared_trainer));
  }
  return unused;
}
static void *traces(void *unused) {
  int i;
  for (i = 0; i < 100; i++) {
    denpa_trace *trace = notes_trace(shared_trainer, DENPA_LABELS_BOOK);
    denpa_traced v = named(trace, "y"), t = named(trace, "t"), e = named(trace, "E");
    double a = element(&v.value, 0) - element(&t.value, 0), b = element(&v.value, 1) - element(&t.value, 1);
    NEAR(element(&e.value, 0), (a * a + b * b) / 2, 1e-14);
    OK(denpa_trace_destroy(trace));
  }
  return unused;
}
static void many_threads(void) {
  denpa_model *m = notes_model();
  pthread_t readers[3], tracer, trainer;
  int i;
  shared_trainer = notes_trainer(m);
  shared_trace = notes_trace(shared_trainer, DENPA_LABELS_BOOK);
  CHECK(pthread_create(&trainer, NULL, trains, NULL) == 0 && pthread_create(&tracer, NULL, traces, NULL) == 0);
  for (i = 0; i < 3; i++) CHECK(pthread_create(&readers[i], NULL, reads, NULL) == 0);
  for (i = 0; i < 3; i++) pthread_join(readers[i], NULL);
  pthread_join(tracer, NULL);
  test_set(&finished);
  pthread_join(trainer, NULL);
}

static const test_case tests[] = {
    {"each_allocation_fails", each_allocation_fails},
    {"many_threads", many_threads},
};

int main(int argc, char **argv) { return test_main(tests, COUNT(tests), argc, argv); }
