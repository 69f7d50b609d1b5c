// Pictures by their formats' own libraries, where the build has found them.
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/image_private.h"

// What stands for a reader whose library the build has not found.
#define MISSING(reader, format, library)                                       \
  esp_status reader(const uint8_t *bytes, size_t count, esp_image *image) {    \
    (void)bytes, (void)count, (void)image;                                     \
    return ESP_FAIL(ESP_UNSUPPORTED,                                           \
                    "a " format " picture: this build has no " library);       \
  }

// JPEG ------------------------------------------------------------------------
#ifdef ESP_HAS_JPEG
#include <jpeglib.h>

typedef struct jpeg_failure {
  struct jpeg_error_mgr manager; // first: the library hands its address back
  jmp_buf back;
  char message[JMSG_LENGTH_MAX];
} jpeg_failure;

static void jpeg_failed(j_common_ptr info) {
  jpeg_failure *f = (jpeg_failure *)(void *)info->err;
  info->err->format_message(info, f->message);
  longjmp(f->back, 1);
}
static void jpeg_silent(j_common_ptr info) { (void)info; }

static esp_status read_lines(struct jpeg_decompress_struct *info,
                             esp_image *image) {
  ESP_TRY(esp_image_allocate(info->output_height, info->output_width, image));
  while (info->output_scanline < info->output_height) {
    JSAMPROW row =
        image->rgb + 3 * (size_t)info->output_scanline * info->output_width;
    (void)jpeg_read_scanlines(info, &row, 1);
  }
  return ESP_OK;
}

esp_status esp_image_read_jpeg(const uint8_t *bytes, size_t count,
                               esp_image *image) {
  struct jpeg_decompress_struct info;
  jpeg_failure failure;
  info.err = jpeg_std_error(&failure.manager);
  failure.manager.error_exit = jpeg_failed;
  failure.manager.output_message = jpeg_silent;
  if (setjmp(failure.back) != 0) {
    jpeg_destroy_decompress(&info);
    return ESP_FAIL(ESP_BAD_INPUT, "a JPEG picture: %s", failure.message);
  }
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, bytes, count);
  (void)jpeg_read_header(&info, TRUE);
  esp_status status = ESP_OK;
  if (info.num_components != 1 && info.num_components != 3) {
    status = ESP_FAIL(ESP_UNSUPPORTED, "a JPEG picture of %d components",
                      info.num_components);
  } else {
    info.out_color_space = JCS_RGB;
    (void)jpeg_start_decompress(&info);
    status = read_lines(&info, image);
  }
  jpeg_destroy_decompress(&info);
  return status;
}
#else
MISSING(esp_image_read_jpeg, "JPEG", "libjpeg")
#endif

// PNG -------------------------------------------------------------------------
#ifdef ESP_HAS_PNG
#include <png.h>

typedef struct png_source {
  const uint8_t *at;
  size_t left;
  png_bytep *rows; // of the picture
  char message[80];
} png_source;

static void png_bytes(png_structp png, png_bytep to, size_t count) {
  png_source *s = png_get_io_ptr(png);
  if (count > s->left) png_error(png, "it is cut off");
  memcpy(to, s->at, count);
  s->at += count;
  s->left -= count;
}
static void png_failed(png_structp png, png_const_charp text) {
  png_source *s = png_get_error_ptr(png);
  (void)snprintf(s->message, sizeof s->message, "%s", text);
  png_longjmp(png, 1);
}
static void png_silent(png_structp png, png_const_charp text) {
  (void)png, (void)text;
}

// RGB of eight bits, whatever the file has.
static void ask_for_rgb(png_structp png) {
  png_set_expand(png);
  png_set_strip_16(png);
  png_set_strip_alpha(png);
  png_set_gray_to_rgb(png);
}

static esp_status read_rows(png_structp png, png_infop info, png_source *source,
                            esp_image *image) {
  png_read_info(png, info);
  ask_for_rgb(png);
  (void)png_set_interlace_handling(png);
  png_read_update_info(png, info);
  const int64_t height = png_get_image_height(png, info);
  ESP_TRY(esp_image_allocate(height, png_get_image_width(png, info), image));
  source->rows = malloc((size_t)height * sizeof *source->rows);
  if (source->rows == NULL) {
    return ESP_FAIL(ESP_NO_MEMORY, "cannot decode a picture");
  }
  for (int64_t y = 0; y < height; y++) {
    source->rows[y] = image->rgb + 3 * y * image->width;
  }
  png_read_image(png, source->rows);
  return ESP_OK;
}

