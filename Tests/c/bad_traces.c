/* Bad input for the functions of traces, drawings and summaries: see bad_input.h. */
#include "bad_input.h"

static denpa_trace *trace;

/* The world and a trace with gradients, which counts as one of its handles. */
static void make_traces(void) {
  OPTIONS(denpa_trace_options, o);
  make_world();
  o.training = 1;
  OK(denpa_trace_trainer(w.t, &w.X, 1, &w.T, 1, &o, &trace));
  w.handles = denpa_test_handles();
}

static denpa_status trace_trainer(denpa_trainer *t, const denpa_tensor *x, int32_t n, const denpa_tensor *y, int32_t m,
                                  const denpa_trace_options *o) {
  denpa_trace *made = NULL;
  denpa_status status = denpa_trace_trainer(t, x, n, y, m, o, &made);
  CHECK(made == NULL);
  return status;
}
static denpa_status trace_model(denpa_model *m, const denpa_tensor *x, int32_t n, const denpa_trace_options *o) {
  denpa_trace *made = NULL;
  denpa_status status = denpa_trace_model(m, x, n, o, &made);
  CHECK(made == NULL);
  return status;
}
static const int64_t no_choice[] = {-1, 2, INT32_MAX, INT32_MIN};

static void trace_options_rows(denpa_status (*call)(const denpa_trace_options *)) {
  OPTIONS(denpa_trace_options, o);
  EACH_SIZE(o, BAD(call(&o), DENPA_BAD_ARGUMENT));
  EACH_NUMBER(int32_t, o.training, no_choice, BAD(call(&o), DENPA_BAD_ARGUMENT));
  EACH_NUMBER(int32_t, o.labels, no_choice, BAD(call(&o), DENPA_BAD_ARGUMENT));
  EACH_TAIL(denpa_trace_options, o, l, BAD(call(l), DENPA_BAD_ARGUMENT), (void)l);
}
static denpa_status model_options(const denpa_trace_options *o) { return trace_model(w.m, &w.X, 1, o); }
static denpa_status trainer_options(const denpa_trace_options *o) { return trace_trainer(w.t, &w.X, 1, &w.T, 1, o); }

static void bad_denpa_trace_model(void) {
  denpa_tensor many[70];
  int i;
  make_world();
  for (i = 0; i < 70; i++) many[i] = w.X;
  EACH_HANDLE(denpa_model, h, "m", BAD(trace_model(h, &w.X, 1, NULL), DENPA_BAD_HANDLE));
  BAD(trace_model(w.m, NULL, 1, NULL), DENPA_BAD_ARGUMENT);
  BAD(trace_model(w.m, NULL, 0, NULL), DENPA_BAD_ARGUMENT);
  for (i = 0; i < COUNT(bad_counts); i++)
    BAD(trace_model(w.m, many, (int32_t)bad_counts[i], NULL), DENPA_BAD_ARGUMENT);
  /* Any number of rows is good, and so it cannot be known that there are less than a million. */
  EACH_TENSOR(spoilt, w.X, if (spoilt.dim[0] != 1000003) REFUSED(trace_model(w.m, &spoilt, 1, NULL)));
  BAD(denpa_trace_model(w.m, &w.X, 1, NULL, NULL), DENPA_BAD_ARGUMENT);
  trace_options_rows(model_options);
}

