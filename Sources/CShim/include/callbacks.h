// Calls to callbacks, which may be C++ and may throw. Their callers are Swift, through whose frames no
// exception can pass: a lock held there would never be released. So every callback is called from here
// (Callbacks.cpp), which catches what it throws.
#ifndef DENPA_SHIM_CALLBACKS_H
#define DENPA_SHIM_CALLBACKS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(hidden)

// Called with what() of an exception, NULL if it is no std::exception; the text is valid during the call.
typedef void (*denpa_shim_note)(void *place, const char *what);

// `callback` is a C function of the pointers a, b …; returns its result, or −1 after calling `note`.
int32_t denpa_shim_call_1(const void *callback, const void *a, denpa_shim_note note, void *place);
int32_t denpa_shim_call_2(const void *callback, const void *a, const void *b, denpa_shim_note note, void *place);
int32_t denpa_shim_call_3(const void *callback, const void *a, const void *b, const void *c, denpa_shim_note note,
                          void *place);
int32_t denpa_shim_call_4(const void *callback, const void *a, const void *b, const void *c, const void *d,
                          denpa_shim_note note, void *place);
int32_t denpa_shim_call_5(const void *callback, const void *a, const void *b, const void *c, const void *d,
                          const void *e, denpa_shim_note note, void *place);

// denpa_layer's parameter and saved.
int32_t denpa_shim_describe(const void *callback, const void *host, const void *user_data, const void *instance,
                            const void *inputs, int32_t index, void *description, denpa_shim_note note, void *place);
// denpa_layer's workspace and destroy.
int64_t denpa_shim_measure(const void *callback, const void *user_data, const void *instance, const void *inputs,
                           denpa_shim_note note, void *place);
void denpa_shim_destroy(const void *callback, const void *user_data, const void *instance, denpa_shim_note note,
                        void *place);
// denpa_body, denpa_log_callback.
void denpa_shim_body(const void *callback, const void *context, int64_t first, int64_t last, int32_t chunk,
                     denpa_shim_note note, void *place);
void denpa_shim_log(const void *callback, const void *user_data, int32_t level, const char *message,
                    denpa_shim_note note, void *place);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
