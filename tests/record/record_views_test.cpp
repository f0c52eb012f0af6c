// SPDX-License-Identifier: Apache-2.0
// Tests the files for people: TensorBoard, progress, pictures, provenance.
#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <nlohmann/json.hpp>
#include <protozero/pbf_reader.hpp>
#include <vector>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/record/progress.h"
#include "framework/record/report/overlay.h"
#include "framework/record/run/crc32c.h"
#include "framework/record/run/provenance.h"
#include "framework/record/run/tensorboard.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {
namespace {

namespace fs = std::filesystem;

// RFC 3720, B.4.
TEST(Crc32c, GivesTheTestVectorsOfTheRfc) {
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAU);
  EXPECT_EQ(crc32c(std::string(32, '\xFF')), 0x62A8AB43U);
  EXPECT_EQ(crc32c("123456789"), 0xE3069283U);
  EXPECT_EQ(crc32c(""), 0U);
}

struct Event {
  double time = 0;
  int64_t step = 0;
  std::string version;
  int session = 0;
  std::vector<std::pair<std::string, float>> values;
};

std::pair<std::string, float> read_value(protozero::pbf_reader value) {
  std::pair<std::string, float> result;
  while (value.next()) {
    if (value.tag() == 1) {
      result.first = value.get_string();
    } else {
      result.second = value.get_float();
    }
  }
  return result;
}

Event read_event(const std::string& bytes) {
  Event event;
  protozero::pbf_reader reader(bytes);
  while (reader.next()) {
    if (reader.tag() == 1) {
      event.time = reader.get_double();
    } else if (reader.tag() == 2) {
      event.step = reader.get_int64();
    } else if (reader.tag() == 3) {
      event.version = reader.get_string();
    } else if (reader.tag() == 7) {
      protozero::pbf_reader session = reader.get_message();
      while (session.next(1)) event.session = session.get_enum();
    } else {
      protozero::pbf_reader summary = reader.get_message();
      while (summary.next(1)) event.values.push_back(read_value(summary.get_message()));
    }
  }
  return event;
}

template <class Number>
Number number_at(const std::string& bytes, size_t at) {
  Number number;
  std::memcpy(&number, bytes.data() + at, sizeof(number));
  return number;
}

// All events of a TFRecord file, their checksums checked.
std::vector<Event> read_events(const fs::path& path) {
  const std::string bytes = read_file(path);
  std::vector<Event> events;
  size_t at = 0;
  while (at < bytes.size()) {
    const auto length = number_at<uint64_t>(bytes, at);
    EXPECT_EQ(number_at<uint32_t>(bytes, at + 8), masked_crc32c(bytes.substr(at, 8)));
    const std::string data = bytes.substr(at + 12, length);
    EXPECT_EQ(number_at<uint32_t>(bytes, at + 12 + length), masked_crc32c(data));
    events.push_back(read_event(data));
    at += 16 + length;
  }
  EXPECT_EQ(at, bytes.size());
  return events;
}

TEST(TensorBoard, AFileHoldsVersionStepsAndValues) {
  const TemporaryFolder folder;
  TensorBoardLog log(folder.path(), 0, 1000.5);
  log.append(7, {{"train/loss", 0.25}, {"train/rate", -1e30}}, 1001);
  log.append(300000000000, {{"val/dice", 0.1}}, 1002);
  EXPECT_TRUE(log.path().filename().string().starts_with("events.out.tfevents.1000."));
  const auto events = read_events(log.path());
  ASSERT_EQ(events.size(), 3);
  EXPECT_EQ(events[0].version, "brain.Event:2");
  EXPECT_EQ(events[0].time, 1000.5);
  EXPECT_EQ(events[1].step, 7);
  EXPECT_EQ(events[1].time, 1001);
  EXPECT_EQ(events[1].values, (std::vector<std::pair<std::string, float>>{{"train/loss", 0.25F},
                                                                          {"train/rate", -1e30F}}));
  EXPECT_EQ(events[2].step, 300000000000);
  EXPECT_EQ(events[2].values.at(0).second, 0.1F);
}

