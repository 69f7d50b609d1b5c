// A switch that takes its time: switch DELAY_US INTERFACE...
//
// Frames that come in on one interface go out on the one behind which their
// destination was last heard, or on all others, DELAY_US later.  For links to
// namespaces on a kernel without netem; ends with the process.
//
// The hosts leave large frames and checksums to the hardware that is not there,
// so each frame travels with the header that says what is missing
// (PACKET_VNET_HDR, packet(7)).
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
  PORTS_MOST = 64,
  HEARD_MOST = 256,
  FRAME_MOST = 1 << 17,
  BUFFER = 4 << 20,
  TURN = 64,                // frames of one port before the next has its turn
  WAITING_MOST = 256 << 20, // bytes; what comes then is lost
};

typedef struct frame {
  struct frame *next;
  int64_t due; // ns
  int from;    // port
  size_t bytes;
  unsigned char data[];
} frame;

static int ports;
static int port[PORTS_MOST];
static struct {
  unsigned char address[ETH_ALEN];
  int port;
} heard[HEARD_MOST];
static int heard_count;
static frame *first, **end = &first;
static size_t waiting;

static int64_t now(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void die(const char *what, const char *which) {
  fprintf(stderr, "switch: %s %s: %s\n", what, which, strerror(errno));
  exit(1);
}

static int open_port(const char *name) {
  const int s = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
  if (s < 0) die("socket for", name);
  const int on = 1, buffer = BUFFER;
  const struct sockaddr_ll address = {.sll_family = AF_PACKET,
                                      .sll_protocol = htons(ETH_P_ALL),
                                      .sll_ifindex = (int)if_nametoindex(name)};
  const struct packet_mreq all = {.mr_ifindex = address.sll_ifindex,
                                  .mr_type = PACKET_MR_PROMISC};
  (void)setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
  (void)setsockopt(s, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer);
  if (address.sll_ifindex == 0 ||
      setsockopt(s, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) != 0 ||
      setsockopt(s, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) != 0 ||
      setsockopt(s, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof all) != 0 ||
      bind(s, (const struct sockaddr *)&address, sizeof address) != 0) {
    die("interface", name);
  }
  return s;
}

static int *place_of(const unsigned char *address) {
  for (int i = 0; i < heard_count; i++) {
    if (memcmp(heard[i].address, address, ETH_ALEN) == 0) return &heard[i].port;
  }
  return NULL;
}

// False: there is nothing.
static bool take(int from, int64_t delay) {
  static unsigned char data[FRAME_MOST];
  const ssize_t bytes = recv(port[from], data, sizeof data, MSG_DONTWAIT);
  const size_t header = sizeof(struct virtio_net_hdr);
  if (bytes < 0) return false;
  if (bytes < (ssize_t)(header + ETH_HLEN)) return true;
  const unsigned char *source = data + header + ETH_ALEN;
  int *known = place_of(source);
  if (known != NULL) {
    *known = from;
  } else if (heard_count < HEARD_MOST) {
    memcpy(heard[heard_count].address, source, ETH_ALEN);
    heard[heard_count++].port = from;
  }
  frame *f = waiting < WAITING_MOST ? malloc(sizeof *f + (size_t)bytes) : NULL;
  if (f == NULL) return true;
  *f = (frame){.due = now() + delay, .from = from, .bytes = (size_t)bytes};
  memcpy(f->data, data, (size_t)bytes);
  waiting += f->bytes;
  *end = f;
  end = &f->next;
  return true;
}

static void give(frame *f) {
  const unsigned char *target = f->data + sizeof(struct virtio_net_hdr);
  const int *known = (target[0] & 1) == 0 ? place_of(target) : NULL;
  for (int i = 0; i < ports; i++) {
    if (i == f->from || (known != NULL && i != *known)) continue;
    (void)send(port[i], f->data, f->bytes, 0);
  }
  waiting -= f->bytes;
  free(f);
}

int main(int argc, char **argv) {
  if (argc < 3 || argc - 2 > PORTS_MOST) {
    fprintf(stderr, "usage: switch DELAY_US INTERFACE...\n");
    return 2;
  }
  const int64_t delay = strtoll(argv[1], NULL, 10) * 1000;
  struct pollfd at[PORTS_MOST];
  for (ports = 0; ports < argc - 2; ports++) {
    port[ports] = open_port(argv[2 + ports]);
    at[ports] = (struct pollfd){port[ports], POLLIN, 0};
  }
  for (;;) {
    struct timespec rest = {0};
    if (first != NULL && first->due > now()) {
      const int64_t ns = first->due - now();
      if (ns > 0) {
        rest = (struct timespec){.tv_sec = ns / 1000000000,
                                 .tv_nsec = ns % 1000000000};
      }
    }
    if (ppoll(at, (nfds_t)ports, first != NULL ? &rest : NULL, NULL) > 0) {
      for (int i = 0; i < ports; i++) {
        for (int k = 0; at[i].revents != 0 && k < TURN; k++) {
          if (!take(i, delay)) break;
        }
      }
    }
    while (first != NULL && first->due <= now()) {
      frame *f = first;
      first = f->next;
      if (first == NULL) end = &first;
      give(f);
    }
  }
}
