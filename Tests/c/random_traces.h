/* random_traces.h: the part of random_calls.c that makes traces, takes them apart and draws. */
#ifndef RANDOM_TRACES_H
#define RANDOM_TRACES_H

static denpa_trace *traces[POOL];
#define TRACE ((denpa_trace *)pick(traces))

/* Room for a text: none, some, all, or a wrong number. */
static char *room(int64_t *capacity) {
  *capacity = chance(40) ? 0 : chance(90) ? (int64_t)below((int)sizeof text) : number(9) % 10;
  return chance(97) ? text : NULL;
}

/* A trace takes any number of rows, so none may say that it has more elements than there are. */
static void keep_small(denpa_tensor *list) {
  int i, k;
  for (i = 0; i < 3; i++) {
    double elements = 1;
    for (k = 0; k < list[i].rank && k < DENPA_MAX_RANK; k++) elements *= (double)(list[i].dim[k] < 1 ? 1 : list[i].dim[k]);
    if (elements > ELEMENTS) list[i].dim[0] = -1;
  }
}

static denpa_status trace_call(void) {
  static const char *const labels_of[] = {"x", "W1", "b1", "u1", "hidden.W", "out.b", "a.W", "hidden", "y", "E", NULL, "no_such", "\xff"};
  static const char *const units[] = {"a", "<b>", "\"c\"", "&", "\x01", "\xe4\xbc\x9d"};
  denpa_tensor in[3], t[3];
  denpa_factor_term terms[8];
  int64_t index[8], capacity, rows = chance(95) ? 1 + below(4) : number(20) % 50;
  int32_t n, place;
  double loss;
  char *buffer = room(&capacity);
  int slot = below(POOL), of = below(4), i, which = below(13);
  denpa_trace *trace = chance(97) ? traces[below(4)] : TRACE;
  const char *label = one_of(labels_of, COUNT(labels_of));
  OPTIONS(denpa_trace_options, o);
  OPTIONS(denpa_drawing_options, d);
  OPTIONS(denpa_summary_options, s);
  OPTIONS(denpa_traced, v);
  OPTIONS(denpa_factors, f);
  for (i = 0; i < 8; i++) index[i] = chance(95) ? below(4) : absurd();
  o.struct_size = size_of(sizeof o);
  o.training = (int32_t)(chance(98) ? below(2) : number(9));
  o.labels = (int32_t)(chance(98) ? below(2) : number(9));
  n = count_of(trainer_models[of], 0);
  fitting(trainer_models[of], 0, in, rows);
  fitting(trainer_models[of], 1, t, rows);
  if (chance(60)) t[0].data = readable;
  else t[0] = denpa_tensor_make(labels, DENPA_INT32, 1, &rows);
  keep_inside(in), keep_inside(t), keep_small(in), keep_small(t);
  if (chance(70)) slot = below(4);
  switch (which) {
  case 0: return denpa_trace_trainer(trainers[of], in, n, t, chance(95) ? 1 : (int32_t)number(2), chance(95) ? &o : NULL, &traces[slot]);
  case 1: return denpa_trace_model(trainer_models[of], in, n, chance(80) ? &o : NULL, &traces[slot]);
  case 2: return chance(30) ? denpa_trace_destroy(TRACE) : denpa_trace_count(trace, &place);
  case 3: return denpa_trace_value(trace, (int32_t)number(16), &v);
  case 4: return denpa_trace_find(trace, label, &place);
  case 5: return chance(50) ? denpa_trace_loss(trace, &loss) : denpa_trace_step_count(trace, &text_length);
  case 6: return denpa_trace_print(trace, buffer, capacity, &text_length);
  case 7: return denpa_trace_factors(trace, label, index, (int32_t)number(3), number(4), &f, chance(90) ? terms : NULL, number(8) % 9);
  case 8: return denpa_trace_print_factors(trace, label, index, (int32_t)(1 + below(2)), number(4), buffer, capacity, &text_length);
  case 9: return denpa_model_summary(MODEL, chance(50) ? in : NULL, chance(50) ? n : 0, chance(50) ? &s : NULL, buffer, capacity, &text_length);
  default:
    d.struct_size = size_of(sizeof d);
    d.kind = (int32_t)(chance(98) ? below(2) : number(9)), d.format = below(2), d.labels = below(2);
    d.row = number(3);
    d.input_names = chance(20) ? units : NULL, d.input_name_count = d.input_names ? below(5) : 0;
    d.output_names = chance(20) ? units : NULL, d.output_name_count = d.output_names ? below(5) : 0;
    if (chance(40)) d.parameter = label, d.index = index, d.rank = (int32_t)(1 + below(2));
    return which == 10 ? denpa_model_draw(MODEL, chance(90) ? &d : NULL, buffer, capacity, &text_length)
                       : denpa_trace_draw(trace, chance(90) ? &d : NULL, buffer, capacity, &text_length);
  }
}

#endif
