// Every pass over a graph with shapes, in the order in which they run: name,
// function, what it does.  A new pass is one line here and one file.
PASS("identity", esp_pass_identity, "takes out nodes that change nothing")
PASS("pad", esp_pass_pad,
     "lets convolutions and averages put zeros around their input themselves")
PASS("norm", esp_pass_norm,
     "puts batch-norm and per-channel scales into the convolution before them, "
     "and makes other batch-norms a scale and a shift")
PASS("gelu", esp_pass_gelu, "finds GELU, by erf or by tanh, in its parts")
PASS("layer_norm", esp_pass_layer_norm,
     "finds the normalisation of rows in its parts")
PASS("attention", esp_pass_attention, "finds attention in its parts")
PASS("sum", esp_pass_sum, "adds up what is multiplied by numbers in one node")
PASS("dead", esp_pass_dead, "takes out those parts")
PASS("post", esp_pass_post,
     "lets convolutions and products add and activate what they compute")
PASS("dead", esp_pass_dead, "takes out nodes whose outputs nobody reads")
PASS("layout", esp_pass_layout, "keeps data channels last between operators")
