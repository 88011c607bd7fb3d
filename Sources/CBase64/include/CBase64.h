// Base64 by vectors (RFC 4648, section 4): Swift's have no instruction that looks sixteen bytes up in a table at once.

#pragma once
#include <stddef.h>
#include <stdint.h>

/// Encodes whole groups of three bytes, as many as the processor takes at once; the rest, or all, is for the caller.
///
/// `text` has room for four characters for each three bytes. Returns how many bytes were encoded, a multiple of three.
size_t base64_encode(const uint8_t *bytes, size_t count, uint8_t *text);

/// Decodes whole groups of four characters up to the first that is not in the standard alphabet, or shortly before.
///
/// `bytes` has room for three bytes for each four characters. Returns how many were decoded, a multiple of four.
size_t base64_decode(const uint8_t *text, size_t count, uint8_t *bytes);
