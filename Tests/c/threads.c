/* Many threads, forks, and predictions while another thread publishes. */
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "nets.h"
/* The same seed, data and options: the same bits, for any number of threads. */
static uint64_t fitted(int32_t threads, int64_t batch) {
  static float x[256 * 64], t[256 * 8];
  denpa_model *m = two_layers(64, 128, "tanh", 8, DENPA_FLOAT32, 9);
  denpa_trainer *trainer = NULL;
  denpa_loss l = denpa_loss_on(0, "mean_squared_error", NULL);
  denpa_tensor X = denpa_f32(x, 256, 64), T = denpa_f32(t, 256, 8);
  uint64_t hash;
  OPTIONS(denpa_trainer_options, o);
  OPTIONS(denpa_fit_options, f);
  fill(x, 256 * 64, 1);
  fill(t, 256 * 8, 2);
  o.max_batch = batch;
  o.threads = threads;
  o.loss_count = 1;
  o.losses = &l;
  o.optimizer.kind = "adam";
  f.epochs = 3;
  OK(denpa_trainer_create(m, &o, &trainer));
  OK(denpa_fit(trainer, &X, 1, &T, 1, &f, NULL));
  hash = model_hash(m);
  OK(denpa_trainer_destroy(trainer));
  OK(denpa_model_destroy(m));
  return hash;
}

static void same_bits_for_any_threads(void) {
  int64_t batch;
  static const int32_t threads[] = {2, 3, 5, 8, 11, 16};
  for (batch = 7; batch <= 256; batch += 83) {
    uint64_t one = fitted(1, batch);
    int i;
    for (i = 0; i < COUNT(threads); i++) CHECK(fitted(threads[i], batch) == one);
  }
}

/* All weights of the published models are one number c, so that each output tells c, and tells where two were mixed. */
enum { WIDTH = 64 };
static denpa_model *model;
static int stop, learning, seen_changes;

static void *predictor(void *realtime) {
  float x[WIDTH], y[WIDTH], last = -1;
  denpa_session *s = new_session(model, 1, realtime != NULL);
  denpa_tensor X = denpa_f32(x, 1, WIDTH), Y = denpa_f32(y, 1, WIDTH);
  int i;
  for (i = 0; i < WIDTH; i++) x[i] = 1.0f / WIDTH;
  while (!test_is_set(&stop)) {
    OK(denpa_predict(s, &X, 1, &Y, 1));
    /* y = (sum of x) * c * WIDTH * c, the same in each column */
    for (i = 1; i < WIDTH; i++) CHECK(y[i] == y[0]);
    {
      double c = sqrt((double)y[0] / WIDTH);
      NEAR(c, round(c), 1e-3);
    }
    if (y[0] != last) __atomic_add_fetch(&seen_changes, 1, __ATOMIC_RELAXED);
    last = y[0];
  }
  OK(denpa_session_destroy(s));
  return NULL;
}

static void set_all(denpa_model *m, double c) {
  static double values[WIDTH * WIDTH];
  int i;
  for (i = 0; i < WIDTH * WIDTH; i++) values[i] = c;
  set_parameter(m, "hidden.W", values, 2, WIDTH, WIDTH);
  set_parameter(m, "out.W", values, 2, WIDTH, WIDTH);
}

/* Publishing goes through a trainer: sgd at rate 1 with gradients that this test writes moves every weight by exactly 1. */
static void publish_is_one_instant(void) {
  static const char *const names[] = {"hidden.W", "out.W"};
  pthread_t thread[6];
  denpa_graph *g = new_graph();
  denpa_value in = add_input(g, "x", WIDTH), h = add_dense(g, "hidden", in, WIDTH, NULL), y = add_dense(g, "out", h, WIDTH, NULL);
  denpa_trainer *t;
  static const float nothing[WIDTH] = {0};
  denpa_tensor view[2], zeros = denpa_f32(nothing, 1, WIDTH);
  int i, k, round;
  model = finish_model(g, &y, 1, DENPA_FLOAT32, 1);
  set_all(model, 1);
  t = new_trainer(model, "mean_squared_error", NULL, "sgd", 1, 1);
  OK(denpa_trainer_gradients(t, &zeros, 1, &zeros, 1, NULL, NULL));
  for (k = 0; k < 2; k++) OK(denpa_trainer_gradient(t, names[k], &view[k]));
  for (i = 0; i < COUNT(thread); i++) pthread_create(&thread[i], NULL, predictor, i % 2 ? (void *)&stop : NULL);
  for (round = 0; round < 3000 || (__atomic_load_n(&seen_changes, __ATOMIC_RELAXED) <= 200 && round < 1000000); round++) {
    double step = round % 10 == 9 ? 9 : -1; /* 1, 2, ... 10, 1, ... */
    for (k = 0; k < 2; k++)
      for (i = 0; i < WIDTH * WIDTH; i++) ((float *)view[k].data)[i] = (float)step;
    OK(denpa_trainer_step(t));
    OK(denpa_publish(t));
  }
  test_set(&stop);
  for (i = 0; i < COUNT(thread); i++) pthread_join(thread[i], NULL);
  CHECK(seen_changes > 20);
}

