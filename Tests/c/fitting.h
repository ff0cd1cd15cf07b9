/* Data and a trainer for the tests of denpa_fit and denpa_evaluate. */
#ifndef FITTING_H
#define FITTING_H

#include "nets.h"

#define ROWS 60
#define CLOSE(got, wanted, tolerance) CHECK(fabs((double)(got) - (double)(wanted)) <= (tolerance) * (1 + fabs((double)(wanted))))

static float X64[ROWS * 4], T64[ROWS];
static int32_t labels[ROWS];
static denpa_tensor X, T, L;

static inline void data_rows(void) {
  int i;
  fill(X64, ROWS * 4, 1);
  for (i = 0; i < ROWS; i++) {
    T64[i] = X64[i * 4] - 2 * X64[i * 4 + 1];
    labels[i] = X64[i * 4] > 0.3f ? 0 : X64[i * 4 + 1] > 0 ? 1 : 2;
  }
  X = denpa_f32(X64, ROWS, 4);
  T = denpa_f32(T64, ROWS, 1);
  L = denpa_i32(labels, ROWS);
}

/* A trainer of a network 4-8-outs with sgd, which `change` may alter. */
static inline denpa_trainer *trainer_of(denpa_model *m, denpa_loss *l, int32_t losses, denpa_trainer_options *given) {
  denpa_trainer *t = NULL;
  denpa_trainer_options o = *given;
  o.struct_size = sizeof o;
  o.max_batch = 16;
  o.losses = l;
  o.loss_count = losses;
  if (o.optimizer.kind == NULL) o.optimizer.kind = "adam";
  OK(denpa_trainer_create(m, &o, &t));
  return t;
}

#endif
