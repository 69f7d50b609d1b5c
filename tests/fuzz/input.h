// What the fuzz targets share: bytes as a file, since the readers take paths.
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>

// libFuzzer calls this with one input after another.
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

// Puts the bytes into a file in memory, in the place of those before, and
// returns its path.  Ends the process when that cannot be had.
const char *fuzz_file(const uint8_t *bytes, size_t count);

// Ends the process, as a finding, unless a failure has a message.
void fuzz_check_message(void);

#endif
