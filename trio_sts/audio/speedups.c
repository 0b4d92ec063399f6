/* The inner loops of the media path, compiled; engine.py says when they are used.
 * portable.py has the same in Python, byte for byte, and tells what each takes and gives.
 *
 * GCC and Clang, little-endian. Where this cannot be built, it is left out.
 */
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030b0000 /* one build for Python 3.11 and all later ones */
#include <Python.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#if PY_BIG_ENDIAN
#error "PCM16LE is read as this machine's own integers"
#endif

#define MOST_UNIT 3 /* samples that are converted together: 8, 16 and 24 kHz */
#define MOST_TAPS 32
#define BLOCK 160 /* outputs of a phase at once; all that is used fits the first cache */
#define MOST_LANES 32 /* outputs summed side by side, in registers */
#define CODES 65536

/* Buffers begin anywhere. */
typedef int16_t sample __attribute__((aligned(1), may_alias));
typedef uint16_t unsigned_sample __attribute__((aligned(1), may_alias));
/* Every machine with 64 bits has registers for two; most PCs have some for four. */
typedef double pair __attribute__((vector_size(16), aligned(8), may_alias));
#if defined(__x86_64__) && !defined(WITHOUT_AVX2)
#define WIDE __attribute__((target("avx2")))
typedef double quad __attribute__((vector_size(32), aligned(8), may_alias));
#endif

/* Each sum is exact, whatever the order: see resample.py on its taps. */
#define ADD_FILTERED(vector)                                                                  \
    for (Py_ssize_t i = 0; i < n; i += 8 * (Py_ssize_t)(sizeof(vector) / sizeof(double))) {   \
        vector *to = (vector *)(sums + i);                                                    \
        vector a = to[0], b = to[1], c = to[2], d = to[3];                                    \
        vector e = to[4], f = to[5], g = to[6], h = to[7];                                    \
        for (Py_ssize_t k = 0; k < n_taps; k++) {                                             \
            const vector *from = (const vector *)(in + i + k);                                \
            a += taps[k] * from[0], b += taps[k] * from[1], c += taps[k] * from[2];           \
            d += taps[k] * from[3], e += taps[k] * from[4], f += taps[k] * from[5];           \
            g += taps[k] * from[6], h += taps[k] * from[7];                                   \
        }                                                                                     \
        to[0] = a, to[1] = b, to[2] = c, to[3] = d;                                           \
        to[4] = e, to[5] = f, to[6] = g, to[7] = h;                                           \
    }

static inline void add_filtered(double *sums, const double *in, const double *taps,
                                Py_ssize_t n_taps, Py_ssize_t n) {
    ADD_FILTERED(pair)
}

#ifdef WIDE
static inline WIDE void add_filtered_wide(double *sums, const double *in, const double *taps,
                                          Py_ssize_t n_taps, Py_ssize_t n) {
    ADD_FILTERED(quad)
}
#else
#define add_filtered_wide add_filtered
#endif

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

/* Of the taps of one output for one input: zeros at both ends cost nothing. */
typedef struct {
    const double *taps;
    Py_ssize_t first, count;
} filter;

static filter without_zeros(const double *taps, Py_ssize_t n_taps) {
    filter f = {taps, 0, n_taps};
    while (f.count > 0 && f.taps[f.count - 1] == 0) {
        f.count--;
    }
    while (f.count > 0 && f.taps[0] == 0) {
        f.taps++, f.first++, f.count--;
    }
    return f;
}

static inline __attribute__((always_inline)) void
convert_block(sample *out, const sample *in, const filter *filters, Py_ssize_t n_taps,
              Py_ssize_t n, int unit_in, int unit_out, int wide) {
    double samples[MOST_UNIT][BLOCK + MOST_TAPS + MOST_LANES];
    for (int from = 0; from < unit_in; from++) {
        const Py_ssize_t known = n + n_taps - 1;
        load(samples[from], in + from, known, unit_in);
        memset(samples[from] + known, 0, MOST_LANES * sizeof(double));
    }
    for (int to = 0; to < unit_out; to++) {
        double sums[BLOCK] = {0};
        for (int from = 0; from < unit_in; from++) {
            const filter *f = filters + to * unit_in + from;
            const double *first = samples[from] + f->first;
            (wide ? add_filtered_wide : add_filtered)(sums, first, f->taps, f->count, n);
        }
        store(out + to, sums, n, unit_out);
    }
}

