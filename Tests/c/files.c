/* Model files, the same as bytes, texts in buffers, and everything that a damaged file may be. */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "nets.h"

static char folder[64] = "/tmp/denpa-files-XXXXXX";
static const char *in_folder(const char *name) {
  static __thread char path[4][256];
  static __thread int n;
  n = (n + 1) % 4;
  snprintf(path[n], sizeof path[n], "%s/%s", folder, name);
  return path[n];
}
static void make_folder(void) {
  CHECK(mkdtemp(folder) != NULL);
}

static unsigned char *bytes_of(denpa_model *m, int64_t *size) {
  unsigned char *data;
  OK(denpa_model_save_bytes(m, NULL, 0, size));
  data = (unsigned char *)malloc((size_t)*size);
  OK(denpa_model_save_bytes(m, data, *size, size));
  return data;
}

static void predict_bits(denpa_model *m, void *y, int32_t dtype) {
  static const float x[] = {1, -2, 0.5f, 3};
  denpa_session *s = new_session(m, 2, 0);
  denpa_tensor X = denpa_f32(x, 2, 2), Y = dtype == DENPA_FLOAT64 ? denpa_f64((double *)y, 2, 3) : denpa_f32((float *)y, 2, 3);
  OK(denpa_predict(s, &X, 1, &Y, 1));
  OK(denpa_session_destroy(s));
}

static void save_and_load(void) {
  static const int32_t dtypes[] = {DENPA_FLOAT32, DENPA_FLOAT64};
  int i;
  make_folder();
  for (i = 0; i < 2; i++) {
    double a[6] = {0}, b[6] = {1};
    denpa_model *m = two_layers(2, 5, "tanh", 3, dtypes[i], 11), *back = NULL;
    struct stat info;
    OK(denpa_model_save(m, in_folder("m.safetensors")));
    OK(denpa_model_load(in_folder("m.safetensors"), &back));
    CHECK(model_hash(m) == model_hash(back));
    predict_bits(m, a, dtypes[i]);
    predict_bits(back, b, dtypes[i]);
    CHECK(memcmp(a, b, dtypes[i] == DENPA_FLOAT64 ? 48 : 24) == 0);
    OK(denpa_model_save(back, in_folder("m.safetensors"))); /* over the older file */
    CHECK(stat(in_folder("m.safetensors"), &info) == 0 && info.st_size > 0);
    OK(denpa_model_destroy(m));
    OK(denpa_model_destroy(back));
  }
}

static void save_and_load_bytes(void) {
  int64_t size, again;
  denpa_model *m = two_layers(2, 5, "tanh", 3, DENPA_FLOAT32, 11), *back = NULL;
  unsigned char *data = bytes_of(m, &size), *twice, *file;
  FILE *f;
  make_folder();
  OK(denpa_model_load_bytes(data, size, &back));
  CHECK(model_hash(m) == model_hash(back));
  twice = bytes_of(back, &again);
  CHECK(again == size && memcmp(data, twice, (size_t)size) == 0);
  OK(denpa_model_save(m, in_folder("same")));
  file = (unsigned char *)malloc((size_t)size + 1);
  f = fopen(in_folder("same"), "rb");
  EQUAL(fread(file, 1, (size_t)size + 1, f), size);
  fclose(f);
  CHECK(memcmp(file, data, (size_t)size) == 0);
  free(data), free(twice), free(file);
}

/* Saved by a trainer's model in the middle of learning, learned on in a new process's place: what counts is in the file. */
static void learns_on_after_loading(void) {
  static const float x[] = {1, -2, 0.5f, 3}, t[] = {1, 0, 0, 0, 1, 0};
  int64_t size;
  denpa_model *m = two_layers(2, 5, "tanh", 3, DENPA_FLOAT32, 11), *back = NULL;
  unsigned char *data = bytes_of(m, &size);
  denpa_trainer *a, *b;
  denpa_tensor X = denpa_f32(x, 2, 2), T = denpa_f32(t, 2, 3);
  int i;
  OK(denpa_model_load_bytes(data, size, &back));
  a = new_trainer(m, "mean_squared_error", NULL, "sgd", 0.1, 2);
  b = new_trainer(back, "mean_squared_error", NULL, "sgd", 0.1, 2);
  for (i = 0; i < 10; i++) {
    OK(denpa_train_batch(a, &X, 1, &T, 1, NULL));
    OK(denpa_train_batch(b, &X, 1, &T, 1, NULL));
  }
  OK(denpa_publish(a));
  OK(denpa_publish(b));
  CHECK(model_hash(m) == model_hash(back));
  free(data);
}

