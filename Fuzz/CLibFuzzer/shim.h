#include <stddef.h>
#include <stdint.h>

// libFuzzer's entry for programs with a main function of their own; it comes with the compiler, without a header.
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*callback)(const uint8_t *data, size_t size));

// LeakSanitizer's switches (sanitizer/lsan_interface.h): what is allocated between them is never a leak.
void __lsan_disable(void);
void __lsan_enable(void);
