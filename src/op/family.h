// The families that make up the operator table; each is one file of src/op.
// Private to op/.
#ifndef ESP_OP_FAMILY_H
#define ESP_OP_FAMILY_H

#include "op/op.h"

extern const esp_op esp_op_affine;
extern const esp_op esp_op_attention;
extern const esp_op esp_op_binary;
extern const esp_op esp_op_cast;
extern const esp_op esp_op_col2im;
extern const esp_op esp_op_concat;
extern const esp_op esp_op_constant;
extern const esp_op esp_op_control;
extern const esp_op esp_op_conv;
extern const esp_op esp_op_cumulate;
extern const esp_op esp_op_deconv;
extern const esp_op esp_op_deform;
extern const esp_op esp_op_determinant;
extern const esp_op esp_op_dropout;
extern const esp_op esp_op_einsum;
extern const esp_op esp_op_fourier;
extern const esp_op esp_op_gather;
extern const esp_op esp_op_choose;
extern const esp_op esp_op_walked;
extern const esp_op esp_op_scatter;
extern const esp_op esp_op_unique;
extern const esp_op esp_op_suppress;
extern const esp_op esp_op_gridsample;
extern const esp_op esp_op_identity;
extern const esp_op esp_op_image;
extern const esp_op esp_op_integer;
extern const esp_op esp_op_loss;
extern const esp_op esp_op_matmul;
extern const esp_op esp_op_mel;
extern const esp_op esp_op_ngrams;
extern const esp_op esp_op_normalise;
extern const esp_op esp_op_onehot;
extern const esp_op esp_op_optional;
extern const esp_op esp_op_pad;
extern const esp_op esp_op_pool;
extern const esp_op esp_op_quantise;
extern const esp_op esp_op_random;
extern const esp_op esp_op_recurrent;
extern const esp_op esp_op_reduce;
extern const esp_op esp_op_regex;
extern const esp_op esp_op_reshape;
extern const esp_op esp_op_resize;
extern const esp_op esp_op_reverse;
extern const esp_op esp_op_roi;
extern const esp_op esp_op_scale;
extern const esp_op esp_op_scan;
extern const esp_op esp_op_sequence;
extern const esp_op esp_op_slice;
extern const esp_op esp_op_softmax;
extern const esp_op esp_op_standardise;
extern const esp_op esp_op_strided;
extern const esp_op esp_op_topk;
extern const esp_op esp_op_triangle;
extern const esp_op esp_op_weighted;
extern const esp_op esp_op_strings;
extern const esp_op esp_op_sum_to;
extern const esp_op esp_op_taper;
extern const esp_op esp_op_training;
extern const esp_op esp_op_unary;
extern const esp_op esp_op_unpool;
extern const esp_op esp_op_variadic;
extern const esp_op esp_op_where;
extern const esp_op esp_op_words;

#endif