/* The rule of all functions that write a text or bytes. */
static void buffers(void) {
  static char text[65536];
  static unsigned char data[65536];
  int64_t length = -1, size = -1;
  denpa_model *m = two_layers(2, 5, "tanh", 3, DENPA_FLOAT32, 11);
  OK(denpa_model_json(m, NULL, 0, &length));
  CHECK(length > 50 && length < 60000);
  memset(text, 'x', sizeof text);
  STATUS(denpa_model_json(m, text, length, &size), DENPA_LIMIT_EXCEEDED); /* no room for the 0 */
  EQUAL(size, length);
  EQUAL(text[0], 'x');
  STATUS(denpa_model_json(m, text, 1, &size), DENPA_LIMIT_EXCEEDED);
  EQUAL(text[0], 'x');
  OK(denpa_model_json(m, text, length + 1, &size));
  EQUAL(size, length);
  EQUAL(strlen(text), length);
  EQUAL(text[length + 1], 'x');
  CHECK(text[0] == '{' && strstr(text, "\"hidden\"") != NULL);
  STATUS(denpa_model_json(m, NULL, 10, &size), DENPA_BAD_ARGUMENT);
  STATUS(denpa_model_json(m, text, -1, &size), DENPA_BAD_ARGUMENT);

  OK(denpa_model_save_bytes(m, NULL, 0, &length));
  memset(data, 7, sizeof data);
  STATUS(denpa_model_save_bytes(m, data, length - 1, &size), DENPA_LIMIT_EXCEEDED);
  CHECK(size == length && data[0] == 7);
  OK(denpa_model_save_bytes(m, data, length, &size));
  CHECK(data[length] == 7);

  OK(denpa_registry(NULL, 0, &length));
  CHECK(length > 500);
  OK(denpa_prove("dense", NULL, 0, NULL));
  OK(denpa_prove("dense", text, sizeof text, &length));
  CHECK(length > 0 && text[length] == 0 && (int64_t)strlen(text) == length);
}

/* Every truncation and every flipped bit of a small file is refused; a loaded model would have to be the same. */
static void damaged(void) {
  int64_t size, i;
  denpa_model *m = two_layers(2, 2, "tanh", 1, DENPA_FLOAT32, 11), *back;
  unsigned char *data = bytes_of(m, &size);
  int bit;
  int64_t handles = denpa_test_handles();
  for (i = 0; i < size; i++) {
    back = NULL;
    STATUS(denpa_model_load_bytes(data, i, &back), DENPA_BAD_FILE);
    CHECK(back == NULL);
  }
  for (i = 0; i < size; i++)
    for (bit = 0; bit < 8; bit++) {
      data[i] ^= (unsigned char)(1 << bit);
      STATUS(denpa_model_load_bytes(data, size, &back), DENPA_BAD_FILE);
      data[i] ^= (unsigned char)(1 << bit);
    }
  data = (unsigned char *)realloc(data, (size_t)size + 8);
  memset(data + size, 0, 8);
  STATUS(denpa_model_load_bytes(data, size + 1, &back), DENPA_BAD_FILE);
  EQUAL(denpa_test_handles(), handles);
  OK(denpa_model_load_bytes(data, size, &back));
  free(data);
}

/* Header lengths that lie, deep nesting, nothing at all. */
static void hostile(void) {
  static unsigned char data[100000];
  denpa_model *back = NULL;
  static const uint64_t lengths[] = {0, 1, 2, 99991, 99992, 99993, 1u << 31, (uint64_t)1 << 62, UINT64_MAX, UINT64_MAX - 7};
  int i;
  for (i = 0; i < COUNT(lengths); i++) {
    memset(data, '[', sizeof data);
    memcpy(data, &lengths[i], 8);
    STATUS(denpa_model_load_bytes(data, sizeof data, &back), DENPA_BAD_FILE);
    memset(data + 8, ' ', sizeof data - 8);
    data[8] = '{';
    data[9] = '}';
    STATUS(denpa_model_load_bytes(data, sizeof data, &back), DENPA_BAD_FILE);
    memset(data + 8, 0, sizeof data - 8);
    STATUS(denpa_model_load_bytes(data, sizeof data, &back), DENPA_BAD_FILE);
  }
  STATUS(denpa_model_load_bytes("", 0, &back), DENPA_BAD_FILE);
}