// A failure comes back here by a jump: what has to be freed is the caller's.
static esp_status read_all(png_structp png, png_infop info, png_source *source,
                           esp_image *image) {
  if (setjmp(png_jmpbuf(png)) != 0) {
    return ESP_FAIL(ESP_BAD_INPUT, "a PNG picture: %s", source->message);
  }
  png_set_read_fn(png, source, png_bytes);
  return read_rows(png, info, source, image);
}

esp_status esp_image_read_png(const uint8_t *bytes, size_t count,
                              esp_image *image) {
  png_source source = {.at = bytes, .left = count};
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &source,
                                           png_failed, png_silent);
  png_infop info = png != NULL ? png_create_info_struct(png) : NULL;
  const esp_status status =
      info != NULL ? read_all(png, info, &source, image)
                   : ESP_FAIL(ESP_NO_MEMORY, "cannot decode a picture");
  png_destroy_read_struct(&png, &info, NULL);
  free(source.rows);
  return status;
}
#else
MISSING(esp_image_read_png, "PNG", "libpng")
#endif

// WebP ------------------------------------------------------------------------
#ifdef ESP_HAS_WEBP
#include <webp/decode.h>

esp_status esp_image_read_webp(const uint8_t *bytes, size_t count,
                               esp_image *image) {
  int width, height;
  if (!WebPGetInfo(bytes, count, &width, &height)) {
    return ESP_FAIL(ESP_BAD_INPUT, "a WebP picture that is damaged");
  }
  ESP_TRY(esp_image_allocate(height, width, image));
  const size_t room = 3 * (size_t)width * (size_t)height;
  if (WebPDecodeRGBInto(bytes, count, image->rgb, room, 3 * width) == NULL) {
    return ESP_FAIL(ESP_BAD_INPUT, "a WebP picture that is damaged");
  }
  return ESP_OK;
}
#else
MISSING(esp_image_read_webp, "WebP", "libwebp")
#endif

// TIFF ------------------------------------------------------------------------
#ifdef ESP_HAS_TIFF
#include <tiffio.h>

typedef struct tiff_source {
  const uint8_t *bytes;
  size_t count, at;
} tiff_source;

static tmsize_t tiff_read(thandle_t handle, void *to, tmsize_t count) {
  tiff_source *s = handle;
  const size_t left = s->at < s->count ? s->count - s->at : 0;
  const size_t have = (size_t)count < left ? (size_t)count : left;
  memcpy(to, s->bytes + s->at, have);
  s->at += have;
  return (tmsize_t)have;
}
static tmsize_t tiff_write(thandle_t handle, void *from, tmsize_t count) {
  (void)handle, (void)from, (void)count;
  return 0;
}
static toff_t tiff_seek(thandle_t handle, toff_t to, int from) {
  tiff_source *s = handle;
  const size_t base =
      from == SEEK_SET ? 0 : (from == SEEK_CUR ? s->at : s->count);
  s->at = base + (size_t)to;
  return s->at;
}
static int tiff_close(thandle_t handle) {
  (void)handle;
  return 0;
}
static toff_t tiff_size(thandle_t handle) {
  return ((tiff_source *)handle)->count;
}

static esp_status read_tiff(TIFF *tiff, esp_image *image) {
  uint32_t width = 0, height = 0;
  (void)TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &width);
  (void)TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &height);
  ESP_TRY(esp_image_allocate(height, width, image));
  const size_t pixels = (size_t)width * height;
  uint32_t *all = malloc(pixels * sizeof *all);
  if (all == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot decode a picture");
  const int good = TIFFReadRGBAImageOriented(tiff, width, height, all,
                                             ORIENTATION_TOPLEFT, 1);
  for (size_t i = 0; good && i < pixels; i++) {
    image->rgb[3 * i] = (uint8_t)TIFFGetR(all[i]);
    image->rgb[3 * i + 1] = (uint8_t)TIFFGetG(all[i]);
    image->rgb[3 * i + 2] = (uint8_t)TIFFGetB(all[i]);
  }
  free(all);
  return good ? ESP_OK
              : ESP_FAIL(ESP_BAD_INPUT, "a TIFF picture that is damaged, or of "
                                        "a kind that libtiff does not show");
}

esp_status esp_image_read_tiff(const uint8_t *bytes, size_t count,
                               esp_image *image) {
  tiff_source source = {.bytes = bytes, .count = count};
  (void)TIFFSetErrorHandler(NULL); // it would print
  (void)TIFFSetWarningHandler(NULL);
  TIFF *tiff = TIFFClientOpen("picture", "rm", &source, tiff_read, tiff_write,
                              tiff_seek, tiff_close, tiff_size, NULL, NULL);
  if (tiff == NULL) {
    return ESP_FAIL(ESP_BAD_INPUT, "a TIFF picture that is damaged");
  }
  const esp_status status = read_tiff(tiff, image);
  TIFFClose(tiff);
  return status;
}
#else
MISSING(esp_image_read_tiff, "TIFF", "libtiff")
#endif

