/* Every system call of saving and loading failed in turn: the old file or the new one is there, whole, nothing else is, and
 * the program's objects are as they were. */
#include "nets.h"
#include "system_calls.h"

#include <dirent.h>
#include <fcntl.h>
#include <malloc.h>
#include <sys/stat.h>

/* ------------------------------------------------------------------------------------------------------------------
 * What may happen to a call. `must_fail` says that the operation cannot succeed without it.
 */
typedef struct call_kind {
  long number;
  const char *name;
  int errors[10]; /* ends with 0 */
  int must_fail;
} call_kind;

#define IGNORED {0}
static const call_kind kinds[] = {
#ifdef SYS_open
    {SYS_open, "open", {EIO, EACCES, EMFILE, ENOSPC, ENOENT, ENOMEM, EINTR}, 1},
    {SYS_readlink, "readlink", {EIO, EACCES, ENOMEM}, 1},
#endif
    {SYS_openat, "openat", {EIO, EACCES, EMFILE, ENOSPC, ENOMEM, EROFS, EINTR}, 1},
    {SYS_readlinkat, "readlinkat", {EIO, EACCES, ENOMEM}, 1},
    {SYS_newfstatat, "fstatat", {EIO, EACCES, ENOMEM}, 1},
    {SYS_fstat, "fstat", {EIO, ENOMEM}, 1},
    {SYS_faccessat, "faccessat", {EACCES, EROFS, EIO}, 1},
#ifdef SYS_faccessat2
    {SYS_faccessat2, "faccessat2", {EACCES, EROFS, EIO, ENOSYS}, 0}, /* glibc asks in another way where it is missing */
#endif
    {SYS_fchmod, "fchmod", {EPERM, EIO, EROFS}, 1},
    {SYS_read, "read", {EIO, ENOMEM, EINTR, CALLS_SHORT, CALLS_NOTHING}, 1},
    {SYS_pread64, "pread", {EIO, ENOMEM, EINTR, CALLS_SHORT, CALLS_NOTHING}, 1},
    {SYS_write, "write", {ENOSPC, EIO, EDQUOT, EFBIG, EINTR, CALLS_SHORT, CALLS_NOTHING}, 1},
    {SYS_pwrite64, "pwrite", {ENOSPC, EIO, EDQUOT, EFBIG, EINTR, CALLS_SHORT, CALLS_NOTHING}, 1},
    {SYS_fsync, "fsync", {EIO, ENOSPC, EDQUOT, EINTR}, 1},
    {SYS_fdatasync, "fdatasync", {EIO, ENOSPC, EDQUOT, EINTR}, 1},
    {SYS_close, "close", {EIO, ENOSPC, EDQUOT, EINTR}, 0}, /* says something only of a file that was written */
    {SYS_dup, "dup", {EMFILE}, 0},
    {SYS_fcntl, "fcntl", {EMFILE, EINVAL}, 0},
    {SYS_flock, "flock", {EWOULDBLOCK, EINTR, ENOLCK, ENOSYS}, 0}, /* some file systems have none */
#ifdef SYS_renameat
    {SYS_renameat, "renameat", {EIO, ENOSPC, EACCES, EROFS, EXDEV, EDQUOT}, 1},
#endif
    {SYS_renameat2, "renameat2", {EIO, ENOSPC, EACCES, EROFS, EXDEV, EDQUOT}, 1},
    {SYS_linkat, "linkat", {EIO, ENOSPC, EACCES}, 1},
    {SYS_unlinkat, "unlinkat", {EIO, EACCES, EROFS}, 0},
    {SYS_ftruncate, "ftruncate", {EIO, EFBIG, EINTR}, 1},
    {SYS_fallocate, "fallocate", {ENOSPC, EOPNOTSUPP, EINTR}, 0},
    {SYS_lseek, "lseek", {EIO}, 1},
    {SYS_getdents64, "getdents64", {EIO, ENOMEM}, 0},
    {SYS_getpid, "getpid", IGNORED, 0},
    {SYS_clock_gettime, "clock_gettime", IGNORED, 0},
    {SYS_rt_sigtimedwait, "sigtimedwait", IGNORED, 0},
    {SYS_sched_getaffinity, "sched_getaffinity", IGNORED, 0},
    {SYS_sched_yield, "sched_yield", IGNORED, 0},
};
/* mmap, brk and so on: malloc may find memory elsewhere. */
static const call_kind memory_kind = {-1, "memory", {ENOMEM}, 0};

