// Every operator the program knows: id, ONNX name, family.  This list is
// expanded wherever a row per operator is needed, so a new operator is one
// line here, its functions in src/op/<family>.c and its cases in
// tests/op/test_<family>.c.  Sorted by family, then by name.

OP(CAST, "Cast", cast)
OP(CAST_LIKE, "CastLike", cast)

OP(CONCAT, "Concat", concat)
OP(SPLIT, "Split", concat)

OP(CONSTANT, "Constant", constant)
OP(CONSTANT_OF_SHAPE, "ConstantOfShape", constant)
OP(EYE_LIKE, "EyeLike", constant)
OP(RANGE, "Range", constant)
OP(SHAPE, "Shape", constant)
OP(SIZE, "Size", constant)

OP(IF, "If", control)
OP(LOOP, "Loop", control)

OP(CONV, "Conv", conv)

OP(CONV_TRANSPOSE, "ConvTranspose", deconv)

OP(ADD, "Add", binary)
OP(AND, "And", binary)
OP(BIT_SHIFT, "BitShift", binary)
OP(BITWISE_AND, "BitwiseAnd", binary)
OP(BITWISE_OR, "BitwiseOr", binary)
OP(BITWISE_XOR, "BitwiseXor", binary)
OP(DIV, "Div", binary)
OP(EQUAL, "Equal", binary)
OP(GREATER, "Greater", binary)
OP(GREATER_OR_EQUAL, "GreaterOrEqual", binary)
OP(LESS, "Less", binary)
OP(LESS_OR_EQUAL, "LessOrEqual", binary)
OP(MOD, "Mod", binary)
OP(MUL, "Mul", binary)
OP(OR, "Or", binary)
OP(POW, "Pow", binary)
OP(PRELU, "PRelu", binary)
OP(SUB, "Sub", binary)
OP(XOR, "Xor", binary)

OP(MAX, "Max", variadic)
OP(MEAN, "Mean", variadic)
OP(MIN, "Min", variadic)
OP(SUM, "Sum", variadic)

OP(WHERE, "Where", where)

OP(ABS, "Abs", unary)
OP(ACOS, "Acos", unary)
OP(ACOSH, "Acosh", unary)
OP(ASIN, "Asin", unary)
OP(ASINH, "Asinh", unary)
OP(ATAN, "Atan", unary)
OP(ATANH, "Atanh", unary)
OP(BITWISE_NOT, "BitwiseNot", unary)
OP(CEIL, "Ceil", unary)
OP(CELU, "Celu", unary)
OP(CLIP, "Clip", unary)
OP(COS, "Cos", unary)
OP(COSH, "Cosh", unary)
OP(ELU, "Elu", unary)
OP(ERF, "Erf", unary)
OP(EXP, "Exp", unary)
OP(FLOOR, "Floor", unary)
OP(GELU, "Gelu", unary)
OP(HARD_SIGMOID, "HardSigmoid", unary)
OP(HARD_SWISH, "HardSwish", unary)
OP(IS_INF, "IsInf", unary)
OP(IS_NAN, "IsNaN", unary)
OP(LEAKY_RELU, "LeakyRelu", unary)
OP(LOG, "Log", unary)
OP(MISH, "Mish", unary)
OP(NEG, "Neg", unary)
OP(NOT, "Not", unary)
OP(RECIPROCAL, "Reciprocal", unary)
OP(RELU, "Relu", unary)
OP(ROUND, "Round", unary)
OP(SELU, "Selu", unary)
OP(SHRINK, "Shrink", unary)
OP(SIGMOID, "Sigmoid", unary)
OP(SIGN, "Sign", unary)
OP(SIN, "Sin", unary)
OP(SINH, "Sinh", unary)
OP(SOFTPLUS, "Softplus", unary)
OP(SOFTSIGN, "Softsign", unary)
OP(SQRT, "Sqrt", unary)
OP(TAN, "Tan", unary)
OP(TANH, "Tanh", unary)
OP(THRESHOLDED_RELU, "ThresholdedRelu", unary)

