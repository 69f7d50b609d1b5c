#include "kernel/dnnl.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <threads.h>

#include "base/constant.h"
#include "base/memory.h"
#include "base/packed.h"

// An engine holds no state that changes, and making one twice is harmless, so a
// compare-and-swap is enough: the loser destroys its own.
static _Atomic(dnnl_engine_t) engine_of_process;

// Each thread has a stream, which ends with it: OpenMP's threads come and go.
static once_flag key_made = ONCE_FLAG_INIT;
static tss_t stream_key;
static void end_stream(void *stream) { (void)dnnl_stream_destroy(stream); }
static void make_key(void) { (void)tss_create(&stream_key, end_stream); }

esp_status esp_dnnl_status(dnnl_status_t status, const char *what) {
  switch (status) {
  case dnnl_success:
    return ESP_OK;
  case dnnl_out_of_memory:
    return ESP_FAIL(ESP_NO_MEMORY, "oneDNN: %s", what);
  case dnnl_unimplemented:
    return ESP_FAIL(ESP_UNSUPPORTED, "oneDNN has no implementation of %s",
                    what);
  default:
    return ESP_FAIL(ESP_INTERNAL, "oneDNN: %s failed with status %d", what,
                    (int)status);
  }
}

esp_status esp_dnnl_engine(dnnl_engine_t *engine) {
  dnnl_engine_t have = atomic_load(&engine_of_process);
  if (have == NULL) {
    dnnl_engine_t made;
    ESP_TRY(esp_dnnl_status(dnnl_engine_create(&made, dnnl_cpu, 0), "engine"));
    if (atomic_compare_exchange_strong(&engine_of_process, &have, made)) {
      have = made;
    } else {
      (void)dnnl_engine_destroy(made);
    }
  }
  *engine = have;
  return ESP_OK;
}

esp_status esp_dnnl_stream(dnnl_stream_t *stream) {
  call_once(&key_made, make_key);
  dnnl_stream_t have = tss_get(stream_key);
  if (have == NULL) {
    dnnl_engine_t engine;
    ESP_TRY(esp_dnnl_engine(&engine));
    ESP_TRY(esp_dnnl_status(
        dnnl_stream_create(&have, engine, dnnl_stream_default_flags),
        "stream"));
    if (tss_set(stream_key, have) != thrd_success) {
      (void)dnnl_stream_destroy(have);
      return ESP_FAIL(ESP_NO_MEMORY, "cannot keep a stream");
    }
  }
  *stream = have;
  return ESP_OK;
}

int esp_dnnl_threads(int width) {
  const int before = omp_get_max_threads();
  if (before != width) omp_set_num_threads(width);
  return before;
}

dnnl_data_type_t esp_dnnl_type(esp_dtype type) {
  return type == ESP_BFLOAT16 ? dnnl_bf16
         : type == ESP_INT8   ? dnnl_s8
                              : dnnl_f32;
}

size_t esp_operand_bytes(esp_dtype type) {
  return type == ESP_UNDEFINED ? sizeof(float) : esp_dtype_bytes(type);
}

bool esp_dnnl_adds_bytes(void) {
  const dnnl_cpu_isa_t isa = dnnl_get_effective_cpu_isa();
  return isa == dnnl_cpu_isa_avx512_core_vnni ||
         isa == dnnl_cpu_isa_avx512_core_bf16 ||
         isa == dnnl_cpu_isa_avx512_core_amx;
}

const char *esp_dnnl_implementation(const_dnnl_primitive_desc_t desc) {
  const char *name = "";
  (void)dnnl_primitive_desc_query(desc, dnnl_query_impl_info_str, 0, &name);
  return name;
}

const dnnl_memory_desc_t *esp_dnnl_argument(const_dnnl_primitive_desc_t desc,
                                            dnnl_query_t what) {
  return dnnl_primitive_desc_query_md(desc, what, 0);
}

