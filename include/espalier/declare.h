// What stands around the declarations of every public header: C linkage for
// C++, and symbols that a shared library shows.
#ifndef ESPALIER_DECLARE_H
#define ESPALIER_DECLARE_H

#if defined(__GNUC__)
#define ESP_VISIBLE_BEGIN _Pragma("GCC visibility push(default)")
#define ESP_VISIBLE_END _Pragma("GCC visibility pop")
#else
#define ESP_VISIBLE_BEGIN
#define ESP_VISIBLE_END
#endif

#ifdef __cplusplus
#define ESP_DECLARATIONS_BEGIN                                                 \
  extern "C" {                                                                 \
  ESP_VISIBLE_BEGIN
#define ESP_DECLARATIONS_END                                                   \
  ESP_VISIBLE_END                                                              \
  }
#else
#define ESP_DECLARATIONS_BEGIN ESP_VISIBLE_BEGIN
#define ESP_DECLARATIONS_END ESP_VISIBLE_END
#endif

#endif
