/* A daemon: learns from a sensor log larger than a batch, then continues online, one sample at a time, while
 * a real-time thread predicts. It relies on three guarantees:
 *
 *  - denpa_fit_source reads the log one batch at a time, so the log may be larger than memory;
 *  - denpa_publish makes a whole update visible to the real-time thread at once, and neither waits for the
 *    other;
 *  - a real-time session takes no lock, allocates no memory and makes no system call, from its first
 *    prediction on.
 *
 *   daemon LOG        (creates the log first: rows of 8 readings and 1 target, float32)
 */
#include <denpa.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { READINGS = 8, BATCH = 64, LOG_ROWS = 4000, ONLINE_STEPS = 20000 };

typedef struct row {
  float readings[READINGS];
  float target;
} row;

static void must(denpa_status status) {
  if (status == DENPA_OK) return;
  fprintf(stderr, "%s: %s\n", denpa_status_name(status), denpa_last_error());
  exit(1);
}

/* -------------------------------------------------------------------- the sensor, simulated by a function */
static uint32_t noise = 1;
static float uniform(void) {
  noise = noise * 1664525u + 1013904223u;
  return (float)(noise >> 8) / 16777216.0f;
}

/* Simulates a measurement. `drift` changes slowly while the daemon runs, so that learning online pays off. */
static row measure(float drift) {
  row r;
  for (int i = 0; i < READINGS; i++) r.readings[i] = 2 * uniform() - 1;
  r.target = 0.8f * r.readings[0] - 0.5f * r.readings[3] * r.readings[4] + 0.3f * tanhf(2 * r.readings[7]) +
             drift;
  return r;
}

static void write_log(const char *path) {
  FILE *file = fopen(path, "wb");
  int good = file != NULL;
  for (int n = 0; n < LOG_ROWS && good; n++) {
    const row r = measure(0);
    good = fwrite(&r, sizeof r, 1, file) == 1;
  }
  if (!good || fclose(file) != 0) {
    perror(path);
    exit(1);
  }
}

/* ----------------------------------------------------------------------------- the log as batches of rows */
typedef struct sensor_log {
  FILE *file;
  float x[BATCH][READINGS], t[BATCH][1]; /* valid until the next call, as denpa_next_callback requires */
} sensor_log;

static denpa_status next_batch(void *user_data, denpa_tensor *inputs, denpa_tensor *targets) {
  sensor_log *log = user_data;
  row rows[BATCH];
  const size_t count = fread(rows, sizeof rows[0], BATCH, log->file);
  if (count == 0) return ferror(log->file) ? DENPA_IO_ERROR : DENPA_END_OF_DATA;
  for (size_t n = 0; n < count; n++) {
    for (int i = 0; i < READINGS; i++) log->x[n][i] = rows[n].readings[i];
    log->t[n][0] = rows[n].target;
  }
  inputs[0] = denpa_f32(&log->x[0][0], (int64_t)count, READINGS);
  targets[0] = denpa_f32(&log->t[0][0], (int64_t)count, 1);
  return DENPA_OK;
}

static denpa_status first_batch(void *user_data) {
  sensor_log *log = user_data;
  rewind(log->file);
  return DENPA_OK;
}

/* ----------------------------------------------------------------------------------- the real-time thread */
typedef struct predictor {
  denpa_session *session;
  atomic_int stop;
  long predictions, strange; /* read after the thread has ended */
} predictor;