// JPEG 2000 -------------------------------------------------------------------
#ifdef ESP_HAS_JPEG2000
#include <openjpeg.h>

typedef struct opj_source {
  const uint8_t *bytes;
  size_t count, at;
} opj_source;

static OPJ_SIZE_T opj_bytes(void *to, OPJ_SIZE_T count, void *from) {
  opj_source *s = from;
  const size_t left = s->count - s->at, have = count < left ? count : left;
  if (have == 0) return (OPJ_SIZE_T)-1;
  memcpy(to, s->bytes + s->at, have);
  s->at += have;
  return have;
}
static OPJ_OFF_T opj_skip(OPJ_OFF_T count, void *from) {
  opj_source *s = from;
  if (count < 0 || (size_t)count > s->count - s->at) return -1;
  s->at += (size_t)count;
  return count;
}
static OPJ_BOOL opj_seek(OPJ_OFF_T to, void *from) {
  opj_source *s = from;
  if (to < 0 || (size_t)to > s->count) return OPJ_FALSE;
  s->at = (size_t)to;
  return OPJ_TRUE;
}

static esp_status take_components(const opj_image_t *from, esp_image *image) {
  const int parts = from->numcomps >= 3 ? 3 : 1;
  const opj_image_comp_t *first = &from->comps[0];
  for (int c = 0; c < parts; c++) {
    const opj_image_comp_t *one = &from->comps[c];
    if (one->w != first->w || one->h != first->h || one->data == NULL ||
        one->prec > 16 || from->color_space == OPJ_CLRSPC_SYCC) {
      return ESP_FAIL(ESP_UNSUPPORTED, "a JPEG 2000 picture whose components "
                                       "are no RGB of one size");
    }
  }
  ESP_TRY(esp_image_allocate(first->h, first->w, image));
  for (int64_t i = 0; i < image->height * image->width; i++) {
    for (int c = 0; c < 3; c++) {
      const opj_image_comp_t *one = &from->comps[c < parts ? c : 0];
      int32_t v = one->data[i] + (one->sgnd ? 1 << (one->prec - 1) : 0);
      v = one->prec > 8 ? v >> (one->prec - 8) : v << (8 - one->prec);
      image->rgb[3 * i + c] = (uint8_t)(v < 0 ? 0 : (v > 255 ? 255 : v));
    }
  }
  return ESP_OK;
}

static esp_status read_codestream(opj_codec_t *codec, opj_stream_t *stream,
                                  esp_image *image) {
  opj_dparameters_t how;
  opj_image_t *made = NULL;
  opj_set_default_decoder_parameters(&how);
  bool good = opj_setup_decoder(codec, &how) &&
              opj_read_header(stream, codec, &made) && made->numcomps > 0;
  const uint64_t pixels =
      good ? (uint64_t)made->comps[0].w * made->comps[0].h : 0;
  if (pixels > ESP_IMAGE_MOST) {
    opj_image_destroy(made);
    return ESP_FAIL(ESP_LIMIT, "a picture of %llu pixels, at most %d",
                    (unsigned long long)pixels, ESP_IMAGE_MOST);
  }
  good = good && opj_decode(codec, stream, made) &&
         opj_end_decompress(codec, stream);
  const esp_status status =
      good ? take_components(made, image)
           : ESP_FAIL(ESP_BAD_INPUT, "a JPEG 2000 picture that is damaged");
  opj_image_destroy(made);
  return status;
}

esp_status esp_image_read_jpeg2000(const uint8_t *bytes, size_t count,
                                   esp_image *image) {
  opj_source source = {.bytes = bytes, .count = count};
  opj_codec_t *codec =
      opj_create_decompress(bytes[0] == 0xff ? OPJ_CODEC_J2K : OPJ_CODEC_JP2);
  opj_stream_t *stream = opj_stream_default_create(OPJ_TRUE);
  esp_status status;
  if (codec == NULL || stream == NULL) {
    status = ESP_FAIL(ESP_NO_MEMORY, "cannot decode a picture");
  } else {
    opj_stream_set_user_data(stream, &source, NULL);
    opj_stream_set_user_data_length(stream, count);
    opj_stream_set_read_function(stream, opj_bytes);
    opj_stream_set_skip_function(stream, opj_skip);
    opj_stream_set_seek_function(stream, opj_seek);
    status = read_codestream(codec, stream, image);
  }
  if (stream != NULL) opj_stream_destroy(stream);
  if (codec != NULL) opj_destroy_codec(codec);
  return status;
}
#else
MISSING(esp_image_read_jpeg2000, "JPEG 2000", "OpenJPEG")
#endif