static const float *expected;
/* One thread sets whole parameters and freezes and thaws, another writes files: each file is one moment's model. */
static void *writer(void *unused) {
  static float values[WIDTH * WIDTH];
  denpa_tensor t = denpa_f32(values, WIDTH, WIDTH);
  int round, i;
  (void)unused;
  for (round = 0; !test_is_set(&stop); round++) {
    for (i = 0; i < WIDTH * WIDTH; i++) values[i] = (float)(round % 1000);
    OK(denpa_model_set(model, "hidden.W", &t));
    OK(denpa_model_set_trainable(model, "hidden", round & 1));
  }
  return NULL;
}

static void a_file_is_one_moment(void) {
  static char bytes[1 << 20];
  static const float zeros[WIDTH * WIDTH] = {0};
  denpa_tensor zero = denpa_f32(zeros, WIDTH, WIDTH);
  pthread_t thread;
  float last = -1;
  int round, i, moments = 0;
  model = two_layers(WIDTH, WIDTH, "tanh", 2, DENPA_FLOAT32, 1);
  OK(denpa_model_set(model, "hidden.W", &zero));
  pthread_create(&thread, NULL, writer, NULL);
  for (round = 0; round < 2000 || (moments < 20 && round < 100000); round++) {
    denpa_model *copy = NULL;
    denpa_tensor view;
    int64_t length;
    OK(denpa_model_save_bytes(model, bytes, sizeof bytes, &length));
    OK(denpa_model_load_bytes(bytes, length, &copy));
    OK(denpa_model_view(copy, "hidden.W", &view));
    for (i = 1; i < WIDTH * WIDTH; i++) CHECK(((float *)view.data)[i] == ((float *)view.data)[0]);
    moments += ((float *)view.data)[0] != last;
    last = ((float *)view.data)[0];
    OK(denpa_model_destroy(copy));
  }
  test_set(&stop);
  pthread_join(thread, NULL);
  CHECK(moments >= 20);
}

static void *one_of_64(void *number) {
  float x[32 * 16], y[32 * 4];
  uint64_t state = (uint64_t)(uintptr_t)number;
  denpa_session *s = new_session(model, 32, (uintptr_t)number % 4 == 0);
  int round, i;
  for (round = 0; round < 200; round++) {
    int64_t rows = 1 + (int64_t)(random_number(&state) * 32);
    denpa_tensor X = denpa_f32(x, rows, 16), Y = denpa_f32(y, rows, 4);
    fill(x, 32 * 16, 5);
    OK(denpa_predict(s, &X, 1, &Y, 1));
    for (i = 0; i < rows * 4; i++) CHECK(fabs((double)y[i] - (double)expected[i]) < 1e-5);
  }
  OK(denpa_session_destroy(s));
  return NULL;
}

static void threads_64(void) {
  pthread_t thread[64];
  static float x[32 * 16], y[32 * 4];
  denpa_session *s;
  denpa_tensor X = denpa_f32(x, 32, 16), Y = denpa_f32(y, 32, 4);
  int i;
  model = two_layers(16, 64, "relu", 4, DENPA_FLOAT32, 3);
  s = new_session(model, 32, 0);
  fill(x, 32 * 16, 5);
  OK(denpa_predict(s, &X, 1, &Y, 1));
  expected = y;
  for (i = 0; i < 64; i++) EQUAL(pthread_create(&thread[i], NULL, one_of_64, (void *)(uintptr_t)(i + 1)), 0);
  for (i = 0; i < 64; i++) pthread_join(thread[i], NULL);
  OK(denpa_session_destroy(s));
  EQUAL(denpa_test_handles(), 1);
}

