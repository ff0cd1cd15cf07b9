/* A client as ThreadSanitizer and valgrind see it: a fit on two threads, readers beside one who publishes, a
 * fork. With the argument "race" it has a race of its own, in its callback and in a reader, which must be
 * reported.
 */
#include <denpa.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TRY(call)                                                                    \
  do {                                                                               \
    if ((call) != DENPA_OK) printf("%s: %s\n", #call, denpa_last_error()), exit(1);  \
  } while (0)

enum { ROWS = 64, IN = 128, UNITS = 256, OUT = 8, READERS = 3, ROUNDS = 4, MISTAKEN = 4 };
static float x[ROWS * IN], t[ROWS * OUT], y[ROWS * OUT];
static denpa_model *model;
static int has_race, raced;

static void *read_on(void *realtime) {
  float mine[4 * OUT];
  denpa_tensor X = denpa_f32(x, 4, IN), Y = denpa_f32(mine, 4, OUT);
  denpa_session_options o = {sizeof o, .max_batch = 4, .threads = 1, .realtime = realtime != NULL};
  denpa_session *s = NULL;
  TRY(denpa_session_create(model, &o, &s));
  for (int i = 0; i < ROUNDS; i++) TRY(denpa_predict(s, &X, 1, &Y, 1));
  TRY(denpa_session_destroy(s));
  if (has_race) raced++;
  return NULL;
}

/* A thread's last error is in memory that a thread before had, one that nobody has waited for. */
static void *mistake(void *unused) {
  (void)unused;
  return denpa_publish(NULL) == DENPA_OK || denpa_last_error()[0] == 0 ? &model : NULL;
}

static denpa_status progress(void *user, const denpa_progress *p) {
  *(int64_t *)user += p->samples;
  if (has_race) raced++;
  return DENPA_OK;
}

int main(int argc, char **argv) {
  const int64_t width = IN;
  int64_t samples = 0;
  int status = -1;
  double sum = 0;
  pid_t child;
  pthread_t reader[READERS], mistaken[MISTAKEN];
  denpa_graph *g = NULL;
  denpa_value in, hidden, out;
  denpa_model *back = NULL;
  denpa_trainer *trainer = NULL;
  denpa_session *s = NULL;
  denpa_loss loss = denpa_loss_on(0, "mean_squared_error", NULL);
  denpa_trainer_options how = {sizeof how, .max_batch = ROWS, .threads = 2, .loss_count = 1, .losses = &loss,
                               .optimizer = {"adam", NULL}};
  denpa_session_options so = {sizeof so, .max_batch = ROWS, .threads = 2};
  denpa_fit_options fit = {sizeof fit, .epochs = 1, .batch_size = 32, .callback = progress,
                           .user_data = &samples};
  denpa_tensor X = denpa_f32(x, ROWS, IN), T = denpa_f32(t, ROWS, OUT), Y = denpa_f32(y, ROWS, OUT);
  denpa_tensor bias = {.data = t, .dtype = DENPA_FLOAT32, .rank = 1, .dim = {OUT}};
  static unsigned char bytes[1 << 20];
  int64_t length = 0;
  has_race = argc > 1 && strcmp(argv[1], "race") == 0;
  for (int i = 0; i < ROWS * IN; i++) x[i] = (float)(i % 17 - 8) / 17;
  for (int i = 0; i < ROWS * OUT; i++) t[i] = (float)(i % 3);
  TRY(denpa_graph_create(&g));
  TRY(denpa_graph_input(g, "x", DENPA_FLOAT32, 1, &width, &in));
  TRY(denpa_graph_add(g, "dense", NULL,
                      DENPA_ATTRIBUTES(denpa_int("units", UNITS), denpa_string("activation", "tanh")), &in, 1,
                      &hidden, 1));
  TRY(denpa_graph_add(g, "dense", NULL, DENPA_ATTRIBUTES(denpa_int("units", OUT)), &hidden, 1, &out, 1));
  TRY(denpa_model_create(g, &out, 1, NULL, &model));
  TRY(denpa_trainer_create(model, &how, &trainer));
  TRY(denpa_session_create(model, &so, &s));
  for (int i = 0; i < READERS; i++) pthread_create(&reader[i], NULL, read_on, i % 2 ? &model : NULL);
  TRY(denpa_fit(trainer, &X, 1, &T, 1, &fit, NULL));
  for (int i = 0; i < ROUNDS; i++) {
    memset(t, 0, sizeof t); /* the caller's own again after each call */
    TRY(denpa_train_batch(trainer, &X, 1, &T, 1, NULL));
    TRY(denpa_publish(trainer));
    TRY(denpa_model_set(model, "dense_2.b", &bias));
    TRY(denpa_predict(s, &X, 1, &Y, 1));
    for (int k = 0; k < ROWS * OUT; k++) sum += (double)y[k];
  }
  for (int i = 0; i < READERS; i++) pthread_join(reader[i], NULL);
  for (int i = 0; i < MISTAKEN; i++) pthread_create(&mistaken[i], NULL, mistake, NULL), usleep(50000);
  for (int i = 0; i < MISTAKEN; i++) pthread_join(mistaken[i], NULL);
  child = fork();
  if (child == 0) {
    TRY(denpa_train_batch(trainer, &X, 1, &T, 1, NULL));
    TRY(denpa_predict(s, &X, 1, &Y, 1));
    _exit(0);
  }
  waitpid(child, &status, 0);
  TRY(denpa_model_save_bytes(model, bytes, sizeof bytes, &length));
  TRY(denpa_model_load_bytes(bytes, length, &back));
  TRY(denpa_model_destroy(back));
  TRY(denpa_session_destroy(s));
  TRY(denpa_trainer_destroy(trainer));
  TRY(denpa_model_destroy(model));
  TRY(denpa_graph_destroy(g));
  printf("%s: %d samples, child %d, %d handles\n", sum == sum ? "done" : "NaN", (int)samples, status,
         (int)denpa_test_handles());
  return status != 0 || samples == 0;
}
