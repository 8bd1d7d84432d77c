/* BLAKE3 chaining values of subtrees: what the tree of an object is made of (BLAKE3 specification, section 2).
 *
 * The official library gives digests of whole inputs only. Here are the values inside: of groups of 256 chunks, of a shorter last group,
 * and of parents. Several chunks (or parents) are hashed at once, one per lane of a vector; the widest kernel that the CPU has is chosen
 * when the module is loaded. The NumPy implementation beside this file gives the same results.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "words are loaded as they lie in memory; other byte orders use the NumPy implementation"
#endif

#define BLOCK_LEN 64
#define CHUNK_LEN 1024
#define OUT_LEN 32
#define GROUP_CHUNKS 256
#define GROUP_LEN ((size_t)GROUP_CHUNKS * CHUNK_LEN)
#define CHUNK_START 1u
#define CHUNK_END 2u
#define PARENT 4u
#define ROOT 8u
#define MAX_LANES 16

/* Below this, releasing the interpreter's lock costs more than it gives. */
#define RELEASE_LOCK_LEN 65536

static const uint32_t IV[8] = {0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19};

/* What is the same for every input of one run of a kernel. */
struct job {
    size_t blocks;   /* 64-byte blocks per input */
    int counts;      /* the counter grows by one per input (chunks), or stays (parents) */
    uint32_t flags;  /* of every block */
    uint32_t flags_first;
    uint32_t flags_last;
};

static const struct job CHUNKS = {CHUNK_LEN / BLOCK_LEN, 1, 0, CHUNK_START, CHUNK_END};
static const struct job PARENTS = {1, 0, PARENT, 0, 0};

typedef void (*kernel)(const struct job *, const uint8_t *input, size_t count, uint64_t counter, uint8_t *out);

#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define HAS_SHUFFLEVECTOR
#endif
#endif

#define LANES 4
#define KERNEL hash_4_lanes
#define VEC vec4
#define TARGET
#define LOW 0, 4, 1, 5
#define HIGH 2, 6, 3, 7
#include "_blake3lanes.h"

#if defined(__x86_64__)
#define LANES 8
#define KERNEL hash_8_lanes
#define VEC vec8
#ifdef HAS_SHUFFLEVECTOR
typedef uint8_t vec8_bytes __attribute__((vector_size(32)));
#define BYTES vec8_bytes
#endif
#define TARGET __attribute__((target("avx2")))
#define LOW 0, 8, 1, 9, 2, 10, 3, 11
#define HIGH 4, 12, 5, 13, 6, 14, 7, 15
#include "_blake3lanes.h"

#define LANES 16
#define KERNEL hash_16_lanes
#define VEC vec16
#define TARGET __attribute__((target("avx512f")))
#define LOW 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#include "_blake3lanes.h"
#endif

static kernel hash_lanes = hash_4_lanes;
static size_t lanes = 4;

/* Takes the widest kernel of at most `limit` lanes that this CPU can run. */
static void choose_kernel(size_t limit)
{
    hash_lanes = hash_4_lanes;
    lanes = 4;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (limit >= 16 && __builtin_cpu_supports("avx512f")) {
        hash_lanes = hash_16_lanes;
        lanes = 16;
    } else if (limit >= 8 && __builtin_cpu_supports("avx2")) {
        hash_lanes = hash_8_lanes;
        lanes = 8;
    }
#else
    (void)limit;
#endif
}

static void hash_many(const struct job *job, const uint8_t *input, size_t count, uint64_t counter, uint8_t *out)
{
    while (count > 0) {
        size_t now = count < lanes ? count : lanes;
        hash_lanes(job, input, now, counter, out);
        input += now * job->blocks * BLOCK_LEN;
        out += now * OUT_LEN;
        counter += job->counts ? now : 0;
        count -= now;
    }
}

static inline uint32_t rotate(uint32_t x, int n)
{
    return (x >> n) | (x << (32 - n));
}

static inline void mix(uint32_t *s, int a, int b, int c, int d, uint32_t x, uint32_t y)
{
    s[a] += s[b] + x;
    s[d] = rotate(s[d] ^ s[a], 16);
    s[c] += s[d];
    s[b] = rotate(s[b] ^ s[c], 12);
    s[a] += s[b] + y;
    s[d] = rotate(s[d] ^ s[a], 8);
    s[c] += s[d];
    s[b] = rotate(s[b] ^ s[c], 7);
}

