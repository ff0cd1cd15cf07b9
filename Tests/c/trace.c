/* Traces: the study notes' numbers (SOURCES C and E), what a trace must not change, factors, drawings, the summary. */
#include "traces.h"

static void are(const denpa_tensor *t, const double *expected, int64_t count) {
  int64_t i;
  EQUAL(tensor_count(t), count);
  for (i = 0; i < count && tensor_count(t) == count; i++) NEAR(element(t, i), expected[i], 1e-14);
}

static void the_notes_values(void) {
  static const char *const labels[] = {"x", "W1", "b1", "u1", "z1", "W2", "b2", "u2", "z2", "W3", "b3", "y"};
  static const int32_t kinds[] = {DENPA_TRACE_INPUT,     DENPA_TRACE_PARAMETER, DENPA_TRACE_PARAMETER, DENPA_TRACE_ARGUMENT,
                                  DENPA_TRACE_OUTPUT,    DENPA_TRACE_PARAMETER, DENPA_TRACE_PARAMETER, DENPA_TRACE_ARGUMENT,
                                  DENPA_TRACE_OUTPUT,    DENPA_TRACE_PARAMETER, DENPA_TRACE_PARAMETER, DENPA_TRACE_OUTPUT};
  static const double u1[] = {0.6, 1.3, 2.0}, u2[] = {1.02, 2.29}, y[] = {1.56, 3.222};
  denpa_model *m = notes_model();
  denpa_trace *trace = NULL;
  denpa_tensor X = denpa_f64(half, 1, 2);
  denpa_traced v;
  int32_t count, i;
  OPTIONS(denpa_trace_options, o);
  X.rank = 1; /* one sample without the batch axis */
  X.dim[0] = 2;
  o.labels = DENPA_LABELS_BOOK;
  OK(denpa_trace_model(m, &X, 1, &o, &trace));
  OK(denpa_trace_count(trace, &count));
  EQUAL(count, COUNT(labels));
  for (i = 0; i < count; i++) {
    OPTIONS(denpa_traced, each);
    OK(denpa_trace_value(trace, i, &each));
    CHECK(strcmp(each.label, labels[i]) == 0);
    EQUAL(each.kind, kinds[i]);
    EQUAL(each.has_gradient, 0);
    CHECK(each.gradient.data == NULL);
  }
  v = named(trace, "u1");
  EQUAL(v.value.rank, 1);
  are(&v.value, u1, 3);
  CHECK(strcmp(v.name, "first.u") == 0 && strcmp(v.node, "first") == 0);
  v = named(trace, "first"); /* z1, by the name of the model */
  are(&v.value, u1, 3);
  v = named(trace, "u2");
  are(&v.value, u2, 2);
  v = named(trace, "u3"); /* y, which has no activation */
  are(&v.value, y, 2);
  CHECK(strcmp(v.label, "y") == 0 && strcmp(v.name, "third") == 0);
  OK(denpa_trace_destroy(trace));
  OK(denpa_model_destroy(m));
}

static void the_gradients_of_training(void) {
  static const double dz1[] = {0.09258, 0.12492, 0.15726}, dz2[] = {0.1226, 0.2008}, dy[] = {0.56, 0.222};
  static const char *const names[] = {"first.W", "first.b", "second.W", "second.b", "third.W", "third.b"};
  denpa_model *m = notes_model();
  denpa_trainer *t = notes_trainer(m);
  denpa_trace *trace = notes_trace(t, DENPA_LABELS_OWN);
  denpa_tensor X = denpa_f64(half, 1, 2), T = denpa_f64(target, 1, 2), view;
  denpa_traced v;
  double loss, traced;
  int64_t steps;
  int i;
  v = named(trace, "third");
  EQUAL(v.has_gradient, 1);
  are(&v.gradient, dy, 2);
  v = named(trace, "second.u");
  are(&v.gradient, dz2, 2);
  v = named(trace, "first");
  are(&v.gradient, dz1, 3);
  v = named(trace, "first.u");
  are(&v.gradient, dz1, 3);
  OK(denpa_trainer_gradients(t, &X, 1, &T, 1, NULL, &loss));
  OK(denpa_trace_loss(trace, &traced));
  NEAR(traced, loss, 0);
  for (i = 0; i < COUNT(names); i++) {
    OK(denpa_trainer_gradient(t, names[i], &view));
    v = named(trace, names[i]);
    EQUAL(tensor_count(&view), tensor_count(&v.gradient));
    CHECK(memcmp(view.data, v.gradient.data, 8 * (size_t)tensor_count(&view)) == 0);
  }
  OK(denpa_trace_step_count(trace, &steps));
  EQUAL(steps, 0);
  OK(denpa_train_batch(t, &X, 1, &T, 1, &loss));
  OK(denpa_trace_destroy(trace));
  trace = notes_trace(t, DENPA_LABELS_OWN);
  OK(denpa_trace_step_count(trace, &steps));
  EQUAL(steps, 1);
  OK(denpa_trainer_gradient(t, "first.W", &view)); /* of the step before */
  v = named(trace, "first.W");
  CHECK(memcmp(view.data, v.gradient.data, 48) != 0);
}

