// The number of CPUs the cgroup's quota allows. Plain system calls; nothing here allocates.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "platform.h"

enum { path_size = 4096, file_size = 8192 };

// Reads a small file into `text` (file_size bytes, always terminated); returns its length, or -1.
static long read_file(const char *path, char *text) {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return -1;
  long length = 0;
  while (length < file_size - 1) {
    const ssize_t got = read(file, text + length, (size_t)(file_size - 1 - length));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    length += got;
  }
  close(file);
  text[length] = 0;
  return length;
}

// Parses a decimal number; returns -1 for "max", "-1" or nothing.
static long long number(const char **text) {
  while (**text == ' ') ++*text;
  if (**text < '0' || **text > '9') return -1;
  long long value = 0;
  while (**text >= '0' && **text <= '9' && value < 1000000000000000) value = value * 10 + (*(*text)++ - '0');
  return value;
}

static long long read_number(const char *folder, const char *name, long long *second) {
  char path[path_size], text[file_size];
  if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path) return -1;
  if (read_file(path, text) < 0) return -1;
  const char *rest = text;
  const long long first = number(&rest);
  if (second) *second = number(&rest);
  return first;
}

static void tighten(int32_t *least, long long quota, long long period) {
  if (quota <= 0 || period <= 0) return;
  const long long count = (quota + period - 1) / period;
  if (count < 65536 && (*least == 0 || count < *least)) *least = (int32_t)count;
}

// Visits mount + group and all its ancestors up to the mount: any of them may hold the tightest quota, and in
// a container the group's path may not exist below the mount at all.
static void visit(const char *root, const char *mount, const char *group, int version, int32_t *least) {
  char folder[path_size];
  const int base = snprintf(folder, sizeof folder, "%s%s", root, mount);
  if (base < 0 || base >= (int)sizeof folder) return;
  const size_t length = strlen(group);
  if ((size_t)base + length >= sizeof folder) return;
  memcpy(folder + base, group, length + 1);
  for (size_t end = (size_t)base + length;; end--) {
    if (end > (size_t)base && folder[end] != '/' && folder[end] != 0) continue;
    folder[end] = 0;
    long long period = -1;
    if (version == 2) {
      const long long quota = read_number(folder, "cpu.max", &period);
      tighten(least, quota, period);
    } else {
      period = read_number(folder, "cpu.cfs_period_us", NULL);
      tighten(least, read_number(folder, "cpu.cfs_quota_us", NULL), period);
    }
    if (end == (size_t)base) return;
  }
}

static int lists_cpu(const char *names) {
  for (const char *name = names; *name;) {
    const size_t length = strcspn(name, ",");
    if (length == 3 && memcmp(name, "cpu", 3) == 0) return 1;
    name += length + (name[length] == ',');
  }
  return 0;
}

int32_t denpa_cgroup_cpu_count(const char *root) {
  const int saved = errno;
  char path[path_size], text[file_size];
  int32_t least = 0;
  if (snprintf(path, sizeof path, "%s/proc/self/cgroup", root) < (int)sizeof path && read_file(path, text) > 0) {
    // Lines are number:controllers:/group
    for (char *line = text, *next; line && *line; line = next) {
      next = strchr(line, '\n');
      if (next) *next++ = 0;
      char *controllers = strchr(line, ':');
      char *group = controllers ? strchr(controllers + 1, ':') : NULL;
      if (!group) continue;
      *group++ = 0;
      controllers++;
      if (*group == '/' && group[1] == 0) group++;
      if (*controllers == 0) {
        visit(root, "/sys/fs/cgroup", group, 2, &least);
      } else if (lists_cpu(controllers)) {
        visit(root, "/sys/fs/cgroup/cpu", group, 1, &least);
        visit(root, "/sys/fs/cgroup/cpu,cpuacct", group, 1, &least);
      }
    }
  }
  errno = saved;
  return least;
}

int32_t denpa_cgroup_cpu_limit(void) {
  static int32_t known;  // The count + 1; 0: not yet read
  int32_t count = __atomic_load_n(&known, __ATOMIC_RELAXED);
  if (count == 0) {
    count = denpa_cgroup_cpu_count("") + 1;
    __atomic_store_n(&known, count, __ATOMIC_RELAXED);
  }
  return count - 1;
}
