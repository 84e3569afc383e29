"""A Ray cluster of machines that are processes of this one.

python -m tests.faults.clusters WORKERS

It tells its address, and then ends the machine that each line of its input names.
"""

import sys


def main(workers):
    """Serve until the input ends."""
    from ray import cluster_utils  # an extra, which the tests do without

    cluster = cluster_utils.Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 0, "include_dashboard": False},
    )
    try:
        nodes = [cluster.add_node(num_cpus=1) for _ in range(workers)]
        print(cluster.address, flush=True)
        for line in sys.stdin:
            cluster.remove_node(nodes[int(line)], allow_graceful=False)
            print(f"ended {line.strip()}", flush=True)
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    main(int(sys.argv[1]))
