/* denpa_types.h: declarations shared by the C API (denpa.h) and the plugin ABI (denpa_plugin.h).
 *
 * Status codes, element types, tensors and typed attributes. The file contains only declarations and inline
 * functions, so including it requires no linking. It is valid C11 and C++17 with -pedantic-errors.
 */
#ifndef DENPA_TYPES_H
#define DENPA_TYPES_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#include <cstring>
#include <initializer_list>
#include <memory>
#include <vector>
extern "C" {
#endif

/* -----------------------------------------------------------------------------------------------------------
 * Status codes
 *
 * Every function that can fail returns one of these codes. The number and the meaning of a code never change;
 * new codes may be added. denpa_last_error() returns the message that belongs to a failure. A call that
 * returns a status other than DENPA_OK has changed nothing, unless the function's description says otherwise.
 */
typedef int32_t denpa_status;

#define DENPA_OK 0             /* success */
#define DENPA_BAD_HANDLE 1     /* a handle is NULL, destroyed, of another kind, or not a handle */
#define DENPA_BAD_ARGUMENT 2   /* an unexpected NULL, a number out of range, an unknown attribute */
#define DENPA_BAD_SHAPE 3      /* a tensor has an unsuitable shape */
#define DENPA_BAD_DTYPE 4      /* a tensor has an unsuitable element type */
#define DENPA_NOT_FOUND 5      /* there is no file, parameter, input ... of that name */
#define DENPA_ALREADY_EXISTS 6 /* the name is taken */
#define DENPA_OUT_OF_MEMORY 7  /* an allocation failed; the call was rolled back */
/* A stated limit is exceeded: 255 bytes in a name, 64 KiB in a string, rank 8, 65,536 nodes ... */
#define DENPA_LIMIT_EXCEEDED 8
#define DENPA_BAD_STATE 9       /* not possible now: backward before forward, step without an optimizer ... */
#define DENPA_BUSY 10           /* a real-time session is in use by another thread */
#define DENPA_IO_ERROR 11       /* the operating system could not read or write */
#define DENPA_BAD_FILE 12       /* not a Denpa model, damaged, or of an unknown version */
#define DENPA_BAD_PLUGIN 13     /* not a plugin, made for another ABI, or invalidly described */
#define DENPA_PROOF_FAILED 14   /* a layer violates its declaration: shape, gradient, bounds, repeatability */
#define DENPA_LAYER_FAILED 15   /* a callback of a plugin's or in-process layer failed */
#define DENPA_NOT_FINITE 16     /* training produced NaN or infinity; the last good weights are kept */
#define DENPA_STOPPED 17        /* a callback requested a stop; what was learned is kept and published */
#define DENPA_END_OF_DATA 18    /* returned by a data callback: the epoch is complete */
#define DENPA_NOT_SUPPORTED 19  /* not supported by this build, machine or layer */
#define DENPA_INTERNAL_ERROR 20 /* a defect of Denpa; please report the message */
/* No layer, loss, optimizer or initializer of that kind is registered; its plugin may need loading first. */
#define DENPA_NOT_REGISTERED 21
#define DENPA_CALLBACK_FAILED 22 /* a callback of the program threw an exception */

/* -----------------------------------------------------------------------------------------------------------
 * Element types: DLPack's type code in the low byte, the number of bits above it.
 */
#define DENPA_FLOAT32 0x2002
#define DENPA_FLOAT64 0x4002
#define DENPA_INT32 0x2000
#define DENPA_INT64 0x4000
#define DENPA_UINT8 0x0801

#define DENPA_MAX_RANK 8
/* The extent of a batch axis whose size is not yet known. It is valid for axis 0 only, and only if the
 * description of a function or field mentions it. */
#define DENPA_BATCH (-1)
/* The extent of an axis that is open: each call may have another one. It is valid for axes of a graph's
 * inputs (denpa_graph_input), and is reported for values that depend on them. */
#define DENPA_ANY (-2)

/* A view of memory; it does not own `data`. `stride` is, for each axis, the number of elements from one index
 * to the next. If all strides are 0, the tensor is contiguous in row-major order (so strides cannot broadcast
 * a single value). denpa_fit and denpa_evaluate accept any strides (selected columns of a table, a transposed
 * matrix). All other functions require contiguous tensors and return DENPA_BAD_ARGUMENT for others. A tensor
 * that a function only reads is never written to. */
typedef struct denpa_tensor {
  void *data;
  int32_t dtype;
  int32_t rank;
  int64_t dim[DENPA_MAX_RANK];
  int64_t stride[DENPA_MAX_RANK];
} denpa_tensor;

/* Makes a contiguous tensor of the given shape. At most DENPA_MAX_RANK extents are read from `dim`. */
static inline denpa_tensor denpa_tensor_make(const void *data, int32_t dtype, int32_t rank,
                                             const int64_t *dim) {
  denpa_tensor t;
  int32_t i;
  /* Removes const: whether the data is written to depends on the function that takes the view. */
  union { const void *from; void *to; } cast;
  cast.from = data;
  t.data = cast.to;
  t.dtype = dtype;
  t.rank = rank;
  for (i = 0; i < DENPA_MAX_RANK; i++) {
    t.dim[i] = dim != NULL && i < rank ? dim[i] : 0;
    t.stride[i] = 0;
  }
  return t;
}

/* Make a matrix of rows x columns values, for example denpa_f32(x, 100, 784). */
static inline denpa_tensor denpa_f32(const float *data, int64_t rows, int64_t columns) {
  int64_t dim[2];
  dim[0] = rows;
  dim[1] = columns;
  return denpa_tensor_make(data, DENPA_FLOAT32, 2, dim);
}
static inline denpa_tensor denpa_f64(const double *data, int64_t rows, int64_t columns) {
  int64_t dim[2];
  dim[0] = rows;
  dim[1] = columns;
  return denpa_tensor_make(data, DENPA_FLOAT64, 2, dim);
}
/* Make a vector with one class number per row. */
static inline denpa_tensor denpa_i32(const int32_t *data, int64_t rows) {
  return denpa_tensor_make(data, DENPA_INT32, 1, &rows);
}
static inline denpa_tensor denpa_i64(const int64_t *data, int64_t rows) {
  return denpa_tensor_make(data, DENPA_INT64, 1, &rows);
}

/* -----------------------------------------------------------------------------------------------------------
 * Attributes: the typed options of layers, losses, optimizers and initializers.
 *
 * A list ends with an entry whose name is NULL. DENPA_ATTRIBUTES makes a list in place, as an argument:
 *
 *   denpa_graph_add(g, "dense", "hidden", DENPA_ATTRIBUTES(denpa_int("units", 50), denpa_string("activation",
 *                   "relu")), &x, 1, &h, 1);
 *
 * NULL is the empty list. A list has at most 64 entries. Functions copy the list and everything it points to.
 *
 * A list that is stored in a struct must live as long as the struct is used. In C, a list made by
 * DENPA_ATTRIBUTES lives until the end of the enclosing block. In C++ it is an object, denpa::attributes,
 * that must be kept in a variable; code that would leave a dangling pointer does not compile:
 *
 *   const denpa::attributes rate{denpa_float("learning_rate", 0.01)}; options.optimizer.attributes = rate;
 */
#define DENPA_ATTRIBUTE_END 0
#define DENPA_ATTRIBUTE_INT 1
#define DENPA_ATTRIBUTE_FLOAT 2
#define DENPA_ATTRIBUTE_BOOL 3
#define DENPA_ATTRIBUTE_STRING 4
#define DENPA_ATTRIBUTE_INTS 5
#define DENPA_ATTRIBUTE_FLOATS 6
#define DENPA_ATTRIBUTE_STRINGS 7
#define DENPA_ATTRIBUTE_TENSOR 8
#define DENPA_ATTRIBUTE_SPEC 9 /* a kind with its own attributes: an initializer, a schedule */

typedef struct denpa_attribute denpa_attribute;

typedef struct denpa_spec {
  const char *kind;
  const denpa_attribute *attributes; /* NULL for none */
} denpa_spec;

/* One attribute. Its size, 48 bytes, never changes, because attributes are passed in arrays. */
struct denpa_attribute {
  const char *name;
  int32_t type;
  int32_t reserved0; /* 0 */
  int64_t count;     /* number of items of a list; otherwise 1 */
  union {
    int64_t i;
    double f;
    const char *s;
    const int64_t *ints;
    const double *floats;
    const char *const *strings;
    const denpa_tensor *tensor;
    denpa_spec spec;
  } value;
  uint64_t reserved; /* 0 */
};

static inline denpa_attribute denpa_attribute_make(const char *name, int32_t type, int64_t count) {
  denpa_attribute a;
  a.name = name;
  a.type = type;
  a.reserved0 = 0;
  a.count = count;
  a.value.spec.kind = NULL;
  a.value.spec.attributes = NULL;
  a.reserved = 0;
  return a;
}
static inline denpa_attribute denpa_int(const char *name, int64_t value) {
  denpa_attribute a = denpa_attribute_make(name, DENPA_ATTRIBUTE_INT, 1);
  a.value.i = value;
  return a;
}
static inline denpa_attribute denpa_float(const char *name, double value) {
  denpa_attribute a = denpa_attribute_make(name, DENPA_ATTRIBUTE_FLOAT, 1);
  a.value.f = value;
  return a;
}
static inline denpa_attribute denpa_bool(const char *name, int32_t value) {
  denpa_attribute a = denpa_attribute_make(name, DENPA_ATTRIBUTE_BOOL, 1);
  a.value.i = value != 0;
  return a;
}
static inline denpa_attribute denpa_string(const char *name, const char *value) {
  denpa_attribute a = denpa_attribute_make(name, DENPA_ATTRIBUTE_STRING, 1);
  a.value.s = value;
  return a;
}
static inline denpa_attribute denpa_ints(const char *name, const int64_t *values, int64_t count) {
  denpa_attribute a = denpa_attribute_make(name, DENPA_ATTRIBUTE_INTS, count);
  a.value.ints = values;
  return a;
}
static inline denpa_attribute denpa_floats(const char *name, const double *values, int64_t count) {
  denpa_attribute a = denpa_attribute_make(name, DENPA_ATTRIBUTE_FLOATS, count);
  a.value.floats = values;
  return a;
}
static inline denpa_attribute denpa_strings(const char *name, const char *const *values, int64_t count) {
  denpa_attribute a = denpa_attribute_make(name, DENPA_ATTRIBUTE_STRINGS, count);
  a.value.strings = values;
  return a;
}
static inline denpa_attribute denpa_tensor_attribute(const char *name, const denpa_tensor *value) {
  denpa_attribute a = denpa_attribute_make(name, DENPA_ATTRIBUTE_TENSOR, 1);
  a.value.tensor = value;
  return a;
}
static inline denpa_attribute denpa_nested(const char *name, const char *kind,
                                           const denpa_attribute *attributes) {
  denpa_attribute a = denpa_attribute_make(name, DENPA_ATTRIBUTE_SPEC, 1);
  a.value.spec.kind = kind;
  a.value.spec.attributes = attributes;
  return a;
}
static inline denpa_attribute denpa_end(void) { return denpa_attribute_make(NULL, DENPA_ATTRIBUTE_END, 0); }

#ifdef __cplusplus
#define DENPA_ATTRIBUTES(...) (::denpa::attributes{__VA_ARGS__})
} /* extern "C" */