static const call_kind *kind_of(long number) {
  int i;
  if (number == memory_kind.number) return &memory_kind;
  for (i = 0; i < COUNT(kinds); i++)
    if (kinds[i].number == number) return &kinds[i];
  return NULL;
}

/* ------------------------------------------------------------------------------------------------------------------
 * The operations
 */
typedef struct operation {
  const char *name;
  denpa_status (*run)(void);
  denpa_status (*make)(void);  /* writes the file that is loaded; NULL: `run` saves one */
  denpa_status (*reset)(void); /* brings what `run` changes back to where it was; NULL: it changes nothing */
  int old; /* 1: there is a file before; 2: the path is a symbolic link to it; 3: a killed process has left a file */
  int big; /* a file of several writes */
  int learns; /* a failed call keeps what was learned before */
} operation;

static char folder[64], other_folder[64], path[160], link_path[160], other_path[160];
static denpa_model *model, *other, *loaded;
static denpa_trainer *trainer;

static denpa_status save_model(void) { return denpa_model_save(model, path); }
static denpa_status save_by_link(void) { return denpa_model_save(model, link_path); }
static denpa_status load_model(void) { return denpa_model_load(path, &loaded); }

static denpa_status save_weights(void) { return denpa_model_save_tensors(model, path, NULL, 0); }
static denpa_status save_other_weights(void) { return denpa_model_save_tensors(other, path, NULL, 0); }
static denpa_status load_weights(void) { return denpa_model_load_tensors(model, path, NULL, 0, 0); }
static denpa_status reset_weights(void) { return denpa_model_initialize(model, 11); }

static denpa_status train(const char *checkpoint) {
  static float x[8], t[12] = {1};
  denpa_tensor X = denpa_f32(x, 4, 2), T = denpa_f32(t, 4, 3);
  OPTIONS(denpa_fit_options, o);
  fill(x, COUNT(x), 3);
  o.checkpoint = checkpoint;
  o.checkpoint_trainer = checkpoint != NULL;
  return denpa_fit(trainer, &X, 1, &T, 1, &o, NULL);
}
static denpa_status save_trainer(void) { return denpa_trainer_save(trainer, path); }
static denpa_status save_trained(void) { return train(NULL) == DENPA_OK ? save_trainer() : DENPA_INTERNAL_ERROR; }
static denpa_status load_trainer(void) { return denpa_trainer_load(trainer, path); }
static denpa_status reset_trainer(void) { return denpa_trainer_load(trainer, other_path); }
static denpa_status fit_checkpoint(void) { return train(path); }

/*    test                          operation       the file that is loaded, reset   old big learns */
#define OPERATIONS(ROW)                                                               \
  ROW(model_over_an_older_file, save_model, NULL, NULL, 1, 0, 0)                      \
  ROW(model_to_a_new_file, save_model, NULL, NULL, 0, 0, 0)                           \
  ROW(big_model, save_model, NULL, NULL, 1, 1, 0)                                     \
  ROW(model_through_a_link, save_by_link, NULL, NULL, 2, 0, 0)                        \
  ROW(model_over_what_a_kill_left, save_model, NULL, NULL, 3, 0, 0)                   \
  ROW(load_a_model, load_model, save_model, NULL, 1, 0, 0)                            \
  ROW(load_a_big_model, load_model, save_model, NULL, 1, 1, 0)                        \
  ROW(checkpoint, save_trainer, NULL, NULL, 1, 0, 0)                                  \
  ROW(big_checkpoint, save_trainer, NULL, NULL, 1, 1, 0)                              \
  ROW(checkpoint_of_a_fit, fit_checkpoint, NULL, reset_trainer, 1, 0, 1)              \
  ROW(load_a_checkpoint, load_trainer, save_trained, reset_trainer, 1, 0, 0)          \
  ROW(plain_weights, save_weights, NULL, NULL, 1, 0, 0)                               \
  ROW(load_plain_weights, load_weights, save_other_weights, reset_weights, 1, 0, 0)

/* ------------------------------------------------------------------------------------------------------------------
 * What the file system and the process look like
 */
