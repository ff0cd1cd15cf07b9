/* Model files with a right checksum and hostile contents: what loading them costs, and what it says. */
#include <malloc.h>
#include <time.h>

#include "model_text.h"

/* ------------------------------------------------------------------------------------------------------------------
 * Loading is measured: at most twice the file and 16 MB, and where the nodes are good what the graph takes.
 */
enum { ALLOWED = 16000000, NODE = 512 };
static int64_t nodes_allowed; /* that a graph may have, before what is wrong with the file can be seen */

static int64_t status_line(const char *name) {
  char line[256];
  long long value = -1;
  FILE *file = fopen("/proc/self/status", "r");
  if (file == NULL) return -1;
  while (fgets(line, sizeof line, file) != NULL)
    if (strncmp(line, name, strlen(name)) == 0) value = atoll(line + strlen(name) + 1);
  fclose(file);
  return value * 1024;
}
static void forget_peak(void) {
  FILE *file = fopen("/proc/self/clear_refs", "w");
  if (file == NULL) return;
  fputs("5", file);
  fclose(file);
}

/* The first call brings what is made once. */
static void warm_up(void) {
  text graph = small_graph("float32"), file = file_of(&graph, SIX, six, sizeof six);
  denpa_model *m = NULL;
  denpa_tensor view;
  OK(denpa_model_load_bytes(file.data, (int64_t)file.size, &m));
  OK(denpa_model_view(m, "n0.W", &view));
  CHECK(memcmp(view.data, six, sizeof six) == 0);
  OK(denpa_model_destroy(m));
}

static void costs(const text *graph, const char *tensors, const void *data, size_t bytes, denpa_status expected, int line) {
  text file = file_of(graph, tensors, data, bytes);
  denpa_model *m = NULL;
  int64_t before, grown, allowed = 2 * (int64_t)file.size + ALLOWED + nodes_allowed * NODE;
  char path[] = "/tmp/denpa-hostile-XXXXXX";
  int way, fd = mkstemp(path);
  CHECK(fd >= 0 && write(fd, file.data, file.size) == (ssize_t)file.size);
  close(fd);
  for (way = 0; way < 2; way++) {
    denpa_status status;
    malloc_trim(0); /* what is free already would hide what is taken */
    forget_peak();
    before = status_line("VmRSS:");
    status = way == 0 ? denpa_model_load_bytes(file.data, (int64_t)file.size, &m) : denpa_model_load(path, &m);
    grown = status_line("VmHWM:") - before;
    if (status != expected || (status != DENPA_OK && m != NULL)) {
      test_failures++;
      printf("    FAIL line %d: expected %s, got %s: %s\n", line, denpa_status_name(expected), denpa_status_name(status),
             denpa_last_error());
    }
    if (TEST_MEASURES_MEMORY && grown > allowed) {
      test_failures++;
      printf("    FAIL line %d: a file of %lld bytes took %lld, more than %lld\n", line, (long long)file.size, (long long)grown,
             (long long)allowed);
    }
    if (m != NULL) OK(denpa_model_destroy(m));
    m = NULL;
  }
  unlink(path);
  free(file.data);
}
#define COSTS(graph, tensors, data, bytes, expected) costs(&(graph), tensors, data, bytes, expected, __LINE__)

/* Every allocation of the test process that is not needed comes back before the next file is measured. */
static void huge_shapes(void) {
  text graph = begin_graph("float32", 1);
  int i;
  warm_up();
  add_node(&graph, 0, "dense", "\"units\":2147483647");
  end_graph(&graph, 0, "");
  COSTS(graph, "", "", 0, DENPA_BAD_FILE);
  COSTS(graph, ",\"n0.W\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}", six, sizeof six, DENPA_BAD_FILE);
  graph = begin_graph("float32", 4096);
  for (i = 0; i < 1000; i++) add_node(&graph, i, "dense", "\"units\":4096,\"bias\":false");
  end_graph(&graph, 999, "");
  COSTS(graph, "", "", 0, DENPA_BAD_FILE);
  graph = begin_graph("float32", 1099511627776);
  add_node(&graph, 0, "dense", "\"units\":64,\"bias\":false");
  end_graph(&graph, 0, "");
  COSTS(graph, SIX, six, sizeof six, DENPA_BAD_FILE);
}

