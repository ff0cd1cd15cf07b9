/* Trainings that save checkpoints as fast as they can, killed at random moments: a checkpoint is always there, whole, not
 * older than the last one that was reported, and the resumed training ends in the same bits as an undisturbed one.
 *
 * usage: kill [--count N] [--seed S]      (make campaign-kill N=10000)
 *
 * The last line is "N passed, N failed", counted in kills.
 */
#include "../../c/nets.h"

#include <dirent.h>
#include <errno.h>
#include <sys/mman.h>
#include <time.h>

enum { ROWS = 60, IN = 4, CLASSES = 3, BATCH = 7, EPOCHS = 4, MOST_STEPS = 4096 };

/* What parent and child see of each other. */
static struct shared {
  volatile int64_t confirmed; /* steps whose checkpoint was saved */
  volatile int64_t step_count;
  volatile int64_t leftovers; /* at the end of a training */
  uint64_t hashes[MOST_STEPS]; /* of the undisturbed training: the parameters in each checkpoint */
  uint64_t final_hash, reference;
} *shared;

static char folder[64], path[128];
static float inputs[ROWS * IN];
static int32_t labels[ROWS];
static denpa_tensor X, L;

static void make_data(void) {
  int i;
  fill(inputs, ROWS * IN, 1);
  for (i = 0; i < ROWS; i++) labels[i] = inputs[i * IN] > 0.3f ? 0 : inputs[i * IN + 1] > 0 ? 1 : 2;
  X = denpa_f32(inputs, ROWS, IN);
  L = denpa_i32(labels, ROWS);
}

/* ------------------------------------------------------------------------------------------------------------------
 * Trainings, each with another way to save
 */
typedef struct training {
  const char *name, *optimizer;
  int32_t dtype, threads, units;
  void (*run)(const struct training *how, denpa_trainer *t, int resume);
} training;

static denpa_model *network(const training *how) {
  denpa_graph *g = new_graph();
  const denpa_attribute rate[] = {denpa_float("rate", 0.3), denpa_end()};
  denpa_value x = add_input(g, "x", IN), h = add_dense(g, "hidden", x, how->units, "tanh"), out;
  h = add_plain(g, "batch_norm", "norm", h);
  OK(denpa_graph_add(g, "dropout", "drop", rate, &h, 1, &h, 1));
  out = add_dense(g, "out", h, CLASSES, NULL);
  return finish_model(g, &out, 1, how->dtype, 5);
}

static denpa_trainer *trainer_of(denpa_model *m, const training *how) {
  denpa_trainer *t = NULL;
  denpa_loss loss = denpa_loss_on(0, "softmax_cross_entropy", NULL);
  OPTIONS(denpa_trainer_options, o);
  o.max_batch = BATCH;
  o.threads = how->threads;
  o.losses = &loss;
  o.loss_count = 1;
  o.optimizer.kind = how->optimizer;
  OK(denpa_trainer_create(m, &o, &t));
  return t;
}

/* After a step whose checkpoint is in its place. The undisturbed training looks at each. */
static int is_reference;
static void confirm(int64_t steps) {
  if (is_reference && steps < MOST_STEPS) {
    denpa_model *saved = NULL;
    OK(denpa_model_load(path, &saved));
    shared->hashes[steps] = model_hash(saved);
    OK(denpa_model_destroy(saved));
    shared->step_count = steps;
  }
  shared->confirmed = steps;
}

static int64_t steps_of(denpa_trainer *t) {
  int64_t steps = 0;
  OK(denpa_trainer_step_count(t, &steps));
  return steps;
}

/* A loop of one's own, which finds its place by the number of steps. */
static void own_loop(const training *how, denpa_trainer *t, int resume) {
  const int64_t batches = (ROWS + BATCH - 1) / BATCH;
  int64_t step = resume ? steps_of(t) : 0;
  (void)how;
  while (step < EPOCHS * batches) {
    const int64_t first = step % batches * BATCH, rows = ROWS - first < BATCH ? ROWS - first : BATCH;
    denpa_tensor x = denpa_f32(inputs + first * IN, rows, IN), t_ = denpa_i32(labels + first, rows);
    OK(denpa_train_batch(t, &x, 1, &t_, 1, NULL));
    step++;
    OK(denpa_trainer_save(t, path));
    confirm(step);
  }
  OK(denpa_publish(t));
}

