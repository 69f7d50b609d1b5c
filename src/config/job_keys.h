// Every key of a job: KEY(member, kind, default, argument, help).  One list for
// the job file, the options (an underscore in the key is a dash in the option),
// --help and docs/job-file.md.  Kinds: TEXT (NULL: not given), INT (0 or -1:
// see help), FLAG, and LIST (texts, a line each).  Choices in an argument are
// separated by |.

KEY(model, TEXT, NULL, "FILE", "ONNX model to run")
KEY(models, LIST, NULL, "FILE|NAME=FILE",
    "instead of model: several at once over the same rows, as branches of one "
    "graph; outputs are called NAME/OUTPUT (default: the file's name)")
KEY(input, LIST, NULL, "FILE:/DATASET",
    "HDF5 dataset; its first axis is the sample.  FILE may be a pattern "
    "(data/*.h5), and there may be several: they are one long dataset")
KEY(input_name, TEXT, NULL, "NAME",
    "model input that `input` feeds; default: the one that nothing else feeds")
KEY(inputs, LIST, NULL, "NAME=FILE:/DATASET",
    "what feeds the other inputs of a model with several, row by row with "
    "input; or NAME=NUMBER, the same for all")
KEY(state, LIST, NULL, "INPUT=OUTPUT",
    "what the model makes for a row is an input of the next row of its "
    "sequence, and zeros for the first")
KEY(sequence, LIST, NULL, "FILE:/DATASET",
    "with state: one integer per row, and a sequence begins where it changes; "
    "default: with each file of the input")
KEY(scale, TEXT, NULL, "NUMBER|1/NUMBER",
    "factor for the input's values, e.g. 1/255 for bytes to 0..1; default: "
    "none")
KEY(layout, TEXT, NULL, "NCHW|NHWC",
    "order of the dataset's axes; default: the model's own")
KEY(samples, INT, -1, "N", "use the first N samples only; -1: all")
KEY(output, TEXT, NULL, "FILE",
    "HDF5 file for the results, /outputs/<name>; with {name} in it, one for "
    "each input file, of that name")
KEY(keep_going, FLAG, false, "",
    "with {name}: go on with the other files when one cannot be done")
KEY(restart, FLAG, false, "",
    "begin anew and overwrite an output file that exists; else a run that was "
    "cut off goes on")
KEY(grown, TEXT, "refuse", "refuse|continue",
    "what to do when the output was begun with fewer samples: compute those "
    "that were added, or say so and stop")
KEY(journal_seconds, INT, 30, "N",
    "a kill loses at most the work of the last N seconds; 0: of the batches at "
    "hand")
KEY(max_seconds, INT, 0, "N",
    "stop, to be resumed (exit 75), before N seconds are over; 0: before "
    "Slurm's limit, where there is one; -1: never")
KEY(silence_seconds, INT, 7, "N",
    "the job ends, and can go on later, when a host gives no sign of life for "
    "N seconds; 0: it waits for ever")
KEY(labels, LIST, NULL, "FILE:/DATASET",
    "one integer per sample: the right class; files as for input, {name} and "
    "{file} stand for the input file")
KEY(score, TEXT, NULL, "accuracy|none",
    "what to compute from the labels; default: accuracy when labels are given")
KEY(score_output, TEXT, NULL, "NAME",
    "model output that is scored, and that argmax and top_k read; default: the "
    "first")
KEY(argmax, FLAG, false, "",
    "also write the index of the largest value of each sample")
KEY(top_k, INT, 0, "K",
    "also write the K largest values of each sample and their indices")
KEY(objective, TEXT, "throughput", "throughput|latency",
    "what the plan aims at")
KEY(precision, TEXT, "float32", "float32|bf16|int8",
    "what the operands of convolutions and products with constant weights are "
    "rounded to; what it costs in accuracy is measured on the first samples")
KEY(batch, INT, 0, "N", "samples computed together; 0: chosen")
KEY(micro_batch, INT, 0, "N",
    "rows of a piece of the batch; pieces are computed one after the other; 0: "
    "as suits the cache of a core")
KEY(replicas, INT, 0, "N",
    "groups of ranks, each with the whole model; 1: all ranks share one "
    "graph's branches and heavy operators; 0: chosen")
KEY(memory, INT, 0, "MB",
    "what the weights and values of a rank may take; a model that is too large "
    "for one is spread over as many as hold it, in stages; 0: no limit")
KEY(packed_cache, TEXT, NULL, "FOLDER",
    "keep the weights as they were packed in this folder, which is made where "
    "it is missing, so that the next start need not pack")
KEY(streams, INT, 0, "N", "batches in flight inside a rank; 0: chosen")
KEY(workers, INT, 0, "N",
    "threads of a rank that run operators side by side (inter-op); 0: chosen")
KEY(width, INT, 0, "N", "OpenMP threads of one operator (intra-op); 0: chosen")
KEY(tune, TEXT, "auto", "auto|again|off",
    "the way to use the cores, where nothing above is given, and the times of "
    "operators: as an earlier run has found them, else tried in the first "
    "batches of a long run; again: tried anew; off: neither read nor kept")
KEY(oversubscribe, FLAG, false, "",
    "more threads than this rank has cores are no error")
KEY(pin, TEXT, "auto", "auto|yes|no",
    "bind threads to cores; auto: unless ranks share cores")
KEY(summary, TEXT, NULL, "FILE", "write a JSON summary; - is standard output")
KEY(trace, TEXT, NULL, "FILE",
    "write what ran when, for Perfetto (ui.perfetto.dev) or chrome://tracing")
KEY(report, TEXT, NULL, "FILE",
    "write an HTML page: what it came to, the schedule as planned and as it "
    "ran, where the time went, what to change")
KEY(progress, TEXT, "auto", "auto|bar|lines|none",
    "how progress is shown; auto: a bar on a terminal, lines elsewhere")
