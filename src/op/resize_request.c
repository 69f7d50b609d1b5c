#include "op/resize_request.h"

#include <math.h>

#include "op/check.h"
#include "op/number.h"

esp_status esp_resize_how_of(const esp_node *node, esp_resample *how) {
  static const char *const modes[] = {"nearest", "linear", "cubic", NULL};
  static const char *const old[] = {"nearest", "bilinear", NULL};
  static const char *const transforms[] = {
      "half_pixel",         "half_pixel_symmetric",
      "pytorch_half_pixel", "align_corners",
      "asymmetric",         "tf_half_pixel_for_nn",
      "tf_crop_and_resize", NULL};
  static const char *const nearest[] = {
      "round_prefer_floor", "round_prefer_ceil", "floor", "ceil", NULL};
  const bool plain = node->op == ESP_OP_UPSAMPLE || node->version < 11;
  int mode, transform, to;
  ESP_TRY(esp_choice_of(node, "mode", "nearest",
                        node->version < 7 ? old : modes, &mode));
  ESP_TRY(esp_choice_of(node, "coordinate_transformation_mode",
                        plain ? "asymmetric" : "half_pixel", transforms,
                        &transform));
  ESP_TRY(esp_choice_of(node, "nearest_mode",
                        plain ? "floor" : "round_prefer_floor", nearest, &to));
  *how = (esp_resample){
      .mode = (esp_interpolation)mode,
      .transform = (esp_transform)transform,
      .nearest = (esp_nearest_mode)to,
      .cubic_a = (double)esp_node_float(node, "cubic_coeff_a", -0.75F),
      .exclude_outside = esp_node_int(node, "exclude_outside", 0) != 0,
      .antialias = esp_node_int(node, "antialias", 0) != 0};
  return ESP_OK;
}

// The numbers of input i, which must be known; *count is 0 when it is omitted.
static esp_status numbers_of(const esp_args *args, int i,
                             double list[2 * ESP_MAX_NDIM], int *count) {
  *count = 0;
  if (!esp_has_input(args, i)) return ESP_OK;
  const esp_tensor *t = args->in[i];
  ESP_TRY(esp_check_type(args, i, ESP_TYPES_FLOATING | ESP_TYPE(ESP_INT64)));
  ESP_TRY(esp_check_ndim(args, i, 1, 1));
  if (t->shape.dim[0] == 0) return ESP_OK; // the older way to omit it
  ESP_TRY(esp_check_known(args, i));
  if (t->shape.dim[0] > 2 * ESP_MAX_NDIM) {
    return ESP_FAIL(ESP_BAD_INPUT, "input %d has %lld numbers", i,
                    (long long)t->shape.dim[0]);
  }
  *count = (int)t->shape.dim[0];
  for (int k = 0; k < *count; k++) {
    list[k] = esp_number_at(t, k);
    if (isfinite(list[k]) && fabs(list[k]) < 0x1p40) continue;
    return ESP_FAIL(ESP_BAD_INPUT, "input %d holds %g", i, list[k]);
  }
  return ESP_OK;
}

// Scales that older versions give as attributes.
static esp_status old_scales(const esp_node *node, double *scale, int *count) {
  if (node->version < 7) { // of [N,C,H,W]
    scale[0] = scale[1] = 1;
    scale[2] = (double)esp_node_float(node, "height_scale", 0);
    scale[3] = (double)esp_node_float(node, "width_scale", 0);
    *count = 4;
    return ESP_OK;
  }
  const esp_attribute *a =
      esp_node_attribute(node, "scales", ESP_ATTRIBUTE_FLOATS);
  *count = a != NULL && a->count <= ESP_MAX_NDIM ? (int)a->count : 0;
  for (int i = 0; i < *count; i++) {
    scale[i] = (double)a->floats[i];
    if (!isfinite(scale[i])) {
      return ESP_FAIL(ESP_BAD_INPUT, "scales holds %g", scale[i]);
    }
  }
  return ESP_OK;
}

// The axes that are resized: the attribute's, or all.
static esp_status axes_of(const esp_args *args, int axis[ESP_MAX_NDIM],
                          int *count) {
  const int ndim = args->in[0]->shape.ndim;
  const int64_t *given = esp_node_ints(args->node, "axes", count);
  bool seen[ESP_MAX_NDIM] = {false};
  if (given == NULL) *count = ndim;
  if (*count > ndim) {
    return ESP_FAIL(ESP_BAD_INPUT, "%d axes of %d dimensions", *count, ndim);
  }
  for (int i = 0; i < *count; i++) {
    axis[i] = i;
    if (given != NULL)
      ESP_TRY(esp_check_axis("axes", given[i], ndim, &axis[i]));
    if (seen[axis[i]]) {
      return ESP_FAIL(ESP_BAD_INPUT, "axes names axis %d twice", axis[i]);
    }
    seen[axis[i]] = true;
  }
  return ESP_OK;
}