static denpa_trainer *running;
static denpa_status confirm_batch(void *user_data, const denpa_progress *p) {
  (void)user_data;
  if (p->end_of_epoch) return DENPA_OK;
  confirm(steps_of(running));
  return DENPA_OK;
}
static denpa_status save_batch(void *user_data, const denpa_progress *p) {
  (void)user_data;
  OK(denpa_trainer_save(running, path));
  if (!p->end_of_epoch) confirm(steps_of(running));
  return DENPA_OK;
}

static void fit(denpa_trainer *t, int resume, denpa_progress_callback callback, const char *checkpoint) {
  OPTIONS(denpa_fit_options, f);
  f.epochs = EPOCHS;
  f.batch_size = BATCH;
  f.callback = callback;
  f.callback_every = 1;
  f.resume = resume;
  if (checkpoint != NULL) {
    f.checkpoint = checkpoint;
    f.checkpoint_trainer = 1;
    f.checkpoint_batches = 1;
  }
  running = t;
  OK(denpa_fit(t, &X, 1, &L, 1, &f, NULL));
}
static void fit_with_checkpoints(const training *how, denpa_trainer *t, int resume) {
  (void)how;
  fit(t, resume, confirm_batch, path);
}
static void fit_with_a_callback(const training *how, denpa_trainer *t, int resume) {
  (void)how;
  fit(t, resume, save_batch, NULL);
}

static const training trainings[] = {
    {"own loop, adam", "adam", DENPA_FLOAT32, 1, 6, own_loop},
    {"checkpoints of fit, adamw, float64", "adamw", DENPA_FLOAT64, 1, 6, fit_with_checkpoints},
    {"callback of fit, rmsprop", "rmsprop", DENPA_FLOAT32, 1, 6, fit_with_a_callback},
    {"files of several writes, two threads", "adam", DENPA_FLOAT32, 2, 20000, fit_with_checkpoints},
};

/* Begins, or goes on with the checkpoint, until the training is over. */
static void train(const training *how) {
  denpa_model *m = network(how);
  denpa_trainer *t = trainer_of(m, how);
  const int resume = access(path, F_OK) == 0;
  if (resume) {
    OK(denpa_trainer_load(t, path));
    shared->confirmed = steps_of(t);
  }
  how->run(how, t, resume);
  shared->final_hash = model_hash(m);
  fflush(stdout);
  _exit(test_failures != 0);
}

/* ------------------------------------------------------------------------------------------------------------------
 * Kills
 */
static int temporary_files(void) {
  DIR *stream = opendir(folder);
  struct dirent *entry;
  int count = 0;
  if (stream == NULL) return -1;
  while ((entry = readdir(stream)) != NULL) count += strncmp(entry->d_name, ".denpa-", 7) == 0;
  closedir(stream);
  return count;
}
static void remove_all(void) {
  char one[512];
  DIR *stream = opendir(folder);
  struct dirent *entry;
  while (stream != NULL && (entry = readdir(stream)) != NULL) {
    snprintf(one, sizeof one, "%s/%s", folder, entry->d_name);
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) unlink(one);
  }
  if (stream != NULL) closedir(stream);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
static void wait_for(double seconds) {
  struct timespec t;
  t.tv_sec = (time_t)seconds;
  t.tv_nsec = (long)((seconds - (double)t.tv_sec) * 1e9);
  nanosleep(&t, NULL);
}

static int failed_kills, seen_leftovers, seen_files, finished;
static void fail(const training *how, int64_t kill_number, const char *what) {
  failed_kills++;
  if (failed_kills <= 20) printf("FAIL kill %lld, %s: %s\n", (long long)kill_number, how->name, what);
}

