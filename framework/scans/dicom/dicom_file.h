// SPDX-License-Identifier: Apache-2.0
// The elements of a DICOM file in memory, with every length checked against the bytes of the file.
// Own code, because Debian's GDCM is built with assertions: a damaged file ends the process, and
// bytes behind the pixels or a missing preamble are errors to it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace semiseg::image_format {

struct DicomTag {
  uint16_t group = 0, number = 0;
  bool operator==(const DicomTag&) const = default;
};

struct DicomItem;

struct DicomElement {
  DicomTag tag;
  std::string_view value;        // into DicomFile::bytes
  std::vector<DicomItem> items;  // items of a sequence
};

struct DicomItem {
  std::vector<DicomElement> elements;

  // Returns nullptr where there is none.
  const DicomElement* find(DicomTag tag) const;
  // Returns the first item of a sequence; nullptr where there is none.
  const DicomItem* first_item(DicomTag sequence) const;
  // Returns the text without padding; empty where there is none.
  std::string text(DicomTag tag) const;
  // The numbers of a decimal string "1.5\2"; empty where there is none or one is no number.
  std::vector<double> decimals(DicomTag tag) const;
};

struct DicomFile {
  std::string bytes;        // inflated where the file is deflated, up to the end of the pixels
  std::string syntax;       // UID of the transfer syntax
  std::string media_class;  // UID of the object class that the file names
  bool big_endian = false;
  bool is_encapsulated = false;  // pixels are compressed frames
  DicomItem root;
  std::string_view pixels;  // as stored; empty where there are none

  // Returns an unsigned 16-bit number; `otherwise` where there is none.
  int64_t number(DicomTag tag, int64_t otherwise) const;
};

// Returns true when the file begins like DICOM: with the mark behind the preamble, or an element of
// the first groups.
bool is_dicom(const std::filesystem::path& path);

// Returns true for a list of the files on a disc (DICOMDIR), which holds no image.
bool is_dicom_directory(const std::filesystem::path& path);

// Reads a file. Throws kData when it is not DICOM, is cut off, or nests sequences too deeply.
DicomFile read_dicom_file(const std::filesystem::path& path);

}  // namespace semiseg::image_format
