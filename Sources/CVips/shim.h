#include <vips/vips.h>

// Swift cannot call C variadic functions, and every libvips operation is one:
// each operation in use gets one thin wrapper here, with the options Easel sets.
// Nothing else belongs in this file.

static inline int shim_vips_load(const char *loader, const char *path, VipsAccess access, VipsImage **out) {
    return vips_call(loader, path, out, "access", access, "fail_on", VIPS_FAIL_ON_TRUNCATED, NULL);
}
static inline int shim_vips_rawload(const char *path, VipsImage **out, int width, int height, guint64 offset) {
    return vips_rawload(path, out, width, height, 1, "offset", offset, NULL);
}
static inline int shim_vips_svgload_blob(VipsBlob *svg, VipsImage **out) {
    return vips_call("svgload_buffer", svg, out, NULL);
}
static inline int shim_vips_text(VipsImage **out, const char *markup, const char *font, int width) {
    return vips_text(out, markup, "font", font, "width", width, "align", VIPS_ALIGN_CENTRE,
                     "wrap", VIPS_TEXT_WRAP_WORD_CHAR, "dpi", 72, "rgba", TRUE, NULL);
}

static inline int shim_vips_autorot(VipsImage *in, VipsImage **out) {
    return vips_autorot(in, out, NULL);
}
static inline int shim_vips_icc_to_srgb(VipsImage *in, VipsImage **out) {
    return vips_icc_transform(in, out, "srgb", "embedded", TRUE, NULL);
}
static inline int shim_vips_colourspace(VipsImage *in, VipsImage **out, VipsInterpretation space) {
    return vips_colourspace(in, out, space, NULL);
}
static inline int shim_vips_cast(VipsImage *in, VipsImage **out, VipsBandFormat format) {
    return vips_cast(in, out, format, NULL);
}
static inline int shim_vips_thumbnail_image(VipsImage *in, VipsImage **out, int width, int height, VipsSize size,
                                            VipsInteresting crop) {
    return vips_thumbnail_image(in, out, width, "height", height, "size", size, "crop", crop, "no_rotate", TRUE, NULL);
}
static inline int shim_vips_flatten_on_white(VipsImage *in, VipsImage **out) {
    VipsArrayDouble *white = vips_array_double_newv(1, 255.0);
    int result = vips_flatten(in, out, "background", white, NULL);
    vips_area_unref(VIPS_AREA(white));
    return result;
}
static inline int shim_vips_extract_bands(VipsImage *in, VipsImage **out, int first, int count) {
    return vips_extract_band(in, out, first, "n", count, NULL);
}
static inline int shim_vips_bandfold(VipsImage *in, VipsImage **out, int factor) {
    return vips_bandfold(in, out, "factor", factor, NULL);
}
static inline int shim_vips_bandjoin2(VipsImage *first, VipsImage *second, VipsImage **out) {
    return vips_bandjoin2(first, second, out, NULL);
}
static inline int shim_vips_copy_as_srgb(VipsImage *in, VipsImage **out) {
    return vips_copy(in, out, "interpretation", VIPS_INTERPRETATION_sRGB, NULL);
}
static inline int shim_vips_flip_vertically(VipsImage *in, VipsImage **out) {
    return vips_flip(in, out, VIPS_DIRECTION_VERTICAL, NULL);
}
static inline int shim_vips_invert(VipsImage *in, VipsImage **out) {
    return vips_invert(in, out, NULL);
}
static inline int shim_vips_extract_area(VipsImage *in, VipsImage **out, int left, int top, int width, int height) {
    return vips_extract_area(in, out, left, top, width, height, NULL);
}
static inline int shim_vips_insert(VipsImage *in, VipsImage *part, VipsImage **out, int left, int top) {
    return vips_insert(in, part, out, left, top, NULL);
}
static inline int shim_vips_composite_over(VipsImage *base, VipsImage *overlay, VipsImage **out, int left, int top) {
    return vips_composite2(base, overlay, out, VIPS_BLEND_MODE_OVER, "x", left, "y", top, NULL);
}
static inline int shim_vips_blend(VipsImage *condition, VipsImage *yes, VipsImage *no, VipsImage **out) {
    return vips_ifthenelse(condition, yes, no, out, "blend", TRUE, NULL);
}
static inline int shim_vips_find_trim(VipsImage *in, int *left, int *top, int *width, int *height) {
    VipsArrayDouble *black = vips_array_double_newv(1, 0.0);
    int result = vips_find_trim(in, left, top, width, height, "background", black, NULL);
    vips_area_unref(VIPS_AREA(black));
    return result;
}

static inline int shim_vips_pngsave(VipsImage *in, const char *path, int compression) {
    return vips_pngsave(in, path, "compression", compression, "strip", TRUE, NULL);
}
static inline int shim_vips_jpegsave(VipsImage *in, const char *path, int quality) {
    return vips_jpegsave(in, path, "Q", quality, "strip", TRUE, NULL);
}
static inline int shim_vips_webpsave(VipsImage *in, const char *path, int quality) {
    return vips_webpsave(in, path, "Q", quality, "effort", 2, "strip", TRUE, NULL);
}
static inline int shim_vips_gifsave(VipsImage *in, const char *path) {
    return vips_gifsave(in, path, "strip", TRUE, NULL);
}
static inline int shim_vips_tiffsave(VipsImage *in, const char *path) {
    return vips_tiffsave(in, path, "compression", VIPS_FOREIGN_TIFF_COMPRESSION_DEFLATE, "strip", TRUE, NULL);
}