static void bad_denpa_trace_trainer(void) {
  static const int32_t labels[][ROWS] = {{0, 1, 0, 2}, {0, 1, 0, -1}, {0, 1, 0, INT32_MAX}, {0, 1, 0, INT32_MIN}};
  denpa_tensor many[70], t;
  int i;
  OPTIONS(denpa_trace_options, o);
  o.training = 1;
  make_world();
  for (i = 0; i < 70; i++) many[i] = w.X;
  EACH_HANDLE(denpa_trainer, h, "t", BAD(trace_trainer(h, &w.X, 1, &w.T, 1, &o), DENPA_BAD_HANDLE));
  BAD(trace_trainer(w.t, NULL, 1, &w.T, 1, &o), DENPA_BAD_ARGUMENT);
  BAD(trace_trainer(w.t, &w.X, 1, NULL, 1, &o), DENPA_BAD_ARGUMENT);
  BAD(trace_trainer(w.t, NULL, 0, &w.T, 1, &o), DENPA_BAD_ARGUMENT);
  BAD(trace_trainer(w.t, &w.X, 1, &w.T, 0, &o), DENPA_BAD_ARGUMENT);
  BAD(trace_trainer(w.open, &w.X, 1, &w.T, 1, &o), DENPA_BAD_ARGUMENT); /* it has no loss, so no target either */
  for (i = 0; i < COUNT(bad_counts); i++) {
    BAD(trace_trainer(w.t, many, (int32_t)bad_counts[i], &w.T, 1, &o), DENPA_BAD_ARGUMENT);
    BAD(trace_trainer(w.t, &w.X, 1, many, (int32_t)bad_counts[i], &o), DENPA_BAD_ARGUMENT);
  }
  EACH_TENSOR(spoilt, w.X, REFUSED(trace_trainer(w.t, &spoilt, 1, &w.T, 1, &o)));
  EACH_TENSOR(spoilt, w.T, REFUSED(trace_trainer(w.t, &w.X, 1, &spoilt, 1, &o)));
  for (i = 0; i < COUNT(labels); i++) {
    t = denpa_i32(labels[i], ROWS);
    BAD(trace_trainer(w.t, &w.X, 1, &t, 1, &o), DENPA_BAD_ARGUMENT);
  }
  t = denpa_i32(w.labels, ROWS - 1);
  BAD(trace_trainer(w.t, &w.X, 1, &t, 1, &o), DENPA_BAD_SHAPE);
  BAD(denpa_trace_trainer(w.t, &w.X, 1, &w.T, 1, &o, NULL), DENPA_BAD_ARGUMENT);
  trace_options_rows(trainer_options);
}

static void bad_denpa_trace_destroy(void) {
  int i;
  make_traces();
  for (i = 1; i < BAD_HANDLES; i++) BAD(denpa_trace_destroy((denpa_trace *)bad_handles[i]), DENPA_BAD_HANDLE);
  BAD(denpa_trace_destroy((denpa_trace *)w.m), DENPA_BAD_HANDLE);
  BAD(denpa_model_destroy((denpa_model *)trace), DENPA_BAD_HANDLE);
}

static void bad_denpa_trace_count(void) {
  int32_t n = -5;
  make_traces();
  EACH_HANDLE(denpa_trace, h, "", BAD(denpa_trace_count(h, &n), DENPA_BAD_HANDLE));
  BAD(denpa_trace_count(trace, NULL), DENPA_BAD_ARGUMENT);
  EQUAL(n, -5);
}

static void bad_denpa_trace_value(void) {
  static const int64_t indices[] = {-1, 1000, INT32_MAX, INT32_MIN};
  int i;
  OPTIONS(denpa_traced, v);
  make_traces();
  EACH_HANDLE(denpa_trace, h, "", BAD(denpa_trace_value(h, 0, &v), DENPA_BAD_HANDLE));
  for (i = 0; i < COUNT(indices); i++)
    BAD(denpa_trace_value(trace, (int32_t)indices[i], &v), DENPA_BAD_ARGUMENT);
  BAD(denpa_trace_value(trace, 0, NULL), DENPA_BAD_ARGUMENT);
  EACH_SIZE(v, BAD(denpa_trace_value(trace, 0, &v), DENPA_BAD_ARGUMENT));
  CHECK(v.label == NULL);
}

