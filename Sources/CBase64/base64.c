// The method is that of W. Muła and D. Lemire, "Faster Base64 Encoding and Decoding using AVX2 Instructions" (2018).

#include "CBase64.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <stdbool.h>

#define AVX2 __attribute__((target("avx2")))

static bool has_avx2(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2");
}

/// Both halves of a vector: tables are looked up in, and bytes are moved, within sixteen bytes.
#define TWICE(...) _mm256_setr_epi8(__VA_ARGS__, __VA_ARGS__)

/// The characters of 32 values of six bits.
AVX2 static __m256i characters(__m256i values) {
    // What is added to a value, by its range: 0 is a to z, 1 to 10 are the digits, 11 is +, 12 is /, 13 is A to Z.
    const __m256i offsets = TWICE(
        'a' - 26, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52,
        '+' - 62, '/' - 63, 'A', 0, 0);
    __m256i ranges = _mm256_subs_epu8(values, _mm256_set1_epi8(51));
    __m256i capitals = _mm256_cmpgt_epi8(_mm256_set1_epi8(26), values);
    ranges = _mm256_or_si256(ranges, _mm256_and_si256(capitals, _mm256_set1_epi8(13)));
    return _mm256_add_epi8(values, _mm256_shuffle_epi8(offsets, ranges));
}

AVX2 static size_t encode_avx2(const uint8_t *bytes, size_t count, uint8_t *text) {
    // Each group of three bytes, b0 b1 b2, as the four b1 b0 b2 b1.
    const __m256i spread = TWICE(1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10);
    size_t position = 0;
    // Takes 24 bytes, and the second load sees four more.
    for (; count - position >= 28; position += 24, text += 32) {
        __m128i low = _mm_loadu_si128((const __m128i *)(bytes + position));
        __m128i high = _mm_loadu_si128((const __m128i *)(bytes + position + 12));
        __m256i groups = _mm256_shuffle_epi8(_mm256_set_m128i(high, low), spread);
        // Multiplications, for each half of a group is shifted by another count.
        __m256i first_and_third = _mm256_and_si256(groups, _mm256_set1_epi32(0x0FC0FC00));
        __m256i second_and_fourth = _mm256_and_si256(groups, _mm256_set1_epi32(0x003F03F0));
        __m256i values = _mm256_or_si256(
            _mm256_mulhi_epu16(first_and_third, _mm256_set1_epi32(0x04000040)),
            _mm256_mullo_epi16(second_and_fourth, _mm256_set1_epi32(0x01000010)));
        _mm256_storeu_si256((__m256i *)text, characters(values));
    }
    return position;
}

AVX2 static size_t decode_avx2(const uint8_t *text, size_t count, uint8_t *bytes) {
    // A character is in the alphabet if its two digits, in hexadecimal, have no bit in common in these tables.
    const __m256i by_low_digit = TWICE(
        0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x13, 0x1A, 0x1B, 0x1B, 0x1B, 0x1A);
    const __m256i by_high_digit = TWICE(
        0x10, 0x10, 0x01, 0x02, 0x04, 0x08, 0x04, 0x08, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10);
    // What is added to a character, by its high digit; that of / is one less, for + has the same.
    const __m256i offsets = TWICE(
        0, 63 - '/', 62 - '+', 52 - '0', 0 - 'A', 0 - 'A', 26 - 'a', 26 - 'a', 0, 0, 0, 0, 0, 0, 0, 0);
    // Each group's three bytes, which are in four in the wrong order, and then eight groups in a row.
    const __m256i gather = TWICE(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
    const __m256i close_up = _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 7, 7);
    size_t position = 0;
    // Makes 24 bytes, and stores eight more, for which there has to be room.
    for (; count - position >= 44; position += 32, bytes += 24) {
        __m256i input = _mm256_loadu_si256((const __m256i *)(text + position));
        __m256i high = _mm256_and_si256(_mm256_srli_epi32(input, 4), _mm256_set1_epi8(0x0F));
        __m256i low = _mm256_and_si256(input, _mm256_set1_epi8(0x0F));
        __m256i outside = _mm256_shuffle_epi8(by_high_digit, high);
        if (!_mm256_testz_si256(outside, _mm256_shuffle_epi8(by_low_digit, low))) break;
        __m256i slashes = _mm256_cmpeq_epi8(input, _mm256_set1_epi8('/'));
        __m256i values = _mm256_add_epi8(input, _mm256_shuffle_epi8(offsets, _mm256_add_epi8(high, slashes)));
        __m256i halves = _mm256_maddubs_epi16(values, _mm256_set1_epi32(0x01400140));
        __m256i groups = _mm256_madd_epi16(halves, _mm256_set1_epi32(0x00011000));
        __m256i output = _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(groups, gather), close_up);
        _mm256_storeu_si256((__m256i *)bytes, output);
    }
    return position;
}

size_t base64_encode(const uint8_t *bytes, size_t count, uint8_t *text) {
    return has_avx2() ? encode_avx2(bytes, count, text) : 0;
}

size_t base64_decode(const uint8_t *text, size_t count, uint8_t *bytes) {
    return has_avx2() ? decode_avx2(text, count, bytes) : 0;
}

#else

size_t base64_encode(const uint8_t *bytes, size_t count, uint8_t *text) { return 0; }

size_t base64_decode(const uint8_t *text, size_t count, uint8_t *bytes) { return 0; }

#endif
