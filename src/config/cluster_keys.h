// Every key of a cluster file: KEY(member, kind, default, least, unit, help).
// One list for the file, its messages and docs/cluster-file.md.  Kinds: INT,
// and REAL (0: as measured, or as is typical).
KEY(nodes, INT, 1, 1, "", "machines")
KEY(ranks_per_node, INT, 1, 1, "", "ranks on each of them")
KEY(cores_per_rank, INT, 1, 1, "", "cores of each rank")
KEY(core_flops, REAL, 0, 0, "operations/s",
    "what a core reaches in float32; default: as this machine's is measured")
KEY(core_bandwidth, REAL, 0, 0, "bytes/s",
    "what a core alone gets from memory; default: as measured here")
KEY(node_bandwidth, REAL, 0, 0, "bytes/s",
    "what all cores of a node get from memory together; default: no limit")
KEY(rank_memory, REAL, 0, 0, "bytes",
    "what weights and values of a rank may take together; default: no limit")
KEY(rank_latency, REAL, 0, 0, "s",
    "an empty message between ranks of a node; default: 40e-6")
KEY(rank_bandwidth, REAL, 0, 0, "bytes/s",
    "messages between ranks of a node; default: half of core_bandwidth")
KEY(network_latency, REAL, 0, 0, "s",
    "an empty message between nodes; default: 100e-6")
KEY(network_bandwidth, REAL, 0, 0, "bytes/s",
    "messages between nodes; default: 1e9")
