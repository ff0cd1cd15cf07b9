/* What the library does to the process that loads it: nothing. Loaded with dlopen, so that before and after can be told
 * apart; this program itself is not linked with it. */
#include <denpa.h>
#include <dirent.h>
#include <dlfcn.h>
#include <fenv.h>
#include <locale.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

/* test.h wants one function of the library by name: here it comes from dlopen. */
static const char *(*last_error_function)(void);
static const char *(*status_name_function)(denpa_status);
#define denpa_last_error() (last_error_function == NULL ? "" : last_error_function())
#define denpa_status_name(status) (status_name_function == NULL ? "" : status_name_function(status))
#include "test.h"

extern char **environ;

static struct {
  __typeof__(&denpa_graph_create) graph_create;
  __typeof__(&denpa_graph_input) graph_input;
  /* Overloaded in C++, so that its address has no one type. */
  denpa_status (*graph_add)(denpa_graph *, const char *, const char *, const denpa_attribute *, const denpa_value *, int32_t,
                            denpa_value *, int32_t);
  __typeof__(&denpa_model_create) model_create;
  __typeof__(&denpa_trainer_create) trainer_create;
  __typeof__(&denpa_train_batch) train_batch;
  __typeof__(&denpa_session_create) session_create;
  __typeof__(&denpa_predict) predict;
  __typeof__(&denpa_publish) publish;
  __typeof__(&denpa_set_thread_count) set_thread_count;
} api;

enum { ROWS = 256, IN = 256, UNITS = 256 };
static float x[ROWS * IN], t[ROWS], y[ROWS];
/* x as made in the usual mode: a caller's arithmetic is the caller's. */
static void make_data(float scale) {
  int i;
  for (i = 0; i < ROWS * IN; i++) x[i] = scale * (float)(i % 17 - 8);
}

static const char *library(void) {
  const char *path = getenv("DENPA_LIBRARY");
  return path != NULL ? path : "build/libdenpa.so.0";
}

static void symbol(void *handle, const char *name, void *to) {
  void *found = dlsym(handle, name);
  if (found == NULL) {
    printf("    FAIL %s: %s\n", name, dlerror());
    test_failures++;
    test_end();
  }
  memcpy(to, &found, sizeof found);
}

static void *load(void) {
  void *handle = dlopen(library(), RTLD_NOW | RTLD_LOCAL);
  if (handle == NULL) {
    printf("    FAIL %s\n", dlerror());
    test_failures++;
    test_end();
  }
  make_data(0.01f);
  symbol(handle, "denpa_last_error", &last_error_function);
  symbol(handle, "denpa_status_name", &status_name_function);
  symbol(handle, "denpa_graph_create", &api.graph_create);
  symbol(handle, "denpa_graph_input", &api.graph_input);
  symbol(handle, "denpa_graph_add", &api.graph_add);
  symbol(handle, "denpa_model_create", &api.model_create);
  symbol(handle, "denpa_trainer_create", &api.trainer_create);
  symbol(handle, "denpa_train_batch", &api.train_batch);
  symbol(handle, "denpa_session_create", &api.session_create);
  symbol(handle, "denpa_predict", &api.predict);
  symbol(handle, "denpa_publish", &api.publish);
  symbol(handle, "denpa_set_thread_count", &api.set_thread_count);
  return handle;
}

/* Builds a network that pays to be divided, trains one step, predicts; answers the loss. */
static double train_a_bit(int32_t threads) {
  int64_t width = IN;
  double loss = -1;
  int i;
  denpa_graph *g = NULL;
  denpa_value in, h, out;
  denpa_model *m = NULL;
  denpa_trainer *trainer = NULL;
  denpa_session *s = NULL;
  denpa_loss l = denpa_loss_on(0, "mean_squared_error", NULL);
  denpa_tensor X = denpa_f32(x, ROWS, IN), T = denpa_f32(t, ROWS, 1), Y = denpa_f32(y, ROWS, 1);
  denpa_trainer_options o;
  denpa_session_options so;
  memset(&o, 0, sizeof o);
  memset(&so, 0, sizeof so);
  o.struct_size = sizeof o;
  so.struct_size = sizeof so;
  o.max_batch = so.max_batch = ROWS;
  o.threads = so.threads = threads;
  o.loss_count = 1;
  o.losses = &l;
  o.optimizer.kind = "sgd";
  OK(api.graph_create(&g));
  OK(api.graph_input(g, "x", DENPA_FLOAT32, 1, &width, &in));
  OK(api.graph_add(g, "dense", NULL, listed(denpa_int("units", UNITS), denpa_string("activation", "tanh")), &in, 1, &h, 1));
  OK(api.graph_add(g, "dense", NULL, listed(denpa_int("units", 1), denpa_end()), &h, 1, &out, 1));
  OK(api.model_create(g, &out, 1, NULL, &m));
  OK(api.trainer_create(m, &o, &trainer));
  OK(api.session_create(m, &so, &s));
  for (i = 0; i < 3; i++) OK(api.train_batch(trainer, &X, 1, &T, 1, &loss));
  OK(api.publish(trainer));
  OK(api.predict(s, &X, 1, &Y, 1));
  return loss;
}

