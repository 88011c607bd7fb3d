// Calls that <fcntl.h> shows only to those who define _GNU_SOURCE, which Swift's Glibc does not.

#include <sys/types.h>

int sync_file_range(int descriptor, off_t offset, off_t length, unsigned int flags);

enum { easel_begin_writing = 2 };  // SYNC_FILE_RANGE_WRITE