static void bad_denpa_trace_find(void) {
  int32_t n = -5;
  make_traces();
  EACH_HANDLE(denpa_trace, h, "", BAD(denpa_trace_find(h, "x", &n), DENPA_BAD_HANDLE));
  BAD(denpa_trace_find(trace, NULL, &n), DENPA_BAD_ARGUMENT);
  BAD(denpa_trace_find(trace, "x", NULL), DENPA_BAD_ARGUMENT);
  BAD(denpa_trace_find(trace, "", &n), DENPA_NOT_FOUND);
  BAD(denpa_trace_find(trace, "W1", &n), DENPA_NOT_FOUND);
  BAD(denpa_trace_find(trace, "\xff", &n), DENPA_BAD_ARGUMENT);
  BAD(denpa_trace_find(trace, huge(), &n), DENPA_LIMIT_EXCEEDED);
  EQUAL(n, -5);
}

static void bad_denpa_trace_loss(void) {
  double loss = -5;
  denpa_trace *plain = NULL;
  make_traces();
  OK(denpa_trace_model(w.m, &w.X, 1, NULL, &plain));
  w.handles = denpa_test_handles();
  EACH_HANDLE(denpa_trace, h, "", BAD(denpa_trace_loss(h, &loss), DENPA_BAD_HANDLE));
  BAD(denpa_trace_loss(trace, NULL), DENPA_BAD_ARGUMENT);
  BAD(denpa_trace_loss(plain, &loss), DENPA_BAD_STATE);
  NEAR(loss, -5, 0);
}

static void bad_denpa_trace_step_count(void) {
  int64_t n = -5;
  make_traces();
  EACH_HANDLE(denpa_trace, h, "", BAD(denpa_trace_step_count(h, &n), DENPA_BAD_HANDLE));
  BAD(denpa_trace_step_count(trace, NULL), DENPA_BAD_ARGUMENT);
}

static denpa_status print(char *b, int64_t c, int64_t *n) { return denpa_trace_print(trace, b, c, n); }
static void bad_denpa_trace_print(void) {
  int64_t n;
  make_traces();
  EACH_HANDLE(denpa_trace, h, "", BAD(denpa_trace_print(h, NULL, 0, &n), DENPA_BAD_HANDLE));
  text_rows(print);
}