static void nothing_changes(void) {
  static float x[8 * 6], y[8 * 2];
  denpa_tensor X = denpa_f32(x, 8, 6), T = denpa_f32(y, 8, 2);
  double losses[2][5];
  int run, i;
  OPTIONS(denpa_trace_options, o);
  o.training = 1;
  fill(x, 48, 1);
  fill(y, 16, 2);
  for (run = 0; run < 2; run++) {
    denpa_model *m = noisy_model();
    denpa_trainer *t = new_trainer(m, "mean_squared_error", NULL, "adam", 0.01, 8);
    for (i = 0; i < 5; i++) {
      denpa_trace *trace = NULL;
      denpa_traced v;
      denpa_tensor mean;
      float copy[8];
      int64_t before;
      if (run == 1) {
        OK(denpa_trace_trainer(t, &X, 1, &T, 1, &o, &trace));
        OK(denpa_trace_loss(trace, &losses[0][i]));
        v = named(trace, "h.W");
        memcpy(copy, v.gradient.data, sizeof copy);
        OK(denpa_publish(t));
        OK(denpa_model_view(m, "norm.running_mean", &mean));
        v = named(trace, "norm.running_mean");
        CHECK(memcmp(mean.data, v.value.data, 32) == 0); /* as it was before the batch */
      }
      before = denpa_test_allocations();
      OK(denpa_train_batch(t, &X, 1, &T, 1, &losses[run][i]));
      if (run == 1 && i > 0) EQUAL(denpa_test_allocations() - before, 0);
      if (run == 1) {
        NEAR(losses[0][i], losses[1][i], 0); /* the trace had the random numbers of this step */
        v = named(trace, "h.W");
        CHECK(memcmp(copy, v.gradient.data, sizeof copy) == 0);
        OK(denpa_trace_destroy(trace));
      }
    }
    if (run == 0) {
      denpa_trace *trace = NULL;
      OK(denpa_trace_trainer(t, &X, 1, NULL, 0, NULL, &trace)); /* as in inference: nothing drops out */
      CHECK(memcmp(named(trace, "drop").value.data, named(trace, "norm").value.data, 8 * 8 * 4) == 0);
      OK(denpa_trace_destroy(trace));
    }
  }
}

static void it_outlives_model_and_trainer(void) {
  static const double y[] = {1.56, 3.222};
  denpa_model *m = notes_model();
  denpa_trainer *t = notes_trainer(m);
  denpa_trace *trace = notes_trace(t, DENPA_LABELS_BOOK);
  denpa_traced v = named(trace, "y");
  char text[8192];
  int64_t length;
  OK(denpa_trainer_destroy(t));
  OK(denpa_model_destroy(m));
  are(&v.value, y, 2);
  OK(denpa_trace_print(trace, text, sizeof text, &length));
  EQUAL(length, strlen(text));
  CHECK(strstr(text, "W1 (2, 3)\n  [[0.1, 0.3, 0.5],\n   [0.2, 0.4, 0.6]]\n") != NULL);
  CHECK(strstr(text, "dE/du1 (1, 3)\n  [[0.09258, 0.12492, 0.15726]]\n") != NULL);
  CHECK(strstr(text, "\nE ()\n  0.181442\n") != NULL);
  STATUS(denpa_trace_print(trace, text, 10, &length), DENPA_LIMIT_EXCEEDED);
  OK(denpa_trace_print(trace, NULL, 0, &length));
  CHECK(length > 500);
  OK(denpa_trace_destroy(trace));
  STATUS(denpa_trace_count(trace, NULL), DENPA_BAD_HANDLE);
}