/* The compression function for one block, in place of the chaining value `h`. */
static void compress(uint32_t h[8], const uint8_t block[BLOCK_LEN], uint32_t block_len, uint64_t counter, uint32_t flags)
{
    static const uint8_t permutation[16] = {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8};
    uint32_t m[16], next[16];
    uint32_t s[16] = {h[0],  h[1],  h[2],  h[3],  h[4], h[5], h[6], h[7], IV[0], IV[1], IV[2], IV[3], (uint32_t)counter, (uint32_t)(counter >> 32),
                      block_len, flags};
    memcpy(m, block, BLOCK_LEN);
    for (int round = 0; round < 7; round++) {
        mix(s, 0, 4, 8, 12, m[0], m[1]);
        mix(s, 1, 5, 9, 13, m[2], m[3]);
        mix(s, 2, 6, 10, 14, m[4], m[5]);
        mix(s, 3, 7, 11, 15, m[6], m[7]);
        mix(s, 0, 5, 10, 15, m[8], m[9]);
        mix(s, 1, 6, 11, 12, m[10], m[11]);
        mix(s, 2, 7, 8, 13, m[12], m[13]);
        mix(s, 3, 4, 9, 14, m[14], m[15]);
        for (int i = 0; i < 16; i++)
            next[i] = m[permutation[i]];
        memcpy(m, next, sizeof(m));
    }
    for (int i = 0; i < 8; i++)
        h[i] = s[i] ^ s[i + 8];
}

/* The chaining value of one chunk of 0 to 1024 bytes. */
static void hash_chunk(const uint8_t *data, size_t len, uint64_t counter, uint32_t last_flags, uint8_t out[OUT_LEN])
{
    uint32_t h[8];
    uint32_t flags = CHUNK_START;
    memcpy(h, IV, sizeof(h));
    while (len > BLOCK_LEN) {
        compress(h, data, BLOCK_LEN, counter, flags);
        data += BLOCK_LEN;
        len -= BLOCK_LEN;
        flags = 0;
    }
    uint8_t block[BLOCK_LEN] = {0};
    if (len > 0)
        memcpy(block, data, len);
    compress(h, block, (uint32_t)len, counter, flags | CHUNK_END | last_flags);
    memcpy(out, h, OUT_LEN);
}

static void hash_parent(const uint8_t pair[2 * OUT_LEN], uint32_t last_flags, uint8_t out[OUT_LEN])
{
    uint32_t h[8];
    memcpy(h, IV, sizeof(h));
    compress(h, pair, BLOCK_LEN, 0, PARENT | last_flags);
    memcpy(out, h, OUT_LEN);
}

/* The chaining value of a subtree of 0 to 256 chunks.
 *
 * Pairing neighbours level by level, with an odd last one carried up, gives the tree that BLAKE3 defines from above. */
static void hash_subtree(const uint8_t *data, size_t len, uint64_t counter, uint32_t last_flags, uint8_t out[OUT_LEN])
{
    uint8_t cvs[GROUP_CHUNKS * OUT_LEN], parents[GROUP_CHUNKS / 2 * OUT_LEN];
    size_t count = len / CHUNK_LEN, rest = len % CHUNK_LEN;
    if (len <= CHUNK_LEN) {
        hash_chunk(data, len, counter, last_flags, out);
        return;
    }
    hash_many(&CHUNKS, data, count, counter, cvs);
    if (rest > 0) {
        hash_chunk(data + count * CHUNK_LEN, rest, counter + count, 0, cvs + count * OUT_LEN);
        count++;
    }
    while (count > 2) {
        hash_many(&PARENTS, cvs, count / 2, 0, parents);
        if (count % 2)
            memmove(cvs + count / 2 * OUT_LEN, cvs + (count - 1) * OUT_LEN, OUT_LEN);
        memcpy(cvs, parents, count / 2 * OUT_LEN);
        count = (count + 1) / 2;
    }
    hash_parent(cvs, last_flags, out);
}

PyDoc_STRVAR(group_cvs_doc, "group_cvs(data, first_chunk, /)\n--\n\nChaining values, 32 bytes each, of whole 256 KiB groups.");

static PyObject *group_cvs(PyObject *module, PyObject *args)
{
    Py_buffer data;
    unsigned long long first_chunk;
    (void)module;
    if (!PyArg_ParseTuple(args, "y*K:group_cvs", &data, &first_chunk))
        return NULL;
    PyObject *result = NULL;
    size_t groups = (size_t)data.len / GROUP_LEN;
    if ((size_t)data.len % GROUP_LEN != 0) {
        PyErr_SetString(PyExc_ValueError, "data is not a whole number of groups");
    } else if ((result = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(groups * OUT_LEN))) != NULL) {
        uint8_t *out = (uint8_t *)PyBytes_AS_STRING(result);
        const uint8_t *input = data.buf;
        Py_BEGIN_ALLOW_THREADS
        for (size_t i = 0; i < groups; i++)
            hash_subtree(input + i * GROUP_LEN, GROUP_LEN, first_chunk + i * GROUP_CHUNKS, 0, out + i * OUT_LEN);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&data);
    return result;
}

PyDoc_STRVAR(subtree_cv_doc, "subtree_cv(data, first_chunk, is_root, /)\n--\n\nChaining value, or root digest, of a group of at most 256 KiB.");