/* A loop for each pair of units: the compiler knows the steps. */
#define CONVERT(unit_in, unit_out, wide)                                                      \
    case 4 * unit_in + unit_out:                                                              \
        convert_block(out, in, filters, n_taps, n, unit_in, unit_out, wide);                  \
        break;
#define CONVERT_ANY(wide)                                                                     \
    switch (4 * unit_in + unit_out) {                                                         \
        CONVERT(1, 3, wide) /* 8 to 24 kHz */                                                 \
        CONVERT(3, 1, wide)                                                                   \
        CONVERT(1, 2, wide) /* 8 to 16 kHz */                                                 \
        CONVERT(2, 1, wide)                                                                   \
        CONVERT(2, 3, wide) /* 16 to 24 kHz */                                                \
        CONVERT(3, 2, wide)                                                                   \
    default:                                                                                  \
        convert_block(out, in, filters, n_taps, n, unit_in, unit_out, wide);                  \
    }

static void convert(sample *out, const sample *in, const filter *filters, Py_ssize_t n_taps,
                    Py_ssize_t n, int unit_in, int unit_out) {
    CONVERT_ANY(0)
}

#ifdef WIDE
static WIDE void convert_wide(sample *out, const sample *in, const filter *filters,
                              Py_ssize_t n_taps, Py_ssize_t n, int unit_in, int unit_out) {
    CONVERT_ANY(1)
}

static int is_wide(void) { return __builtin_cpu_supports("avx2"); }
#else
#define convert_wide convert
static int is_wide(void) { return 0; }
#endif

static PyObject *converted(const Py_buffer *pcm, const Py_buffer *taps, int unit_in,
                           int unit_out) {
    if (unit_in < 1 || unit_in > MOST_UNIT || unit_out < 1 || unit_out > MOST_UNIT) {
        PyErr_SetString(PyExc_ValueError, "units: 1 to 3 samples");
        return NULL;
    }
    const int n_filters = unit_in * unit_out;
    const Py_ssize_t n_taps = taps->len / (n_filters * (Py_ssize_t)sizeof(double));
    if (n_taps < 1 || n_taps > MOST_TAPS ||
        taps->len != n_taps * n_filters * (Py_ssize_t)sizeof(double)) {
        PyErr_SetString(PyExc_ValueError, "taps: 1 to 32 float64 for each output and input");
        return NULL;
    }
    Py_ssize_t units = pcm->len / (unit_in * (Py_ssize_t)sizeof(sample)) - (n_taps - 1);
    units = units < 0 ? 0 : units;
    PyObject *result =
        PyBytes_FromStringAndSize(NULL, units * unit_out * (Py_ssize_t)sizeof(sample));
    if (result == NULL) {
        return NULL;
    }
    double all_taps[MOST_UNIT * MOST_UNIT * MOST_TAPS]; /* a buffer may begin anywhere */
    memcpy(all_taps, taps->buf, (size_t)taps->len);
    filter filters[MOST_UNIT * MOST_UNIT];
    for (int i = 0; i < n_filters; i++) {
        filters[i] = without_zeros(all_taps + i * n_taps, n_taps);
    }
    const sample *in = pcm->buf;
    sample *out = (sample *)PyBytes_AsString(result);
    const int wide = is_wide();
    for (Py_ssize_t done = 0; done < units; done += BLOCK) {
        const Py_ssize_t n = units - done < BLOCK ? units - done : BLOCK;
        (wide ? convert_wide : convert)(out + done * unit_out, in + done * unit_in, filters,
                                        n_taps, n, unit_in, unit_out);
    }
    return result;
}

static PyObject *resample(PyObject *module, PyObject *args) {
    (void)module;
    Py_buffer pcm, taps;
    int unit_in, unit_out;
    if (!PyArg_ParseTuple(args, "y*y*ii:resample", &pcm, &taps, &unit_in, &unit_out)) {
        return NULL;
    }
    PyObject *result = converted(&pcm, &taps, unit_in, unit_out);
    PyBuffer_Release(&taps);
    PyBuffer_Release(&pcm);
    return result;
}

