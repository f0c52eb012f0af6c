// SPDX-License-Identifier: Apache-2.0
// Stored pixels → values. Plain pixels are read here; compressed ones by GDCM, which sees a file
// only after its elements and fragments were found whole, in a process of its own.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>

#include <algorithm>

#include "framework/scans/dicom/dicom_decompress.h"
#include "framework/scans/dicom/dicom_frames.h"
#include "framework/scans/header_checks.h"
#include "framework/scans/image_file_formats.h"

namespace semiseg::image_format {
namespace fs = std::filesystem;
namespace {

struct PixelFormat {
  int64_t samples = 1, allocated = 16, stored = 16, high = 15;
  bool is_signed = false, by_planes = false;
};

PixelFormat format_of(const DicomFile& file, const fs::path& path) {
  PixelFormat format;
  format.samples = file.number({0x28, 0x2}, 1);
  format.allocated = file.number({0x28, 0x100}, 16);
  format.stored = file.number({0x28, 0x101}, format.allocated);
  format.high = file.number({0x28, 0x102}, format.stored - 1);
  format.is_signed = file.number({0x28, 0x103}, 0) == 1;
  format.by_planes = file.number({0x28, 0x6}, 0) == 1;
  const std::string meaning = file.root.text({0x28, 0x4});
  const bool is_grey = meaning.starts_with("MONOCHROME") && format.samples == 1;
  const bool is_colour = meaning == "RGB" && format.samples == 3;
  const bool is_whole = format.allocated == 8 || format.allocated == 16 || format.allocated == 32;
  if ((is_grey || is_colour) && is_whole && format.stored >= 1 && format.high < format.allocated &&
      format.high + 1 >= format.stored) {
    return format;
  }
  fail(path, "pixels of a kind that is not read", "grey values or RGB of 8, 16 or 32 bits",
       fmt::format("{} samples of {} bits, {} of them stored up to bit {}, {}", format.samples,
                   format.allocated, format.stored, format.high,
                   meaning.empty() ? "without a photometric interpretation" : meaning));
}

at::ScalarType dtype_of(const PixelFormat& format) {
  if (format.allocated == 8) return format.is_signed ? at::kChar : at::kByte;
  if (format.allocated == 16) return format.is_signed ? at::kShort : at::kUInt16;
  return format.is_signed ? at::kInt : at::kUInt32;
}

void copy_plain(const DicomFile& file, int64_t allocated, char* to, size_t bytes) {
  std::copy_n(file.pixels.data(), bytes, to);
  const int64_t one = allocated / 8;
  if (!file.big_endian || one == 1) return;
  for (size_t at = 0; at < bytes; at += static_cast<size_t>(one))
    std::reverse(to + at, to + at + one);
}

// Bits that are not stored may hold anything, overlays for example.
at::Tensor stored_bits(const at::Tensor& raw, const PixelFormat& format) {
  if (format.stored == format.allocated) return raw.to(at::kLong);
  const at::Tensor low = raw.to(at::kLong).bitwise_right_shift(format.high + 1 - format.stored);
  const int64_t range = int64_t{1} << format.stored;
  const at::Tensor values = low.remainder(range);
  if (!format.is_signed) return values;
  return at::where(values >= range / 2, values - range, values);
}

}  // namespace

at::Tensor values_of(const DicomFile& file, const std::vector<DicomFrame>& frames,
                     const fs::path& path) {
  const PixelFormat format = format_of(file, path);
  const auto count = std::ssize(frames);
  const int64_t rows = frames.front().rows, columns = frames.front().columns;
  const size_t bytes = checked_bytes(
      path, {count, rows, columns, format.samples}, static_cast<uint64_t>(format.allocated / 8),
      file.pixels.size(), file.is_encapsulated ? Packing::kImageCodec : Packing::kPlain);
  const bool by_planes = format.by_planes && !file.is_encapsulated;
  at::Tensor raw = by_planes ? at::zeros({count, format.samples, rows, columns}, dtype_of(format))
                             : at::zeros({count, rows, columns, format.samples}, dtype_of(format));
  auto* to = static_cast<char*>(raw.mutable_data_ptr());
  if (file.is_encapsulated) {
    const auto whole =
        static_cast<size_t>(file.pixels.data() + file.pixels.size() - file.bytes.data());
    decompress_apart(file.bytes.substr(0, whole), to, bytes, path);
  } else {
    copy_plain(file, format.allocated, to, bytes);
  }
  if (!by_planes) raw = raw.permute({0, 3, 1, 2});
  std::vector<at::Tensor> planes;
  for (int64_t i = 0; i < count; ++i) {
    const DicomFrame& frame = frames[static_cast<size_t>(i)];
    const at::Tensor values = stored_bits(raw[i], format).to(at::kDouble);
    planes.push_back((values * frame.slope + frame.intercept).to(at::kFloat));
  }
  return at::stack(planes, 1);
}

}  // namespace semiseg::image_format