static esp_status reorder(dnnl_memory_t from, dnnl_memory_t to,
                          dnnl_engine_t engine) {
  dnnl_stream_t stream;
  ESP_TRY(esp_dnnl_stream(&stream));
  const dnnl_memory_desc_t *a, *b;
  (void)dnnl_memory_get_memory_desc(from, &a);
  (void)dnnl_memory_get_memory_desc(to, &b);
  dnnl_primitive_desc_t desc;
  ESP_TRY(esp_dnnl_status(
      dnnl_reorder_primitive_desc_create(&desc, a, engine, b, engine, NULL),
      "packing"));
  dnnl_primitive_t primitive = NULL;
  dnnl_status_t status = dnnl_primitive_create(&primitive, desc);
  (void)dnnl_primitive_desc_destroy(desc);
  const dnnl_exec_arg_t args[2] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
  if (status == dnnl_success) {
    status = dnnl_primitive_execute(primitive, stream, 2, args);
  }
  if (status == dnnl_success) status = dnnl_stream_wait(stream);
  if (primitive != NULL) (void)dnnl_primitive_destroy(primitive);
  return esp_dnnl_status(status, "packing");
}

// A layout in words, for those that are blocks within strides.
static bool describe(const dnnl_memory_desc_t *md, char *text, size_t room) {
  if (md->format_kind != dnnl_blocked) return false;
  const dnnl_blocking_desc_t *b = &md->format_desc.blocking;
  FILE *out = fmemopen(text, room, "w");
  if (out == NULL) return false;
  fprintf(out, "%d+%lld:%llx", (int)md->data_type, (long long)md->offset0,
          (unsigned long long)md->extra.flags);
  for (int i = 0; i < md->ndims; i++) {
    fprintf(out, " %lld/%lld/%lld", (long long)md->dims[i],
            (long long)md->padded_dims[i], (long long)b->strides[i]);
  }
  for (int i = 0; i < b->inner_nblks; i++) {
    fprintf(out, " %lldx%lld", (long long)b->inner_blks[i],
            (long long)b->inner_idxs[i]);
  }
  const bool whole = ftell(out) < (long)room - 1;
  return fclose(out) == 0 && whole;
}

static esp_packed find_packed(const dnnl_memory_desc_t *from, const void *data,
                              const dnnl_memory_desc_t *to, void **block) {
  char before[208], after[208];
  *block = NULL;
  if (!esp_packed_asks(dnnl_memory_desc_get_size(to)) ||
      !describe(from, before, sizeof before) ||
      !describe(to, after, sizeof after)) {
    return (esp_packed){.asked = false};
  }
  return esp_packed_find(data, dnnl_memory_desc_get_size(from),
                         dnnl_memory_desc_get_size(to), block,
                         "oneDNN %s -> %s", before, after);
}

esp_status esp_dnnl_pack(const dnnl_memory_desc_t *from, const void *data,
                         const dnnl_memory_desc_t *to, void **packed) {
  const esp_packed kept = find_packed(from, data, to, packed);
  if (*packed != NULL) return ESP_OK;
  dnnl_engine_t engine;
  ESP_TRY(esp_dnnl_engine(&engine));
  union { // oneDNN takes no pointer to const, but only reads
    const void *given;
    void *taken;
  } source = {.given = data};
  void *block;
  // Zeroed: what a packed layout adds to fill its blocks must be finite.
  ESP_TRY(esp_constant_allocate(dnnl_memory_desc_get_size(to), &block));
  dnnl_memory_t a = NULL, b = NULL;
  esp_status status = esp_dnnl_status(
      dnnl_memory_create(&a, from, engine, source.taken), "memory");
  if (status == ESP_OK) {
    status =
        esp_dnnl_status(dnnl_memory_create(&b, to, engine, block), "memory");
  }
  // On this thread alone: a team here would be one more in the process, and
  // with more threads than cores libgomp lets all teams sleep between regions.
  const int before = esp_dnnl_threads(1);
  if (status == ESP_OK) status = reorder(a, b, engine);
  (void)esp_dnnl_threads(before);
  if (a != NULL) (void)dnnl_memory_destroy(a);
  if (b != NULL) (void)dnnl_memory_destroy(b);
  if (status != ESP_OK) {
    esp_constant_free(block);
    return status;
  }
  esp_packed_keep(&kept, block, dnnl_memory_desc_get_size(to));
  *packed = block;
  return ESP_OK;
}