static esp_status by_scales(esp_resize *r, const int *axis, int naxis,
                            const double *scale) {
  const bool cropped = r->how.transform == ESP_TF_CROP_AND_RESIZE;
  for (int i = 0; i < naxis; i++) {
    esp_resample_axis *a = &r->axis[axis[i]];
    if (!(scale[i] > 0)) {
      return ESP_FAIL(ESP_BAD_INPUT, "the scale of axis %d is %g", axis[i],
                      scale[i]);
    }
    // In float, as the standard's shape inference: 5 times 1.4 is 7.
    const float part = cropped ? (float)(a->end - a->start) : 1;
    const float out = floorf((float)a->in * part * (float)scale[i]);
    if (!(out >= 0 && out < 0x1p62F)) {
      return ESP_FAIL(ESP_BAD_INPUT, "the scale of axis %d is %g", axis[i],
                      scale[i]);
    }
    a->scale = scale[i];
    a->out = (int64_t)out;
  }
  return ESP_OK;
}

static esp_status by_sizes(const esp_node *node, esp_resize *r, const int *axis,
                           int naxis, const double *size) {
  static const char *const policies[] = {"stretch", "not_larger", "not_smaller",
                                         NULL};
  int policy;
  ESP_TRY(esp_choice_of(node, "keep_aspect_ratio_policy", "stretch", policies,
                        &policy));
  double least = HUGE_VAL, most = 0;
  for (int i = 0; i < naxis; i++) {
    esp_resample_axis *a = &r->axis[axis[i]];
    if (!(size[i] >= 0) || (a->in == 0 && size[i] > 0)) {
      return ESP_FAIL(ESP_BAD_INPUT, "axis %d of %lld is to have %g", axis[i],
                      (long long)a->in, size[i]);
    }
    a->out = (int64_t)size[i];
    if (a->in > 0 && a->out > 0) a->scale = size[i] / (double)a->in;
    least = fmin(least, a->scale);
    most = fmax(most, a->scale);
  }
  for (int i = 0; i < naxis && policy != 0; i++) {
    esp_resample_axis *a = &r->axis[axis[i]];
    a->scale = policy == 1 ? least : most;
    a->out = (int64_t)floor(a->scale * (double)a->in + 0.5);
  }
  return ESP_OK;
}

esp_status esp_resize_of(const esp_args *args, esp_resize *r) {
  const esp_node *node = args->node;
  const esp_shape *in = &args->in[0]->shape;
  const bool upsample = node->op == ESP_OP_UPSAMPLE;
  const bool newer = !upsample && node->version >= 11;
  double roi[2 * ESP_MAX_NDIM], scale[2 * ESP_MAX_NDIM], size[2 * ESP_MAX_NDIM];
  int axis[ESP_MAX_NDIM], naxis, nroi = 0, nscale, nsize = 0;
  ESP_TRY(esp_resize_how_of(node, &r->how));
  ESP_TRY(axes_of(args, axis, &naxis));
  for (int i = 0; i < in->ndim; i++) {
    r->axis[i] = (esp_resample_axis){
        .in = in->dim[i], .out = in->dim[i], .scale = 1, .end = 1};
  }
  if (upsample && node->version < 9) {
    ESP_TRY(old_scales(node, scale, &nscale));
  } else {
    ESP_TRY(numbers_of(args, newer ? 2 : 1, scale, &nscale));
  }
  if (newer) ESP_TRY(numbers_of(args, 3, size, &nsize));
  if ((nscale > 0) == (nsize > 0) && naxis > 0) {
    return ESP_FAIL(ESP_BAD_INPUT, "one of scales and sizes must be given");
  }
  if ((nscale > 0 && nscale != naxis) || (nsize > 0 && nsize != naxis)) {
    return ESP_FAIL(ESP_BAD_INPUT, "%d scales or sizes for %d axes",
                    nscale > 0 ? nscale : nsize, naxis);
  }
  if (r->how.transform == ESP_TF_CROP_AND_RESIZE) {
    ESP_TRY(numbers_of(args, 1, roi, &nroi));
    if (nroi != 2 * naxis) {
      return ESP_FAIL(ESP_BAD_INPUT, "%d numbers in roi for %d axes", nroi,
                      naxis);
    }
  }
  for (int i = 0; i < nroi / 2; i++) {
    r->axis[axis[i]].start = roi[i];
    r->axis[axis[i]].end = roi[naxis + i];
  }
  return nsize > 0 ? by_sizes(node, r, axis, naxis, size)
                   : by_scales(r, axis, naxis, scale);
}
