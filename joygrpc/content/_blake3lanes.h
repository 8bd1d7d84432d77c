/* One BLAKE3 kernel over LANES independent inputs; included once per vector width.
 *
 * The includer defines LANES (4, 8 or 16), KERNEL (the function's name), VEC (the vector type's name), TARGET (an attribute, or nothing)
 * and the index lists LOW and HIGH, which interleave the low or the high halves of two vectors. BYTES is the vector type's form in bytes,
 * where the CPU can shuffle bytes.
 * A template by inclusion, since a vector function cannot be inlined over a change of target.
 */

typedef uint32_t VEC __attribute__((vector_size(4 * LANES)));

#ifdef HAS_SHUFFLEVECTOR
#define INTERLEAVE(a, b, indices) __builtin_shufflevector(a, b, indices)
#else
#define INTERLEAVE(a, b, indices) __builtin_shuffle(a, b, (VEC){indices})
#endif

#define ROTATE(x, n) (((x) >> (n)) | ((x) << (32 - (n))))
#ifdef BYTES
/* One byte shuffle instead of two shifts and an or; compilers do not find it themselves. */
#define ROTATE_BYTES(x, ...) ((VEC)__builtin_shufflevector((BYTES)(x), (BYTES)(x), __VA_ARGS__))
#define ROTATE_16(x) \
    ROTATE_BYTES(x, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13, 18, 19, 16, 17, 22, 23, 20, 21, 26, 27, 24, 25, 30, 31, 28, 29)
#define ROTATE_8(x) \
    ROTATE_BYTES(x, 1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12, 17, 18, 19, 16, 21, 22, 23, 20, 25, 26, 27, 24, 29, 30, 31, 28)
#else
#define ROTATE_16(x) ROTATE(x, 16)
#define ROTATE_8(x) ROTATE(x, 8)
#endif
#define MIX(a, b, c, d, x, y)      \
    s[a] += s[b] + (x);            \
    s[d] = ROTATE_16(s[d] ^ s[a]); \
    s[c] += s[d];                  \
    s[b] = ROTATE(s[b] ^ s[c], 12); \
    s[a] += s[b] + (y);            \
    s[d] = ROTATE_8(s[d] ^ s[a]);  \
    s[c] += s[d];                  \
    s[b] = ROTATE(s[b] ^ s[c], 7);
#define ROUND(i0, i1, i2, i3, i4, i5, i6, i7, i8, i9, i10, i11, i12, i13, i14, i15) \
    MIX(0, 4, 8, 12, m[i0], m[i1])                                                  \
    MIX(1, 5, 9, 13, m[i2], m[i3])                                                  \
    MIX(2, 6, 10, 14, m[i4], m[i5])                                                 \
    MIX(3, 7, 11, 15, m[i6], m[i7])                                                 \
    MIX(0, 5, 10, 15, m[i8], m[i9])                                                 \
    MIX(1, 6, 11, 12, m[i10], m[i11])                                               \
    MIX(2, 7, 8, 13, m[i12], m[i13])                                                \
    MIX(3, 4, 9, 14, m[i14], m[i15])

/* Chaining values of `count` inputs (at most LANES), each of `job->blocks` whole blocks and directly after the one before it.
 * Lanes without an input of their own repeat the last one and are not written. */
TARGET static void KERNEL(const struct job *job, const uint8_t *input, size_t count, uint64_t counter, uint8_t *out)
{
    const uint8_t *lane[LANES];
    VEC h[8], s[16], m[16];
    VEC counter_low, counter_high;
    for (size_t l = 0; l < LANES; l++) {
        size_t own = l < count ? l : count - 1;
        uint64_t c = counter + (job->counts ? own : 0);
        lane[l] = input + own * job->blocks * BLOCK_LEN;
        counter_low[l] = (uint32_t)c;
        counter_high[l] = (uint32_t)(c >> 32);
    }
    for (int i = 0; i < 8; i++)
        h[i] = (VEC){0} + IV[i];
    for (size_t block = 0; block < job->blocks; block++) {
        /* So many streams at once are more than the CPU foresees by itself: ask for what comes four blocks later. */
        for (int l = 0; l < LANES; l++)
            __builtin_prefetch(lane[l] + (block + 4) * BLOCK_LEN);
        /* Transpose the lanes' 16 message words, LANES of them at a time: log2(LANES) perfect shuffles of the rows. */
        for (int part = 0; part < 16 / LANES; part++) {
            VEC *row = m + part * LANES;
            for (int l = 0; l < LANES; l++)
                memcpy(&row[l], lane[l] + block * BLOCK_LEN + part * 4 * LANES, sizeof(VEC));
            for (int width = LANES; width > 1; width /= 2) {
                VEC shuffled[LANES];
                for (int l = 0; l < LANES / 2; l++) {
                    shuffled[2 * l] = INTERLEAVE(row[l], row[l + LANES / 2], LOW);
                    shuffled[2 * l + 1] = INTERLEAVE(row[l], row[l + LANES / 2], HIGH);
                }
                memcpy(row, shuffled, sizeof(shuffled));
            }
        }
        uint32_t flags = job->flags | (block == 0 ? job->flags_first : 0) | (block + 1 == job->blocks ? job->flags_last : 0);
        for (int i = 0; i < 8; i++)
            s[i] = h[i];
        for (int i = 0; i < 4; i++)
            s[8 + i] = (VEC){0} + IV[i];
        s[12] = counter_low;
        s[13] = counter_high;
        s[14] = (VEC){0} + BLOCK_LEN;
        s[15] = (VEC){0} + flags;
        ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
        ROUND(2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
        ROUND(3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1)
        ROUND(10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6)
        ROUND(12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4)
        ROUND(9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7)
        ROUND(11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13)
        for (int i = 0; i < 8; i++)
            h[i] = s[i] ^ s[i + 8];
    }
    for (size_t l = 0; l < count; l++)
        for (int i = 0; i < 8; i++) {
            uint32_t word = h[i][l];
            memcpy(out + l * OUT_LEN + 4 * i, &word, 4);
        }
}

#undef ROUND
#undef MIX
#undef ROTATE_8
#undef ROTATE_16
#undef ROTATE_BYTES
#undef ROTATE
#undef INTERLEAVE
#undef LANES
#undef KERNEL
#undef VEC
#undef BYTES
#undef TARGET
#undef LOW
#undef HIGH
