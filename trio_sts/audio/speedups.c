/* The inner loops of the media path, compiled; engine.py says when they are used.
 * portable.py has the same in Python, byte for byte, and tells what each takes and gives.
 *
 * GCC and Clang, little-endian. Where this cannot be built, it is left out.
 */
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030b0000 /* one build for Python 3.11 and all later ones */
#include <Python.h>
#include <stdint.h>
#include <string.h>

#if PY_BIG_ENDIAN
#error "PCM16LE is read as this machine's own integers"
#endif

#define RATIO 3 /* 24 kHz to 8 kHz */
#define MOST_TAPS 32
#define BLOCK 160 /* outputs of a phase at once; all that is used fits the first cache */
#define LANES 16  /* outputs summed side by side, in registers */
#define CODES 65536

/* Buffers begin anywhere. */
typedef int16_t sample __attribute__((aligned(1), may_alias));
typedef uint16_t unsigned_sample __attribute__((aligned(1), may_alias));
/* Every machine with 64 bits has registers for two. */
typedef double pair __attribute__((vector_size(16), aligned(8), may_alias));

/* Each sum is exact, whatever the order: see resample.py on its taps. */
static inline void add_filtered(double *sums, const double *in, const double *taps,
                                Py_ssize_t n_taps, Py_ssize_t n) {
    for (Py_ssize_t i = 0; i < n; i += LANES) {
        pair *to = (pair *)(sums + i);
        pair a = to[0], b = to[1], c = to[2], d = to[3];
        pair e = to[4], f = to[5], g = to[6], h = to[7];
        for (Py_ssize_t k = 0; k < n_taps; k++) {
            const pair *from = (const pair *)(in + i + k);
            const pair tap = {taps[k], taps[k]};
            a += tap * from[0], b += tap * from[1], c += tap * from[2], d += tap * from[3];
            e += tap * from[4], f += tap * from[5], g += tap * from[6], h += tap * from[7];
        }
        to[0] = a, to[1] = b, to[2] = c, to[3] = d;
        to[4] = e, to[5] = f, to[6] = g, to[7] = h;
    }
}

static inline void load(double *to, const sample *from, Py_ssize_t n, Py_ssize_t step) {
    for (Py_ssize_t i = 0; i < n; i++) {
        to[i] = from[i * step];
    }
}

static inline void store(sample *to, const double *from, Py_ssize_t n, Py_ssize_t step) {
    /* Beside 3 * 2**51 a double has no room for a fraction: it is rounded half to even. */
    const double coarse = 6755399441055744.0;
    int16_t rounded[BLOCK];
    for (Py_ssize_t i = 0; i < n; i++) {
        int32_t whole = (int32_t)((from[i] + coarse) - coarse);
        whole = whole < INT16_MIN ? INT16_MIN : whole;
        rounded[i] = (int16_t)(whole > INT16_MAX ? INT16_MAX : whole);
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        to[i * step] = rounded[i];
    }
}

typedef void convert_block(sample *, const sample *, const double *, Py_ssize_t, Py_ssize_t);

static void up_block(sample *out, const sample *in, const double *taps, Py_ssize_t n_taps,
                     Py_ssize_t n) {
    double samples[BLOCK + MOST_TAPS + LANES] = {0};
    load(samples, in, n + n_taps - 1, 1);
    for (int phase = 0; phase < RATIO; phase++) {
        double sums[BLOCK] = {0};
        add_filtered(sums, samples, taps + phase * n_taps, n_taps, n);
        store(out + phase, sums, n, RATIO);
    }
}

static void down_block(sample *out, const sample *in, const double *taps, Py_ssize_t n_taps,
                       Py_ssize_t n) {
    double samples[BLOCK + MOST_TAPS + LANES] = {0}, sums[BLOCK] = {0};
    for (int phase = 0; phase < RATIO; phase++) {
        load(samples, in + phase, n + n_taps - 1, RATIO);
        add_filtered(sums, samples, taps + phase * n_taps, n_taps, n);
    }
    store(out, sums, n, 1);
}