TEST(TensorBoard, AResumedRunOpensASecondFileThatVoidsLaterSteps) {
  const TemporaryFolder folder;
  const TensorBoardLog first(folder.path(), 0, 1000), second(folder.path(), 40, 1000);
  EXPECT_NE(first.path(), second.path());
  const auto events = read_events(second.path());
  ASSERT_EQ(events.size(), 2);
  EXPECT_EQ(events[1].session, 1);
  EXPECT_EQ(events[1].step, 41);
}

struct Shown {
  std::vector<std::string> drawn, lines;
  ProgressSink sink(bool is_terminal, int columns = 200) {
    return {is_terminal, columns, [this](std::string_view text) { drawn.emplace_back(text); },
            [this](std::string_view text) { lines.emplace_back(text); }};
  }
};

TEST(Progress, WritesALineEveryTenthWithoutATerminal) {
  Shown shown;
  Progress progress("train", "samples", 1000, 0, 100, shown.sink(false));
  for (int64_t done = 1; done <= 1000; ++done) {
    progress.update(done, 8, 100 + 0.01 * static_cast<double>(done), {{"loss", "0.5"}});
  }
  progress.finish(110, {{"loss", "0.5"}});
  EXPECT_TRUE(shown.drawn.empty());
  ASSERT_EQ(shown.lines.size(), 10);
  EXPECT_EQ(shown.lines[1], "train 200/1000 (20 %)  800.0 samples/s  0:08 left  loss 0.5");
  EXPECT_EQ(shown.lines[9], "train 1000/1000 (100 %)  800.0 samples/s  took 0:10  loss 0.5");
}

TEST(Progress, TheLastLineIsNotWrittenTwice) {
  Shown shown;
  Progress progress("train", "samples", 10, 0, 100, shown.sink(false));
  progress.update(10, 8, 101, {{"loss", "0.5"}});
  EXPECT_TRUE(shown.lines.empty());
  progress.finish(102, {{"loss", "0.4"}});
  EXPECT_EQ(shown.lines.size(), 1);
}

TEST(Progress, WritesALineEveryThirtySecondsOfSlowWork) {
  Shown shown;
  Progress progress("train", "samples", 1000, 0, 0, shown.sink(false));
  for (int64_t done = 1; done <= 9; ++done)
    progress.update(done, 1, 10.0 * static_cast<double>(done));
  EXPECT_EQ(shown.lines.size(), 3);
}

TEST(Progress, RedrawsATerminalAtMostFiveTimesASecond) {
  Shown shown;
  {
    Progress progress("train", "samples", 1000, 0, 0, shown.sink(true));
    for (int64_t done = 1; done <= 1000; ++done)
      progress.update(done, 8, 0.001 * static_cast<double>(done));
    EXPECT_GE(shown.drawn.size(), 4);
    EXPECT_LE(shown.drawn.size(), 5);
    EXPECT_NE(shown.drawn[0].find("█"), std::string::npos);
  }
  EXPECT_EQ(shown.drawn.back(), "\r\033[K");
}

TEST(Progress, ABarFitsIntoItsTerminal) {
  Shown shown;
  Progress progress("train", "samples", 10, 0, 0, shown.sink(true, 30));
  progress.update(5, 1, 1);
  EXPECT_EQ(shown.drawn.at(0), "\r\033[K██████████░░░░░░░░░░ train 5/");
}

TEST(Progress, AResumedRunCountsItsOwnTimeOnly) {
  Shown shown;
  Progress progress("train", "samples", 100, 50, 0, shown.sink(false));
  progress.update(60, 80, 10);
  EXPECT_EQ(shown.lines.at(0), "train 60/100 (60 %)  8.0 samples/s  0:40 left");
}

TEST(Progress, DurationsHaveHoursWhenTheyLastOne) {
  EXPECT_EQ(duration_text(5), "0:05");
  EXPECT_EQ(duration_text(3599.6), "1:00:00");
  EXPECT_EQ(duration_text(90061), "25:01:01");
}

// One slice of 4 x 4 with a class of 2 x 2 in its middle.
at::Tensor square() {
  const at::Tensor labels = at::zeros({1, 4, 4}, at::kByte);
  labels.slice(1, 1, 3).slice(2, 1, 3).fill_(1);
  return labels;
}