/* What is wrong with an element of a parameter. */
static void factor_rows(denpa_status (*call)(denpa_trace *, const char *, const int64_t *, int32_t, int64_t)) {
  static const int64_t good[] = {1, 1}, first[] = {3, 0}, second[] = {0, 4}, negative[] = {-1, 0},
                       far[] = {INT64_MAX, INT64_MIN};
  static const int32_t ranks[] = {-1, 0, 1, 3, 9, INT32_MAX, INT32_MIN};
  static const int64_t rows[] = {-1, ROWS, INT64_MAX, INT64_MIN};
  int64_t three[9] = {1, 1, 0, 0, 0, 0, 0, 0, 0};
  denpa_trace *plain = NULL;
  int i;
  OK(denpa_trace_model(w.m, &w.X, 1, NULL, &plain));
  w.handles = denpa_test_handles();
  EACH_HANDLE(denpa_trace, h, "", BAD(call(h, "hidden.W", good, 2, 0), DENPA_BAD_HANDLE));
  BAD(call(plain, "hidden.W", good, 2, 0), DENPA_BAD_STATE);
  BAD(call(trace, NULL, good, 2, 0), DENPA_BAD_ARGUMENT);
  BAD(call(trace, "W1", good, 2, 0), DENPA_NOT_FOUND);
  BAD(call(trace, huge(), good, 2, 0), DENPA_LIMIT_EXCEEDED);
  BAD(call(trace, "\xc0", good, 2, 0), DENPA_BAD_ARGUMENT);
  BAD(call(trace, "hidden.u", good, 2, 0), DENPA_NOT_SUPPORTED);
  BAD(call(trace, "x", good, 2, 0), DENPA_NOT_SUPPORTED);
  BAD(call(trace, "hidden.W", NULL, 2, 0), DENPA_BAD_ARGUMENT);
  BAD(call(trace, "hidden.W", first, 2, 0), DENPA_BAD_ARGUMENT);
  BAD(call(trace, "hidden.W", second, 2, 0), DENPA_BAD_ARGUMENT);
  BAD(call(trace, "hidden.W", negative, 2, 0), DENPA_BAD_ARGUMENT);
  BAD(call(trace, "hidden.W", far, 2, 0), DENPA_BAD_ARGUMENT);
  for (i = 0; i < COUNT(ranks); i++) BAD(call(trace, "hidden.W", three, ranks[i], 0), DENPA_BAD_ARGUMENT);
  for (i = 0; i < COUNT(rows); i++) BAD(call(trace, "hidden.W", good, 2, rows[i]), DENPA_BAD_ARGUMENT);
  BAD(call(trace, "hidden.b", good, 2, 0), DENPA_BAD_ARGUMENT);
}
static denpa_status factors(denpa_trace *t, const char *p, const int64_t *index, int32_t rank, int64_t row_) {
  OPTIONS(denpa_factors, f);
  return denpa_trace_factors(t, p, index, rank, row_, &f, NULL, 0);
}
static void bad_denpa_trace_factors(void) {
  static const int64_t good[] = {1, 1};
  denpa_factor_term terms[2];
  OPTIONS(denpa_factors, f);
  make_traces();
  factor_rows(factors);
  EACH_SIZE(f, BAD(denpa_trace_factors(trace, "hidden.W", good, 2, 0, &f, NULL, 0), DENPA_BAD_ARGUMENT));
  BAD(denpa_trace_factors(trace, "hidden.W", good, 2, 0, NULL, NULL, 0), DENPA_BAD_ARGUMENT);
  BAD(denpa_trace_factors(trace, "hidden.W", good, 2, 0, &f, NULL, 2), DENPA_BAD_ARGUMENT);
  BAD(denpa_trace_factors(trace, "hidden.W", good, 2, 0, &f, terms, -1), DENPA_BAD_ARGUMENT);
  BAD(denpa_trace_factors(trace, "hidden.W", good, 2, 0, &f, terms, INT64_MIN), DENPA_BAD_ARGUMENT);
  EQUAL(f.term_count, 0);
  BAD(denpa_trace_factors(trace, "hidden.W", good, 2, 0, &f, terms, 1), DENPA_LIMIT_EXCEEDED);
  EQUAL(f.term_count, 2);
}

static denpa_status print_factors(denpa_trace *t, const char *p, const int64_t *index, int32_t rank, int64_t row_) {
  int64_t n;
  return denpa_trace_print_factors(t, p, index, rank, row_, NULL, 0, &n);
}
static denpa_status factors_text(char *b, int64_t c, int64_t *n) {
  static const int64_t good[] = {1, 1};
  return denpa_trace_print_factors(trace, "hidden.W", good, 2, 0, b, c, n);
}
static void bad_denpa_trace_print_factors(void) {
  make_traces();
  factor_rows(print_factors);
  text_rows(factors_text);
}

