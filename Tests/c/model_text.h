/* model_text.h: a writer of model files, good and bad, with their checksums. */
#ifndef MODEL_TEXT_H
#define MODEL_TEXT_H

#include "nets.h"

typedef struct text {
  char *data;
  size_t size, room;
  int number; /* in `texts`, from 1 on */
} text;

/* All texts of a test, which are kept until its process ends: memory that nothing points to would count as lost. */
static char *texts[4096];
static int text_count;

static inline void add(text *t, const char *data, size_t size) {
  if (t->size + size + 1 > t->room) {
    t->room = (t->size + size + 1) * 2;
    t->data = (char *)realloc(t->data, t->room);
    if (t->data == NULL || (t->number == 0 && (t->number = ++text_count) >= COUNT(texts))) test_end();
    texts[t->number] = t->data;
  }
  memcpy(t->data + t->size, data, size);
  t->size += size;
  t->data[t->size] = 0;
}
static inline void say(text *t, const char *words) { add(t, words, strlen(words)); }
static inline void number(text *t, long long value) {
  char digits[32];
  snprintf(digits, sizeof digits, "%lld", value);
  say(t, digits);
}

/* XXH64 with seed 0, after its specification (github.com/Cyan4973/xxHash, doc/xxhash_spec.md). */
static const uint64_t P1 = 0x9E3779B185EBCA87u, P2 = 0xC2B2AE3D27D4EB4Fu, P3 = 0x165667B19E3779F9u,
                      P4 = 0x85EBCA77C2B2AE63u, P5 = 0x27D4EB2F165667C5u;
static inline uint64_t rotated(uint64_t x, int bits) { return x << bits | x >> (64 - bits); }
static inline uint64_t mixed(uint64_t lane, uint64_t input) { return rotated(lane + input * P2, 31) * P1; }
static inline uint64_t word_at(const unsigned char *p) {
  uint64_t word;
  memcpy(&word, p, 8);
  return word;
}
static inline uint64_t xxh64(const unsigned char *p, size_t size) {
  const unsigned char *end = p + size;
  uint64_t hash = P5, lane[4];
  int i;
  if (size >= 32) {
    lane[0] = P1 + P2, lane[1] = P2, lane[2] = 0, lane[3] = 0 - P1;
    for (; end - p >= 32; p += 32)
      for (i = 0; i < 4; i++) lane[i] = mixed(lane[i], word_at(p + 8 * i));
    hash = rotated(lane[0], 1) + rotated(lane[1], 7) + rotated(lane[2], 12) + rotated(lane[3], 18);
    for (i = 0; i < 4; i++) hash = (hash ^ mixed(0, lane[i])) * P1 + P4;
  }
  hash += size;
  for (; end - p >= 8; p += 8) hash = rotated(hash ^ mixed(0, word_at(p)), 27) * P1 + P4;
  if (end - p >= 4) {
    uint32_t half;
    memcpy(&half, p, 4);
    hash = rotated(hash ^ half * P1, 23) * P2 + P3;
    p += 4;
  }
  for (; p < end; p++) hash = rotated(hash ^ *p * P5, 11) * P1;
  hash = (hash ^ hash >> 33) * P2;
  hash = (hash ^ hash >> 29) * P3;
  return hash ^ hash >> 32;
}

/* The file of a graph: `tensors` are its entries in the header, each with a comma in front. */
static inline text file_of(const text *graph, const char *tensors, const void *data, size_t bytes) {
  static const char zeros[] = "0000000000000000";
  text file = {NULL, 0, 0, 0};
  char digits[17];
  uint64_t length;
  size_t i;
  add(&file, "12345678", 8);
  say(&file, "{\"__metadata__\":{\"denpa.checksum\":\"");
  say(&file, zeros);
  say(&file, "\",\"denpa.format\":\"1\",\"denpa.graph\":\"");
  for (i = 0; i < graph->size; i++) {
    if (graph->data[i] == '"') add(&file, "\\", 1);
    add(&file, graph->data + i, 1);
  }
  say(&file, "\"}");
  say(&file, tensors);
  say(&file, "}");
  length = file.size - 8;
  memcpy(file.data, &length, 8);
  add(&file, (const char *)data, bytes);
  snprintf(digits, sizeof digits, "%016llx", (unsigned long long)xxh64((const unsigned char *)file.data, file.size));
  memcpy(strstr(file.data + 8, zeros), digits, 16);
  return file;
}

static inline text begin_graph(const char *dtype, long long width) {
  text graph = {NULL, 0, 0, 0};
  say(&graph, "{\"dtype\":\"");
  say(&graph, dtype);
  say(&graph, "\",\"seed\":\"0\",\"inputs\":[\"x\"],\"nodes\":[{\"name\":\"x\",\"kind\":\"input\",\"dtype\":\"float32\",\"shape\":[");
  number(&graph, width);
  say(&graph, "]}");
  return graph;
}
/* Node `index` of a chain; the one before the first is "x". */
static inline void add_node(text *graph, int index, const char *kind, const char *attributes) {
  say(graph, ",{\"name\":\"n");
  number(graph, index);
  say(graph, "\",\"kind\":\"");
  say(graph, kind);
  say(graph, "\",\"version\":1,\"attributes\":{");
  say(graph, attributes);
  say(graph, "},\"inputs\":[\"");
  if (index > 0) {
    say(graph, "n");
    number(graph, index - 1);
  } else {
    say(graph, "x");
  }
  say(graph, "\"]}");
}
static inline void end_graph(text *graph, int last, const char *frozen) {
  say(graph, "],\"outputs\":[\"n");
  number(graph, last);
  say(graph, "\"],\"frozen\":[");
  say(graph, frozen);
  say(graph, "]}");
}
/* A dense layer of one output on `width` inputs; the values of W, without b. */
static inline text small_graph(const char *dtype) {
  text graph = begin_graph(dtype, 2);
  add_node(&graph, 0, "dense", "\"units\":3,\"bias\":false");
  end_graph(&graph, 0, "");
  return graph;
}
static const float six[6] = {1, 2, 3, 4, 5, 6};
#define SIX ",\"n0.W\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}"

#endif