typedef struct bytes {
  char *data;
  size_t size;
} bytes;

static bytes read_whole(const char *from) {
  bytes result = {NULL, 0};
  FILE *file = fopen(from, "rb");
  if (file == NULL) return result;
  fseek(file, 0, SEEK_END);
  result.size = (size_t)ftell(file);
  rewind(file);
  result.data = (char *)malloc(result.size + 1);
  if (fread(result.data, 1, result.size, file) != result.size) result.size = 0;
  fclose(file);
  return result;
}
static void write_whole(const char *to, const bytes *what) {
  FILE *file = fopen(to, "wb");
  CHECK(file != NULL && fwrite(what->data, 1, what->size, file) == what->size);
  if (file != NULL) fclose(file);
}
static int same(const bytes *a, const bytes *b) {
  return (a->data == NULL) == (b->data == NULL) && a->size == b->size && (a->size == 0 || memcmp(a->data, b->data, a->size) == 0);
}

static int entries_of(const char *of, char *first_hidden, size_t room) {
  DIR *stream = opendir(of);
  struct dirent *entry;
  int count = 0;
  if (stream == NULL) return -1;
  while ((entry = readdir(stream)) != NULL) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    count++;
    if (first_hidden != NULL && entry->d_name[0] == '.') snprintf(first_hidden, room, "%.200s", entry->d_name);
  }
  closedir(stream);
  return count;
}
static int descriptors(void) { return entries_of("/proc/self/fd", NULL, 0); }

static uint64_t state(void) {
  uint64_t hash = model_hash(model);
  if (trainer != NULL) {
    static char data[1 << 22];
    int64_t size = 0, i;
    OK(denpa_trainer_save_bytes(trainer, data, sizeof data, &size));
    for (i = 0; i < size; i++) hash = (hash ^ (unsigned char)data[i]) * 1099511628211u;
  }
  return hash;
}

/* ------------------------------------------------------------------------------------------------------------------
 * One operation with one fault
 */
static bytes before, after; /* the file's contents without the operation and with it */
static uint64_t state_after; /* of the objects, if the operation has succeeded */
static char left_name[256]; /* what a killed process leaves beside it */

static void remove_hidden(void) {
  char name[256], beside[512];
  for (name[0] = 0; entries_of(folder, name, sizeof name) > 0 && name[0] != 0; name[0] = 0) {
    snprintf(beside, sizeof beside, "%s/%s", folder, name);
    CHECK(unlink(beside) == 0);
  }
}
static void set_up(const operation *op) {
  static char torn[] = "the beginning of a file";
  const bytes contents = {torn, sizeof torn};
  char beside[512];
  unlink(path);
  remove_hidden();
  if (before.data != NULL) write_whole(path, &before);
  if (op->old != 3) return;
  snprintf(beside, sizeof beside, "%s/%s", folder, left_name);
  write_whole(beside, &contents);
}

/* The name that a temporary file has: what is in the folder while a write fails, and removing fails too. */
static void learn_left_name(const operation *op) {
  calls_fault fault = {0, EIO, 1, 0};
  calls_begin(NULL);
  op->run();
  calls_end();
  while (fault.at < calls.count && calls.number[fault.at] != SYS_write) fault.at++;
  calls_begin(&fault);
  CHECK(op->run() == DENPA_IO_ERROR);
  calls_end();
  CHECK(entries_of(folder, left_name, sizeof left_name) == 2 && left_name[0] == '.');
}

static const char *fault_name(const calls_fault *fault) {
  if (fault->error == CALLS_SHORT) return "half of the bytes";
  return fault->error == CALLS_NOTHING ? "no bytes" : strerror(fault->error);
}