static PyObject *means(const Py_buffer *pcm, int ratio) {
    if (ratio != 2 && ratio != 3) {
        PyErr_SetString(PyExc_ValueError, "ratio: 2 or 3");
        return NULL;
    }
    const Py_ssize_t n = pcm->len / (ratio * (Py_ssize_t)sizeof(sample));
    PyObject *result = PyBytes_FromStringAndSize(NULL, n * (Py_ssize_t)sizeof(sample));
    if (result == NULL) {
        return NULL;
    }
    const sample *in = pcm->buf;
    sample *out = (sample *)PyBytes_AsString(result);
    if (ratio == 2) {
        for (Py_ssize_t i = 0; i < n; i++) {
            out[i] = (int16_t)((in[2 * i] + in[2 * i + 1]) >> 1);
        }
    } else {
        for (Py_ssize_t i = 0; i < n; i++) {
            out[i] = (int16_t)((in[3 * i] + in[3 * i + 1] + in[3 * i + 2]) * 21845 >> 16);
        }
    }
    return result;
}

static PyObject *thin(PyObject *module, PyObject *args) {
    (void)module;
    Py_buffer pcm;
    int ratio;
    if (!PyArg_ParseTuple(args, "y*i:thin", &pcm, &ratio)) {
        return NULL;
    }
    PyObject *result = means(&pcm, ratio);
    PyBuffer_Release(&pcm);
    return result;
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

/* Voice activity: voice_activity.py tells the method and its sources, portable_vad.py has the
 * same in numpy. Floating point only where each operation is rounded by itself, so that the
 * two agree: build with -ffp-contract=off. */
#define FRAME 160  /* samples of 20 ms at 8 kHz */
#define STEP 80    /* the same at 4 kHz */
#define PAST 128   /* kept at 4 kHz: the longest lag and the mean before the window */
#define KNOWN (PAST + STEP)
#define MEAN 32    /* 8 ms; without it an offset or hum would be a voice */
#define LAGS 57    /* 70 Hz */
#define LEAST_LAG 10 /* 400 Hz */
#define WINDOW (KNOWN - (MEAN - 1) - LAGS) /* 30 ms */
#define SPECTRUM 128 /* 32 ms: bins of 31.25 Hz */
#define HALF (SPECTRUM / 2)
#define FIRST_BIN 2
#define BINS (HALF - FIRST_BIN)
#define BITS 11    /* of a normalised sample: sums of products fit 32 bits */

#define FLOOR_LEAST 304    /* -80 dBov at 400 Hz, as the sum of squares of a frame */
#define LEVEL_LEAST 7640000  /* -36 dBov */
#define LEVEL_SURE 19200000  /* -32 dBov */
#define OVER_FLOOR 8         /* 9 dB */
#define VOICED 64             /* of 128 */
#define CHANGE_LEAST 408     /* mean difference of correlations, 0.055 * 128 * 58 */
#define SPREAD_CHANGE_LEAST 44544 /* spread in thousandths times change */
#define OVERLAP_MOST 0.9409  /* 0.97 squared */
#define SCORE_SURE 3
#define SCORE_WEAK 2
#define SCORE_BEGIN 6
#define SCORE_END 3
#define SCORE_MOST 12

typedef struct {
    int64_t floor; /* the noise, as the sum of squares of a frame */
    int64_t power; /* of the last voiced frame's spectrum */
    int32_t score;
    int32_t spread; /* of the last voiced frame; negative if the last was not voiced */
    int16_t carry[2]; /* the last two samples */
    int16_t speaking;
    int16_t unused;
    int16_t past[PAST];
    int16_t correlations[LAGS + 1];
    int16_t magnitudes[BINS];
} detector;

static int bits_over(const int32_t *from, int n) {
    int32_t most = 0;
    for (int i = 0; i < n; i++) {
        most |= from[i] < 0 ? -from[i] : from[i];
    }
    int shift = 0;
    while (most >> shift >= 1 << BITS) {
        shift++;
    }
    return shift;
}

static int32_t product(const int16_t *a, const sample *b, int n) {
    int32_t sum = 0;
    for (int i = 0; i < n; i++) {
        sum += (int32_t)a[i] * b[i];
    }
    return sum;
}

/* How the signal resembles itself some samples ago, 128 for the same; for each lag. */
static int correlate(int16_t *out, const int16_t *known) {
    int32_t without_mean[WINDOW + LAGS], sum = 0;
    int16_t z[WINDOW + LAGS];
    for (int i = 0; i < MEAN - 1; i++) {
        sum += known[i];
    }
    for (int i = 0; i < WINDOW + LAGS; i++) {
        sum += known[i + MEAN - 1];
        without_mean[i] = MEAN * known[i + MEAN - 1] - sum;
        sum -= known[i];
    }
    const int shift = bits_over(without_mean, WINDOW + LAGS);
    for (int i = 0; i < WINDOW + LAGS; i++) {
        z[i] = (int16_t)(without_mean[i] >> shift);
    }
    int32_t products[LAGS + 1], energies[LAGS + 1];
    for (int lag = 0; lag <= LAGS; lag++) {
        products[lag] = product(z + LAGS, z + LAGS - lag, WINDOW);
    }
    energies[0] = products[0];
    for (int lag = 1; lag <= LAGS; lag++) {
        const int32_t in = z[LAGS - lag], gone = z[LAGS - lag + WINDOW];
        energies[lag] = energies[lag - 1] + in * in - gone * gone;
    }
    for (int lag = 0; lag <= LAGS; lag++) {
        const double scale = sqrt((double)energies[0] * (double)energies[lag]);
        out[lag] = (int16_t)(scale > 0 ? products[lag] * 128.0 / scale : 0);
    }
    int best = 0;
    for (int lag = LEAST_LAG; lag <= LAGS; lag++) {
        best = out[lag] > best ? out[lag] : best;
    }
    return best;
}

/* The magnitudes of the spectrum, its power, and how much of it is beside two peaks. */
static int spectrum(int16_t *magnitudes, int64_t *power, const int16_t *known,
                    const sample *table) {
    int32_t y[SPECTRUM];
    for (int i = 0; i < SPECTRUM; i++) {
        y[i] = known[KNOWN - SPECTRUM + i] - known[KNOWN - SPECTRUM + i - 1];
    }
    const int shift = bits_over(y, SPECTRUM);
    int16_t even[HALF] = {(int16_t)(y[HALF] >> shift)}, odd[HALF] = {0};
    for (int i = 1; i < HALF; i++) {
        const int32_t a = y[i] >> shift, b = y[SPECTRUM - i] >> shift;
        even[i] = (int16_t)(a + b);
        odd[i] = (int16_t)(a - b);
    }
    int32_t powers[BINS];
    int64_t total = 0;
    for (int k = 0; k < BINS; k++) {
        const int32_t re = product(even, table + k * HALF, HALF) >> 15;
        const int32_t im = product(odd, table + (BINS + k) * HALF, HALF) >> 15;
        powers[k] = re * re + im * im;
        magnitudes[k] = (int16_t)sqrt((double)powers[k]);
        total += powers[k];
    }
    int64_t rest = total;
    for (int peak = 0; peak < 2; peak++) {
        int top = 0;
        for (int k = 1; k < BINS; k++) {
            top = powers[k] > powers[top] ? k : top;
        }
        for (int k = top < 2 ? 0 : top - 2; k <= top + 2 && k < BINS; k++) {
            rest -= powers[k];
            powers[k] = 0;
        }
    }
    *power = total;
    return total ? (int)(rest * 1000 / total) : 0;
}

/* Whether this frame and the last are voices that changed, and neither one or two tones. */
static int is_evidence(detector *d, const int16_t *known, const sample *table) {
    const int last_spread = d->spread;
    int16_t correlations[LAGS + 1], magnitudes[BINS];
    d->spread = -1;
    if (correlate(correlations, known) < VOICED) {
        return 0;
    }
    int64_t power, overlap = 0;
    const int spread = spectrum(magnitudes, &power, known, table);
    int64_t change = 0;
    for (int lag = 0; lag <= LAGS; lag++) {
        const int by = correlations[lag] - d->correlations[lag];
        change += by < 0 ? -by : by;
    }
    for (int k = 0; k < BINS; k++) {
        overlap += (int32_t)magnitudes[k] * d->magnitudes[k];
    }
    const int64_t least = spread < last_spread ? spread : last_spread;
    const double most = OVERLAP_MOST * ((double)power * (double)d->power);
    const int is = last_spread >= 0 && change >= CHANGE_LEAST &&
                   least * change >= SPREAD_CHANGE_LEAST &&
                   (double)overlap * (double)overlap <= most;
    d->spread = spread;
    d->power = power;
    memcpy(d->correlations, correlations, sizeof(correlations));
    memcpy(d->magnitudes, magnitudes, sizeof(magnitudes));
    return is;
}

static int hears_speech(detector *d, const sample *in, const sample *table) {
    int16_t known[KNOWN];
    memcpy(known, d->past, sizeof(d->past));
    int32_t before = d->carry[0], last = d->carry[1];
    for (int i = 0; i < STEP; i++) {
        const int32_t a = in[2 * i], b = in[2 * i + 1];
        known[PAST + i] = (int16_t)((before + 3 * last + 3 * a + b + 4) >> 3);
        before = a, last = b;
    }
    d->carry[0] = (int16_t)before, d->carry[1] = (int16_t)last;
    int64_t level = 0;
    for (int i = PAST; i < KNOWN; i++) {
        const int64_t y = known[i] - known[i - 1];
        level += y * y;
    }
    int gain = -1;
    const int64_t noise = d->floor > FLOOR_LEAST ? d->floor : FLOOR_LEAST;
    const int64_t risen = noise + (noise >> 5);
    d->floor = level > noise ? (level < risen ? level : risen) : noise - ((noise - level) >> 2);
    if (level < LEVEL_LEAST || level < OVER_FLOOR * d->floor) {
        d->spread = -1;
    } else if (is_evidence(d, known, table)) {
        gain = level < LEVEL_SURE ? SCORE_WEAK : SCORE_SURE;
    }
    memcpy(d->past, known + STEP, sizeof(d->past));
    const int score = d->score + gain;
    d->score = score < 0 ? 0 : score > SCORE_MOST ? SCORE_MOST : score;
    d->speaking = d->score >= (d->speaking ? SCORE_END : SCORE_BEGIN);
    return d->speaking;
}

static PyObject *heard(const Py_buffer *pcm, const Py_buffer *state, const Py_buffer *table) {
    const Py_ssize_t frame_bytes = FRAME * (Py_ssize_t)sizeof(sample);
    if (pcm->len % frame_bytes != 0) {
        PyErr_SetString(PyExc_ValueError, "pcm: whole frames of 320 bytes");
        return NULL;
    }
    if (state->len != (Py_ssize_t)sizeof(detector) ||
        table->len != 2 * BINS * HALF * (Py_ssize_t)sizeof(sample)) {
        PyErr_SetString(PyExc_ValueError, "state, table: not of their sizes");
        return NULL;
    }
    const Py_ssize_t n = pcm->len / frame_bytes;
    PyObject *result = PyBytes_FromStringAndSize(NULL, n);
    if (result == NULL) {
        return NULL;
    }
    detector d; /* a buffer of bytes may begin anywhere */
    memcpy(&d, state->buf, sizeof(d));
    const sample *in = pcm->buf;
    char *out = PyBytes_AsString(result);
    for (Py_ssize_t i = 0; i < n; i++) {
        out[i] = (char)hears_speech(&d, in + i * FRAME, table->buf);
    }
    memcpy(state->buf, &d, sizeof(d));
    return result;
}

static PyObject *detect_speech(PyObject *module, PyObject *args) {
    (void)module;
    Py_buffer pcm, state, table;
    if (!PyArg_ParseTuple(args, "y*w*y*:detect_speech", &pcm, &state, &table)) {
        return NULL;
    }
    PyObject *result = heard(&pcm, &state, &table);
    PyBuffer_Release(&table);
    PyBuffer_Release(&state);
    PyBuffer_Release(&pcm);
    return result;
}

static PyMethodDef methods[] = {
    {"resample", resample, METH_VARARGS, NULL},
    {"thin", thin, METH_VARARGS, NULL},
    {"compress", compress, METH_VARARGS, NULL},
    {"detect_speech", detect_speech, METH_VARARGS, NULL},
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