static esp_status make_memory(esp_dnnl_primitive *p, dnnl_memory_t *memory) {
  dnnl_engine_t engine;
  ESP_TRY(esp_dnnl_engine(&engine));
  for (int i = 0; i < p->count; i++) {
    ESP_TRY(esp_dnnl_status(
        dnnl_memory_create(&memory[i], &p->md[i], engine, DNNL_MEMORY_NONE),
        "memory"));
  }
  return ESP_OK;
}

static void end_memory(const esp_dnnl_primitive *p, dnnl_memory_t *memory) {
  for (int i = 0; i < p->count; i++) {
    if (memory[i] != NULL) (void)dnnl_memory_destroy(memory[i]);
  }
}

esp_status esp_dnnl_primitive_create(const_dnnl_primitive_desc_t desc,
                                     int width, const int *argument,
                                     const dnnl_memory_desc_t *const *md,
                                     int count, esp_dnnl_primitive **made) {
  esp_dnnl_primitive *p = calloc(1, sizeof *p);
  if (p == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot make a primitive");
  p->width = width;
  for (int i = 0; i < count; i++) {
    p->argument[i] = argument[i];
    p->md[i] = *md[i];
  }
  p->argument[count] = DNNL_ARG_SCRATCHPAD;
  p->md[count] = *esp_dnnl_argument(desc, dnnl_query_scratchpad_md);
  p->scratch_bytes = dnnl_memory_desc_get_size(&p->md[count]);
  p->count = count + (p->scratch_bytes > 0);
  const int before = esp_dnnl_threads(width);
  esp_status status = esp_dnnl_status(
      dnnl_primitive_create(&p->primitive, desc), "a primitive");
  (void)esp_dnnl_threads(before);
  for (int s = 0; s < ESP_DNNL_SETS && status == ESP_OK; s++) {
    atomic_flag_clear(&p->set[s].taken);
    status = make_memory(p, p->set[s].memory);
  }
  if (status != ESP_OK) {
    esp_dnnl_primitive_free(p);
    return status;
  }
  *made = p;
  return ESP_OK;
}

void esp_dnnl_primitive_free(esp_dnnl_primitive *primitive) {
  if (primitive == NULL) return;
  for (int s = 0; s < ESP_DNNL_SETS; s++) {
    end_memory(primitive, primitive->set[s].memory);
  }
  if (primitive->primitive != NULL) {
    (void)dnnl_primitive_destroy(primitive->primitive);
  }
  free(primitive);
}

static esp_status execute(esp_dnnl_primitive *p, dnnl_memory_t *memory,
                          void *const *bytes, void *scratch) {
  dnnl_stream_t stream;
  ESP_TRY(esp_dnnl_stream(&stream));
  dnnl_exec_arg_t args[ESP_DNNL_ARGUMENTS];
  for (int i = 0; i < p->count; i++) {
    const bool own = p->argument[i] == DNNL_ARG_SCRATCHPAD;
    (void)dnnl_memory_set_data_handle_v2(memory[i], own ? scratch : bytes[i],
                                         stream);
    args[i] = (dnnl_exec_arg_t){p->argument[i], memory[i]};
  }
  const int before = esp_dnnl_threads(p->width);
  const dnnl_status_t status =
      dnnl_primitive_execute(p->primitive, stream, p->count, args);
  (void)esp_dnnl_threads(before);
  return esp_dnnl_status(status, "running a primitive");
}

esp_status esp_dnnl_primitive_run(esp_dnnl_primitive *primitive,
                                  void *const *bytes, void *scratch) {
  for (int s = 0; s < ESP_DNNL_SETS; s++) {
    esp_dnnl_set *set = &primitive->set[s];
    if (atomic_flag_test_and_set(&set->taken)) continue;
    const esp_status status = execute(primitive, set->memory, bytes, scratch);
    atomic_flag_clear(&set->taken);
    return status;
  }
  dnnl_memory_t memory[ESP_DNNL_ARGUMENTS] = {0}; // more at once than sets
  esp_status status = make_memory(primitive, memory);
  if (status == ESP_OK) status = execute(primitive, memory, bytes, scratch);
  end_memory(primitive, memory);
  return status;
}
