#include "base/topology.h"

#include <hwloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

esp_status esp_topology_cores(esp_cores *cores) {
  hwloc_topology_t machine = NULL;
  hwloc_bitmap_t mask = hwloc_bitmap_alloc();
  esp_status status = ESP_OK;
  esp_cores made = {0};
  if (mask == NULL || hwloc_topology_init(&machine) != 0 ||
      hwloc_topology_load(machine) != 0 ||
      hwloc_get_cpubind(machine, mask, HWLOC_CPUBIND_PROCESS) != 0) {
    status = ESP_FAIL(ESP_INTERNAL, "hwloc cannot read the machine's cores");
    goto done;
  }
  const int known = hwloc_get_nbobjs_by_type(machine, HWLOC_OBJ_CORE);
  for (int c = 0; c < known && made.count < ESP_MAX_CORES; c++) {
    hwloc_obj_t core =
        hwloc_get_obj_by_type(machine, HWLOC_OBJ_CORE, (unsigned)c);
    hwloc_bitmap_t mine = hwloc_bitmap_dup(core->cpuset);
    hwloc_bitmap_and(mine, mine, mask);
    const int unit = hwloc_bitmap_first(mine);
    if (unit >= 0) made.unit[made.count++] = unit;
    hwloc_bitmap_free(mine);
  }
  if (made.count == 0) { // a machine whose cores hwloc cannot tell apart
    for (int u = hwloc_bitmap_first(mask); u >= 0 && made.count < ESP_MAX_CORES;
         u = hwloc_bitmap_next(mask, u)) {
      made.unit[made.count++] = u;
    }
  }
  *cores = made;

done:
  if (machine != NULL) hwloc_topology_destroy(machine);
  hwloc_bitmap_free(mask);
  return status;
}

void esp_topology_bind(const int *unit, int count) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (int i = 0; i < count; i++) {
    if (unit[i] < CPU_SETSIZE) CPU_SET((size_t)unit[i], &set);
  }
  if (pthread_setaffinity_np(pthread_self(), sizeof set, &set) != 0) {
    esp_log(ESP_LOG_INFO, "the system refuses to bind a thread");
  }
}

esp_status esp_topology_hardware(esp_hardware *hardware) {
  hwloc_topology_t machine = NULL;
  if (hwloc_topology_init(&machine) != 0 || hwloc_topology_load(machine) != 0) {
    if (machine != NULL) hwloc_topology_destroy(machine);
    return ESP_FAIL(ESP_INTERNAL, "hwloc cannot read the machine");
  }
  *hardware = (esp_hardware){
      .packages = hwloc_get_nbobjs_by_type(machine, HWLOC_OBJ_PACKAGE),
      .cores = hwloc_get_nbobjs_by_type(machine, HWLOC_OBJ_CORE),
      .units = hwloc_get_nbobjs_by_type(machine, HWLOC_OBJ_PU),
      .numa_nodes = hwloc_get_nbobjs_by_type(machine, HWLOC_OBJ_NUMANODE)};
  hwloc_obj_t package = hwloc_get_obj_by_type(machine, HWLOC_OBJ_PACKAGE, 0);
  const char *model =
      package != NULL ? hwloc_obj_get_info_by_name(package, "CPUModel") : NULL;
  if (model != NULL) {
    (void)snprintf(hardware->model, sizeof hardware->model, "%s", model);
  }
  hwloc_topology_destroy(machine);
  return ESP_OK;
}

const char *esp_cores_text(const esp_cores *cores, char *text, size_t room) {
  size_t used = 0;
  text[0] = '\0';
  for (int i = 0; i < cores->count && used + 1 < room; i++) {
    int last = i;
    while (last + 1 < cores->count &&
           cores->unit[last + 1] == cores->unit[last] + 1) {
      last++;
    }
    const char *comma = i > 0 ? "," : "";
    const int n = last > i ? snprintf(text + used, room - used, "%s%d-%d",
                                      comma, cores->unit[i], cores->unit[last])
                           : snprintf(text + used, room - used, "%s%d", comma,
                                      cores->unit[i]);
    used += n > 0 ? (size_t)n : 0;
    i = last;
  }
  return text;
}
