/* A file of 64 KB with every single bit flipped and cut off at every length, in memory and on disk: always DENPA_BAD_FILE,
 * nothing changed, and little memory. */
#define SECONDS_PER_TEST 600
#include "nets.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/mman.h>

enum { LARGEST = 1 << 17, ALLOWED = 16000000 };

static denpa_model *model;
static denpa_trainer *trainer;

/* A trainer whose optimizer has something to keep, after a step. */
static void make(int64_t in, int64_t units) {
  static float x[64], t[3] = {1, 0, 0};
  denpa_tensor X = denpa_f32(x, 1, in), T = denpa_f32(t, 1, 3);
  fill(x, in, 5);
  model = two_layers(in, units, "tanh", 3, DENPA_FLOAT32, 11);
  trainer = new_trainer(model, "mean_squared_error", NULL, "adam", 0.01, 1);
  OK(denpa_train_batch(trainer, &X, 1, &T, 1, NULL));
  OK(denpa_publish(trainer));
}

/* ------------------------------------------------------------------------------------------------------------------
 * What is saved, and how it is loaded
 */
static denpa_status model_bytes(void *data, int64_t room, int64_t *size) { return denpa_model_save_bytes(model, data, room, size); }
static denpa_status checkpoint_bytes(void *data, int64_t room, int64_t *size) {
  char saved[] = "/tmp/denpa-damaged-XXXXXX";
  const int from = mkstemp(saved);
  const denpa_status status = denpa_trainer_save(trainer, saved);
  FILE *stream = fopen(saved, "rb");
  *size = (int64_t)fread(data, 1, (size_t)room, stream);
  fclose(stream);
  close(from);
  unlink(saved);
  return status;
}
static denpa_status trainer_bytes(void *data, int64_t room, int64_t *size) { return denpa_trainer_save_bytes(trainer, data, room, size); }

static denpa_status load_model_bytes(const void *data, int64_t size) {
  denpa_model *loaded = NULL;
  const denpa_status status = denpa_model_load_bytes(data, size, &loaded);
  if (loaded != NULL) OK(denpa_model_destroy(loaded));
  return status;
}
static denpa_status load_trainer_bytes(const void *data, int64_t size) { return denpa_trainer_load_bytes(trainer, data, size); }
static denpa_status load_model(const char *path) {
  denpa_model *loaded = NULL;
  const denpa_status status = denpa_model_load(path, &loaded);
  if (loaded != NULL) OK(denpa_model_destroy(loaded));
  return status;
}
static denpa_status load_checkpoint(const char *path) { return denpa_trainer_load(trainer, path); }

typedef struct format {
  denpa_status (*save)(void *data, int64_t room, int64_t *size);
  denpa_status (*load)(const void *data, int64_t size); /* one of the two */
  denpa_status (*load_file)(const char *path);
  int64_t in, units; /* which make 64 KB of it */
} format;

/* ------------------------------------------------------------------------------------------------------------------
 * Damage
 */
static unsigned char data[LARGEST];
static int64_t size;
static unsigned char *end; /* of memory behind which there is nothing */
static int file;
static char path[64];

static uint64_t state(void) {
  static unsigned char bytes[LARGEST * 4];
  int64_t length = 0, i;
  uint64_t hash = model_hash(model);
  OK(denpa_trainer_save_bytes(trainer, bytes, sizeof bytes, &length));
  for (i = 0; i < length; i++) hash = (hash ^ bytes[i]) * 1099511628211u;
  return hash;
}

static int64_t status_line(const char *name) {
  char line[256];
  long long value = -1;
  FILE *stream = fopen("/proc/self/status", "r");
  if (stream == NULL) return -1;
  while (fgets(line, sizeof line, stream) != NULL)
    if (strncmp(line, name, strlen(name)) == 0) value = atoll(line + strlen(name) + 1);
  fclose(stream);
  return value * 1024;
}

static denpa_status load(const format *f, int64_t length) {
  if (f->load_file != NULL) return f->load_file(path);
  return f->load(end - length, length);
}

static void put(const format *f, int64_t at, unsigned char byte) {
  if (f->load_file != NULL)
    CHECK(pwrite(file, &byte, 1, (off_t)at) == 1);
  else
    (end - size)[at] = byte;
}

static void flip_all(const format *f) {
  int64_t i;
  int bit;
  for (i = 0; i < size; i++) {
    for (bit = 0; bit < 8; bit++) {
      put(f, i, (unsigned char)(data[i] ^ 1 << bit));
      STATUS(load(f, size), DENPA_BAD_FILE);
    }
    put(f, i, data[i]);
  }
}

static void cut_all(const format *f) {
  int64_t length;
  for (length = size - 1; length >= 0; length--) {
    if (f->load_file != NULL)
      CHECK(ftruncate(file, (off_t)length) == 0);
    else
      memcpy(end - length, data, (size_t)length);
    STATUS(load(f, length), DENPA_BAD_FILE);
  }
}

static void damage(const format *f) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  unsigned char *memory = (unsigned char *)mmap(NULL, LARGEST + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  int64_t before, handles;
  uint64_t state_before;
  CHECK(memory != MAP_FAILED && mprotect(memory + LARGEST, page, PROT_NONE) == 0);
  end = memory + LARGEST;
  make(f->in, f->units);
  OK(f->save(data, sizeof data, &size));
  CHECK(size > 62000 && size < 67000);
  memcpy(end - size, data, (size_t)size);
  strcpy(path, "/tmp/denpa-damaged-XXXXXX");
  file = mkstemp(path);
  CHECK(file >= 0 && write(file, data, (size_t)size) == (ssize_t)size);
  OK(load(f, size));
  state_before = state();
  handles = denpa_test_handles();
  malloc_trim(0);
  before = status_line("VmRSS:");
  flip_all(f);
  OK(load(f, size));
  cut_all(f);
  if (TEST_MEASURES_MEMORY) CHECK(status_line("VmHWM:") - before <= 2 * size + ALLOWED);
  EQUAL(denpa_test_handles(), handles);
  CHECK(state() == state_before);
  unlink(path);
}

/*     test                 save           load                load a file  inputs, units */
#define FORMATS(ROW)                                                       \
  ROW(model_in_memory, model_bytes, load_model_bytes, NULL, 64, 236)       \
  ROW(model_on_disk, model_bytes, NULL, load_model, 64, 236)               \
  ROW(trainer_in_memory, trainer_bytes, load_trainer_bytes, NULL, 64, 116) \
  ROW(checkpoint_on_disk, checkpoint_bytes, NULL, load_checkpoint, 64, 76)

#define TEST(name, save, load, load_file, in, units)                       \
  static void name(void) {                                                 \
    static const format f = {save, load, load_file, in, units};            \
    damage(&f);                                                            \
  }
FORMATS(TEST)
#define LISTED(name, save, load, load_file, in, units) {#name, name},
static const test_case tests[] = {FORMATS(LISTED)};

int main(int argc, char **argv) { return test_main(tests, COUNT(tests), argc, argv); }
