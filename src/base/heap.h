// A heap of whole numbers, the lowest on top.  Floor 0.
#ifndef ESP_BASE_HEAP_H
#define ESP_BASE_HEAP_H

// Adds a number to the *count that are in it; there is room for one more.
static inline void esp_heap_push(int *heap, int *count, int number) {
  int at = (*count)++;
  for (; at > 0 && number < heap[(at - 1) / 2]; at = (at - 1) / 2) {
    heap[at] = heap[(at - 1) / 2];
  }
  heap[at] = number;
}

// Takes the lowest out of one that is not empty.
static inline int esp_heap_pop(int *heap, int *count) {
  const int first = heap[0], last = heap[--*count];
  int at = 0;
  for (;;) {
    int child = 2 * at + 1;
    if (child >= *count) break;
    if (child + 1 < *count && heap[child + 1] < heap[child]) child++;
    if (heap[child] >= last) break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = last;
  return first;
}

#endif