/* The right shapes in another type would take twice the memory. */
static void other_types(void) {
  enum { BYTES = 40000000 };
  char *zeros = (char *)calloc(BYTES, 1);
  text graph = begin_graph("float64", 1000);
  warm_up();
  memset(zeros, 0, BYTES);
  add_node(&graph, 0, "dense", "\"units\":10000,\"bias\":false");
  end_graph(&graph, 0, "");
  COSTS(graph, ",\"n0.W\":{\"dtype\":\"F32\",\"shape\":[1000,10000],\"data_offsets\":[0,40000000]}", zeros, BYTES, DENPA_BAD_FILE);
  free(zeros);
}

static void many_nodes(void) {
  text graph = begin_graph("float32", 2);
  int i;
  warm_up();
  for (i = 0; i < 65535; i++) add_node(&graph, i, "dense", "\"units\":2");
  end_graph(&graph, 65534, "");
  COSTS(graph, "", "", 0, DENPA_BAD_FILE);
  graph = begin_graph("float32", 2);
  for (i = 0; i < 65535; i++) add_node(&graph, i, "identity", "");
  end_graph(&graph, 65534, "");
  nodes_allowed = 65536;
  COSTS(graph, SIX, six, sizeof six, DENPA_BAD_FILE);
  COSTS(graph, "", "", 0, DENPA_OK);
  nodes_allowed = 0;
  graph = begin_graph("float32", 2);
  for (i = 0; i < 65536; i++) add_node(&graph, i, "identity", "");
  end_graph(&graph, 65535, "");
  COSTS(graph, "", "", 0, DENPA_BAD_FILE);
}

static void repeat(text *t, const char *words, int count) {
  while (count-- > 0) say(t, words);
}

/* Attributes that hold far more than any attribute may. */
static void huge_attributes(void) {
  static const char *const heads[] = {"\"initializer\":{\"shape\":[1048576],\"elements\":[0",
                                      "\"initializer\":{\"kind\":\"normal\",\"attributes\":{\"scale\":[0",
                                      "\"units\":[0", "\"no_such\":[0"};
  static const char *const tails[] = {"]}", "]}}", "]", "]"};
  int i;
  warm_up();
  for (i = 0; i < COUNT(heads); i++) {
    text attributes = {NULL, 0, 0, 0}, graph = begin_graph("float32", 2);
    say(&attributes, i == 2 ? "" : "\"units\":2,");
    say(&attributes, heads[i]);
    repeat(&attributes, ",0", 1048575);
    say(&attributes, tails[i]);
    add_node(&graph, 0, "dense", attributes.data);
    end_graph(&graph, 0, "");
    COSTS(graph, "", "", 0, DENPA_BAD_FILE);
  }
}

/* Texts as long as the file. */
static void long_texts(void) {
  enum { LENGTH = 40000000 };
  char *text_of_x = (char *)malloc(LENGTH + 1);
  int i;
  warm_up();
  memset(text_of_x, 'x', LENGTH);
  text_of_x[LENGTH] = 0;
  for (i = 0; i < 4; i++) {
    text graph = begin_graph("float32", 2);
    if (i == 0) graph.size = 0, say(&graph, "{\""), say(&graph, text_of_x), say(&graph, "\":1}");
    if (i == 1) say(&graph, ",{\"name\":\""), say(&graph, text_of_x), say(&graph, "\"}");
    if (i == 2) say(&graph, ",{\"name\":\"n0\",\"kind\":\""), say(&graph, text_of_x), say(&graph, "\"}");
    if (i == 3) {
      say(&graph, ",{\"name\":\"n0\",\"kind\":\"dense\",\"version\":1,\"inputs\":[\"x\"],\"attributes\":{\"activation\":\"");
      say(&graph, text_of_x);
      say(&graph, "\"}}");
    }
    if (i > 0) end_graph(&graph, 0, "");
    COSTS(graph, "", "", 0, DENPA_BAD_FILE);
    free(graph.data);
  }
  free(text_of_x);
}