static void *predict(void *user_data) {
  predictor *p = user_data;
  float readings[READINGS] = {0}, guess = 0;
  const denpa_tensor x = denpa_f32(readings, 1, READINGS), y = denpa_f32(&guess, 1, 1);
  while (!atomic_load(&p->stop)) {
    readings[p->predictions % READINGS] = (float)(p->predictions % 13) / 13.0f;
    if (denpa_predict(p->session, &x, 1, &y, 1) != DENPA_OK || !isfinite(guess) || fabsf(guess) > 10)
      p->strange++;
    p->predictions++;
  }
  return NULL;
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: %s LOG\n", argv[0]);
    return 2;
  }
  write_log(argv[1]);
  static sensor_log log;
  log.file = fopen(argv[1], "rb");
  if (log.file == NULL) {
    perror(argv[1]);
    return 1;
  }

  denpa_graph *graph;
  denpa_value x, h, y;
  const int64_t width = READINGS;
  must(denpa_graph_create(&graph));
  must(denpa_graph_input(graph, "readings", DENPA_FLOAT32, 1, &width, &x));
  must(denpa_graph_add(graph, "dense", "hidden",
                       DENPA_ATTRIBUTES(denpa_int("units", 32), denpa_string("activation", "relu")), &x, 1,
                       &h, 1));
  must(denpa_graph_add(graph, "dense", "out", DENPA_ATTRIBUTES(denpa_int("units", 1)), &h, 1, &y, 1));

  denpa_model *model;
  denpa_model_options model_options = {0};
  model_options.struct_size = sizeof model_options;
  model_options.seed = 1;
  must(denpa_model_create(graph, &y, 1, &model_options, &model));
  must(denpa_graph_destroy(graph)); /* the model has copied what it needs */

  denpa_trainer *trainer;
  const denpa_loss loss = denpa_loss_on(0, "mean_squared_error", NULL);
  const denpa_attribute adam[] = {denpa_float("learning_rate", 3e-3), denpa_end()};
  denpa_trainer_options trainer_options = {0};
  trainer_options.struct_size = sizeof trainer_options;
  trainer_options.max_batch = BATCH;
  trainer_options.loss_count = 1;
  trainer_options.losses = &loss;
  trainer_options.optimizer.kind = "adam";
  trainer_options.optimizer.attributes = adam;
  must(denpa_trainer_create(model, &trainer_options, &trainer));

  /* First, learn from the log: ten epochs, one batch at a time. */
  double learned;
  denpa_fit_options fit_options = {0};
  fit_options.struct_size = sizeof fit_options;
  fit_options.epochs = 10;
  must(denpa_fit_source(trainer, next_batch, first_batch, &log, &fit_options, &learned));
  printf("after the log: loss %.4f\n", learned);

  /* Then one thread predicts while this one continues to learn. The session allocates all its memory here. */
  static predictor p;
  pthread_t thread;
  denpa_session_options session_options = {0};
  session_options.struct_size = sizeof session_options;
  session_options.threads = 1;
  session_options.realtime = 1;
  must(denpa_session_create(model, &session_options, &p.session));
  if (pthread_create(&thread, NULL, predict, &p) != 0) return 1;
  must(denpa_trainer_set_learning_rate(trainer, 1e-3));
  double before = 0, after = 0;
  for (int step = 0; step < ONLINE_STEPS; step++) {
    const row r = measure(0.5f * fminf(1, (float)step / (ONLINE_STEPS / 2)));
    const denpa_tensor one = denpa_f32(r.readings, 1, READINGS), target = denpa_f32(&r.target, 1, 1);
    double error;
    must(denpa_train_batch(trainer, &one, 1, &target, 1, &error));
    must(denpa_publish(trainer));
    if (step < 1000) before += error / 1000;
    if (step >= ONLINE_STEPS - 1000) after += error / 1000;
  }
  atomic_store(&p.stop, 1);
  pthread_join(thread, NULL);
  printf("online: loss %.4f at first, %.4f at the end; %ld predictions meanwhile\n", before, after,
         p.predictions);

  /* The model predicts with the parameters learned online. */
  row r = measure(0.5f);
  float guess;
  const denpa_tensor one = denpa_f32(r.readings, 1, READINGS), answer = denpa_f32(&guess, 1, 1);
  must(denpa_predict(p.session, &one, 1, &answer, 1));
  printf("a reading of %.3f was predicted as %.3f\n", r.target, guess);

  const int good = learned < 0.02 && after < 0.02 && p.predictions > 0 && p.strange == 0 &&
                   fabsf(guess - r.target) < 0.5f;
  if (!good) fprintf(stderr, "that is not what was to be learned (%ld strange predictions)\n", p.strange);
  must(denpa_session_destroy(p.session));
  must(denpa_trainer_destroy(trainer));
  must(denpa_model_destroy(model));
  fclose(log.file);
  return good ? 0 : 1;
}