static void every_weight_is_a_product_of_three(void) {
  static const char *const names[] = {"W1", "b1", "W2", "b2", "W3", "b3"};
  denpa_model *m = notes_model();
  denpa_trainer *t = notes_trainer(m);
  denpa_trace *trace = NULL;
  double x[8], y[8];
  denpa_tensor X = denpa_f64(x, 4, 2), T = denpa_f64(y, 4, 2);
  uint64_t state = 7;
  int n, i;
  OPTIONS(denpa_trace_options, o);
  for (i = 0; i < 8; i++) x[i] = random_number(&state) * 4 - 2, y[i] = random_number(&state) * 4 - 2;
  o.training = 1;
  o.labels = DENPA_LABELS_BOOK;
  OK(denpa_trace_trainer(t, &X, 1, &T, 1, &o, &trace));
  for (n = 0; n < COUNT(names); n++) {
    denpa_traced v = named(trace, names[n]);
    int64_t index[2], place, columns = v.value.dim[v.value.rank - 1];
    for (place = 0; place < tensor_count(&v.value); place++) {
      double sum = 0;
      int64_t row;
      index[0] = v.value.rank == 2 ? place / columns : place;
      index[1] = place % columns;
      for (row = 0; row < 4; row++) {
        denpa_factor_term terms[8];
        double back = 0;
        OPTIONS(denpa_factors, f);
        OK(denpa_trace_factors(trace, names[n], index, v.value.rank, row, &f, terms, 8));
        for (i = 0; i < f.term_count; i++) {
          back += terms[i].product;
          NEAR(terms[i].product, terms[i].error * terms[i].slope * terms[i].weight, 1e-12);
          CHECK(terms[i].node != NULL && terms[i].node[0] != 0);
        }
        NEAR(f.error, back, 1e-12);
        NEAR(f.product, f.error * f.slope * f.input, 1e-12);
        NEAR(f.gradient, element(&v.gradient, place), 0);
        EQUAL(f.has_slope, n < 4);
        CHECK(f.slope == 0 || f.slope == 1); /* relu */
        sum += f.product;
      }
      NEAR(sum, element(&v.gradient, place), 1e-12);
    }
  }
}

static char *text_of(denpa_status (*call)(void *, char *, int64_t, int64_t *), void *object) {
  int64_t length = -1, again = -1;
  char *text;
  OK(call(object, NULL, 0, &length));
  text = (char *)malloc((size_t)length + 1);
  STATUS(call(object, text, length, &again), DENPA_LIMIT_EXCEEDED);
  OK(call(object, text, length + 1, &again));
  EQUAL(again, length);
  EQUAL(strlen(text), length);
  return text;
}
static denpa_status draw_graph(void *trace, char *b, int64_t c, int64_t *n) {
  return denpa_trace_draw((denpa_trace *)trace, NULL, b, c, n);
}
static denpa_status draw_network(void *model, char *b, int64_t c, int64_t *n) {
  OPTIONS(denpa_drawing_options, o);
  o.kind = DENPA_DRAW_NETWORK;
  return denpa_model_draw((denpa_model *)model, &o, b, c, n);
}
static denpa_status draw_dot(void *model, char *b, int64_t c, int64_t *n) {
  OPTIONS(denpa_drawing_options, o);
  o.format = DENPA_DOT;
  o.labels = DENPA_LABELS_BOOK;
  return denpa_model_draw((denpa_model *)model, &o, b, c, n);
}
static denpa_status summarize(void *model, char *b, int64_t c, int64_t *n) {
  return denpa_model_summary((denpa_model *)model, NULL, 0, NULL, b, c, n);
}
static denpa_status tabulate(void *model, char *b, int64_t c, int64_t *n) {
  denpa_tensor X = denpa_f64(NULL, 100, 2);
  OPTIONS(denpa_summary_options, o);
  o.format = DENPA_HTML;
  return denpa_model_summary((denpa_model *)model, &X, 1, &o, b, c, n);
}

static void drawings_and_summary(void) {
  denpa_model *m = notes_model();
  denpa_trainer *t = notes_trainer(m);
  denpa_trace *trace = notes_trace(t, DENPA_LABELS_BOOK);
  char *text = text_of(draw_graph, trace);
  CHECK(strncmp(text, "<svg ", 5) == 0 && strcmp(text + strlen(text) - 7, "</svg>\n") == 0);
  CHECK(strstr(text, ">z2 = [1.02, 2.29]</text>") != NULL && strstr(text, ">[0.1226, 0.2008]</text>") != NULL);
  free(text);
  text = text_of(draw_network, m);
  CHECK(strstr(text, "<title>network 2-3-2-2</title>") != NULL);
  free(text);
  text = text_of(draw_dot, m);
  CHECK(strstr(text, "[label=\"first\\ndense · relu\\nW1 (2, 3)\\nb1 (3,)\"]") != NULL);
  free(text);
  text = text_of(summarize, m);
  CHECK(strstr(text, "first   dense · relu  (rows, 3)  first.W (2, 3), first.b (3,)        9  yes        15\n") != NULL);
  CHECK(strstr(text, "\n23 parameters, float64, 184 B: in (rows, 2) -> third (rows, 2)\ninference, 1 row: 37 FLOP") != NULL);
  free(text);
  text = text_of(tabulate, m);
  CHECK(strncmp(text, "<table>", 7) == 0 && strstr(text, "inference, 100 rows: 3.7 kFLOP") != NULL);
  free(text);
}

static const test_case tests[] = {
    {"the_notes_values", the_notes_values},
    {"the_gradients_of_training", the_gradients_of_training},
    {"nothing_changes", nothing_changes},
    {"it_outlives_model_and_trainer", it_outlives_model_and_trainer},
    {"every_weight_is_a_product_of_three", every_weight_is_a_product_of_three},
    {"drawings_and_summary", drawings_and_summary},
};

int main(int argc, char **argv) { return test_main(tests, COUNT(tests), argc, argv); }