static int count_threads(void) {
  DIR *folder = opendir("/proc/self/task");
  int n = 0;
  struct dirent *entry;
  while (folder != NULL && (entry = readdir(folder)) != NULL) n += entry->d_name[0] != '.';
  if (folder != NULL) closedir(folder);
  return n;
}

static void loading_starts_no_thread(void) {
  EQUAL(count_threads(), 1);
  load();
  EQUAL(count_threads(), 1);
  train_a_bit(1);
  EQUAL(count_threads(), 1);
  train_a_bit(4);
  CHECK(count_threads() <= 5);
}

typedef struct state {
  struct sigaction actions[65];
  sigset_t mask;
  int rounding;
  unsigned mxcsr;
  char locale[256];
  char *environment[512];
  char folder[4096];
} state;

static void look(state *s) {
  int i;
  memset(s, 0, sizeof *s);
  for (i = 1; i < 65; i++) sigaction(i, NULL, &s->actions[i]);
  sigprocmask(SIG_BLOCK, NULL, &s->mask);
  s->rounding = fegetround();
#if defined(__x86_64__)
  s->mxcsr = _mm_getcsr() & ~0x3fu; /* without the flags that any operation may raise */
#endif
  snprintf(s->locale, sizeof s->locale, "%s", setlocale(LC_ALL, NULL));
  for (i = 0; i < 511 && environ[i] != NULL; i++) s->environment[i] = environ[i];
  if (getcwd(s->folder, sizeof s->folder) == NULL) test_failures++;
}

static void same(const state *a, const state *b) {
  int i;
  for (i = 1; i < 65; i++) {
    CHECK(a->actions[i].sa_handler == b->actions[i].sa_handler && a->actions[i].sa_flags == b->actions[i].sa_flags);
    CHECK(sigismember(&a->mask, i) == sigismember(&b->mask, i));
  }
  CHECK(a->rounding == b->rounding && a->mxcsr == b->mxcsr);
  CHECK(strcmp(a->locale, b->locale) == 0 && strcmp(a->folder, b->folder) == 0);
  CHECK(memcmp(a->environment, b->environment, sizeof a->environment) == 0);
}

static void nothing_is_changed(void) {
  static state before, loaded, used;
  look(&before);
  load();
  look(&loaded);
  same(&before, &loaded);
  train_a_bit(2);
  look(&used);
  same(&before, &used);
}

/* A caller that flushes subnormal numbers, or rounds downwards, gets its mode back and the same results as any other. */
static void floating_point_mode(void) {
#if defined(__x86_64__)
  static const unsigned modes[] = {0x1f80, 0x9fc0, 0x3f80, 0x5f80, 0x7f80};
  static float expected[ROWS];
  double loss = 0;
  int i, scale;
  load();
  for (scale = 0; scale < 2; scale++) /* numbers as usual, and so small that products are subnormal */
    for (i = 0; i < COUNT(modes); i++) {
      double got;
      unsigned after;
      make_data(scale == 0 ? 0.01f : 1e-38f);
      _mm_setcsr(modes[i]);
      got = train_a_bit(2);
      after = _mm_getcsr();
      _mm_setcsr(0x1f80);
      EQUAL(after & ~0x3fu, modes[i] & ~0x3fu);
      if (i == 0) {
        loss = got;
        memcpy(expected, y, sizeof y);
      }
      CHECK(memcmp(&got, &loss, sizeof got) == 0);
      CHECK(memcmp(expected, y, sizeof y) == 0);
    }
#endif
}

/* dlclose is harmless: the library stays, and so do its threads. */
static void closing(void) {
  void *handle = load();
  train_a_bit(2);
  dlclose(handle);
  usleep(10000);
  train_a_bit(2);
}

static const test_case tests[] = {
    {"loading_starts_no_thread", loading_starts_no_thread},
    {"nothing_is_changed", nothing_is_changed},
    {"floating_point_mode", floating_point_mode},
    {"closing", closing},
};

int main(int argc, char **argv) { return test_main(tests, COUNT(tests), argc, argv); }
