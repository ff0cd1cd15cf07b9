/* Integers: they reach a layer in the dtype that was proved, with values that are checked, and fit where they go. */
#include "own.h"

/* --- a loss that indexes by its targets: -x[t], summed ------------------------------------------------------------------------ */

static int64_t seen_dtype;
static denpa_status pick_forward(const denpa_call *call) {
  const int32_t *t = (const int32_t *)call->inputs[1]->data;
  int64_t i;
  double sum = 0;
  seen_dtype = call->inputs[1]->dtype;
  for (i = 0; i < call->rows; i++) sum -= values(call->inputs[0])[i * call->inputs[0]->dim[1] + t[i]];
  values(call->outputs[0])[0] = sum;
  return DENPA_OK;
}
static denpa_status pick_backward(const denpa_call *call) {
  const int32_t *t = (const int32_t *)call->inputs[1]->data;
  int64_t i, n = call->inputs[0]->dim[1];
  double dloss = values(call->doutputs[0])[0];
  if (call->dinputs[0] == NULL) return DENPA_OK;
  if (!call->accumulate_inputs[0]) memset(call->dinputs[0]->data, 0, (size_t)(call->rows * n) * 8);
  for (i = 0; i < call->rows; i++) values(call->dinputs[0])[i * n + t[i]] -= dloss;
  return DENPA_OK;
}

static void integers_arrive_as_they_were_proved(void) {
  static const double x[12] = {1, 2, 3};
  static const int64_t dim[] = {3, 4}, three[] = {3};
  int32_t narrow[] = {0, 3, 1}, wrong[] = {0, 1, 4};
  int64_t wide[] = {0, 3, 1}, huge[] = {0, (int64_t)1 << 32, 1};
  uint8_t bytes[] = {0, 3, 1}, outside[] = {0, 200, 1};
  double expected = 0, loss = 1, rows[12] = {0};
  denpa_model *m;
  denpa_trainer *t;
  denpa_tensor sample[2], X = denpa_f64(x, 3, 4), N = denpa_i32(narrow, 3), W = denpa_i64(wide, 3),
                          B = denpa_tensor_make(bytes, DENPA_UINT8, 1, three), bad[3], F = denpa_f64(rows, 3, 4);
  denpa_layer l = layer_of("test.pick", 2, 1, pick_forward, pick_backward);
  int i;
  OPTIONS(denpa_fit_options, o);
  l.role = DENPA_LOSS;
  sample[0] = denpa_tensor_make(NULL, DENPA_FLOAT64, 2, dim);
  sample[1] = denpa_tensor_make(NULL, DENPA_INT32, 1, three);
  add_layer(l, sample, 4, DENPA_PROVE);
  m = two_layers(4, 3, "tanh", 4, DENPA_FLOAT64, 3);
  t = new_trainer(m, "test.pick", NULL, "sgd", 0, 3);
  OK(denpa_train_batch(t, &X, 1, &N, 1, &expected));
  OK(denpa_train_batch(t, &X, 1, &W, 1, &loss));
  CHECK(loss == expected && seen_dtype == DENPA_INT32);
  OK(denpa_train_batch(t, &X, 1, &B, 1, &loss));
  CHECK(loss == expected && seen_dtype == DENPA_INT32);
  OK(denpa_fit(t, &X, 1, &W, 1, &o, &loss));
  NEAR(loss, expected, 1e-15);
  OK(denpa_evaluate(t, &X, 1, &B, 1, &loss, NULL, 0));
  NEAR(loss, expected, 1e-15);
  bad[0] = denpa_i32(wrong, 3);
  bad[1] = denpa_i64(huge, 3);
  bad[2] = denpa_tensor_make(outside, DENPA_UINT8, 1, three);
  for (i = 0; i < 3; i++) {
    STATUS(denpa_train_batch(t, &X, 1, &bad[i], 1, NULL), DENPA_BAD_ARGUMENT);
    CHECK(strstr(denpa_last_error(), "row") != NULL);
    STATUS(denpa_fit(t, &X, 1, &bad[i], 1, &o, NULL), DENPA_BAD_ARGUMENT);
    STATUS(denpa_evaluate(t, &X, 1, &bad[i], 1, NULL, NULL, 0), DENPA_BAD_ARGUMENT);
  }
  STATUS(denpa_train_batch(t, &X, 1, &F, 1, NULL), DENPA_BAD_DTYPE);
}

/* An integer input that is wider than the graph's: what does not fit is refused, and not bent to fit. */
static void integers_that_do_not_fit_are_refused(void) {
  int64_t wide[] = {1, 300};
  double y[2];
  static const int64_t two[] = {2, 1};
  denpa_graph *g = new_graph();
  denpa_value in[2], out[2];
  denpa_model *m;
  denpa_session *s;
  denpa_tensor inputs[2], outputs[2], bytes;
  uint8_t room[2];
  double z[2];
  static const int64_t one[] = {1};
  in[0] = add_input(g, "x", 1);
  OK(denpa_graph_input(g, "n", DENPA_UINT8, 1, one, &in[1]));
  out[0] = add_plain(g, "tanh", "t", in[0]);
  out[1] = in[1];
  m = finish_model(g, out, 2, DENPA_FLOAT64, 1);
  s = new_session(m, 2, 0);
  inputs[0] = denpa_f64(y, 2, 1);
  y[0] = y[1] = 0.5;
  inputs[1] = denpa_tensor_make(wide, DENPA_INT64, 2, two);
  bytes = denpa_tensor_make(room, DENPA_UINT8, 2, two);
  outputs[0] = denpa_f64(z, 2, 1);
  outputs[1] = bytes;
  STATUS(denpa_predict(s, inputs, 2, outputs, 2), DENPA_BAD_ARGUMENT);
  CHECK(strstr(denpa_last_error(), "300") != NULL && strstr(denpa_last_error(), "row 1") != NULL);
  wide[1] = 255;
  OK(denpa_predict(s, inputs, 2, outputs, 2));
  CHECK(room[0] == 1 && room[1] == 255);
}

static const test_case tests[] = {
    {"integers_arrive_as_they_were_proved", integers_arrive_as_they_were_proved},
    {"integers_that_do_not_fit_are_refused", integers_that_do_not_fit_are_refused},
};
int main(int argc, char **argv) { return test_main(tests, COUNT(tests), argc, argv); }