static void deep_nesting(void) {
  text attributes = {NULL, 0, 0, 0}, graph = begin_graph("float32", 2);
  warm_up();
  say(&attributes, "\"units\":2,\"initializer\":");
  repeat(&attributes, "{\"kind\":\"normal\",\"attributes\":{\"scale\":", 100000);
  add_node(&graph, 0, "dense", attributes.data);
  COSTS(graph, "", "", 0, DENPA_BAD_FILE);
  graph.size = 0;
  repeat(&graph, "[", 1000000);
  COSTS(graph, "", "", 0, DENPA_BAD_FILE);
}

/* Lists of names, much longer than there are names. */
static void long_lists(void) {
  static const char *const keys[] = {"frozen", "outputs", "nodes", "inputs", "other"};
  int i;
  warm_up();
  for (i = 0; i < COUNT(keys); i++) {
    text graph = small_graph("float32");
    graph.size--; /* the closing bracket */
    if (i > 2) {
      say(&graph, ",\"");
      say(&graph, keys[i]);
      say(&graph, "\":[0");
    } else {
      graph.size = 0;
      say(&graph, "{\"dtype\":\"float32\",\"seed\":\"0\",\"");
      say(&graph, keys[i]);
      say(&graph, "\":[0");
    }
    repeat(&graph, ",0", 2000000);
    say(&graph, "]}");
    COSTS(graph, SIX, six, sizeof six, i > 2 ? DENPA_OK : DENPA_BAD_FILE); /* what is not read may be there */
  }
}

/* ------------------------------------------------------------------------------------------------------------------
 * What it says.
 */

/* A program that saves anew where there is no file must not take a missing plugin for that. */
static void not_registered(void) {
  text graph = begin_graph("float32", 2), file;
  denpa_model *m = NULL;
  add_node(&graph, 0, "no.such", "");
  end_graph(&graph, 0, "");
  file = file_of(&graph, "", "", 0);
  STATUS(denpa_model_load_bytes(file.data, (int64_t)file.size, &m), DENPA_NOT_REGISTERED);
  CHECK(strstr(denpa_last_error(), "no.such") != NULL);
  graph = begin_graph("float32", 2);
  add_node(&graph, 0, "dense", "\"units\":2,\"initializer\":{\"kind\":\"no_such\",\"attributes\":{}}");
  end_graph(&graph, 0, "");
  file = file_of(&graph, SIX, six, sizeof six);
  STATUS(denpa_model_load_bytes(file.data, (int64_t)file.size, &m), DENPA_NOT_REGISTERED);
  CHECK(strstr(denpa_last_error(), "no_such") != NULL);
  STATUS(denpa_model_load("/no/such/file", &m), DENPA_NOT_FOUND);
}