static void drawing_rows(denpa_status (*call)(const denpa_drawing_options *)) {
  static const char *const names[] = {"a", "b", "c", "d"}, *const no_text[] = {"\xff"}, *none[] = {NULL}, *long_name[1];
  static const int64_t good[] = {1, 1}, too_many[] = {-1, 4, 65537, INT32_MAX, INT32_MIN}; /* 3 units */
  OPTIONS(denpa_drawing_options, o);
  EACH_SIZE(o, BAD(call(&o), DENPA_BAD_ARGUMENT));
  EACH_NUMBER(int32_t, o.kind, no_choice, BAD(call(&o), DENPA_BAD_ARGUMENT));
  EACH_NUMBER(int32_t, o.format, no_choice, BAD(call(&o), DENPA_BAD_ARGUMENT));
  EACH_NUMBER(int32_t, o.labels, no_choice, BAD(call(&o), DENPA_BAD_ARGUMENT));
  EACH_NUMBER(int32_t, o.reserved, nonzero, BAD(call(&o), DENPA_BAD_ARGUMENT));
  EACH_NUMBER(int32_t, o.reserved2, nonzero, BAD(call(&o), DENPA_BAD_ARGUMENT));
  EACH_TAIL(denpa_drawing_options, o, l, BAD(call(l), DENPA_BAD_ARGUMENT), OK(call(l)));
  o.kind = DENPA_DRAW_NETWORK;
  EACH_NUMBER(int32_t, o.input_name_count, bad_counts, BAD(call(&o), DENPA_BAD_ARGUMENT));
  EACH_NUMBER(int32_t, o.output_name_count, bad_counts, BAD(call(&o), DENPA_BAD_ARGUMENT));
  o.input_names = names;
  BAD(call(&o), DENPA_BAD_ARGUMENT);
  EACH_NUMBER(int32_t, o.input_name_count, too_many, BAD(call(&o), DENPA_BAD_ARGUMENT));
  o.input_name_count = 1;
  o.input_names = none;
  BAD(call(&o), DENPA_BAD_ARGUMENT);
  o.input_names = no_text;
  BAD(call(&o), DENPA_BAD_ARGUMENT);
  long_name[0] = huge();
  o.input_names = long_name;
  BAD(call(&o), DENPA_LIMIT_EXCEEDED);
  o.input_names = NULL;
  o.input_name_count = 0;
  o.output_names = names;
  o.output_name_count = 3; /* 2 units */
  BAD(call(&o), DENPA_BAD_ARGUMENT);
  o.output_names = NULL;
  o.output_name_count = 0;
  o.index = good;
  BAD(call(&o), DENPA_BAD_ARGUMENT);
  o.parameter = "hidden.W";
  BAD(call(&o), DENPA_BAD_ARGUMENT);
  o.rank = 9;
  BAD(call(&o), DENPA_BAD_ARGUMENT);
  o.rank = 2;
  o.index = NULL;
  BAD(call(&o), DENPA_BAD_ARGUMENT);
  o.index = good;
  o.kind = DENPA_DRAW_GRAPH;
  BAD(call(&o), DENPA_BAD_ARGUMENT);
}

static denpa_status draw_model(const denpa_drawing_options *o) {
  int64_t n;
  return denpa_model_draw(w.m, o, NULL, 0, &n);
}
static denpa_status model_drawing(char *b, int64_t c, int64_t *n) { return denpa_model_draw(w.m, NULL, b, c, n); }
static void bad_denpa_model_draw(void) {
  static const int64_t good[] = {1, 1};
  int64_t n;
  OPTIONS(denpa_drawing_options, o);
  make_world();
  EACH_HANDLE(denpa_model, h, "m", BAD(denpa_model_draw(h, NULL, NULL, 0, &n), DENPA_BAD_HANDLE));
  drawing_rows(draw_model);
  text_rows(model_drawing);
  o.kind = DENPA_DRAW_NETWORK;
  o.parameter = "hidden.W";
  o.index = good;
  o.rank = 2;
  BAD(denpa_model_draw(w.m, &o, NULL, 0, &n), DENPA_BAD_ARGUMENT); /* a model has no gradients */
}