/* What the operating system refuses: the old file is as it was and nothing is left beside it. */
static void cannot_write(void) {
  denpa_model *m = two_layers(2, 2, "tanh", 1, DENPA_FLOAT32, 11), *big = two_layers(200, 300, "tanh", 1, DENPA_FLOAT32, 1), *back = NULL;
  uint64_t hash = model_hash(m);
  struct rlimit small = {4096, 4096};
  char list[512] = "";
  FILE *ls;
  make_folder();
  OK(denpa_model_save(m, in_folder("old")));
  STATUS(denpa_model_save(m, in_folder("no/such/folder")), DENPA_IO_ERROR);
  STATUS(denpa_model_save(m, ""), DENPA_BAD_ARGUMENT);
  STATUS(denpa_model_save(m, folder), DENPA_IO_ERROR); /* a folder stands there */
  STATUS(denpa_model_load(in_folder("missing"), &back), DENPA_NOT_FOUND);
  STATUS(denpa_model_load(folder, &back), DENPA_IO_ERROR);
  STATUS(denpa_model_load("/dev/null", &back), DENPA_IO_ERROR);
  signal(SIGXFSZ, SIG_IGN);
  EQUAL(setrlimit(RLIMIT_FSIZE, &small), 0); /* a disk with room for 4 KiB */
  STATUS(denpa_model_save(big, in_folder("old")), DENPA_IO_ERROR);
  OK(denpa_model_load(in_folder("old"), &back));
  CHECK(model_hash(back) == hash);
  snprintf(list, sizeof list, "ls -A %s | wc -l", folder);
  ls = popen(list, "r");
  CHECK(ls != NULL && fgets(list, sizeof list, ls) != NULL && atoi(list) == 1);
  if (ls != NULL) pclose(ls);
}

/* Long and strange paths. */
static void paths(void) {
  static char longest[70000];
  denpa_model *m = two_layers(2, 2, "tanh", 1, DENPA_FLOAT32, 11), *back = NULL;
  memset(longest, 'a', sizeof longest - 1);
  STATUS(denpa_model_save(m, longest), DENPA_LIMIT_EXCEEDED);
  STATUS(denpa_model_load(longest, &back), DENPA_LIMIT_EXCEEDED);
  make_folder();
  OK(denpa_model_save(m, in_folder("r\xc3\xa9seau \xe4\xbc\x9d\xe6\x92\xad.bin")));
  OK(denpa_model_load(in_folder("r\xc3\xa9seau \xe4\xbc\x9d\xe6\x92\xad.bin"), &back));
  OK(denpa_model_save(m, in_folder("not utf-8 \xff\xfe"))); /* paths are bytes */
  EQUAL(access(in_folder("not utf-8 \xff\xfe"), F_OK), 0);
  OK(denpa_model_load(in_folder("not utf-8 \xff\xfe"), &back));
  STATUS(denpa_model_load(in_folder("not utf-8 \xff\xff"), &back), DENPA_NOT_FOUND);
  CHECK(strstr(denpa_last_error(), "/not utf-8 \xef\xbf\xbd\xef\xbf\xbd\"") != NULL); /* messages are UTF-8 */
  EQUAL(chdir(folder), 0);
  OK(denpa_model_save(m, "relative"));
  EQUAL(access(in_folder("relative"), F_OK), 0);
  OK(denpa_model_load("relative", &back));
  CHECK(model_hash(back) == model_hash(m));
}

/* ------------------------------------------------------------------------------------------------------------------
 * Temporary files
 */
static int entries(void) {
  DIR *stream = opendir(folder);
  int count = 0;
  while (readdir(stream) != NULL) count++;
  closedir(stream);
  return count - 2; /* itself and the folder above */
}

