// Calls that <fcntl.h> and <sys/uio.h> show only to those who define _GNU_SOURCE, which Swift's Glibc does not.

#include <sys/types.h>
#include <sys/uio.h>

int sync_file_range(int descriptor, off_t offset, off_t length, unsigned int flags);
ssize_t preadv2(int descriptor, const struct iovec *parts, int count, off_t offset, int flags);

enum { easel_begin_writing = 2 };  // SYNC_FILE_RANGE_WRITE
enum { easel_never_wait = 8 };     // RWF_NOWAIT