/* One session shared by threads takes turns; a real-time one answers DENPA_BUSY to the second. */
static denpa_session *shared_session;
static int busy;
static void *sharing(void *unused) {
  float x[16] = {0}, y[4];
  denpa_tensor X = denpa_f32(x, 1, 16), Y = denpa_f32(y, 1, 4);
  int i, k;
  (void)unused;
  fill(x, 16, 5);
  for (i = 0; i < 2000; i++) {
    denpa_status status = denpa_predict(shared_session, &X, 1, &Y, 1);
    if (status == DENPA_BUSY) __atomic_add_fetch(&busy, 1, __ATOMIC_RELAXED);
    else {
      EQUAL(status, DENPA_OK);
      for (k = 0; k < 4; k++) CHECK(fabs((double)y[k] - (double)expected[k]) < 1e-5);
    }
  }
  return NULL;
}
static void share(int32_t realtime) {
  pthread_t thread[4];
  static float x[16], y[4];
  denpa_tensor X = denpa_f32(x, 1, 16), Y = denpa_f32(y, 1, 4);
  int i, round;
  model = two_layers(16, 2048, "relu", 4, DENPA_FLOAT32, 3);
  shared_session = new_session(model, 1, realtime);
  fill(x, 16, 5);
  OK(denpa_predict(shared_session, &X, 1, &Y, 1));
  expected = y;
  /* That two threads meet inside is a matter of time: on one CPU, of many time slices. */
  for (round = 0; round < (realtime ? 200 : 3) && busy == 0; round++) {
    for (i = 0; i < 4; i++) EQUAL(pthread_create(&thread[i], NULL, sharing, NULL), 0);
    for (i = 0; i < 4; i++) pthread_join(thread[i], NULL);
  }
  CHECK((busy > 0) == realtime);
}
static void sharing_a_session(void) { share(0); }
static void sharing_a_realtime_session(void) { share(1); }