static denpa_status draw_trace(const denpa_drawing_options *o) {
  int64_t n;
  return denpa_trace_draw(trace, o, NULL, 0, &n);
}
static denpa_status trace_drawing(char *b, int64_t c, int64_t *n) { return denpa_trace_draw(trace, NULL, b, c, n); }
static void bad_denpa_trace_draw(void) {
  static const int64_t rows[] = {-1, ROWS, INT64_MAX, INT64_MIN}, far[] = {3, 0};
  int64_t n;
  OPTIONS(denpa_drawing_options, o);
  make_traces();
  EACH_HANDLE(denpa_trace, h, "", BAD(denpa_trace_draw(h, NULL, NULL, 0, &n), DENPA_BAD_HANDLE));
  drawing_rows(draw_trace);
  text_rows(trace_drawing);
  o.kind = DENPA_DRAW_NETWORK;
  EACH_NUMBER(int64_t, o.row, rows, BAD(draw_trace(&o), DENPA_BAD_ARGUMENT));
  o.parameter = "hidden.W";
  o.index = far;
  o.rank = 2;
  BAD(draw_trace(&o), DENPA_BAD_ARGUMENT);
  o.parameter = "W1";
  BAD(draw_trace(&o), DENPA_NOT_FOUND);
}

static denpa_status summary(char *b, int64_t c, int64_t *n) {
  return denpa_model_summary(w.m, NULL, 0, NULL, b, c, n);
}
static void bad_denpa_model_summary(void) {
  int64_t n;
  int i;
  denpa_tensor many[70];
  OPTIONS(denpa_summary_options, o);
  make_world();
  for (i = 0; i < 70; i++) many[i] = w.X;
  EACH_HANDLE(denpa_model, h, "m", BAD(denpa_model_summary(h, NULL, 0, NULL, NULL, 0, &n), DENPA_BAD_HANDLE));
  text_rows(summary);
  BAD(denpa_model_summary(w.m, NULL, 1, NULL, NULL, 0, &n), DENPA_BAD_ARGUMENT);
  BAD(denpa_model_summary(w.m, &w.X, 0, NULL, NULL, 0, &n), DENPA_BAD_ARGUMENT);
  for (i = 0; i < COUNT(bad_counts); i++)
    BAD(denpa_model_summary(w.m, many, (int32_t)bad_counts[i], NULL, NULL, 0, &n), DENPA_BAD_ARGUMENT);
  /* Only shapes are read, so a million rows without memory are none of these. */
  EACH_TENSOR(spoilt, w.X,
              if (spoilt.data != NULL && spoilt.dim[0] != 1000003)
                  REFUSED(denpa_model_summary(w.m, &spoilt, 1, NULL, NULL, 0, &n)));
  EACH_SIZE(o, BAD(denpa_model_summary(w.m, NULL, 0, &o, NULL, 0, &n), DENPA_BAD_ARGUMENT));
  EACH_NUMBER(int32_t, o.format, no_choice, BAD(denpa_model_summary(w.m, NULL, 0, &o, NULL, 0, &n), DENPA_BAD_ARGUMENT));
  EACH_NUMBER(int32_t, o.labels, no_choice, BAD(denpa_model_summary(w.m, NULL, 0, &o, NULL, 0, &n), DENPA_BAD_ARGUMENT));
  EACH_TAIL(denpa_summary_options, o, l, BAD(denpa_model_summary(w.m, NULL, 0, l, NULL, 0, &n), DENPA_BAD_ARGUMENT),
            OK(denpa_model_summary(w.m, NULL, 0, l, NULL, 0, &n)));
}

static const test_case tests[] = {
    BAD_TEST(denpa_trace_model),
    BAD_TEST(denpa_trace_trainer),
    BAD_TEST(denpa_trace_destroy),
    BAD_TEST(denpa_trace_count),
    BAD_TEST(denpa_trace_value),
    BAD_TEST(denpa_trace_find),
    BAD_TEST(denpa_trace_loss),
    BAD_TEST(denpa_trace_step_count),
    BAD_TEST(denpa_trace_print),
    BAD_TEST(denpa_trace_factors),
    BAD_TEST(denpa_trace_print_factors),
    BAD_TEST(denpa_model_draw),
    BAD_TEST(denpa_trace_draw),
    BAD_TEST(denpa_model_summary),
};

int main(int argc, char **argv) { return test_main(tests, COUNT(tests), argc, argv); }