static void failed_check(const operation *op, const calls_fault *fault, long number, denpa_status status, const char *what) {
  if (++test_failures <= 20)
    printf("    FAIL %s, call %d%s (%s: %s), %s%s%s: %s\n", op->name, fault->at, fault->onwards ? " and those after it" : "",
           kind_of(number)->name, fault_name(fault),
           denpa_status_name(status), status == DENPA_OK ? "" : ": ", status == DENPA_OK ? "" : denpa_last_error(), what);
}
#define EXPECT(condition) \
  if (!(condition)) failed_check(op, fault, number, status, #condition)

/* Where in a save what begins and ends: the temporary file is there, and is renamed; -1 in a load. */
typedef struct course {
  int made, renamed;
} course;

/* Whether a call only looks for what killed processes have left, or for those that look for this one. */
static int is_tidying(const course *c, const calls_fault *fault, long number, long third) {
  if (c->made < 0 || fault->memory || fault->at <= c->made || fault->at > c->renamed) return 0;
  return (number == SYS_openat && !(third & O_CREAT)) || number == SYS_newfstatat || number == SYS_fstat || number == SYS_flock ||
         number == SYS_unlinkat;
}

static void with_fault(const operation *op, const calls_fault *fault, long number, long third, const course *c) {
  const uint64_t state_before = state();
  const int saves = op->make == NULL, files = descriptors(), error = fault->error;
  const int in_place = saves && !fault->memory && fault->at > c->renamed, tidying = is_tidying(c, fault, number, third);
  const int64_t handles = denpa_test_handles();
  const call_kind *kind = kind_of(number);
  denpa_status status;
  bytes now;
  int entries, expected = (saves || before.data != NULL) + (op->old == 2), removing_failed = 0, i;
  set_up(op);
  loaded = NULL;
  calls_begin(fault);
  status = op->run();
  calls_end();
  for (i = 0; i < calls.count; i++) removing_failed |= calls.number[i] == SYS_unlinkat && calls.result[i] < 0 && calls.result[i] != -ENOENT;
  if (calls.injected == 0) return; /* memory that is kept from the run before */

  if (error == EINTR || error == CALLS_SHORT) EXPECT(status == DENPA_OK);
  if (!fault->onwards && !tidying && kind->must_fail && error > 0 && error != EINTR) EXPECT(status != DENPA_OK);
  if (error == CALLS_NOTHING && number == SYS_write) EXPECT(status == DENPA_IO_ERROR);
  if (saves && number == SYS_close && fault->at < c->renamed && calls.number[fault->at + 1] == SYS_close && error != EINTR)
    EXPECT(status == DENPA_IO_ERROR);
  if (status != DENPA_OK) {
    EXPECT(status == DENPA_IO_ERROR || status == DENPA_OUT_OF_MEMORY);
    if (error > 0 && error != ENOMEM) EXPECT(strstr(denpa_last_error(), strerror(error)) != NULL);
    if (status == DENPA_IO_ERROR) EXPECT(strstr(denpa_last_error(), folder) != NULL);
    EXPECT(loaded == NULL);
  }
  if (status == DENPA_OK) EXPECT(state() == state_after);
  if (status != DENPA_OK && !op->learns) EXPECT(state() == state_before);

  now = read_whole(path);
  if (status == DENPA_OK || in_place) {
    EXPECT(same(&now, &after));
    if (status != DENPA_OK) EXPECT(strstr(denpa_last_error(), "the new file is there") != NULL);
  } else {
    EXPECT(same(&now, &before));
  }
  free(now.data);
  entries = entries_of(folder, NULL, 0);
  if (status != DENPA_OK && !in_place) expected -= before.data == NULL;
  if (op->old == 3 && status != DENPA_OK) expected++; /* it may still be there */
  if (removing_failed) expected++;
  if (number == SYS_flock && error == EWOULDBLOCK) expected++; /* who has locked it removes it */
  if (op->old == 3 && tidying && status == DENPA_OK) expected++;
  EXPECT(entries <= expected && entries >= 0);

  if (loaded != NULL) {
    EXPECT(model_hash(loaded) == model_hash(model));
    OK(denpa_model_destroy(loaded));
  }
  EXPECT(descriptors() == files);
  EXPECT(denpa_test_handles() == handles);
  if (op->reset != NULL) OK(op->reset());

  /* Whatever has happened, the same again goes well, and cleans up. */
  loaded = NULL;
  EXPECT(op->run() == DENPA_OK);
  if (loaded != NULL) OK(denpa_model_destroy(loaded));
  if (op->reset != NULL) OK(op->reset());
  EXPECT(state() == state_before);
  now = read_whole(path);
  EXPECT(same(&now, &after));
  free(now.data);
  EXPECT(entries_of(folder, NULL, 0) == 1 + (op->old == 2));
}

static void fail_all(const operation *op) {
  long numbers[COUNT(calls.number)], thirds[COUNT(calls.number)];
  int count, i, e, faults = 0;
  course c = {-1, -1};
  const int units = op->big ? 20000 : 5, saves = op->make == NULL;
  model = two_layers(2, units, "tanh", 3, DENPA_FLOAT64, 11);
  other = two_layers(2, units, "tanh", 3, DENPA_FLOAT64, 12);
  trainer = new_trainer(model, "mean_squared_error", NULL, "adam", 0.01, 4);
  strcpy(folder, "/tmp/denpa-failing-XXXXXX");
  strcpy(other_folder, folder);
  CHECK(mkdtemp(folder) != NULL && mkdtemp(other_folder) != NULL);
  snprintf(path, sizeof path, "%s/m.safetensors", folder);
  snprintf(link_path, sizeof link_path, "%s/link", folder);
  snprintf(other_path, sizeof other_path, "%s/trainer", other_folder);
  if (!calls_watch()) test_end(); /* a kernel without seccomp */

  if (op->old == 2) EQUAL(symlink("m.safetensors", link_path), 0);
  OK(denpa_trainer_save(trainer, other_path));
  OK(op->make != NULL ? op->make() : op->run());
  after = read_whole(path);
  if (op->old != 0) {
    if (saves) OK(denpa_model_save(other, path));
    before = read_whole(path);
  }
  if (op->reset != NULL) OK(op->reset());
  if (op->old == 3) learn_left_name(op);
  set_up(op);
  calls_begin(NULL);
  OK(op->run());
  calls_end();
  state_after = state();
  if (op->reset != NULL) OK(op->reset());
  if (loaded != NULL) OK(denpa_model_destroy(loaded));
  count = calls.count;
  memcpy(numbers, calls.number, sizeof numbers);
  memcpy(thirds, calls.third, sizeof thirds);
  CHECK(count >= (saves ? 10 : 5) && count < COUNT(numbers));
  for (i = 0; i < count; i++) {
    if (kind_of(numbers[i]) == NULL) printf("    system call %ld is not in `kinds`\n", numbers[i]);
    CHECK(kind_of(numbers[i]) != NULL);
    if (numbers[i] == SYS_openat && (thirds[i] & O_CREAT) && c.made < 0) c.made = i;
    if (numbers[i] == SYS_renameat2) c.renamed = i;
#ifdef SYS_renameat
    if (numbers[i] == SYS_renameat) c.renamed = i;
#endif
  }
  CHECK((c.renamed > 0) == saves && (c.made > 0) == saves);
  if (test_failures > 0) return;
  for (i = 0; i < count; i++) {
    const call_kind *kind = kind_of(numbers[i]);
    for (e = 0; kind->errors[e] != 0; e++) {
      calls_fault fault = {i, kind->errors[e], 0, 0};
      with_fault(op, &fault, numbers[i], thirds[i], &c), faults++;
      if (fault.error != EIO && fault.error != ENOSPC) continue;
      fault.onwards = 1;
      with_fault(op, &fault, numbers[i], thirds[i], &c), faults++;
    }
  }
  for (i = 0; i < 20 && TEST_MEASURES_MEMORY; i++) { /* a sanitizer cannot do without memory of its own */
    calls_fault fault = {i, ENOMEM, i % 2, 1};
    malloc_trim(0);
    with_fault(op, &fault, memory_kind.number, 0, &c), faults++;
  }
  remove_hidden();
  unlink(path);
  unlink(link_path);
  unlink(other_path);
  CHECK(rmdir(folder) == 0 && rmdir(other_folder) == 0);
  printf("    %s: %d calls, %d faults\n", op->name, count, faults);
  fflush(stdout);
  _exit(test_failures != 0); /* without a search for leaks, whose thread of its own cannot be watched */
}

#define TEST(name, run, make, reset, old, big, learns)                       \
  static void name(void) {                                                   \
    static const operation op = {#name, run, make, reset, old, big, learns}; \
    fail_all(&op);                                                           \
  }
OPERATIONS(TEST)
#define LISTED(name, run, make, reset, old, big, learns) {#name, name},
static const test_case tests[] = {OPERATIONS(LISTED)};

int main(int argc, char **argv) { return test_main(tests, COUNT(tests), argc, argv); }
