// Lists of attributes in C++: they own what is in them, and stay.
#include <string>

#include "nets.h"

namespace {

double rate_of(denpa_trainer *t) {
  double rate = -1;
  OK(denpa_trainer_learning_rate(t, &rate));
  return rate;
}

void a_list_stays() {
  denpa_model *m = two_layers(2, 3, "tanh", 2, DENPA_FLOAT32, 1);
  denpa_trainer *t = nullptr;
  const denpa::attributes rate{denpa_float("learning_rate", 0.25)};
  const denpa::attributes half{denpa_bool("half", 1), denpa_string("reduction", "sum")};
  const denpa_loss loss = denpa_loss_on(0, "mean_squared_error", half);
  OPTIONS(denpa_trainer_options, o);
  o.max_batch = 1;
  o.loss_count = 1;
  o.losses = &loss;
  o.optimizer = denpa_spec{"sgd", rate};
  OK(denpa_trainer_create(m, &o, &t));
  CHECK(rate_of(t) == 0.25);
}

// Strings and lists that are gone when the list is used; copies of a list that is gone.
denpa::attributes made_of_what_is_gone() {
  std::string name = "a name that is too long to stand in a string itself", text = "tanh, at some length, so that it is elsewhere";
  std::vector<double> numbers{1, 2, 3};
  std::vector<int64_t> integers{4, 5};
  std::string first = "the first of two long strings, on the heap", second = "the second of two long strings, on the heap";
  const char *strings[] = {first.c_str(), second.c_str()};
  denpa::attributes list{denpa_string(name.c_str(), text.c_str()), denpa_floats("floats", numbers.data(), 3),
                         denpa_ints("ints", integers.data(), 2), denpa_strings("strings", strings, 2),
                         denpa_nested("nested", "normal", DENPA_ATTRIBUTES(denpa_float("scale", 0.5)))};
  denpa::attributes copy = list;
  name.assign(name.size(), 'x');
  text.assign(text.size(), 'x');
  first.assign(first.size(), 'x');
  numbers.assign(3, -1);
  integers.assign(2, -1);
  return copy;
}
void a_list_owns_what_is_in_it() {
  const denpa::attributes list = made_of_what_is_gone();
  const denpa_attribute *a = list;
  CHECK(std::string(a[0].name) == "a name that is too long to stand in a string itself");
  CHECK(std::string(a[0].value.s) == "tanh, at some length, so that it is elsewhere");
  CHECK(a[1].count == 3 && a[1].value.floats[2] == 3);
  CHECK(a[2].count == 2 && a[2].value.ints[1] == 5);
  CHECK(a[3].count == 2 && std::string(a[3].value.strings[0]) == "the first of two long strings, on the heap");
  CHECK(std::string(a[4].value.spec.kind) == "normal" && a[4].value.spec.attributes[0].value.f == 0.5);
  CHECK(a[4].value.spec.attributes[1].name == nullptr);
  CHECK(a[5].name == nullptr);
}

void as_arguments() {
  denpa_graph *g = new_graph();
  denpa_value x = add_input(g, "x", 3), a, b, c;
  const denpa::attributes units{denpa_int("units", 4)}, scale{denpa_float("scale", 0.5)};
  OK(denpa_graph_add(g, "dense", "a", DENPA_ATTRIBUTES(denpa_int("units", 4)), &x, 1, &a, 1));
  OK(denpa_graph_add(g, "dense", "b", {denpa_int("units", 4), denpa_nested("initializer", "normal", scale)}, &x, 1, &b, 1));
  OK(denpa_graph_add(g, "dense", "c", units, &x, 1, &c, 1));
  OK(denpa_graph_add(g, "relu", "d", nullptr, &c, 1, &c, 1));
  OK(denpa_graph_add(g, "relu", "e", {}, &c, 1, &c, 1));
}

// Made wrongly, they reach the engine as they are and are refused there.
void wrong_ones() {
  denpa_graph *g = new_graph();
  denpa_value x = add_input(g, "x", 3), y;
  const int64_t one = 1;
  STATUS(denpa_graph_add(g, "dense", "a", {denpa_ints("units", &one, -1)}, &x, 1, &y, 1), DENPA_BAD_ARGUMENT);
  STATUS(denpa_graph_add(g, "dense", "a", {denpa_ints("units", &one, INT64_MAX)}, &x, 1, &y, 1), DENPA_LIMIT_EXCEEDED);
  STATUS(denpa_graph_add(g, "dense", "a", {denpa_strings("units", nullptr, 3)}, &x, 1, &y, 1), DENPA_BAD_ARGUMENT);
  STATUS(denpa_graph_add(g, "dense", "a", {denpa_string("units", nullptr)}, &x, 1, &y, 1), DENPA_BAD_ARGUMENT);
  STATUS(denpa_graph_add(g, "dense", "a", {denpa_nested("initializer", nullptr, nullptr)}, &x, 1, &y, 1), DENPA_BAD_ARGUMENT);
}

const test_case tests[] = {
    {"a_list_stays", a_list_stays},
    {"a_list_owns_what_is_in_it", a_list_owns_what_is_in_it},
    {"as_arguments", as_arguments},
    {"wrong_ones", wrong_ones},
};

}  // namespace

int main(int argc, char **argv) { return test_main(tests, COUNT(tests), argc, argv); }
