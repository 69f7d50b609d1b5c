// Prepares the operators and the memory of a rank, and gives them back.
#include <stdlib.h>

#include "base/memory.h"
#include "exec/private.h"

static void *zeroed(size_t count, size_t each, esp_status *status) {
  void *made = calloc(count + 1, each);
  if (made == NULL) {
    *status = ESP_FAIL(ESP_NO_MEMORY, "cannot prepare %zu steps", count);
  }
  return made;
}

static size_t count_arguments(const esp_exec *exec) {
  size_t sum = 0;
  for (int s = 0; s < exec->rank->nstep; s++) {
    const esp_step *step = &exec->rank->step[s];
    if (step->kind != ESP_STEP_RUN) continue;
    const esp_node *node = &exec->options.graph->node[step->node];
    sum += (size_t)node->nin + (size_t)node->nout;
  }
  return sum;
}

static void point_arguments(const esp_exec *exec, esp_slot *s) {
  const esp_tensor **in = s->in;
  esp_tensor **out = s->out;
  for (int i = 0; i < exec->rank->nstep; i++) {
    const esp_step *step = &exec->rank->step[i];
    if (step->kind != ESP_STEP_RUN) continue;
    const esp_node *node = &exec->options.graph->node[step->node];
    s->args[i] = (esp_args){.node = node,
                            .nin = node->nin,
                            .nout = node->nout,
                            .in = in,
                            .out = out};
    for (int k = 0; k < node->nin; k++) {
      *in++ = node->in[k] >= 0 ? &s->tensor[node->in[k]] : NULL;
    }
    for (int k = 0; k < node->nout; k++) {
      *out++ = node->out[k] >= 0 ? &s->tensor[node->out[k]] : NULL;
    }
  }
}

static void free_slot(esp_slot *s) {
  if (s == NULL) return;
  esp_free(s->own_block);
  free(s->tensor);
  free(s->args);
  free(s->in);
  free(s->out);
  free(s->ready);
  free(s->step_seconds);
  free(s->step_usual);
  free(s->left);
  free(s->turn);
  free(s);
}

void esp_slot_set_block(esp_slot *s, unsigned char *block) {
  const esp_exec *exec = s->exec;
  s->block = block;
  for (int v = 0; v < exec->options.graph->nvalue; v++) {
    if (exec->rank->place[v] != ESP_NO_PLACE) {
      s->tensor[v].data = block + exec->rank->place[v];
    }
  }
  if (block != s->own_block) {
    esp_free(s->own_block);
    s->own_block = NULL;
  }
}

static esp_status fill_slot(esp_exec *exec, esp_slot *s) {
  const esp_graph *graph = exec->options.graph;
  const size_t steps = (size_t)exec->rank->nstep;
  const size_t arguments = count_arguments(exec);
  esp_status status = ESP_OK;
  s->exec = exec;
  s->index = exec->slots;
  s->tensor = zeroed((size_t)graph->nvalue, sizeof *s->tensor, &status);
  s->args = zeroed(steps, sizeof *s->args, &status);
  s->in = zeroed(arguments, sizeof *s->in, &status);
  s->out = zeroed(arguments, sizeof *s->out, &status);
  s->ready = zeroed(steps, sizeof *s->ready, &status);
  s->step_seconds = zeroed(steps, sizeof *s->step_seconds, &status);
  s->step_usual = zeroed(steps, sizeof *s->step_usual, &status);
  s->left = zeroed(steps, sizeof *s->left, &status);
  s->turn = zeroed(steps, sizeof *s->turn, &status);
  if (status != ESP_OK) return status;

  void *block;
  ESP_TRY(esp_allocate_zero(exec->rank->bytes, 1, &block)); // touches the pages
  atomic_fetch_add(&exec->bytes, exec->rank->bytes);
  for (int v = 0; v < graph->nvalue; v++) {
    s->tensor[v] = graph->value[v].tensor;
  }
  s->own_block = block;
  esp_slot_set_block(s, block);
  point_arguments(exec, s);
  for (int i = 0; i < exec->rank->nstep; i++) {
    s->ready[i] =
        (esp_ready){.item = {.run = esp_slot_run_step}, .slot = s, .step = i};
  }
  s->chain = (esp_ready){.item = {.run = esp_slot_run_chain}, .slot = s};
  atomic_store(&s->done, true);
  return ESP_OK;
}