static PyObject *subtree_cv(PyObject *module, PyObject *args)
{
    Py_buffer data;
    unsigned long long first_chunk;
    int is_root;
    uint8_t out[OUT_LEN];
    (void)module;
    if (!PyArg_ParseTuple(args, "y*Kp:subtree_cv", &data, &first_chunk, &is_root))
        return NULL;
    PyObject *result = NULL;
    if ((size_t)data.len > GROUP_LEN) {
        PyErr_SetString(PyExc_ValueError, "data is larger than a group");
    } else {
        uint32_t flags = is_root ? ROOT : 0;
        if (data.len >= RELEASE_LOCK_LEN) {
            Py_BEGIN_ALLOW_THREADS
            hash_subtree(data.buf, (size_t)data.len, first_chunk, flags, out);
            Py_END_ALLOW_THREADS
        } else {
            hash_subtree(data.buf, (size_t)data.len, first_chunk, flags, out);
        }
        result = PyBytes_FromStringAndSize((const char *)out, OUT_LEN);
    }
    PyBuffer_Release(&data);
    return result;
}

PyDoc_STRVAR(parent_cvs_doc, "parent_cvs(pairs, /)\n--\n\nChaining values of parents, each given as its 64 bytes: the left child's value, then the right one's.");

static PyObject *parent_cvs(PyObject *module, PyObject *args)
{
    Py_buffer pairs;
    (void)module;
    if (!PyArg_ParseTuple(args, "y*:parent_cvs", &pairs))
        return NULL;
    PyObject *result = NULL;
    if (pairs.len % BLOCK_LEN != 0) {
        PyErr_SetString(PyExc_ValueError, "pairs is not a whole number of 64-byte pairs");
    } else if ((result = PyBytes_FromStringAndSize(NULL, pairs.len / 2)) != NULL) {
        uint8_t *out = (uint8_t *)PyBytes_AS_STRING(result);
        size_t count = (size_t)pairs.len / BLOCK_LEN;
        if (pairs.len >= RELEASE_LOCK_LEN) {
            Py_BEGIN_ALLOW_THREADS
            hash_many(&PARENTS, pairs.buf, count, 0, out);
            Py_END_ALLOW_THREADS
        } else {
            hash_many(&PARENTS, pairs.buf, count, 0, out);
        }
    }
    PyBuffer_Release(&pairs);
    return result;
}

PyDoc_STRVAR(parent_cv_doc, "parent_cv(left, right, is_root, /)\n--\n\nChaining value, or root digest, of one parent.");

static PyObject *parent_cv(PyObject *module, PyObject *args)
{
    Py_buffer left, right;
    int is_root;
    (void)module;
    if (!PyArg_ParseTuple(args, "y*y*p:parent_cv", &left, &right, &is_root))
        return NULL;
    PyObject *result = NULL;
    if (left.len != OUT_LEN || right.len != OUT_LEN) {
        PyErr_SetString(PyExc_ValueError, "a chaining value has 32 bytes");
    } else {
        uint8_t pair[2 * OUT_LEN], out[OUT_LEN];
        memcpy(pair, left.buf, OUT_LEN);
        memcpy(pair + OUT_LEN, right.buf, OUT_LEN);
        hash_parent(pair, is_root ? ROOT : 0, out);
        result = PyBytes_FromStringAndSize((const char *)out, OUT_LEN);
    }
    PyBuffer_Release(&left);
    PyBuffer_Release(&right);
    return result;
}

PyDoc_STRVAR(limit_lanes_doc, "limit_lanes(limit, /)\n--\n\nUse at most so many lanes from now on, for tests and benchmarks; gives the number in use.");

static PyObject *limit_lanes(PyObject *module, PyObject *args)
{
    unsigned int limit;
    (void)module;
    if (!PyArg_ParseTuple(args, "I:limit_lanes", &limit))
        return NULL;
    choose_kernel(limit);
    return PyLong_FromSize_t(lanes);
}

static PyMethodDef methods[] = {
    {"group_cvs", group_cvs, METH_VARARGS, group_cvs_doc},
    {"subtree_cv", subtree_cv, METH_VARARGS, subtree_cv_doc},
    {"parent_cvs", parent_cvs, METH_VARARGS, parent_cvs_doc},
    {"parent_cv", parent_cv, METH_VARARGS, parent_cv_doc},
    {"limit_lanes", limit_lanes, METH_VARARGS, limit_lanes_doc},
    {NULL, NULL, 0, NULL},
};

static int execute(PyObject *module)
{
    (void)module;
    choose_kernel(MAX_LANES);
    return 0;
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, execute},
    {0, NULL},
};

static struct PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "joygrpc.content._blake3tree",
    .m_doc = "BLAKE3 chaining values of groups and parents.",
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__blake3tree(void)
{
    return PyModuleDef_Init(&definition);
}