OP(GATHER, "Gather", gather)
OP(GATHER_ELEMENTS, "GatherElements", gather)
OP(GATHER_ND, "GatherND", gather)

OP(COMPRESS, "Compress", choose)
OP(NON_ZERO, "NonZero", choose)

OP(SCATTER, "Scatter", scatter)
OP(SCATTER_ELEMENTS, "ScatterElements", scatter)
OP(SCATTER_ND, "ScatterND", scatter)

OP(UNIQUE, "Unique", unique)

OP(IMAGE_DECODER, "ImageDecoder", image)

OP(NON_MAX_SUPPRESSION, "NonMaxSuppression", suppress)

OP(NEGATIVE_LOG_LIKELIHOOD_LOSS, "NegativeLogLikelihoodLoss", loss)
OP(SOFTMAX_CROSS_ENTROPY_LOSS, "SoftmaxCrossEntropyLoss", loss)

OP(GEMM, "Gemm", matmul)
OP(MATMUL, "MatMul", matmul)

OP(ATTENTION, "Attention", attention)

OP(BATCH_NORMALIZATION, "BatchNormalization", normalise)
OP(GROUP_NORMALIZATION, "GroupNormalization", normalise)
OP(INSTANCE_NORMALIZATION, "InstanceNormalization", normalise)
OP(LAYER_NORMALIZATION, "LayerNormalization", normalise)
OP(LP_NORMALIZATION, "LpNormalization", normalise)
OP(LRN, "LRN", normalise)

OP(AVERAGE_POOL, "AveragePool", pool)
OP(GLOBAL_AVERAGE_POOL, "GlobalAveragePool", pool)
OP(GLOBAL_LP_POOL, "GlobalLpPool", pool)
OP(GLOBAL_MAX_POOL, "GlobalMaxPool", pool)
OP(LP_POOL, "LpPool", pool)
OP(MAX_POOL, "MaxPool", pool)

OP(MAX_UNPOOL, "MaxUnpool", unpool)

OP(DEQUANTIZE_LINEAR, "DequantizeLinear", quantise)
OP(DYNAMIC_QUANTIZE_LINEAR, "DynamicQuantizeLinear", quantise)
OP(QUANTIZE_LINEAR, "QuantizeLinear", quantise)

OP(CONV_INTEGER, "ConvInteger", integer)
OP(MATMUL_INTEGER, "MatMulInteger", integer)
OP(QLINEAR_CONV, "QLinearConv", integer)
OP(QLINEAR_MATMUL, "QLinearMatMul", integer)

OP(GRU, "GRU", recurrent)
OP(LSTM, "LSTM", recurrent)
OP(RNN, "RNN", recurrent)

OP(ARG_MAX, "ArgMax", reduce)
OP(ARG_MIN, "ArgMin", reduce)
OP(REDUCE_L1, "ReduceL1", reduce)
OP(REDUCE_L2, "ReduceL2", reduce)
OP(REDUCE_LOG_SUM, "ReduceLogSum", reduce)
OP(REDUCE_LOG_SUM_EXP, "ReduceLogSumExp", reduce)
OP(REDUCE_MAX, "ReduceMax", reduce)
OP(REDUCE_MEAN, "ReduceMean", reduce)
OP(REDUCE_MIN, "ReduceMin", reduce)
OP(REDUCE_PROD, "ReduceProd", reduce)
OP(REDUCE_SUM, "ReduceSum", reduce)
OP(REDUCE_SUM_SQUARE, "ReduceSumSquare", reduce)

OP(AFFINE_GRID, "AffineGrid", affine)

OP(COL2IM, "Col2Im", col2im)

OP(DEFORM_CONV, "DeformConv", deform)

OP(GRID_SAMPLE, "GridSample", gridsample)

OP(RESIZE, "Resize", resize)
OP(UPSAMPLE, "Upsample", resize)

OP(FLATTEN, "Flatten", reshape)
OP(IDENTITY, "Identity", identity)
OP(RESHAPE, "Reshape", reshape)
OP(SQUEEZE, "Squeeze", reshape)
OP(UNSQUEEZE, "Unsqueeze", reshape)