TEST(Overlay, ShowsImageReferenceAndPredictionBelowEachOther) {
  const at::Tensor image = at::zeros({1, 4, 4});
  image[0][0][0] = 1;
  const Picture picture =
      render_overlay({image, square(), at::zeros({1, 4, 4}, at::kByte), {0}, 4});
  EXPECT_EQ(picture.width, 16);
  EXPECT_EQ(picture.height, 3 * 16 + 2 * 4);
  const Colour black = {0, 0, 0}, white = {255, 255, 255}, orange = class_colour(1);
  EXPECT_EQ(picture.at(3, 3), white);  // the voxel, scaled
  EXPECT_EQ(picture.at(4, 3), black);
  EXPECT_EQ(picture.at(0, 17), white);                     // gap
  EXPECT_EQ(picture.at(4, 20 + 4), orange);                // outline, opaque
  EXPECT_EQ(picture.at(6, 20 + 6), (Colour{115, 80, 0}));  // inside, half of it
  EXPECT_EQ(picture.at(3, 20 + 4), black);                 // beside it
  EXPECT_EQ(picture.at(6, 40 + 6), black);                 // the prediction is empty
}

TEST(Overlay, ColoursOfTwentyClassesDiffer) {
  for (int64_t a = 1; a <= 20; ++a) {
    for (int64_t b = a + 1; b <= 20; ++b)
      EXPECT_NE(class_colour(a), class_colour(b)) << a << " " << b;
  }
}

TEST(Overlay, PicksSlicesSpreadOverTheForeground) {
  const at::Tensor labels = at::zeros({20, 2, 2}, at::kByte), none;
  labels.slice(0, 4, 12).fill_(1);
  EXPECT_EQ(pick_slices(labels, none, 20, 4), (std::vector<int64_t>{5, 7, 9, 11}));
  EXPECT_EQ(pick_slices(none, none, 3, 5), (std::vector<int64_t>{0, 1, 2}));
  EXPECT_EQ(pick_slices(at::zeros_like(labels), none, 20, 2), (std::vector<int64_t>{5, 15}));
}

TEST(Overlay, WritesAPngFile) {
  const TemporaryFolder folder;
  write_overlay(folder / "overlay.png", at::full({1, 1, 4, 4}, 0.5), square(), square());
  const std::string bytes = read_file(folder / "overlay.png");
  EXPECT_EQ(bytes.substr(0, 8), "\x89PNG\r\n\x1a\n");
  EXPECT_EQ(bytes.substr(16, 8), std::string("\0\0\0\x10\0\0\0\x38", 8));  // 16 x 56
}

TEST(Overlay, AFullDiskLeavesTheOldPicture) {
  const TemporaryFolder folder;
  write_file(folder / "overlay.png", "old");
  set_file_fault([](std::string_view call, const fs::path&) { return call == "write"; });
  EXPECT_THROW(write_png(folder / "overlay.png", Picture(2, 2)), Error);
  set_file_fault({});
  EXPECT_EQ(read_file(folder / "overlay.png"), "old");
}

TEST(Provenance, NamesProgramMachineAndCommand) {
  const auto json = nlohmann::json::parse(provenance_json(
      {.version = "1.2.3",
       .git_revision = "abc",
       .command_line = {"semiseg", "train", "seed=\"1\""},
       .environment = {{"OMP_NUM_THREADS", "2"}, {"NCCL_SOCKET_IFNAME", "ib0"}, {"SECRET", "x"}},
       .ranks = 2,
       .machines = {"node1: NVIDIA H200", "node2: NVIDIA H200"},
       .now = 1740830400}));
  EXPECT_EQ(json["date"], "2025-03-01T12:00:00Z");
  EXPECT_EQ(json["version"], "1.2.3");
  EXPECT_EQ(json["git_revision"], "abc");
  EXPECT_EQ(json["command_line"][2], "seed=\"1\"");
  EXPECT_EQ(json["environment"],
            nlohmann::json({{"OMP_NUM_THREADS", "2"}, {"NCCL_SOCKET_IFNAME", "ib0"}}));
  EXPECT_EQ(json["ranks"], 2);
  EXPECT_EQ(json["machines"][1], "node2: NVIDIA H200");
  EXPECT_EQ(json["threads"], at::get_num_threads());
  for (const char* key : {"compiler", "libtorch", "host", "processor", "system"}) {
    EXPECT_FALSE(json[key].get<std::string>().empty()) << key;
  }
}

}  // namespace
}  // namespace semiseg