static void damaged_graphs(void) {
  static const char *const wrong[] = {
      "", "null", "[]", "{}", "{\"dtype\":\"float32\"}",
      "{\"dtype\":\"float32\",\"seed\":\"0\",\"nodes\":[],\"outputs\":[],\"frozen\":[]}",
      "{\"dtype\":\"float32\",\"seed\":\"0\",\"nodes\":{},\"outputs\":[],\"frozen\":[]}",
      "{\"dtype\":\"float32\",\"seed\":\"0\",\"nodes\":[7],\"outputs\":[],\"frozen\":[]}",
      "{\"dtype\":\"int32\",\"seed\":\"0\",\"nodes\":[{\"name\":\"x\",\"kind\":\"input\",\"dtype\":\"float32\",\"shape\":[1]}],"
      "\"outputs\":[\"x\"],\"frozen\":[]}",
      "{\"dtype\":\"float32\",\"seed\":0,\"nodes\":[],\"outputs\":[],\"frozen\":[]}",
      "{\"dtype\":\"float32\",\"dtype\":\"float32\",\"seed\":\"0\",\"nodes\":[{\"name\":\"x\",\"kind\":\"input\",\"dtype\":"
      "\"float32\",\"shape\":[1]}],\"outputs\":[\"x\"],\"frozen\":[]}",
  };
  int i;
  denpa_model *m = NULL;
  for (i = 0; i < COUNT(wrong); i++) {
    text graph = {NULL, 0, 0, 0}, file;
    say(&graph, wrong[i]);
    file = file_of(&graph, "", "", 0);
    STATUS(denpa_model_load_bytes(file.data, (int64_t)file.size, &m), DENPA_BAD_FILE);
  }
  CHECK(m == NULL);
}

/* Layers that share parameters: the file has them once, and the earlier layer has to be there and like the other. */
static text sharing(const char *first, const char *second, const char *members) {
  text graph = begin_graph("float32", 2);
  add_node(&graph, 0, "dense", first);
  add_node(&graph, 1, "relu", "");
  say(&graph, ",{\"name\":\"n2\",\"kind\":\"dense\",\"version\":1,\"attributes\":{");
  say(&graph, second);
  say(&graph, "},\"inputs\":[\"x\"]");
  say(&graph, members);
  say(&graph, "},{\"name\":\"n3\",\"kind\":\"add\",\"version\":1,\"attributes\":{},\"inputs\":[\"n1\",\"n2\"]}");
  end_graph(&graph, 3, "");
  return file_of(&graph, SIX, six, sizeof six);
}
static void shared_parameters(void) {
  static const char dense[] = "\"units\":3,\"bias\":false";
  static const char *const wrong[] = {
      "",                                        /* it needs a tensor "n2.W" */
      ",\"shares\":\"n9\"",                      /* there is no such layer */
      ",\"shares\":\"n1\"",                      /* of another kind */
      ",\"shares\":\"n2\"",                      /* itself */
      ",\"shares\":\"n3\"",                      /* not yet */
      ",\"shares\":\"x\"",                       /* an input */
      ",\"shares\":\"\"",
      ",\"shares\":\"n0.W\"",
      ",\"shares\":0",
      ",\"shares\":null",
      ",\"shares\":[\"n0\"]",
      ",\"shares\":\"n0\",\"shares\":\"n0\"",
  };
  denpa_model *m = NULL;
  text file = sharing(dense, dense, ",\"shares\":\"n0\"");
  float x[2] = {1, -1}, y[3];
  denpa_tensor X = denpa_f32(x, 1, 2), Y = denpa_f32(y, 1, 3);
  int i;
  OK(denpa_model_load_bytes(file.data, (int64_t)file.size, &m));
  OK(denpa_predict(new_session(m, 1, 0), &X, 1, &Y, 1));
  for (i = 0; i < 3; i++) CHECK(y[i] == six[i] - six[i + 3]); /* the relu of the one is 0 */
  for (i = 0; i < COUNT(wrong); i++) {
    file = sharing(dense, dense, wrong[i]);
    m = NULL;
    STATUS(denpa_model_load_bytes(file.data, (int64_t)file.size, &m), DENPA_BAD_FILE);
    CHECK(m == NULL);
  }
  file = sharing(dense, "\"units\":4,\"bias\":false", ",\"shares\":\"n0\"");
  STATUS(denpa_model_load_bytes(file.data, (int64_t)file.size, &m), DENPA_BAD_FILE);
  CHECK(strstr(denpa_last_error(), "\"n2\"") != NULL && strstr(denpa_last_error(), "\"n0\"") != NULL);
  file = sharing(dense, "\"units\":3,\"bias\":false,\"activation\":\"relu\"", ",\"shares\":\"n0\"");
  STATUS(denpa_model_load_bytes(file.data, (int64_t)file.size, &m), DENPA_BAD_FILE);
}