OP(MAX_ROI_POOL, "MaxRoiPool", roi)
OP(ROI_ALIGN, "RoiAlign", roi)

OP(SCALE, "espalier:Scale", scale)
OP(WEIGHTED_SUM, "espalier:WeightedSum", weighted)

OP(SCAN, "Scan", scan)

OP(CONCAT_FROM_SEQUENCE, "ConcatFromSequence", sequence)
OP(SEQUENCE_AT, "SequenceAt", sequence)
OP(SEQUENCE_CONSTRUCT, "SequenceConstruct", sequence)
OP(SEQUENCE_EMPTY, "SequenceEmpty", sequence)
OP(SEQUENCE_ERASE, "SequenceErase", sequence)
OP(SEQUENCE_INSERT, "SequenceInsert", sequence)
OP(SEQUENCE_LENGTH, "SequenceLength", sequence)
OP(SEQUENCE_MAP, "SequenceMap", sequence)
OP(SPLIT_TO_SEQUENCE, "SplitToSequence", sequence)

OP(OPTIONAL, "Optional", optional)
OP(OPTIONAL_GET_ELEMENT, "OptionalGetElement", optional)
OP(OPTIONAL_HAS_ELEMENT, "OptionalHasElement", optional)

OP(HARDMAX, "Hardmax", softmax)
OP(LOG_SOFTMAX, "LogSoftmax", softmax)
OP(SOFTMAX, "Softmax", softmax)

OP(DEPTH_TO_SPACE, "DepthToSpace", strided)
OP(EXPAND, "Expand", strided)
OP(REORDER, "espalier:Reorder", strided)
OP(SLICE, "Slice", slice)
OP(SPACE_TO_DEPTH, "SpaceToDepth", strided)
OP(TILE, "Tile", strided)
OP(TRANSPOSE, "Transpose", strided)

OP(CENTER_CROP_PAD, "CenterCropPad", pad)
OP(PAD, "Pad", pad)

OP(CUM_SUM, "CumSum", cumulate)

OP(EINSUM, "Einsum", einsum)

OP(ONE_HOT, "OneHot", onehot)

OP(TRILU, "Trilu", triangle)

OP(MEAN_VARIANCE_NORMALIZATION, "MeanVarianceNormalization", standardise)

OP(DROPOUT, "Dropout", dropout)

OP(ADAGRAD, "ai.onnx.preview.training:Adagrad", training)
OP(ADAM, "ai.onnx.preview.training:Adam", training)
OP(MOMENTUM, "ai.onnx.preview.training:Momentum", training)

OP(SUM_TO, "espalier:SumTo", sum_to)

OP(TOP_K, "TopK", topk)

OP(REVERSE_SEQUENCE, "ReverseSequence", reverse)

OP(DET, "Det", determinant)

OP(BLACKMAN_WINDOW, "BlackmanWindow", taper)
OP(HAMMING_WINDOW, "HammingWindow", taper)
OP(HANN_WINDOW, "HannWindow", taper)

OP(MEL_WEIGHT_MATRIX, "MelWeightMatrix", mel)

OP(DFT, "DFT", fourier)
OP(STFT, "STFT", fourier)

OP(BERNOULLI, "Bernoulli", random)
OP(MULTINOMIAL, "Multinomial", random)
OP(RANDOM_NORMAL, "RandomNormal", random)
OP(RANDOM_NORMAL_LIKE, "RandomNormalLike", random)
OP(RANDOM_UNIFORM, "RandomUniform", random)
OP(RANDOM_UNIFORM_LIKE, "RandomUniformLike", random)

OP(STRING_CONCAT, "StringConcat", strings)
OP(STRING_SPLIT, "StringSplit", strings)

OP(REGEX_FULL_MATCH, "RegexFullMatch", regex)

OP(TF_IDF_VECTORIZER, "TfIdfVectorizer", ngrams)

OP(STRING_NORMALIZER, "StringNormalizer", words)

OP(WALK, "espalier:Walk", walked)