/* Checks what is there after a kill. Returns what is wrong, or NULL. */
static const char *look(void) {
  denpa_model *saved = NULL;
  const int left = temporary_files();
  int64_t k;
  uint64_t hash;
  denpa_status status;
  seen_leftovers += left > 0;
  if (left > 1 || left < 0) return "temporary files of earlier kills are left";
  status = denpa_model_load(path, &saved);
  if (status == DENPA_NOT_FOUND && shared->confirmed == 0) return NULL;
  if (status != DENPA_OK) return denpa_last_error();
  seen_files++;
  hash = model_hash(saved);
  OK(denpa_model_destroy(saved));
  for (k = shared->step_count; k > 0 && shared->hashes[k] != hash; k--) continue;
  if (k == 0) return "the checkpoint is none of the undisturbed training's";
  return k < shared->confirmed ? "the checkpoint is older than one that was saved" : NULL;
}

/* Returns the time that an undisturbed training takes. */
static double undisturbed(const training *how) {
  double start = now();
  int state = 0;
  pid_t child;
  remove_all();
  memset(shared, 0, sizeof *shared);
  fflush(stdout);
  child = fork();
  if (child == 0) {
    is_reference = 1;
    train(how);
  }
  waitpid(child, &state, 0);
  if (!WIFEXITED(state) || WEXITSTATUS(state) != 0 || shared->step_count < 20) {
    printf("FAIL %s: the undisturbed training has failed\n", how->name);
    exit(1);
  }
  shared->reference = shared->final_hash;
  shared->confirmed = 0;
  remove_all();
  return now() - start;
}

static void kill_all(const training *how, int64_t first, int64_t kills, uint64_t *random) {
  const double whole = undisturbed(how);
  int64_t done = 0;
  while (done < kills) {
    int state = 0;
    pid_t child;
    fflush(stdout);
    shared->final_hash = 0;
    child = fork();
    if (child == 0) train(how);
    wait_for(whole * random_number(random) * random_number(random));
    kill(child, SIGKILL);
    while (waitpid(child, &state, 0) < 0 && errno == EINTR) continue;
    if (WIFSIGNALED(state)) {
      const char *wrong = look();
      if (wrong != NULL) fail(how, first + done, wrong);
      done++;
      if (WTERMSIG(state) != SIGKILL) fail(how, first + done, strsignal(WTERMSIG(state)));
      continue;
    }
    if (WEXITSTATUS(state) != 0) fail(how, first + done, "the training has failed");
    if (shared->final_hash != shared->reference) fail(how, first + done, "the resumed training has ended in other bits");
    if (temporary_files() != 0) fail(how, first + done, "the training has ended, and temporary files are left");
    finished++;
    remove_all();
    shared->confirmed = 0;
  }
}

int main(int argc, char **argv) {
  int64_t count = 200, i;
  uint64_t random = 1;
  for (i = 1; i + 1 < argc; i += 2) {
    if (strcmp(argv[i], "--count") == 0) count = atoll(argv[i + 1]);
    if (strcmp(argv[i], "--seed") == 0) random = (uint64_t)atoll(argv[i + 1]);
  }
  shared = (struct shared *)mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  /* In memory if possible: a kill leaves files the same there, and syncing takes most of the time elsewhere. */
  snprintf(folder, sizeof folder, "%s/denpa-kill-XXXXXX", access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp");
  if (shared == MAP_FAILED || mkdtemp(folder) == NULL) return 1;
  snprintf(path, sizeof path, "%s/checkpoint", folder);
  make_data();
  for (i = 0; i < COUNT(trainings); i++)
    kill_all(&trainings[i], count * i / COUNT(trainings), count * (i + 1) / COUNT(trainings) - count * i / COUNT(trainings), &random);
  remove_all();
  rmdir(folder);
  printf("%d trainings went on to their ends; %d kills left a checkpoint, %d a temporary file\n", finished, seen_files, seen_leftovers);
  /* Kills that hit nothing would prove nothing. */
  if (count >= 100 && (finished == 0 || seen_files == 0 || seen_leftovers == 0)) failed_kills++;
  printf("%lld passed, %d failed\n", (long long)(count > failed_kills ? count - failed_kills : 0), failed_kills);
  return failed_kills > 0;
}