/* What a killed process has left is removed; what another one writes, or is no file, is neither touched nor waited for. */
static void left_by_others(void) {
  denpa_model *m = two_layers(2, 2, "tanh", 1, DENPA_FLOAT32, 11), *back = NULL;
  char name[64];
  int i, held;
  make_folder();
  for (i = 0; i < 64; i++) {
    snprintf(name, sizeof name, ".denpa-%d.tmp", i);
    close(open(in_folder(name), O_RDWR | O_CREAT, 0600));
  }
  OK(denpa_model_save(m, in_folder("m")));
  EQUAL(entries(), 1);
  held = open(in_folder(".denpa-0.tmp"), O_RDWR | O_CREAT, 0600);
  EQUAL(flock(held, LOCK_EX), 0);
  EQUAL(symlink("m", in_folder(".denpa-1.tmp")), 0);
  EQUAL(mkfifo(in_folder(".denpa-2.tmp"), 0600), 0);
  EQUAL(mkdir(in_folder(".denpa-3.tmp"), 0700), 0);
  OK(denpa_model_save(m, in_folder("m")));
  EQUAL(entries(), 5);
  OK(denpa_model_load(in_folder("m"), &back));
  CHECK(model_hash(back) == model_hash(m));
  close(held);
  for (i = 4; i < 64; i++) { /* every place is taken */
    snprintf(name, sizeof name, ".denpa-%d.tmp", i);
    EQUAL(mkdir(in_folder(name), 0700), 0);
  }
  OK(denpa_model_save(m, in_folder("m"))); /* in the place of the file that was held */
  EQUAL(mkdir(in_folder(".denpa-0.tmp"), 0700), 0);
  OK(denpa_model_save(m, in_folder("m")));
  EQUAL(entries(), 65);
}

/* Savers of one file beside one another: none fails, none removes another's, nothing is left. */
static void *save_often(void *given) {
  denpa_model *m = (denpa_model *)given, *back = NULL;
  int i;
  for (i = 0; i < 100; i++) {
    OK(denpa_model_save(m, in_folder("m")));
    OK(denpa_model_load(in_folder("m"), &back));
    OK(denpa_model_destroy(back));
  }
  return NULL;
}
static void many_savers(void) {
  enum { SAVERS = 8 };
  pthread_t threads[SAVERS];
  denpa_model *back = NULL, *m[SAVERS];
  uint64_t hash;
  int i, known = 0;
  if (access("/dev/shm", W_OK) == 0) strcpy(folder, "/dev/shm/denpa-files-XXXXXX"); /* syncing takes no time there */
  make_folder();
  for (i = 0; i < SAVERS; i++) m[i] = two_layers(2, 2 + 40 * i, "tanh", 1, DENPA_FLOAT32, 11);
  for (i = 0; i < SAVERS; i++) EQUAL(pthread_create(&threads[i], NULL, save_often, m[i]), 0);
  for (i = 0; i < SAVERS; i++) pthread_join(threads[i], NULL);
  EQUAL(entries(), 1);
  OK(denpa_model_load(in_folder("m"), &back));
  hash = model_hash(back);
  for (i = 0; i < SAVERS; i++) known += model_hash(m[i]) == hash;
  EQUAL(known, 1);
  unlink(in_folder("m"));
  rmdir(folder);
}

static void copies(void) {
  double wide[6];
  float narrow[6];
  int i;
  denpa_model *m = two_layers(2, 5, "tanh", 3, DENPA_FLOAT32, 11), *same = NULL, *copy = NULL;
  uint64_t hash = model_hash(m);
  OK(denpa_model_copy(m, 0, &same));
  OK(denpa_model_copy(m, DENPA_FLOAT64, &copy));
  CHECK(model_hash(same) == hash);
  predict_bits(m, narrow, DENPA_FLOAT32);
  predict_bits(copy, wide, DENPA_FLOAT64);
  for (i = 0; i < 6; i++) NEAR((double)narrow[i], wide[i], 1e-5);
  OK(denpa_model_initialize(same, 99));
  CHECK(model_hash(same) != hash && model_hash(m) == hash);
  OK(denpa_model_initialize(same, 11));
  CHECK(model_hash(same) == hash);
  STATUS(denpa_model_copy(m, DENPA_INT32, &copy), DENPA_BAD_DTYPE);
}

static const test_case tests[] = {
    {"save_and_load", save_and_load},
    {"save_and_load_bytes", save_and_load_bytes},
    {"learns_on_after_loading", learns_on_after_loading},
    {"buffers", buffers},
    {"damaged", damaged},
    {"hostile", hostile},
    {"cannot_write", cannot_write},
    {"paths", paths},
    {"left_by_others", left_by_others},
    {"many_savers", many_savers},
    {"copies", copies},
};

int main(int argc, char **argv) { return test_main(tests, COUNT(tests), argc, argv); }