static esp_status add_slot(esp_exec *exec) {
  if (exec->slots == ESP_MAX_SLOTS) {
    return ESP_FAIL(ESP_LIMIT, "no more than %d batches of one plan at once",
                    ESP_MAX_SLOTS);
  }
  esp_slot *made = calloc(1, sizeof *made);
  if (made == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot prepare a batch");
  const esp_status status = fill_slot(exec, made);
  if (status != ESP_OK) {
    free_slot(made);
    return status;
  }
  exec->slot[exec->slots++] = made;
  return ESP_OK;
}

esp_status esp_exec_add_slot(esp_exec *exec, int *slot) {
  ESP_TRY(add_slot(exec));
  *slot = exec->slots - 1;
  return ESP_OK;
}

// Is there a step on this rank that has prepared for a node like this one, as
// wide?  owner: [2 nnode] the step of each, narrow and wide; -1: none.
static bool borrow(esp_exec *exec, int index, int *owner) {
  const esp_graph *graph = exec->options.graph;
  const int node = exec->rank->step[index].node;
  const int like = graph->node[node].like >= 0 ? graph->node[node].like : node;
  const int kind = 2 * like + (exec->rank->step[index].width > 1);
  if (owner[kind] < 0) {
    owner[kind] = index;
    return false;
  }
  exec->made[index].prepared = exec->made[owner[kind]].prepared;
  exec->made[index].borrowed = true;
  return true;
}

// Each thread of a team has memory of its own for narrow steps.
static void note_scratch(esp_exec *exec, int index, size_t bytes) {
  const esp_plan *plan = exec->options.plan;
  if (plan->molded && exec->rank->step[index].width == 1) {
    bytes = esp_align_up(bytes);
    if (bytes > exec->lane_bytes) exec->lane_bytes = bytes;
    bytes *= (size_t)plan->width;
  }
  if (bytes > exec->scratch_bytes) exec->scratch_bytes = bytes;
}

// Constants have data here and other values none: slot 0's arguments would say
// otherwise, so the graph's own tensors are used.
static esp_status prepare_step(esp_exec *exec, int index, int *owner) {
  const esp_graph *graph = exec->options.graph;
  const esp_node *node = &graph->node[exec->rank->step[index].node];
  const esp_op *op = esp_op_get(node->op);
  exec->made[index].run = op->run;
  if (op->prepare == NULL || borrow(exec, index, owner)) return ESP_OK;
  esp_status status = ESP_OK;
  const esp_tensor **in = zeroed((size_t)node->nin, sizeof *in, &status);
  esp_tensor **out = zeroed((size_t)node->nout, sizeof *out, &status);
  if (status == ESP_OK) {
    const esp_args args = esp_op_args(graph, node, in, out);
    esp_prepared *made = &exec->made[index].prepared;
    status = op->prepare(&args, exec->rank->step[index].width, made);
    note_scratch(exec, index, made->scratch_bytes);
  }
  free(out);
  free(in);
  if (status != ESP_OK) {
    return esp_fail_within(status, "node %s (%s)", node->name, node->op_type);
  }
  return ESP_OK;
}

static esp_status prepare_all(esp_exec *exec) {
  const int nodes = exec->options.graph->nnode;
  esp_status status = ESP_OK;
  int *owner = zeroed(2 * (size_t)nodes, sizeof *owner, &status);
  for (int n = 0; n < 2 * nodes && status == ESP_OK; n++) owner[n] = -1;
  for (int s = 0; s < exec->rank->nstep && status == ESP_OK; s++) {
    exec->roots += exec->rank->nwait[s] == 0;
    if (exec->rank->step[s].kind != ESP_STEP_RUN) continue;
    status = prepare_step(exec, s, owner);
  }
  free(owner);
  return status;
}

static esp_status create_messages(esp_exec *exec) {
  esp_status status = ESP_OK;
  exec->place = zeroed((size_t)exec->rank->nstep, sizeof *exec->place, &status);
  exec->step_at =
      zeroed((size_t)exec->rank->nstep, sizeof *exec->step_at, &status);
  if (status != ESP_OK) return status;
  for (int s = 0; s < exec->rank->nstep; s++) {
    exec->place[s] = -1;
    if (exec->rank->step[s].kind == ESP_STEP_RUN) continue;
    exec->step_at[exec->places] = s;
    exec->place[s] = exec->places++;
  }
  exec->chain = exec->places == 0 && exec->options.plan->workers == 1;
  if (exec->places == 0) return ESP_OK;
  const int places = exec->places * exec->options.slots;
  exec->ended = zeroed((size_t)places, sizeof *exec->ended, &status);
  exec->posted = zeroed((size_t)places, sizeof *exec->posted, &status);
  if (status != ESP_OK) return status;
  return esp_messages_create(exec->options.group, places, &exec->messages);
}

static esp_status create(esp_exec *exec) {
  const esp_exec_options *o = &exec->options;
  esp_status status = ESP_OK;
  exec->made = zeroed((size_t)exec->rank->nstep, sizeof *exec->made, &status);
  if (status != ESP_OK) return status;
  ESP_TRY(create_messages(exec));
  ESP_TRY(prepare_all(exec));
  for (int i = 0; i < o->slots; i++) ESP_TRY(add_slot(exec));
  return ESP_OK;
}

esp_status esp_exec_create(const esp_exec_options *options, esp_exec **exec) {
  esp_exec *self = calloc(1, sizeof *self);
  if (self == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot prepare the plan");
  self->options = *options;
  self->rank = &options->plan->rank[options->rank];
  const esp_status status = create(self);
  if (status != ESP_OK) {
    esp_exec_free(self);
    return status;
  }
  *exec = self;
  return ESP_OK;
}

void esp_exec_free(esp_exec *exec) {
  if (exec == NULL) return;
  esp_near_free(exec->near); // before the slots that it ends steps of
  for (int i = 0; i < exec->slots; i++) free_slot(exec->slot[i]);
  for (int s = 0; exec->made != NULL && s < exec->rank->nstep; s++) {
    const esp_step *step = &exec->rank->step[s];
    if (step->kind != ESP_STEP_RUN) continue;
    const esp_op *op = esp_op_get(exec->options.graph->node[step->node].op);
    if (op->release == NULL || exec->made[s].borrowed) continue;
    op->release(exec->made[s].prepared.state);
  }
  free(exec->made);
  for (int seat = 0; seat < ESP_MAX_SEATS; seat++) {
    esp_free(exec->scratch[seat]);
  }
  esp_messages_free(exec->messages);
  free(exec->posted);
  free(exec->ended);
  free(exec->step_at);
  free(exec->place);
  free(exec);
}
