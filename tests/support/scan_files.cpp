// SPDX-License-Identifier: Apache-2.0
#include "tests/support/scan_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <zlib.h>

#include <cstring>

#include "framework/core/files.h"

namespace semiseg {
namespace {

template <typename T>
void put(std::string& bytes, size_t offset, const T& value) {
  std::memcpy(bytes.data() + offset, &value, sizeof value);
}

template <typename T>
std::string raw(const T& value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof value);
}

// One element; texts are padded to even length, with \0 for UIDs and blanks for all else.
std::string element(uint16_t group, uint16_t number, const std::string& type, std::string value) {
  if (value.size() % 2 == 1) value += type == "UI" ? '\0' : ' ';
  std::string head = raw(group) + raw(number) + type;
  if (type == "OB" || type == "OW")
    return head + raw(uint16_t{0}) + raw(uint32_t(value.size())) + value;
  return head + raw(uint16_t(value.size())) + value;
}

std::string number(uint16_t group, uint16_t number, uint16_t value) {
  return element(group, number, "US", raw(value));
}

}  // namespace

namespace {

std::string decimals(const auto& values) { return fmt::format("{}", fmt::join(values, "\\")); }

std::string sequence(uint16_t group, uint16_t number, const std::vector<std::string>& items) {
  std::string content;
  for (const std::string& item : items) {
    content += raw(uint16_t{0xfffe}) + raw(uint16_t{0xe000}) + raw(uint32_t(item.size())) + item;
  }
  return raw(group) + raw(number) + "SQ" + raw(uint16_t{0}) + raw(uint32_t(content.size())) +
         content;
}

// Shared orientation and measures, and the position and slope of each frame.
std::string functional_groups(const RawDicom& of) {
  const std::string shared =
      sequence(0x20, 0x9116, {element(0x20, 0x37, "DS", decimals(of.orientation))}) +
      sequence(0x28, 0x9110, {element(0x28, 0x30, "DS", decimals(of.spacing))});
  std::vector<std::string> frames;
  for (size_t i = 0; i < of.frame_positions.size(); ++i) {
    const std::string values =
        element(0x28, 0x1052, "DS", "0") +
        element(0x28, 0x1053, "DS", fmt::format("{}", of.frame_slopes.at(i)));
    frames.push_back(
        sequence(0x20, 0x9113, {element(0x20, 0x32, "DS", decimals(of.frame_positions[i]))}) +
        sequence(0x28, 0x9145, {values}));
  }
  return sequence(0x5200, 0x9229, {shared}) + sequence(0x5200, 0x9230, frames);
}

std::string deflated(std::string plain) {
  z_stream stream = {};
  deflateInit2(&stream, 6, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string packed(plain.size() + 100, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(plain.data());
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

}  // namespace

// Tags are those of DICOM PS3.6.
std::string RawDicom::bytes(const std::vector<int16_t>& voxels) const {
  const std::string syntax = is_deflated ? "1.2.840.10008.1.2.1.99" : "1.2.840.10008.1.2.1";
  const std::string meta = element(2, 1, "OB", std::string("\0\1", 2)) +
                           element(2, 2, "UI", sop_class) + element(2, 3, "UI", instance) +
                           element(2, 0x10, "UI", syntax) + element(2, 0x12, "UI", "1.2.3");
  const bool is_enhanced = !frame_positions.empty();
  const std::string plain_place = element(0x20, 0x32, "DS", decimals(position)) +
                                  element(0x20, 0x37, "DS", decimals(orientation));
  std::string data;
  for (const std::string& part : {
           element(8, 0x16, "UI", sop_class),
           element(8, 0x18, "UI", instance),
           element(8, 0x60, "CS", "CT"),
           element(0x10, 0x20, "LO", "patient"),
           between.empty() ? std::string() : element(0x18, 0x88, "DS", between),
           element(0x20, 0xd, "UI", "1.2.3"),
           element(0x20, 0xe, "UI", series),
           is_enhanced ? std::string() : plain_place,
           number(0x28, 2, 1),
           element(0x28, 4, "CS", "MONOCHROME2"),
           element(0x28, 8, "IS", std::to_string(frames)),
           number(0x28, 0x10, rows),
           number(0x28, 0x11, columns),
           is_enhanced ? std::string() : element(0x28, 0x30, "DS", decimals(spacing)),
           number(0x28, 0x100, 16),
           number(0x28, 0x101, 16),
           number(0x28, 0x102, 15),
           number(0x28, 0x103, 1),
           is_enhanced ? std::string()
                       : element(0x28, 0x1052, "DS", "-1000") + element(0x28, 0x1053, "DS", "2"),
           is_enhanced ? functional_groups(*this) : std::string(),
           element(0x7fe0, 0x10, "OW",
                   std::string(reinterpret_cast<const char*>(voxels.data()), voxels.size() * 2)),
       }) {
    data += part;
  }
  std::string all(has_preamble ? 128 : 0, '\0');
  if (has_preamble) all += "DICM";
  all += element(2, 0, "UL", raw(uint32_t(meta.size()))) + meta;
  return all + (is_deflated ? deflated(data) : data);
}

void write_dicom_series(const std::filesystem::path& folder, int count, const std::string& series) {
  for (int slice = 0; slice < count; ++slice) {
    const auto first = static_cast<int16_t>(6 * slice);
    RawDicom raw{.series = series,
                 .instance = fmt::format("{}.{}", series, slice + 1),
                 .position = {5, 6, -10 + 4. * slice}};
    std::vector<int16_t> voxels(6);
    for (int16_t i = 0; i < 6; ++i) voxels[i] = static_cast<int16_t>(first + i);
    write_file(folder / fmt::format("slice{}.{}.dcm", 99 - slice, series), raw.bytes(voxels));
  }
}

// Offsets are those of nifti1.h.
std::string RawNifti::bytes(const std::vector<float>& voxels) const {
  std::string bytes(352 + voxels.size() * sizeof(float), '\0');
  put(bytes, 0, int32_t{348});
  put(bytes, 40, dim);
  put(bytes, 70, int16_t{16});
  put(bytes, 72, int16_t{32});
  put(bytes, 76, 1.0f);
  put(bytes, 80, spacing);
  put(bytes, 108, 352.0f);
  put(bytes, 112, slope);
  put(bytes, 116, intercept);
  put(bytes, 252, qform_code);
  put(bytes, 254, sform_code);
  put(bytes, 256, quaternion);
  put(bytes, 268, offset);
  put(bytes, 280, sform);
  std::memcpy(bytes.data() + 344, "n+1", 4);
  std::memcpy(bytes.data() + 352, voxels.data(), voxels.size() * sizeof(float));
  return bytes;
}

}  // namespace semiseg