/* Forks while training is under way in other threads and in this one: each child trains and predicts, none hangs. */
static void *learner(void *unused) {
  denpa_trainer *t = new_trainer(model, "mean_squared_error", NULL, "sgd", 0.001, 64);
  static float x[64 * 128], target[64 * 8];
  denpa_tensor X = denpa_f32(x, 64, 128), T = denpa_f32(target, 64, 8);
  (void)unused;
  for (; !test_is_set(&stop); test_set(&learning)) OK(denpa_train_batch(t, &X, 1, &T, 1, NULL));
  return NULL;
}
static void forks(void) {
  static float x[64 * 128], target[64 * 8];
  denpa_tensor X = denpa_f32(x, 64, 128), T = denpa_f32(target, 64, 8);
  pthread_t thread;
  int i;
  fill(x, 64 * 128, 1), fill(target, 64 * 8, 2);
  OK(denpa_set_thread_count(4));
  model = two_layers(128, 512, "tanh", 8, DENPA_FLOAT32, 9);
  {
    denpa_trainer *t = new_trainer(model, "mean_squared_error", NULL, "sgd", 0.001, 64);
    OK(denpa_train_batch(t, &X, 1, &T, 1, NULL)); /* the threads are there now */
    pthread_create(&thread, NULL, learner, NULL);
    /* A plan that is being made at the time of a fork would be a leak in the child, where its thread is gone. */
    while (!test_is_set(&learning)) usleep(1000);
    for (i = 0; i < 40; i++) {
      int status = 0;
      pid_t child;
      usleep(1000 + 137 * (useconds_t)i);
      child = fork();
      if (child == 0) {
        denpa_model *m;
        alarm(20);
        OK(denpa_train_batch(t, &X, 1, &T, 1, NULL));
        m = two_layers(128, 512, "tanh", 8, DENPA_FLOAT32, 9);
        t = new_trainer(m, "mean_squared_error", NULL, "sgd", 0.001, 64);
        OK(denpa_train_batch(t, &X, 1, &T, 1, NULL));
        OK(denpa_publish(t));
        test_end();
      }
      waitpid(child, &status, 0);
      CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
  }
  test_set(&stop);
  pthread_join(thread, NULL);
}

static void thread_counts(void) {
  int32_t before = denpa_thread_count();
  CHECK(before >= 1 && before <= 64);
  STATUS(denpa_set_thread_count(0), DENPA_BAD_ARGUMENT);
  STATUS(denpa_set_thread_count(65), DENPA_BAD_ARGUMENT);
  STATUS(denpa_set_thread_count(-1), DENPA_BAD_ARGUMENT);
  EQUAL(denpa_thread_count(), before);
  OK(denpa_set_thread_count(7));
  EQUAL(denpa_thread_count(), 7);
}

/* Many helpers and none give the same bits. */
static void train_with(int32_t threads) { CHECK(fitted(threads, 256) == fitted(1, 256)); }

static double cpu_seconds(void) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + 1e-6 * (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

/* Helpers that have nothing to do sleep: they use no CPU time, however slow the machine. */
static void idle_threads_sleep(void) {
  double before;
  train_with(4);
  usleep(100000);
  before = cpu_seconds();
  sleep(1);
  CHECK(cpu_seconds() - before < 0.1);
}

/* A process that may use one CPU gets one thread, and more of them, if it insists, compute the same. */
static void one_cpu_by_affinity(void) {
  cpu_set_t before, one;
  int cpu = 0;
  EQUAL(sched_getaffinity(0, sizeof before, &before), 0);
  while (!CPU_ISSET(cpu, &before)) cpu++;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  EQUAL(sched_setaffinity(0, sizeof one, &one), 0);
  unsetenv("DENPA_THREADS");
  EQUAL(denpa_thread_count(), 1);
  train_with(2);
  train_with(8);
}

/* Helpers are sent from CPU to CPU; the host's thread is where it was, and no helper is where the host may not be. */
static void affinity_is_the_hosts(void) {
  cpu_set_t before, after;
  char name[64];
  struct stat there;
  int i, helpers = 0;
  EQUAL(sched_getaffinity(0, sizeof before, &before), 0);
  for (i = 0; i < 20; i++) train_with(2);
  EQUAL(sched_getaffinity(0, sizeof after, &after), 0);
  CHECK(CPU_EQUAL(&before, &after));
  /* Threads made one after the other have numbers not far apart. */
  for (i = (int)getpid() + 1; i < (int)getpid() + 1000; i++) {
    snprintf(name, sizeof name, "/proc/self/task/%d", i);
    if (stat(name, &there) != 0 || sched_getaffinity(i, sizeof after, &after) != 0) continue;
    helpers++;
    CPU_OR(&after, &after, &before);
    CHECK(CPU_EQUAL(&after, &before));
  }
  CHECK(helpers > 0);
}

/* ------------------------------------------------------------------------------------------------------------------
 * A copy has the trainable flags of one moment, whoever sets them meanwhile.
 */
static denpa_model *switched;
static int switching;
static void *switcher(void *unused) {
  int on;
  for (on = 0; __atomic_load_n(&switching, __ATOMIC_RELAXED); on = !on) OK(denpa_model_set_trainable(switched, "hidden", on));
  return unused;
}
static void a_copy_is_one_moment(void) {
  pthread_t thread;
  int i, mixed = 0;
  switched = two_layers(2, 2, "tanh", 1, DENPA_FLOAT32, 1);
  switching = 1;
  CHECK(pthread_create(&thread, NULL, switcher, NULL) == 0);
  for (i = 0; i < 200000; i++) {
    denpa_model *copy = NULL;
    OPTIONS(denpa_port, W);
    OPTIONS(denpa_port, b);
    OK(denpa_model_copy(switched, 0, &copy));
    OK(denpa_model_parameter(copy, 0, &W));
    OK(denpa_model_parameter(copy, 1, &b));
    mixed += W.trainable != b.trainable;
    OK(denpa_model_destroy(copy));
  }
  __atomic_store_n(&switching, 0, __ATOMIC_RELAXED);
  pthread_join(thread, NULL);
  EQUAL(mixed, 0);
}

/* Asking costs no reading of files: a few system calls at most. */
static double seconds_of(int asking) {
  double best = 1e9;
  int round, i;
  cpu_set_t set;
  for (round = 0; round < 5; round++) {
    double start = (double)clock();
    for (i = 0; i < 2000; i++) {
      if (asking) CHECK(denpa_thread_count() >= 1);
      else CHECK(sched_getaffinity(0, sizeof set, &set) == 0);
    }
    start = ((double)clock() - start) / CLOCKS_PER_SEC;
    if (start < best) best = start;
  }
  return best;
}
static void thread_count_is_cheap(void) {
  const double ours = seconds_of(1), plain = seconds_of(0);
  if (ours > 20 * plain) printf("    %.2f us a call; an affinity takes %.2f\n", ours * 500, plain * 500);
  CHECK(ours < 20 * plain);
}
static const test_case tests[] = {
    {"thread_count_is_cheap", thread_count_is_cheap},
    {"a_copy_is_one_moment", a_copy_is_one_moment},
    {"same_bits_for_any_threads", same_bits_for_any_threads},
    {"publish_is_one_instant", publish_is_one_instant},
    {"a_file_is_one_moment", a_file_is_one_moment},
    {"threads_64", threads_64},
    {"sharing_a_session", sharing_a_session},
    {"sharing_a_realtime_session", sharing_a_realtime_session},
    {"forks", forks},
    {"thread_counts", thread_counts},
    {"idle_threads_sleep", idle_threads_sleep},
    {"affinity_is_the_hosts", affinity_is_the_hosts},
    {"one_cpu_by_affinity", one_cpu_by_affinity},
};
int main(int argc, char **argv) { return test_main(tests, COUNT(tests), argc, argv); }
