/* Convolutions of float32 images for browsers, four numbers at a time; `make kernel` compiles it.

   Of 64 output pixels at a time the inputs are gathered as columns, so that a convolution is a
   product of matrices; it is computed in tiles of 4 units by 8 pixels, which stay in registers. */
#include <wasm_simd128.h>

enum { PIXELS = 64, ROWS = 4, COLUMNS = 8 };

typedef struct {
  int channels, height, width, kernel, stride, pad, out_width;
} Shape;

/* columns[channel, row of the kernel, column of the kernel][pixel], 0 outside of the image. */
static void gather(const float *image, float *columns, const Shape *s, int first, int count) {
  for (int channel = 0; channel < s->channels; channel++, image += s->height * s->width)
    for (int row = 0; row < s->kernel; row++)
      for (int column = 0; column < s->kernel; column++, columns += PIXELS) {
        int y = first / s->out_width * s->stride + row - s->pad;
        const int left = column - s->pad;
        int x = first % s->out_width * s->stride + left;
        for (int pixel = 0; pixel < PIXELS; pixel++) {
          const int inside = pixel < count && y >= 0 && y < s->height && x >= 0 && x < s->width;
          columns[pixel] = inside ? image[y * s->width + x] : 0;
          x += s->stride;
          if (x - left == s->out_width * s->stride) {
            x = left;
            y += s->stride;
          }
        }
      }
}

static void multiply(const float *weight, const float *bias, const float *columns, int depth, float tile[ROWS][COLUMNS]) {
  v128_t sums[ROWS][2];
  for (int row = 0; row < ROWS; row++) sums[row][0] = sums[row][1] = wasm_f32x4_splat(bias[row]);
  for (int at = 0; at < depth; at++, columns += PIXELS) {
    const v128_t left = wasm_v128_load(columns), right = wasm_v128_load(columns + 4);
    for (int row = 0; row < ROWS; row++) {
      const v128_t factor = wasm_v128_load32_splat(weight + row * depth + at);
      sums[row][0] = wasm_f32x4_add(sums[row][0], wasm_f32x4_mul(factor, left));
      sums[row][1] = wasm_f32x4_add(sums[row][1], wasm_f32x4_mul(factor, right));
    }
  }
  for (int row = 0; row < ROWS; row++)
    for (int half = 0; half < 2; half++) wasm_v128_store(tile[row] + 4 * half, sums[row][half]);
}

/* images (n, channels, height, width), weight (units rounded up to 4, channels, kernel, kernel), bias
   (units rounded up to 4), columns (channels * kernel * kernel, 64) to work in: out (n, units, …). */
__attribute__((export_name("convolve"))) void convolve(const float *images, const float *weight, const float *bias,
                                                       float *columns, float *out, int n, int channels, int height,
                                                       int width, int units, int kernel, int stride, int pad) {
  const int out_width = (width + 2 * pad - kernel) / stride + 1;
  const int area = ((height + 2 * pad - kernel) / stride + 1) * out_width, depth = channels * kernel * kernel;
  const Shape shape = {channels, height, width, kernel, stride, pad, out_width};
  float tile[ROWS][COLUMNS];
  for (; n > 0; n--, images += channels * height * width, out += units * area)
    for (int first = 0; first < area; first += PIXELS) {
      const int count = area - first < PIXELS ? area - first : PIXELS;
      gather(images, columns, &shape, first, count);
      for (int unit = 0; unit < units; unit += ROWS)
        for (int at = 0; at < count; at += COLUMNS) {
          multiply(weight + unit * depth, bias + unit, columns + at, depth, tile);
          for (int row = 0; row < ROWS && unit + row < units; row++)
            for (int pixel = 0; pixel < COLUMNS && at + pixel < count; pixel++)
              out[(unit + row) * area + first + at + pixel] = tile[row][pixel];
        }
    }
}
