/* 200 wrong gradients, each one registered with proof: all must be refused, and the right ones taken. Valid as C11 and as C++17.
 *
 * y = w[column] * x^3 / (1 + x^2). One gradient is wrong in one way: everywhere or in one element, by a factor, a term or a
 * neighbour's value. The smallest are wrong by a millionth. */
#include <denpa.h>
#include <stdio.h>
#include <string.h>

enum { ROWS = 4, COLUMNS = 5, PLANTED = 200 };

typedef struct mistake {
  int target;    /* 0: dx, 1: dw, -1: none */
  int form;      /* 0: factor everywhere, 1: factor in one element, 2: term in one element, 3: the neighbour's share */
  int element;   /* of ROWS * COLUMNS, or of COLUMNS */
  double amount;
} mistake;

static double spoil(const mistake *m, int target, int64_t i, double right, double neighbour) {
  if (m->target != target) return right;
  switch (m->form) {
    case 0: return right * (1 + m->amount);
    case 1: return i == m->element ? right * (1 + m->amount) : right;
    case 2: return i == m->element ? right + m->amount : right;
    default: return right + m->amount * (neighbour - right);
  }
}

static double slope(double x) { return x * x * (3 + x * x) / ((1 + x * x) * (1 + x * x)); }

static denpa_status parameter(const denpa_host *host, void *user_data, void *instance, const denpa_tensor *const *inputs,
                              int32_t index, denpa_parameter *p) {
  (void)host, (void)user_data, (void)instance, (void)index;
  p->name = "w";
  p->role = DENPA_TRAINED;
  p->rank = 1;
  p->dim[0] = inputs[0]->dim[1];
  p->initializer = "ones";
  return DENPA_OK;
}
static denpa_status forward(const denpa_call *call) {
  const double *x = (const double *)call->inputs[0]->data, *w = (const double *)call->parameters[0]->data;
  double *y = (double *)call->outputs[0]->data;
  int64_t i;
  for (i = 0; i < call->rows * COLUMNS; i++) y[i] = w[i % COLUMNS] * x[i] * x[i] * x[i] / (1 + x[i] * x[i]);
  return DENPA_OK;
}
static denpa_status backward(const denpa_call *call) {
  const mistake *m = (const mistake *)call->user_data;
  const double *x = (const double *)call->inputs[0]->data, *w = (const double *)call->parameters[0]->data;
  const double *dy = (const double *)call->doutputs[0]->data;
  const int64_t count = call->rows * COLUMNS;
  int64_t i;
  if (call->dinputs[0] != NULL) {
    double *dx = (double *)call->dinputs[0]->data;
    for (i = 0; i < count; i++) {
      const int64_t n = (i + 1) % count;
      const double right = dy[i] * w[i % COLUMNS] * slope(x[i]), next = dy[n] * w[n % COLUMNS] * slope(x[n]);
      dx[i] = spoil(m, 0, i, right, next) + (call->accumulate_inputs[0] ? dx[i] : 0);
    }
  }
  if (call->dparameters[0] != NULL) {
    double *dw = (double *)call->dparameters[0]->data, sums[COLUMNS] = {0};
    for (i = 0; i < count; i++) sums[i % COLUMNS] += dy[i] * x[i] * x[i] * x[i] / (1 + x[i] * x[i]);
    for (i = 0; i < COLUMNS; i++)
      dw[i] = spoil(m, 1, i, sums[i], sums[(i + 1) % COLUMNS]) + (call->accumulate_parameters[0] ? dw[i] : 0);
  }
  return DENPA_OK;
}

static denpa_tensor input;
static const denpa_tensor *inputs[1];
static denpa_sample sample;
static const denpa_sample *samples[1];
static denpa_layer layers[PLANTED + 1];
static char names[PLANTED + 1][32];
static mistake mistakes[PLANTED + 1];

static denpa_status enlist(int number) {
  denpa_layer *l = &layers[number];
  snprintf(names[number], sizeof names[number], "planted.number_%d", number);
  l->struct_size = sizeof *l;
  l->name = names[number];
  l->summary = "y = w x^3 / (1 + x^2)";
  l->version = 1;
  l->role = DENPA_LAYER;
  l->flags = DENPA_ROWS_INDEPENDENT | DENPA_REENTRANT | DENPA_NEEDS_INPUTS;
  l->dtypes = DENPA_SUPPORTS_FLOAT64;
  l->input_count = l->output_count = l->parameter_count = l->sample_count = 1;
  l->samples = samples;
  l->parameter = parameter;
  l->forward = forward;
  l->backward = backward;
  return denpa_layer_register(l, &mistakes[number], NULL);
}

int main(void) {
  static const int64_t dim[] = {ROWS, COLUMNS};
  static const double amounts[] = {1, -1, 0.1, -0.01, 1e-3, -1e-4, 1e-5, -1e-6, -2, 0.5};
  int number, passed = 0, failed = 0;
  input = denpa_tensor_make(NULL, DENPA_FLOAT64, 2, dim);
  inputs[0] = &input;
  sample.struct_size = sizeof sample;
  sample.input_count = 1;
  sample.inputs = inputs;
  sample.low = -2;
  sample.high = 2;
  samples[0] = &sample;
  for (number = 0; number <= PLANTED; number++) {
    mistake *m = &mistakes[number];
    denpa_status status, expected = number < PLANTED ? DENPA_PROOF_FAILED : DENPA_OK;
    m->target = number < PLANTED ? number % 2 : -1;
    m->form = number / 2 % 4;
    m->amount = amounts[number / 8 % 10];
    m->element = number * 7 % (m->target == 0 ? ROWS * COLUMNS : COLUMNS);
    status = enlist(number);
    if (status == expected && (status == DENPA_OK || strstr(denpa_last_error(), "gradient of") != NULL)) {
      passed++;
    } else {
      failed++;
      printf("FAIL mistake %d (target %d, form %d, element %d, amount %g): %s: %s\n", number, m->target, m->form, m->element,
             m->amount, denpa_status_name(status), denpa_last_error());
    }
  }
  printf("%d passed, %d failed\n", passed, failed);
  return failed != 0;
}
