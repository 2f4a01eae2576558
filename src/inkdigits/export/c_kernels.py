"""The parts of an exported C file that are the same for every network.

`FLOAT` and `INT8` have functions by their names; a file has those that it calls.
"""

HEAD = """\
/* {title}
 *
 * Written by inkdigits {version}; C99, without heap, needs expf and logf of <math.h>.
 *
 *     uint8_t pixels[784];                   28 rows of 28: bright ink on black, as in MNIST
 *     float probabilities[INKDIGITS_LABELS];
 *     float familiarity;
 *     int best = inkdigits_read(pixels, probabilities, &familiarity);
 *     if (familiarity >= INKDIGITS_ACCEPT_AT) puts(inkdigits_labels[best]);
 *
 * Flash: {flash:,} bytes of constants, and the code. RAM: {ram:,} bytes, and the stack.
 * Not reentrant: the values between the layers lie in static buffers.
 */
#include <math.h>
#include <stdint.h>

#define INKDIGITS_LABELS {classes}
#define INKDIGITS_LOGITS {logits}
#define INKDIGITS_ACCEPT_AT {accept_at}f
#define INKDIGITS_SET_THRESHOLD {set_threshold}f  /* of the labels that are possible */

"""

FLOAT = {
    "convolve": """\
static void convolve(const float *in, int channels, int side, const float *weight,
                     const float *bias, int filters, int kernel, int stride, int padding,
                     int relu, float *out) {
  const int last = (side + 2 * padding - kernel) / stride;
  for (int f = 0; f < filters; f++, weight += channels * kernel * kernel)
    for (int y = 0; y <= last; y++)
      for (int x = 0; x <= last; x++) {
        float sum = bias[f];
        for (int c = 0; c < channels; c++)
          for (int i = 0; i < kernel; i++) {
            const int row = y * stride + i - padding;
            if (row < 0 || row >= side) continue;
            for (int j = 0; j < kernel; j++) {
              const int column = x * stride + j - padding;
              if (column >= 0 && column < side)
                sum += in[(c * side + row) * side + column] * weight[(c * kernel + i) * kernel + j];
            }
          }
        *out++ = relu && sum < 0 ? 0 : sum;
      }
}

""",
    "dense": """\
static void dense(const float *in, int inputs, const float *weight, const float *bias, int units,
                  int relu, float *out) {
  for (int u = 0; u < units; u++, weight += inputs) {
    float sum = bias[u];
    for (int i = 0; i < inputs; i++) sum += in[i] * weight[i];
    out[u] = relu && sum < 0 ? 0 : sum;
  }
}

""",
    "affine": """\
static void affine(const float *in, int channels, int area, const float *factor,
                   const float *offset, int relu, float *out) {
  for (int i = 0; i < channels * area; i++) {
    const float value = in[i] * factor[i / area] + offset[i / area];
    out[i] = relu && value < 0 ? 0 : value;
  }
}

""",
}

INT8 = {
    "stored": """\
/* A value v is stored as round(v / scale) + zero in 0..255; scales are inside factor and bias. */
static uint8_t stored(float value, int least) {
  return value <= least ? least : value >= 255 ? 255 : (uint8_t)(value + 0.5f);
}

""",
    "convolve": """\
static void convolve(const uint8_t *in, int zero, int channels, int side, const int8_t *weight,
                     const float *factor, const float *bias, int filters, int kernel, int stride,
                     int padding, int least, uint8_t *out) {
  const int last = (side + 2 * padding - kernel) / stride;
  for (int f = 0; f < filters; f++, weight += channels * kernel * kernel)
    for (int y = 0; y <= last; y++)
      for (int x = 0; x <= last; x++) {
        int32_t sum = 0;
        for (int c = 0; c < channels; c++)
          for (int i = 0; i < kernel; i++) {
            const int row = y * stride + i - padding;
            if (row < 0 || row >= side) continue;
            for (int j = 0; j < kernel; j++) {
              const int column = x * stride + j - padding;
              if (column >= 0 && column < side)
                sum += (in[(c * side + row) * side + column] - zero) *
                       weight[(c * kernel + i) * kernel + j];
            }
          }
        *out++ = stored(sum * factor[f] + bias[f], least);
      }
}

""",
    "weighted": """\
static float weighted(const uint8_t *in, int zero, int inputs, const int8_t *weight) {
  int32_t sum = 0;
  for (int i = 0; i < inputs; i++) sum += (in[i] - zero) * weight[i];
  return (float)sum;
}

""",
    "dense": """\
static void dense(const uint8_t *in, int zero, int inputs, const int8_t *weight,
                  const float *factor, const float *bias, int units, int least, uint8_t *out) {
  for (int u = 0; u < units; u++, weight += inputs)
    out[u] = stored(weighted(in, zero, inputs, weight) * factor[u] + bias[u], least);
}

""",
    "last_dense": """\
static void last_dense(const uint8_t *in, int zero, int inputs, const int8_t *weight,
                       const float *factor, const float *bias, int units, float *out) {
  for (int u = 0; u < units; u++, weight += inputs)
    out[u] = weighted(in, zero, inputs, weight) * factor[u] + bias[u];
}

""",
    "affine": """\
static void affine(const uint8_t *in, int zero, int channels, int area, const float *factor,
                   const float *offset, int least, uint8_t *out) {
  for (int i = 0; i < channels * area; i++)
    out[i] = stored((in[i] - zero) * factor[i / area] + offset[i / area], least);
}

""",
}

POOL = """\
static void pool(const {kind} *in, int channels, int side, int size, {kind} *out) {{
  const int half = side / size;
  for (int c = 0; c < channels; c++, in += side * side)
    for (int y = 0; y < half; y++)
      for (int x = 0; x < half; x++) {{
        {kind} most = in[y * size * side + x * size];
        for (int i = 0; i < size; i++)
          for (int j = 0; j < size; j++) {{
            const {kind} value = in[(y * size + i) * side + x * size + j];
            if (value > most) most = value;
          }}
        *out++ = most;
      }}
}}

"""

END = """\
const char *const inkdigits_labels[INKDIGITS_LABELS] = {{{labels}}};

/* Probabilities of the labels and how much the image is like one; returns the likeliest label. */
int inkdigits_read(const uint8_t pixels[784], float probabilities[INKDIGITS_LABELS],
                   float *familiarity) {{
  float logits[INKDIGITS_LOGITS] = {{0}}, found[INKDIGITS_LOGITS];
{calls}  int best = 0;
  float plain = 0, sum = 0;
  for (int i = 0; i < INKDIGITS_LOGITS; i++) logits[i] /= {networks};
  for (int i = 1; i < INKDIGITS_LABELS; i++)
    if (logits[i] > logits[best]) best = i;
  for (int i = 0; i < INKDIGITS_LABELS; i++) {{
    plain += expf(logits[i] - logits[best]);
    probabilities[i] = expf((logits[i] - logits[best]) / {temperature}f);
    sum += probabilities[i];
  }}
  for (int i = 0; i < INKDIGITS_LABELS; i++) probabilities[i] /= sum;
  *familiarity = logits[best] + logf(plain);
  if (INKDIGITS_LOGITS > INKDIGITS_LABELS) *familiarity -= logits[INKDIGITS_LOGITS - 1];
  return best;
}}
"""