static PyObject *converted(const Py_buffer *pcm, const Py_buffer *taps, int unit_in,
                           int unit_out, convert_block *convert) {
    const Py_ssize_t n_taps = taps->len / (Py_ssize_t)(RATIO * sizeof(double));
    if (n_taps < 1 || n_taps > MOST_TAPS ||
        taps->len != n_taps * (Py_ssize_t)(RATIO * sizeof(double))) {
        PyErr_SetString(PyExc_ValueError, "taps: three phases of 1 to 32 float64 each");
        return NULL;
    }
    Py_ssize_t units = pcm->len / (Py_ssize_t)(unit_in * sizeof(sample)) - (n_taps - 1);
    units = units < 0 ? 0 : units;
    PyObject *result =
        PyBytes_FromStringAndSize(NULL, units * unit_out * (Py_ssize_t)sizeof(sample));
    if (result == NULL) {
        return NULL;
    }
    double phases[RATIO * MOST_TAPS]; /* a buffer of bytes may begin anywhere */
    memcpy(phases, taps->buf, (size_t)taps->len);
    const sample *in = pcm->buf;
    sample *out = (sample *)PyBytes_AsString(result);
    for (Py_ssize_t done = 0; done < units; done += BLOCK) {
        const Py_ssize_t n = units - done < BLOCK ? units - done : BLOCK;
        convert(out + done * unit_out, in + done * unit_in, phases, n_taps, n);
    }
    return result;
}

static PyObject *resampled(PyObject *args, const char *format, int unit_in, int unit_out,
                           convert_block *convert) {
    Py_buffer pcm, taps;
    if (!PyArg_ParseTuple(args, format, &pcm, &taps)) {
        return NULL;
    }
    PyObject *result = converted(&pcm, &taps, unit_in, unit_out, convert);
    PyBuffer_Release(&taps);
    PyBuffer_Release(&pcm);
    return result;
}

static PyObject *upsample(PyObject *module, PyObject *args) {
    (void)module;
    return resampled(args, "y*y*:upsample", 1, RATIO, up_block);
}

static PyObject *downsample(PyObject *module, PyObject *args) {
    (void)module;
    return resampled(args, "y*y*:downsample", RATIO, 1, down_block);
}

static PyObject *looked_up(const Py_buffer *pcm, const Py_buffer *codes) {
    if (pcm->len % (Py_ssize_t)sizeof(sample) != 0) {
        PyErr_SetString(PyExc_ValueError, "pcm: half a sample at the end");
        return NULL;
    }
    if (codes->len != CODES) {
        PyErr_SetString(PyExc_ValueError, "codes: one for each of 65536 samples");
        return NULL;
    }
    const Py_ssize_t n = pcm->len / (Py_ssize_t)sizeof(sample);
    PyObject *result = PyBytes_FromStringAndSize(NULL, n);
    if (result == NULL) {
        return NULL;
    }
    const unsigned_sample *in = pcm->buf;
    const char *code_of = codes->buf;
    char *out = PyBytes_AsString(result);
    for (Py_ssize_t i = 0; i < n; i++) {
        out[i] = code_of[in[i]];
    }
    return result;
}

static PyObject *compress(PyObject *module, PyObject *args) {
    (void)module;
    Py_buffer pcm, codes;
    if (!PyArg_ParseTuple(args, "y*y*:compress", &pcm, &codes)) {
        return NULL;
    }
    PyObject *result = looked_up(&pcm, &codes);
    PyBuffer_Release(&codes);
    PyBuffer_Release(&pcm);
    return result;
}

static PyMethodDef methods[] = {
    {"upsample", upsample, METH_VARARGS, NULL},
    {"downsample", downsample, METH_VARARGS, NULL},
    {"compress", compress, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "speedups",
    .m_size = 0,
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit_speedups(void) { return PyModuleDef_Init(&definition); }
