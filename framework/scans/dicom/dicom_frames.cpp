// SPDX-License-Identifier: Apache-2.0
#include "framework/scans/dicom/dicom_frames.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <initializer_list>

#include "framework/scans/header_checks.h"
#include "framework/scans/image_file_formats.h"

namespace semiseg::image_format {
namespace fs = std::filesystem;
namespace {

// PS3.6.
constexpr DicomTag kPosition{0x20, 0x32}, kOrientation{0x20, 0x37}, kSpacing{0x28, 0x30};
constexpr DicomTag kDetectorSpacing{0x18, 0x1164}, kThickness{0x18, 0x50}, kBetween{0x18, 0x88};
constexpr DicomTag kSlope{0x28, 0x1053}, kIntercept{0x28, 0x1052}, kLookup{0x28, 0x3000};
constexpr DicomTag kRows{0x28, 0x10}, kColumns{0x28, 0x11}, kFrames{0x28, 0x8};
constexpr DicomTag kShared{0x5200, 0x9229}, kPerFrame{0x5200, 0x9230};
constexpr DicomTag kPlanePosition{0x20, 0x9113}, kPlaneOrientation{0x20, 0x9116};
constexpr DicomTag kMeasures{0x28, 0x9110}, kValues{0x28, 0x9145}, kDetectors{0x54, 0x22};
constexpr DicomTag kOffsets{0x3004, 0xc};

Point cross(const Point& a, const Point& b) {
  return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}

// The items that may hold a number, the most specific one first.
using Items = std::initializer_list<const DicomItem*>;

std::vector<double> first_of(const Items& items, DicomTag tag, size_t count) {
  for (const DicomItem* item : items) {
    if (!item) continue;
    std::vector<double> numbers = item->decimals(tag);
    if (numbers.size() >= count) return numbers;
  }
  return {};
}

double number_of(const Items& items, DicomTag tag, double otherwise) {
  const std::vector<double> numbers = first_of(items, tag, 1);
  return numbers.empty() ? otherwise : numbers[0];
}

// The group of this kind, of a frame or of all.
const DicomItem* group(const DicomItem* item, DicomTag sequence) {
  return item ? item->first_item(sequence) : nullptr;
}

std::array<double, 2> spacing_of(const Items& measures, bool& is_given) {
  for (const DicomTag tag : {kSpacing, kDetectorSpacing}) {
    const std::vector<double> both = first_of(measures, tag, 2);
    if (both.size() < 2 || !(both[0] > 0) || !(both[1] > 0)) continue;
    is_given = true;
    return {both[0], both[1]};
  }
  is_given = false;
  return {1, 1};
}

FramePlace place_of(const std::vector<double>& position, const std::vector<double>& cosines,
                    const std::array<double, 2>& spacing, const fs::path& path) {
  const Point along = {cosines[0], cosines[1], cosines[2]},
              down = {cosines[3], cosines[4], cosines[5]};
  const auto dot = [](const Point& a, const Point& b) {
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
  };
  const bool good = std::abs(dot(along, along) - 1) < 0.01 &&
                    std::abs(dot(down, down) - 1) < 0.01 && std::abs(dot(along, down)) < 0.01;
  if (!good) {
    fail(path, "the orientation of the slice is no pair of directions",
         "two unit vectors at right angles (0020,0037)",
         fmt::format("{}", fmt::join(cosines, ", ")));
  }
  FramePlace place;
  for (size_t row = 0; row < 3; ++row) {
    place.first[row] = position[row];
    place.along[row] = along[row] * spacing[1];
    place.down[row] = down[row] * spacing[0];
  }
  return place;
}

double thickness_of(const Items& items) {
  const double between = std::abs(number_of(items, kBetween, 0));
  if (between > 0) return between;
  const double thickness = std::abs(number_of(items, kThickness, 0));
  return thickness > 0 ? thickness : 1;
}

// One frame from the groups of its own, those of all frames, and the file.
DicomFrame frame_of(const DicomFrame& base, const DicomItem* own, const DicomItem* shared,
                    const DicomItem& root, const fs::path& path) {
  DicomFrame frame = base;
  const auto groups = [&](DicomTag sequence) {
    return std::pair(group(own, sequence), group(shared, sequence));
  };
  // A place of the whole file is that of one frame only.
  const DicomItem* whole = base.of == 1 ? &root : nullptr;
  const auto [position_own, position_shared] = groups(kPlanePosition);
  const auto [turn_own, turn_shared] = groups(kPlaneOrientation);
  const auto [measures_own, measures_shared] = groups(kMeasures);
  const auto [values_own, values_shared] = groups(kValues);
  bool has_spacing = false;
  frame.spacing = spacing_of({measures_own, measures_shared, &root}, has_spacing);
  frame.thickness = thickness_of({measures_own, measures_shared, &root});
  frame.slope = number_of({values_own, values_shared, &root}, kSlope, 1);
  frame.intercept = number_of({values_own, values_shared, &root}, kIntercept, 0);
  const auto position = first_of({position_own, position_shared, whole}, kPosition, 3);
  const auto cosines = first_of({turn_own, turn_shared, &root}, kOrientation, 6);
  if (position.empty() || cosines.empty() || !has_spacing) return frame;
  frame.place = place_of(position, cosines, frame.spacing, path);
  return frame;
}

// Frames behind the first one: at offsets along the normal, or at equal distances whose sign says
// the direction (PS3.3, C.8.4.15).
std::vector<double> offsets_of(const DicomItem& root, int64_t frames) {
  std::vector<double> offsets = root.decimals(kOffsets);
  if (std::ssize(offsets) == frames) return offsets;
  offsets.clear();
  const double between = number_of({&root}, kBetween, 0);
  for (int64_t i = 0; between != 0 && i < frames; ++i) {
    offsets.push_back(between * static_cast<double>(i));
  }
  return offsets;
}

std::vector<DicomFrame> stacked_frames(const DicomFrame& base, const DicomItem& root,
                                       const fs::path& path) {
  std::vector<DicomFrame> frames(static_cast<size_t>(base.of), base);
  const DicomItem* detector = root.first_item(kDetectors);
  const auto position = first_of({&root, detector}, kPosition, 3);
  const auto cosines = first_of({&root, detector}, kOrientation, 6);
  const std::vector<double> offsets = offsets_of(root, base.of);
  bool has_spacing = false;
  const std::array<double, 2> spacing = spacing_of({&root}, has_spacing);
  for (size_t i = 0; i < frames.size(); ++i) {
    DicomFrame& frame = frames[i];
    frame.index = static_cast<int64_t>(i);
    frame.spacing = spacing;
    frame.thickness = thickness_of({&root});
    frame.slope = number_of({&root}, kSlope, 1);
    frame.intercept = number_of({&root}, kIntercept, 0);
    if (position.empty() || cosines.empty() || !has_spacing || offsets.empty()) continue;
    frame.place = place_of(position, cosines, spacing, path);
    Point normal = cross(frame.place->along, frame.place->down);
    const double length = spacing[0] * spacing[1];
    for (size_t row = 0; row < 3; ++row) {
      frame.place->first[row] += (offsets[i] - offsets[0]) * normal[row] / length;
    }
  }
  return frames;
}

}  // namespace

std::string DicomFrame::name() const {
  const std::string file_name = file.filename();
  return of == 1 ? file_name : fmt::format("{} (frame {})", file_name, index + 1);
}

std::vector<DicomFrame> frames_of(const DicomFile& file, const fs::path& path) {
  const DicomItem& root = file.root;
  DicomFrame base{.file = path, .rows = file.number(kRows, 0), .columns = file.number(kColumns, 0)};
  if (file.pixels.empty() || base.rows == 0 || base.columns == 0) {
    fail(path, "the DICOM file holds no image", "rows, columns and pixels",
         fmt::format("{} rows, {} columns, {} bytes of pixels", base.rows, base.columns,
                     file.pixels.size()));
  }
  if (root.find(kLookup) && root.find(kLookup)->items.size() > 0) {
    fail(path, "the values of the DICOM file stand in a table", "a slope and an intercept",
         "a modality lookup table (0028,3000)", "convert it with a program that applies the table");
  }
  const double frames = number_of({&root}, kFrames, 1);
  // A frame has at least one bit.
  if (!(frames >= 1 && frames < 1e6 &&
        (file.is_encapsulated || frames <= 8. * static_cast<double>(file.pixels.size())))) {
    fail(path, "the DICOM file has an impossible number of frames", "1 or more, as its pixels hold",
         fmt::format("{}", frames));
  }
  base.of = static_cast<int64_t>(frames);
  const DicomElement* per_frame = root.find(kPerFrame);
  const DicomItem* shared = root.first_item(kShared);
  if (!per_frame && !shared && base.of > 1) return stacked_frames(base, root, path);
  if (per_frame && std::ssize(per_frame->items) != base.of) {
    fail(path, "frames of the DICOM file are missing, or described in vain",
         fmt::format("{} descriptions (5200,9230), as there are frames", base.of),
         std::to_string(per_frame->items.size()), "copy or download it again");
  }
  std::vector<DicomFrame> result;
  for (base.index = 0; base.index < base.of; ++base.index) {
    const DicomItem* own = per_frame ? &per_frame->items[static_cast<size_t>(base.index)] : nullptr;
    result.push_back(frame_of(base, own, shared, root, path));
  }
  return result;
}

}  // namespace semiseg::image_format
