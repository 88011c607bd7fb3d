// Debian's <event2/event-config.h> defines _GNU_SOURCE, which changes the layout
// of fd_set. The system headers must come first, or this module's idea of fd_set
// clashes with Glibc's and libcurl's.
#include <execinfo.h>
#include <malloc.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

// <unistd.h> has it only for those who define _GNU_SOURCE.
pid_t gettid(void);

// prctl is variadic, and Swift cannot call it.
static inline void easel_name_disk_thread(void) { prctl(PR_SET_NAME, "easel-disk"); }