namespace denpa {

class attributes;

/* One attribute with its own copy of everything it points to, except the data of a tensor. */
class attribute {
 public:
  attribute(const denpa_attribute &given) : value(copy(given)) {}

 private:
  friend class attributes;
  enum { most = 65536 }; /* items in a list; longer lists are not read here, and are rejected later */

  std::vector<std::shared_ptr<const void>> owned; /* declared before value, whose initializer fills it */
  denpa_attribute value;

  template <typename T>
  const T *keep(const T *items, int64_t count) {
    if (items == nullptr || count < 0 || count > most) return items;
    const auto kept = std::make_shared<const std::vector<T>>(items, items + count);
    owned.push_back(kept);
    return kept->data();
  }
  const char *keep(const char *text) {
    return text == nullptr ? text : keep(text, static_cast<int64_t>(std::strlen(text)) + 1);
  }
  denpa_attribute copy(denpa_attribute a) {
    a.name = keep(a.name);
    switch (a.type) {
    case DENPA_ATTRIBUTE_STRING: a.value.s = keep(a.value.s); break;
    case DENPA_ATTRIBUTE_INTS: a.value.ints = keep(a.value.ints, a.count); break;
    case DENPA_ATTRIBUTE_FLOATS: a.value.floats = keep(a.value.floats, a.count); break;
    case DENPA_ATTRIBUTE_STRINGS:
      if (a.value.strings != nullptr && a.count >= 0 && a.count <= most) {
        std::vector<const char *> texts;
        for (int64_t i = 0; i < a.count; i++) texts.push_back(keep(a.value.strings[i]));
        a.value.strings = keep(texts.data(), a.count);
      }
      break;
    case DENPA_ATTRIBUTE_TENSOR: /* the struct is copied, the data is still the caller's */
      a.value.tensor = keep(a.value.tensor, 1);
      break;
    case DENPA_ATTRIBUTE_SPEC:
      a.value.spec.kind = keep(a.value.spec.kind);
      if (a.value.spec.attributes != nullptr) {
        std::vector<denpa_attribute> list;
        for (const denpa_attribute *next = a.value.spec.attributes; next->name != nullptr; next++) {
          list.push_back(copy(*next));
        }
        list.push_back(denpa_end());
        a.value.spec.attributes = keep(list.data(), static_cast<int64_t>(list.size()));
      }
      break;
    default: break;
    }
    return a;
  }
};

/* A list of attributes that owns its contents, except the data of tensors. It may be copied, and does not
 * depend on the objects that it was made from. */
class attributes {
 public:
  attributes(std::initializer_list<attribute> items) {
    for (const attribute &item : items) {
      list.push_back(item.value);
      owned.insert(owned.end(), item.owned.begin(), item.owned.end());
    }
    list.push_back(denpa_end());
  }

  /* The pointer is valid as long as this object, so a temporary cannot be converted. */
  operator const denpa_attribute *() const & { return list.data(); }
  operator const denpa_attribute *() const && = delete;

 private:
  std::vector<denpa_attribute> list;
  std::vector<std::shared_ptr<const void>> owned;
};

} /* namespace denpa */

static inline denpa::attribute denpa_nested(const char *name, const char *kind,
                                            const denpa::attributes &attributes) {
  const denpa_attribute *list = attributes;
  return denpa_nested(name, kind, list);
}

static_assert(sizeof(denpa_attribute) == 48 || sizeof(void *) != 8, "denpa_attribute is part of the ABI");
static_assert(sizeof(denpa_tensor) == 144 || sizeof(void *) != 8, "denpa_tensor is part of the ABI");
#else
#define DENPA_ATTRIBUTES(...) ((const denpa_attribute[]){__VA_ARGS__, denpa_end()})

_Static_assert(sizeof(denpa_attribute) == 48 || sizeof(void *) != 8, "denpa_attribute is part of the ABI");
_Static_assert(sizeof(denpa_tensor) == 144 || sizeof(void *) != 8, "denpa_tensor is part of the ABI");
#endif
#endif /* DENPA_TYPES_H */