/* Members in another order are the same graph. */
static void any_order(void) {
  text graph = {NULL, 0, 0, 0}, file;
  denpa_model *m = NULL;
  denpa_tensor view;
  OPTIONS(denpa_port, port);
  say(&graph, "{\"frozen\":[\"n0.W\"],\"outputs\":[\"n0\"],\"nodes\":[{\"shape\":[2],\"dtype\":\"float32\",\"kind\":\"input\","
              "\"name\":\"x\"},{\"inputs\":[\"x\"],\"attributes\":{\"bias\":false,\"units\":3},\"version\":1,\"kind\":\"dense\","
              "\"name\":\"n0\"}],\"seed\":\"3\",\"dtype\":\"float32\"}");
  file = file_of(&graph, SIX, six, sizeof six);
  OK(denpa_model_load_bytes(file.data, (int64_t)file.size, &m));
  OK(denpa_model_view(m, "n0.W", &view));
  CHECK(memcmp(view.data, six, sizeof six) == 0);
  OK(denpa_model_parameter(m, 0, &port));
  EQUAL(port.trainable, 0);
}

/* ------------------------------------------------------------------------------------------------------------------
 * Frozen parameters: twice as many take twice the time.
 */
static double seconds_to_load(int layers) {
  text graph = begin_graph("float32", 1), frozen = {NULL, 0, 0, 0}, tensors = {NULL, 0, 0, 0}, file;
  float *zeros = (float *)calloc((size_t)layers * 2, sizeof *zeros);
  double best = 1e9;
  int i;
  for (i = 0; i < layers; i++) {
    char line[256];
    add_node(&graph, i, "dense", "\"units\":1");
    snprintf(line, sizeof line, "%s\"n%d.W\",\"n%d.b\"", i > 0 ? "," : "", i, i);
    say(&frozen, line);
    snprintf(line, sizeof line,
             ",\"n%d.W\":{\"dtype\":\"F32\",\"shape\":[1,1],\"data_offsets\":[%d,%d]}"
             ",\"n%d.b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[%d,%d]}",
             i, 8 * i, 8 * i + 4, i, 8 * i + 4, 8 * i + 8);
    say(&tensors, line);
  }
  end_graph(&graph, layers - 1, frozen.data);
  file = file_of(&graph, tensors.data, zeros, (size_t)layers * 8);
  free(zeros);
  for (i = 0; i < 3; i++) {
    denpa_model *m = NULL;
    clock_t start = clock();
    double took;
    OPTIONS(denpa_port, port);
    OK(denpa_model_load_bytes(file.data, (int64_t)file.size, &m));
    took = (double)(clock() - start) / CLOCKS_PER_SEC;
    if (took < best) best = took;
    OK(denpa_model_parameter(m, layers * 2 - 1, &port));
    EQUAL(port.trainable, 0);
    OK(denpa_model_destroy(m));
  }
  return best;
}
static void frozen_parameters(void) {
  double some, twice;
  warm_up();
  some = seconds_to_load(5000);
  twice = seconds_to_load(10000);
  if (twice > 3 * some) printf("    %.3f s for 10,000 parameters, %.3f s for 20,000\n", some, twice);
  CHECK(twice < 3 * some);
}

static const test_case tests[] = {
    {"huge_shapes", huge_shapes},         {"other_types", other_types},       {"many_nodes", many_nodes},
    {"long_texts", long_texts},           {"huge_attributes", huge_attributes}, {"deep_nesting", deep_nesting},     {"long_lists", long_lists},
    {"not_registered", not_registered},   {"damaged_graphs", damaged_graphs}, {"any_order", any_order},
    {"shared_parameters", shared_parameters},
    {"frozen_parameters", frozen_parameters},
};

int main(int argc, char **argv) { return test_main(tests, COUNT(tests), argc, argv); }
